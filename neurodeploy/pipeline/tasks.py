"""Independent pieces of work: one after the other, or through Ray, which is an optional extra.

A cluster's machines need neurodeploy, and the same paths to data and results.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, TypeVar

from neurodeploy.errors import NeurodeployError, RunError

Task = TypeVar("Task")
Result = TypeVar("Result")
LOCAL = "local"
PATIENCE_S = 10.0
CARRIED = ("NEURODEPLOY_DATA", "NEURODEPLOY_LAVA_ENV", "XDG_CACHE_HOME")
"""Of the environment, what work elsewhere needs too."""


def check_ray(address: str | None) -> None:
    """Check that Ray is installed where it is asked for.

    Raises:
        RunError: it is not, or the address is empty.
    """
    if address is None:
        return
    if not address.strip():
        raise RunError("the address is empty", "name local, auto, or a cluster's host:port", option="ray")
    if find_spec("ray") is None:
        raise RunError(
            "ray is not installed",
            "pip install 'neurodeploy[ray]', or leave it out to go one after the other",
            option="ray",
        )


def done_in_turn(
    call: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    ray: str | None = None,
    n_cpus: int = 1,
    n_gpus: int = 0,
) -> Iterable[tuple[Task, Result]]:
    """Yield each task with its result: in the order given, or through Ray in the order in which they end.

    Args:
        call: A function of a module; its errors of the NeurodeployError family come back as they are.
        ray: "local" for all cores of this machine, "auto" for the cluster it belongs to, or a cluster's address.
        n_cpus, n_gpus: What one task takes of a machine (Ray).

    Raises:
        RunError: Ray is not installed, or the cluster cannot be reached.
    """
    check_ray(ray)
    if ray is None:
        return ((task, call(task)) for task in tasks)
    return _through_ray(call, tasks, ray, n_cpus, n_gpus)


def _through_ray(
    call: Callable[[Task], Result], tasks: Sequence[Task], address: str, n_cpus: int, n_gpus: int
) -> Iterable[tuple[Task, Result]]:
    _check_reachable(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    carried = {name: os.environ[name] for name in CARRIED if name in os.environ}
    try:
        ray.init(
            address=address,
            runtime_env={"env_vars": carried},
            include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
            logging_level="ERROR",
        )
    except (ConnectionError, ValueError, OSError, RuntimeError) as error:
        raise _unusable(address, str(error) or type(error).__name__) from None
    try:
        remote = ray.remote(num_cpus=n_cpus, num_gpus=n_gpus, max_retries=0)(_caught)
        waiting: dict[Any, Task] = {remote.remote(call, task): task for task in tasks}
        while waiting:
            (first, *_), _ = ray.wait(list(waiting), num_returns=1)
            result = ray.get(first)
            if isinstance(result, NeurodeployError):
                raise result
            yield waiting.pop(first), result
    finally:
        with suppress(Exception):
            ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raise RunError where nothing listens at a cluster's address: Ray itself would go on trying for minutes."""
    host, separator, port = address.rpartition("://")[2].rpartition(":")
    if not separator:
        return
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _unusable(address, str(error)) from None


def _unusable(address: str, reason: str) -> RunError:
    first = reason.strip().splitlines()[0]
    return RunError(f"{address!r} cannot be used ({first})", "name local, auto, or a cluster's host:port", option="ray")


def _caught(call: Callable[[Any], Any], task: Any) -> Any:
    """Return the result, or the expected error: as an exception, Ray would wrap it in its own of many lines."""
    try:
        return call(task)
    except NeurodeployError as error:
        return error
