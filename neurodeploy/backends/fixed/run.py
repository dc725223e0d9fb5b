"""A Program on every sample of an array, a batch at a time, on any of the engines.

Axes: B sample, T step, I channel.
"""

import functools
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

from neurodeploy.backends.fixed.plain import PlainEngine
from neurodeploy.backends.scores import decoded, read_by_step
from neurodeploy.backends.trace import Part, Progress, Trace, check_spikes, in_batches
from neurodeploy.compiled import is_kept
from neurodeploy.errors import DataError, ProgramError, nearest
from neurodeploy.memory import cores
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress as Told
from neurodeploy.progress import silent

NAME = "fixed"
BATCH = 256
"""Most samples of a batch: enough for every core."""
BATCH_BYTES = 1 << 28
"""What the states and records of a batch may take, roughly."""
AUTO = "auto"
STAGE = "compiling"


class Engine(Protocol):
    """A Program with the states of some samples, advanced a number of steps at a time."""

    now: int

    def advance(
        self, spikes_BTI: np.ndarray, probes: Sequence[str] = (), *, n_silent: int = 0, scores_only: bool = False
    ) -> Part:
        """Run the steps of `spikes_BTI`, and `n_silent` without input; keep every state of `probes`.

        Args:
            scores_only: Counts of layers but the output need not be whole.
        """
        ...

    def done(self) -> None:
        """Hear that the engine is not used any more."""
        ...


def _plain(program: Program, n_samples: int, **_: Any) -> Engine:
    return PlainEngine(program, n_samples)


@functools.cache
def _compiled() -> Any:
    """Return the compiled engine's own file; even importing it again takes a small run's time."""
    from neurodeploy.backends.fixed.native import engine

    return engine


def _native(program: Program, n_samples: int, *, threads: int, goes_on: bool) -> Engine:
    make = _compiled().NativeEngine if goes_on else _compiled().one_run
    return make(program, n_samples, threads=threads)


def _torch(program: Program, n_samples: int, **_: Any) -> Engine:
    import torch

    from neurodeploy.backends.fixed.torch_engine import TorchEngine

    return TorchEngine(program, n_samples, "cuda" if torch.cuda.is_available() else "cpu")


ENGINES: dict[str, Callable[..., Engine]] = {"native": _native, "plain": _plain, "torch": _torch}
"""Compiled and event-driven; readable numpy; torch, on the GPU where there is one. All give the same."""


@functools.lru_cache(maxsize=32)
def chosen(program: Program, name: str = AUTO) -> tuple[str, str]:
    """Return the name of the engine that runs a Program, and the same in words, with the reason for a slower one.

    Args:
        name: One of `ENGINES`, or "auto": the compiled one wherever it runs the Program.

    Raises:
        DataError: there is no such engine.
        ProgramError: the compiled engine was asked for, and cannot run the Program.
    """
    if name not in (AUTO, *ENGINES):
        raise DataError(f"engine: {name!r} is unknown; {nearest(name, (AUTO, *ENGINES))}")
    if name not in (AUTO, "native"):
        return name, name
    from neurodeploy.backends.fixed.native.tables import unsupported

    # Lava's environment has none.
    reason = unsupported(program) if find_spec("numba") else "numba is not installed"
    if reason and name == "native":
        raise ProgramError(f"{program.name}: {reason}: the compiled engine does not run here; use engine 'plain'")
    return ("plain", f"plain, because {reason}") if reason else ("native", "native")


def engine_for(program: Program, name: str = AUTO) -> Callable[..., Engine]:
    """Return the maker of an engine: called with a Program, samples, `threads` and `goes_on`; see `chosen`."""
    return ENGINES[chosen(program, name)[0]]


