"""The event-driven engine: a Program with the states of some samples, advanced by the compiled kernels.

Axes: B sample, T step, I input channel, N neurons of all layers in inner order.
"""

import ctypes
import functools
import gc
import platform
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.backends.fixed.native import steps
from neurodeploy.backends.fixed.native.arrays import LINE, Results, Scratch, State, aligned
from neurodeploy.backends.fixed.native.jit import OPTIONS
from neurodeploy.backends.fixed.native.primitives import ROWS_IN_16_BITS
from neurodeploy.backends.fixed.native.tables import CHUNK, SPARE, Tables, native
from neurodeploy.backends.scores import lowest_score, score_unit, summed_softmax
from neurodeploy.backends.trace import LayerTrace, Part
from neurodeploy.compiled import PLACES, kept_on_disk
from neurodeploy.fixedpoint import rules
from neurodeploy.program.program import Program

TOWARD_ZERO = {"x86_64": 0xC00, "AMD64": 0xC00, "aarch64": 0xC00000, "arm64": 0xC00000}.get(platform.machine())
"""FE_TOWARDZERO of fenv.h, which C leaves to each processor; None where it is not known."""


class TowardZero:
    """Rounds toward zero inside its `with` block; entering says whether this thread now does.

    A leak is a product rounded toward zero. Where the processor itself rounds products toward zero,
    a float32 multiplication and a truncation give it exactly: the states have 24 bits, and so has
    float32. That is two instructions where integers of 32 bits take nine.
    """

    def __enter__(self) -> bool:
        self.fenv = _fenv()
        if self.fenv is None:
            return False
        self.before = self.fenv.fegetround()
        self.fenv.fesetround(TOWARD_ZERO)
        return _works()

    def __exit__(self, *_: object) -> None:
        if self.fenv is not None:
            self.fenv.fesetround(self.before)


@functools.cache
def _works() -> bool:
    """Return whether a product obeys the mode: 8384513 * 4095 / 4096 is a little less than 8382466."""
    return bool(np.multiply(np.float32(8384513), np.float32(4095 / 4096)) < 8382466)


@functools.cache
def _fenv() -> Any:
    """Return C's library with its fenv functions, or None where this system does not offer them."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
    return library if TOWARD_ZERO is not None and hasattr(library, "fesetround") else None


SOURCES = Path(__file__).parent
"""The kernels', which are kept on disk so that the next process need not compile them."""
_ENTRY: list[Any] = []
"""The machine code's own entry, once this process has it."""


@functools.cache
def advance() -> Any:
    """Return `steps.advance` compiled, or to be compiled at its first call."""
    return kept_on_disk(steps.advance, SOURCES, OPTIONS)


def _run_kernel(*arguments: Any) -> None:
    """Call the kernel.

    It exists for one set of types, which its only caller always hands over. So calls after the first go straight to
    it: numba would look at the types of forty arrays each time, which takes as long as five steps of a small network.
    """
    if _ENTRY:
        _ENTRY[0](*arguments)
        return
    kernel, collects = advance(), gc.isenabled()
    gc.disable()  # of which compiling takes a fifth longer
    try:
        kernel(*arguments)
    finally:
        if collects:
            gc.enable()
    variants = list(kernel.overloads.values())
    _ENTRY.append(variants[0].entry_point if len(variants) == 1 else kernel)


PARTS = 4
"""Parts of a batch for each thread, so that one whose core is busy otherwise does fewer of them."""
NO_SPIKES, NO_VALUES = np.zeros(0, np.uint8), np.zeros(0, np.int32)


