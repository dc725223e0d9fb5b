"""Independent pieces of work: in turn, in processes of this machine, or through Ray, which is an optional extra.

A cluster's machines need neurodeploy, and the same paths to data and results.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from importlib.util import find_spec
from types import TracebackType
from typing import Any, TypeVar

from neurodeploy.errors import NeurodeployError, RunError
from neurodeploy.memory import cores
from neurodeploy.phrases import Phrase

Task = TypeVar("Task")
Result = TypeVar("Result")
MOST = 8
"""Processes that are started unless more are asked for; each holds torch, and clips."""
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
            "pip install 'neurodeploy-toolkit[ray]', or leave it out to go one after the other",
            option="ray",
        )


def done_in_turn(
    call: Callable[[Task], Result], tasks: Sequence[Task], *, ray: str | None = None, n_cpus: int = 1, n_gpus: int = 0
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


def usual_processes() -> int:
    """Return how many processes this machine has cores for, at most `MOST`."""
    return min(MOST, cores())


class Workers:
    """Processes that are started when there is work for them, and end with the block.

    Args:
        processes: With 1, everything is done in this process.
    """

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self.others = set(multiprocessing.active_children())
        self.pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.pool is None:
            return
        if kind is not None:
            for process in set(multiprocessing.active_children()) - self.others:
                process.terminate()
        self.pool.shutdown(cancel_futures=True)

    def run(self, call: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[tuple[Task, Result]]:
        """Yield each task with its result as it is done.

        Args:
            call: A function of a module; its errors come back as they are.

        Raises:
            RunError: a process was killed, for example because memory ran out.
        """
        if self.processes == 1 or (self.pool is None and len(tasks) < 2):
            yield from ((task, call(task)) for task in tasks)
            return
        if self.pool is None:
            # Spawned: a fork would copy torch's and numba's threads in the middle of their work.
            spawned = multiprocessing.get_context("spawn")
            # Ctrl-C ends them without a word; the one that started them says what there is to say.
            quiet = (signal.SIGINT, signal.SIG_DFL)
            self.pool = ProcessPoolExecutor(min(self.processes, len(tasks)), spawned, signal.signal, quiet)
        try:
            waiting = {self.pool.submit(call, task): task for task in tasks}
            for one in as_completed(waiting):
                yield waiting[one], one.result()
        except BrokenProcessPool:
            raise RunError(
                "a worker process was killed (out of memory?)", Phrase("resume with {mode:resume} and {processes:1}")
            ) from None
