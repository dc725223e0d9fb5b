"""Lava as a backend: a Program and spikes in, the Trace that Lava 0.10.0 computes out.

On Python 3.10 with Lava installed it runs in this process, elsewhere in a worker process in
Lava's own environment. Axes: B sample, T step, I channel.
"""

import atexit
import os
import tempfile
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.backends.lava.blocks import block_folder, blocks_of, read_part, samples_per_block
from neurodeploy.backends.lava.child import Child
from neurodeploy.backends.lava.environment import runs_in_process, worker_python
from neurodeploy.backends.lava.synapses import check_supported, most_side_by_side
from neurodeploy.backends.lava.worker import done
from neurodeploy.backends.trace import Progress, Trace, check_spikes, joined
from neurodeploy.errors import LavaError
from neurodeploy.program.file import write_program
from neurodeploy.program.program import Program

NAME = "lava"
TIMEOUT_S = 300.0

_IDLE: dict[tuple[int, Path], Child] = {}
"""What `run` leaves for the next worker, because Lava takes longer to start than to run much; by the process that
started it, which a forked copy of that process is not, and the interpreter."""


def run(
    program: Program,
    spikes_BTI: np.ndarray,
    *,
    record: bool = False,
    samples_per_run: int | None = None,
    timeout_s: float | None = None,
    progress: Progress | None = None,
) -> Trace:
    """Run `program` on every sample in Lava and return the Trace; the worker is kept until this process ends.

    Args:
        spikes_BTI: Input spikes, 0 or 1, or signed values where the input is graded, (samples, steps,
            channels).
        record: Keep every state; without it only spike counts are kept.
        samples_per_run: Samples side by side in one Lava network; never changes the result.
        timeout_s: Longest silence of the worker; else NEURODEPLOY_LAVA_TIMEOUT, else 300 s.

    Raises:
        LavaError: there is no environment, Lava cannot run the Program, or the worker failed, died or hung.
        DataError: the spikes do not fit the Program.
    """
    with Worker(timeout_s=timeout_s, keep=True) as worker:
        return worker.run(program, spikes_BTI, record=record, samples_per_run=samples_per_run, progress=progress)


@atexit.register
def _end_idle() -> None:
    for key in [key for key in _IDLE if key[0] == os.getpid()]:
        _IDLE.pop(key).close()


class Worker(AbstractContextManager["Worker"]):
    """Lava kept at hand for several runs; starts with the first, ends with the `with` block.

    A worker that failed is replaced at the next run.

    Args:
        timeout_s: See `run`.
        keep: Leave the process to the next worker, whichever that is, until this process ends.
    """

    def __init__(self, *, timeout_s: float | None = None, keep: bool = False) -> None:
        self._timeout_s = default_timeout_s() if timeout_s is None else timeout_s
        self._python = None if runs_in_process() else worker_python()
        self._child: Child | None = None
        self._keep = keep

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker process, or leave it to the next."""
        if self._child and self._python:
            key = os.getpid(), self._python
            if self._keep and key not in _IDLE:
                _IDLE[key] = self._child
            else:
                self._child.close()
            self._child = None

    def run(
        self,
        program: Program,
        spikes_BTI: np.ndarray,
        *,
        record: bool = False,
        samples_per_run: int | None = None,
        progress: Progress | None = None,
    ) -> Trace:
        """Run `program` as `run` does."""
        spikes = check_spikes(spikes_BTI, program.n_inputs, NAME, graded=program.graded_input)
        check_supported(program, int(np.abs(spikes.astype(np.int64)).max()))
        if samples_per_run is not None and samples_per_run < 1:
            raise LavaError(f"samples_per_run is {samples_per_run}", where="lava", allowed="at least 1 is needed")
        size = samples_per_run or samples_per_block(program, len(spikes), program.n_steps(spikes.shape[1]), record)
        size = min(size, most_side_by_side(program))
        request = {"record": record, "samples_per_run": size}
        return self._trace(NAME, program, spikes, request, blocks_of(len(spikes), size), progress)

    def run_net(
        self,
        file: Path,
        program: Program,
        values_BTI: np.ndarray,
        *,
        entry: str,
        options: dict[str, Any],
        progress: Progress | None = None,
    ) -> Trace:
        """Return what lava-dl's netx makes of a `.net` file: the states of its neurons in every step given.

        Args:
            program: What our reader makes of the file; its layers' names and sizes are used, nothing else.
            values_BTI: Input of all steps to run, (samples, steps, channels), integers.
            entry, options: See `netx.run_net`.

        Raises:
            LavaError: netx refuses the file, or the worker failed, died or hung.
        """
        request = {"net": str(file.absolute()), "entry": entry, "options": options}
        return self._trace("netx", program, values_BTI, request, blocks_of(len(values_BTI), 1), progress)

    def _trace(
        self,
        backend: str,
        program: Program,
        spikes: np.ndarray,
        request: dict[str, Any],
        blocks: Iterable[tuple[int, int]],
        progress: Progress | None,
    ) -> Trace:
        """Have a request done in a folder of its own, and return what its blocks of samples leave there."""
        with tempfile.TemporaryDirectory(prefix="neurodeploy-lava-") as name:
            folder = Path(name)
            if "net" not in request:
                write_program(folder / "program.npz", program)
            np.save(folder / "spikes.npy", spikes, allow_pickle=False)
            seconds = self._ask({"folder": name, **request}, progress or (lambda done, total: None))
            parts = [read_part(block_folder(folder, first), program, after - first) for first, after in blocks]
        return joined(backend, [one.name for one in program.layers], program.output, spikes, parts, seconds)

    def _ask(self, request: dict[str, Any], progress: Progress) -> float:
        """Have a request done here or by the worker, and return the seconds inside Lava's run()."""
        if self._python is None:
            return done(request, progress)
        idle = None if self._child else _IDLE.pop((os.getpid(), self._python), None)
        if idle and not idle.lives:
            idle.close()
            idle = None
        self._child = child = self._child or idle or Child(self._python)
        try:
            child.send(request)
            while "done" not in (message := child.receive(self._timeout_s)):
                if "progress" in message:
                    progress(*message["progress"])
        except BaseException:
            # Ctrl-C and a failing `progress` included: nothing is left running.
            self._child = None
            child.kill()
            raise
        return message["done"]["seconds"]


def default_timeout_s() -> float:
    """Return NEURODEPLOY_LAVA_TIMEOUT in seconds, else 300.

    Raises:
        LavaError: it is not a positive number.
    """
    named = os.environ.get("NEURODEPLOY_LAVA_TIMEOUT")
    if not named:
        return TIMEOUT_S
    try:
        seconds = float(named)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise LavaError(f"NEURODEPLOY_LAVA_TIMEOUT={named!r} is no positive number of seconds", where="lava")
    return seconds