class NativeEngine:
    """A Program with the states of some samples.

    Args:
        threads: Samples are divided among so many.
        goes_on: Keep what is needed to advance a second time.
    """

    def __init__(self, program: Program, n_samples: int, *, threads: int = 1, goes_on: bool = True) -> None:
        self.program, self.n_samples = program, n_samples
        self.threads = max(1, min(threads, n_samples))
        self.native = native(program)
        t = self.native.tables
        # A sample that is through at once leaves its states to the next: all samples' would pass the caches.
        self.state = _state(t, n_samples if goes_on else 0, keeps_past=goes_on)
        self.output = program.layer(program.output)
        self.sums_softmax = program.readout == rules.SOFTMAX
        n_scores = int(t.layers[:, c.PADDED].max()) if program.readout != "spikes" else 0
        self.overflows = np.empty((n_samples, len(program.layers), 2), np.int64)
        self.scores = np.empty((n_samples, n_scores), np.int64)
        self.places, self.n_neurons = _places(program), sum(layer.n_neurons for layer in program.layers)
        self.free = _free(program)
        # Made once, because making arrays takes a small run longer than some of its layers.
        self.unprobed = self._kept((), 0)
        self.reset()

    def reset(self) -> None:
        """Go back to before the first step, which starts all states anew."""
        self.now = 0

    def advance(
        self, spikes_BTI: np.ndarray, probes: Sequence[str] = (), *, n_silent: int = 0, scores_only: bool = False
    ) -> Part:
        """Run as many steps as there are spikes, and `n_silent` without any, and return what happened.

        Args:
            spikes_BTI: Checked input, uint8 or int32 as `check_spikes` returns it.
            probes: Layers whose every state is kept.
            scores_only: No layer runs on once nothing of it can reach the output in these steps.
        """
        n_samples, n_fed, n_inputs = spikes_BTI.shape
        n_steps = n_fed + n_silent
        if self.scores.size:
            self.scores.fill(lowest_score(self.program.readout))
        kept = self._kept(probes, n_steps) if probes or self.sums_softmax else self.unprobed
        sent, counts = (np.empty((n_samples, size), np.int64) for size in (n_inputs, self.n_neurons))
        results = Results(sent, counts, self.overflows, self.scores, *kept)
        # The machine code is made for arrays that are contiguous, aligned and not read-only.
        flat = (spikes_BTI if spikes_BTI.flags.carray else spikes_BTI.copy()).reshape(-1)
        spikes, values = (NO_SPIKES, flat) if self.program.graded_input else (flat.view(np.uint8), NO_VALUES)
        summed = np.empty((n_samples, self.output.n_neurons)) if self.sums_softmax else None
        now = self.now
        n_parts = 1 if self.threads == 1 else min(n_samples, PARTS * self.threads)

        def some(part: int) -> None:
            begin, after = part * n_samples // n_parts, (part + 1) * n_samples // n_parts
            room = scratch, state = self._borrowed()
            with TowardZero() as to_zero:
                given = (
                    results,
                    scratch,
                    spikes,
                    values,
                    n_inputs,
                    n_fed,
                    n_steps,
                    now,
                    begin,
                    after,
                    to_zero,
                    scores_only,
                )
                _run_kernel(self.native.tables, self.state if len(self.state.u) else state, *given)
            self.free.append(room)
            if summed is not None:
                from_start = results.potentials[begin:after, max(0, self.output.start - now) :]
                summed[begin:after] = summed_softmax(self._outer(from_start), score_unit(self.program))

        if n_parts == 1:
            some(0)
        else:
            _share(some, n_parts, self.threads)
        self.now += n_steps
        return self._part(results, probes, summed)

    def done(self) -> None:
        """Let the next run of as many samples have this engine: making one takes a good part of a small run."""
        _idle(self.program, self.n_samples, self.threads).append(self)

    def _borrowed(self) -> tuple[Scratch, State]:
        try:
            return self.free.pop()
        except IndexError:
            return _scratch(self.native.tables), _state(self.native.tables, 1, keeps_past=False)

    def _kept(self, probes: Sequence[str], n_steps: int) -> tuple[np.ndarray, ...]:
        """Return the last five of `Results`: the output's potentials and the records, as large as they have to be."""
        places, total = np.full(len(self.program.layers), -1), 0
        for index, layer in enumerate(self.program.layers):
            if layer.name in probes:
                places[index] = total
                total += layer.n_neurons
        records = (self.n_samples, n_steps, total) if total else (0, 0, 0)
        sent, u, v = (np.empty(records, np.int32) for _ in range(3))
        shape = (self.n_samples, n_steps if self.sums_softmax else 0, self.output.n_neurons)
        return np.empty(shape, np.int32), places, sent, u, v

    def _outer(self, values: np.ndarray) -> np.ndarray:
        """Return what the output's inner neurons have (..., N) in the Program's own order."""
        return np.ascontiguousarray(values[..., self.places[self.output.name][1]])

    def _part(self, results: Results, probes: Sequence[str], summed: np.ndarray | None) -> Part:
        """Return the results in the Program's own order of neurons."""
        counts, layers, overflows, after = {}, {}, {}, 0
        for layer in self.program.layers:
            counts[layer.name] = results.counts[:, after : after + layer.n_neurons]
            after += layer.n_neurons
        for index, layer in enumerate(self.program.layers if probes else ()):
            if layer.name in probes:
                at, outer = results.probe[index], self.places[layer.name][1]
                sent, u, v = (
                    record[:, :, at : at + layer.n_neurons][:, :, outer]
                    for record in (results.sent, results.u, results.v)
                )
                layers[layer.name] = LayerTrace(sent if layer.graded else sent.astype(np.bool_), u, v)
                wrapped, saturated = results.overflows[:, index].sum(axis=0)
                overflows[layer.name] = {"wrapped": int(wrapped), "saturated": int(saturated)}
        if self.program.readout != "spikes" and summed is None:
            summed = self._outer(results.scores[:, : self.output.n_neurons]).copy()
        return Part(counts, layers, overflows, summed, results.input_counts)