def run(
    program: Program,
    spikes_BTI: np.ndarray,
    *,
    record: bool | Sequence[str] = False,
    batch_size: int | None = None,
    threads: int | None = None,
    engine: str = AUTO,
    scores_only: bool = False,
    progress: Progress | None = None,
) -> Trace:
    """Run `program` on every sample and return the Trace.

    Args:
        spikes_BTI: Input spikes, 0 or 1, or signed values where the input is graded, (samples, steps,
            channels).
        record: Layers whose every state and overflow is kept, True for all; else only spike counts are.
        batch_size: Samples simulated together, as many as their states stay small for when None; never
            changes the result.
        threads: Samples are divided among so many, all cores when None; never changes the result.
        engine: One of `ENGINES` or "auto"; never changes the result.
        scores_only: The output's scores and counts are kept, the same as else, and of no other layer anything; the
            compiled engine leaves out the steps of layers whose spikes would reach the output after the last step.

    Raises:
        DataError: the spikes do not fit the Program, an option is not one, or states are asked for beside scores only.
    """
    spikes = check_spikes(spikes_BTI, program.n_inputs, NAME, graded=program.graded_input)
    names = [layer.name for layer in program.layers]
    if scores_only and record:
        raise DataError("scores_only: keeps no states; leave out record")
    probes = check_probes(program, names if record is True else record or ())
    make = partial(engine_for(program, engine), program, threads=check_threads(threads), goes_on=False)
    # What the host reads at every step is kept until the end; a softmax's potentials by the engine.
    kept = list(dict.fromkeys((*probes, program.output))) if read_by_step(program) else probes
    seen = kept if program.decode is not None else probes
    if batch_size is None:
        recorded = sum(program.layer(name).n_neurons for name in kept) * program.n_steps(spikes.shape[1])
        per_sample = 16 * (sum(layer.n_neurons for layer in program.layers) + recorded)
        batch_size = max(1, min(BATCH, BATCH_BYTES // per_sample))
    if batch_size < 1:
        raise DataError(f"batch_size: found {batch_size}, at least 1 is needed")

    def run_batch(some: np.ndarray) -> Part:
        engine = make(len(some))
        part = engine.advance(some, seen, n_silent=program.depth, scores_only=scores_only)
        engine.done()
        return decoded(program, part, spikes.shape[1], probes)

    ran = chosen(program, engine)[1]
    names = [program.output] if scores_only else names
    return in_batches(
        NAME, names, program.output, spikes, run_batch, batch_size=batch_size, progress=progress, engine=ran
    )


def check_probes(program: Program, probes: Sequence[str]) -> Sequence[str]:
    """Return the names after checking that each is a layer; a single name stands for itself.

    Raises:
        DataError: one is not.
    """
    names = [layer.name for layer in program.layers]
    probes = (probes,) if isinstance(probes, str) else probes
    for name in probes:
        if name not in names:
            raise DataError(f"probe: {name!r} is not a layer of {program.name}; {nearest(name, names)}")
    return probes


def check_threads(threads: int | None) -> int:
    """Return the number of threads, all cores that this process may use for None.

    Raises:
        DataError: it is below 1.
    """
    if threads is None:
        return cores()
    if threads < 1:
        raise DataError(f"threads: found {threads}, at least 1 is needed")
    return threads


_LOADED: list[bool] = []
"""Holds something once this process has the kernels."""


def make_ready(program: Program, engine: str = AUTO, progress: Told = silent) -> None:
    """Compile the kernels, once on a machine and half a minute or more, or load them, before a clock starts.

    Args:
        engine: One of `ENGINES`, or "auto"; one without kernels is ready.
        progress: Hears why that takes its time.
    """
    make = engine_for(program, engine)
    if _LOADED or make is not ENGINES["native"]:
        return
    from neurodeploy.backends.fixed.native.engine import SOURCES

    compiled = is_kept(SOURCES)
    if not compiled:
        progress(STAGE, 0, 1, "the simulator, once on this machine; it takes half a minute or more")
    nothing = np.zeros((1, 0, program.n_inputs), np.int32 if program.graded_input else np.uint8)
    make(program, 1, threads=1, goes_on=False).advance(nothing)
    if not compiled:
        progress(STAGE, 1, 1, "the simulator")
    _LOADED.append(True)