def one_run(program: Program, n_samples: int, threads: int) -> NativeEngine:
    """Return an engine that advances once, at the state before the first step."""
    threads = max(1, min(threads, n_samples))
    try:
        engine = _idle(program, n_samples, threads).pop()
    except IndexError:
        return NativeEngine(program, n_samples, threads=threads, goes_on=False)
    engine.reset()
    return engine


def _state(t: Tables, n_samples: int, *, keeps_past: bool) -> State:
    """Return the states of some samples."""
    size = t.neurons.shape[1]
    rests, graded = t.layers[:, c.RESTS].any(), (t.layers[:, c.KIND] == c.SIGMA_DELTA).any()
    past = int((t.pops[:, c.POP_HISTORY] * t.pops[:, c.POP_SIZE]).sum()) if keeps_past else 0
    widths = (size, size, size * rests, size * graded, size * graded, past)
    return State(*(aligned((n_samples, int(width)), np.int32) for width in widths))


def _scratch(t: Tables) -> Scratch:
    """Return room for one thread's sample."""
    pops = t.pops
    size = int(((pops[:, c.POP_HISTORY] + CHUNK) * pops[:, c.POP_SIZE] + SPARE).sum())
    widest, sources = int(t.layers[:, c.PADDED].max()), int(pops[:, c.POP_SIZE].max()) + 64
    rows = int((t.geometries[:, c.GEO_KERNEL_SIZE] * t.geometries[:, c.GEO_GROUP_INPUTS]).max())
    return Scratch(
        events=aligned((size,), np.int32),
        values=aligned((size if pops[:, c.POP_GRADED].any() else 1,), np.int32),
        starts=np.zeros((len(pops), int(pops[:, c.POP_HISTORY].max()) + CHUNK + 1), np.int64),
        flags=aligned((widest + LINE,), np.uint8),
        counts=aligned((t.neurons.shape[1],), np.int32),
        activation=aligned((widest,), np.int32),
        sums=aligned((widest,), np.int32),
        sums16=aligned((widest,), np.int16),
        floats=aligned((3, widest), np.float32),
        message=aligned((widest,), np.int32),
        silent=aligned((sources,), np.uint8),
        others=aligned((max(sources, ROWS_IN_16_BITS),), np.int32),
        dense=aligned((sources,), np.int16),
        lists=aligned((2 * sources + rows,), np.int32),
        places=PLACES,
    )


@functools.lru_cache(maxsize=8)
def _places(program: Program) -> dict[str, tuple[slice, Any]]:
    """Return where a layer's neurons are among all inner ones, and what takes them in the Program's own order."""
    tables, order = native(program)
    found: dict[str, tuple[slice, Any]] = {}
    for layer, first in zip(program.layers, tables.layers[:, c.FIRST].tolist(), strict=True):
        inner = order[layer.name]
        outer = slice(None) if (np.diff(inner) == 1).all() else np.argsort(inner)
        found[layer.name] = slice(first, first + layer.n_neurons), outer
    return found


@functools.lru_cache(maxsize=8)
def _idle(program: Program, n_samples: int, threads: int) -> list[NativeEngine]:
    """Return the engines for one run that nobody uses at the moment."""
    return []


@functools.lru_cache(maxsize=8)
def _free(program: Program) -> list[tuple[Scratch, State]]:
    """Return room for a sample of a Program that nobody uses at the moment; making it takes as long as a sample."""
    return []


def _share(work: Callable[[int], None], n_parts: int, threads: int) -> None:
    """Do the parts of some work on so many threads, the caller's among them; each takes the next part that is left."""
    left = deque(range(n_parts))

    def some() -> None:
        while True:
            try:
                part = left.popleft()
            except IndexError:
                return
            work(part)

    others = [_pool(threads).submit(some) for _ in range(threads - 1)]
    try:
        some()
    finally:
        wait(others)
    for one in others:
        one.result()


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1, thread_name_prefix="neurodeploy")
