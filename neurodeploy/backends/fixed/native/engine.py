"""The event-driven engine: a Program with the states of some samples, advanced by the compiled kernels.

Axes: B sample, T step, I input channel, N neurons of all layers in inner order.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.backends.fixed.native.arrays import Results, Scratch, State
from neurodeploy.backends.fixed.native.compiled import advance, no_garbage_collected
from neurodeploy.backends.fixed.native.primitives import ROWS_IN_16_BITS
from neurodeploy.backends.fixed.native.rounding import TowardZero
from neurodeploy.backends.fixed.native.tables import CHUNK, SPARE, Native, Tables, native
from neurodeploy.backends.fixed.native.vectors import PLACES
from neurodeploy.backends.trace import LayerTrace, Part, lowest_score, score_unit, summed_softmax
from neurodeploy.fixedpoint import rules
from neurodeploy.mapping.program import Program

IDLE_BYTES = 1 << 22
"""Potentials of an engine that is kept for another run, at most."""


class NativeEngine:
    """A Program with the states of some samples.

    Args:
        threads: Samples are divided among so many.
        goes_on: Keep what is needed to advance a second time.
    """

    def __init__(self, program: Program, n_samples: int, *, threads: int = 1, goes_on: bool = True) -> None:
        self.program, self.n_samples = program, n_samples
        self.threads = max(1, min(threads, n_samples))
        self.native = _tables(program)
        self.outer = _outer_order(program)
        t = self.native.tables
        size = t.neurons.shape[1]
        past = int((t.pops[:, c.POP_HISTORY] * t.pops[:, c.POP_SIZE]).sum()) if goes_on else 0
        refractory, graded = t.layers[:, c.REFRACTORY].any(), any(layer.graded for layer in program.layers)
        self.state = State(
            u=np.empty((n_samples, size), np.int32),
            v=np.empty((n_samples, size), np.int32),
            rest=np.empty((n_samples, size if refractory else 0), np.int32),
            residue=np.empty((n_samples, size if graded else 0), np.int32),
            error=np.empty((n_samples, size if graded else 0), np.int32),
            past=np.empty((n_samples, past), np.int32),
        )
        n_scores = int(t.layers[:, c.PADDED].max()) if program.readout != "spikes" else 0
        self.counts = np.empty((n_samples, size), np.int32)
        self.overflows = np.empty((n_samples, len(program.layers), 2), np.int64)
        self.scores = np.empty((n_samples, n_scores), np.int64)
        self.reset()

    def reset(self) -> None:
        """Go back to the state before the first step."""
        neurons = self.native.tables.neurons
        self.now = 0
        self.state.u[:], self.state.v[:] = neurons[c.U_INIT], neurons[c.V_INIT]
        for values in (self.state.rest, self.state.residue, self.state.error, self.state.past):
            values.fill(0)

    def advance(self, spikes_BTI: np.ndarray, probes: Sequence[str] = (), *, n_silent: int = 0) -> Part:
        """Run as many steps as there are spikes, and `n_silent` without any, and return what happened.

        Args:
            spikes_BTI: Checked input, uint8 or int32 as `check_spikes` returns it.
            probes: Layers whose every state is kept.
        """
        t = self.native.tables
        n_samples, n_fed, n_inputs = spikes_BTI.shape
        n_steps = n_fed + n_silent
        probe, n_probed = self._probe(probes)
        self.counts.fill(0)
        self.overflows.fill(0)
        self.scores.fill(lowest_score(self.program.readout))
        recorded = (n_samples, n_steps, n_probed) if n_probed else (0, 0, 0)
        output = self.program.layer(self.program.output)
        sums_softmax = self.program.readout == rules.SOFTMAX
        summed = np.empty((n_samples, output.n_neurons if sums_softmax else 0))
        results = Results(
            input_counts=np.zeros((n_samples, n_inputs), np.int64),
            counts=self.counts,
            overflows=self.overflows,
            scores=self.scores,
            potentials=np.empty((n_samples, n_steps if sums_softmax else 0, output.n_neurons), np.int32),
            probe=probe,
            sent=np.empty(recorded, np.int32),
            u=np.empty(recorded, np.int32),
            v=np.empty(recorded, np.int32),
        )
        # Read-only memory is another type to the compiler, and would make it start anew.
        flat = np.require(spikes_BTI, requirements=["C", "A", "W"]).reshape(-1)
        nothing8, nothing32 = np.zeros(0, np.uint8), np.zeros(0, np.int32)
        spikes = nothing8 if self.program.graded_input else flat.view(np.uint8)
        values = flat if self.program.graded_input else nothing32

        def some(thread: int) -> None:
            begin, after = thread * n_samples // self.threads, (thread + 1) * n_samples // self.threads
            scratch = _borrowed(self.program)
            with TowardZero() as to_zero:
                kernel(
                    t,
                    self.state,
                    results,
                    scratch,
                    spikes,
                    values,
                    n_inputs,
                    n_fed,
                    n_steps,
                    self.now,
                    begin,
                    after,
                    to_zero,
                )
            _free(self.program).append(scratch)
            if sums_softmax:
                from_start = results.potentials[begin:after, max(0, output.start - now) :]
                summed[begin:after] = summed_softmax(self._outer(from_start), score_unit(self.program))

        kernel, now = advance(), self.now
        with nullcontext() if kernel.signatures else no_garbage_collected():
            if self.threads == 1:
                some(0)
            else:
                list(_pool(self.threads).map(some, range(self.threads)))
        self.now += n_steps
        return self._part(results, probes, summed if sums_softmax else None)

    def done(self) -> None:
        """Let the next run of as many samples have this engine: making one takes a good part of a small run."""
        if self.state.u.nbytes > IDLE_BYTES:
            return
        _idle(self.program, self.n_samples, self.threads).append(self)

    def _probe(self, probes: Sequence[str]) -> tuple[np.ndarray, int]:
        """Return where each layer's neurons start in the records, or -1, and how many there are."""
        places, total = np.full(len(self.program.layers), -1), 0
        for index, layer in enumerate(self.program.layers):
            if layer.name in probes:
                places[index] = total
                total += layer.n_neurons
        return places, total

    def _outer(self, values: np.ndarray) -> np.ndarray:
        """Return what the output's inner neurons have (..., N) in the Program's own order."""
        return np.ascontiguousarray(values[..., self.outer[self.program.output]])

    def _part(self, results: Results, probes: Sequence[str], summed: np.ndarray | None) -> Part:
        """Return the results in the Program's own order of neurons."""
        t = self.native.tables
        counts, layers, overflows = {}, {}, {}
        for index, layer in enumerate(self.program.layers):
            outer, start = self.outer[layer.name], t.layers[index, c.FIRST]
            counts[layer.name] = results.counts[:, start : start + layer.n_neurons][:, outer].astype(np.int64)
            if layer.name in probes:
                at = results.probe[index]
                sent, u, v = (
                    record[:, :, at : at + layer.n_neurons][:, :, outer]
                    for record in (results.sent, results.u, results.v)
                )
                layers[layer.name] = LayerTrace(sent if layer.graded else sent.astype(np.bool_), u, v)
                wrapped, saturated = results.overflows[:, index].sum(axis=0)
                overflows[layer.name] = {"wrapped": int(wrapped), "saturated": int(saturated)}
        output = self.program.layer(self.program.output)
        scores = summed
        if self.program.readout != "spikes" and scores is None:
            scores = results.scores[:, : output.n_neurons][:, self.outer[output.name]].copy()
        return Part(counts, layers, overflows, scores, results.input_counts)


def one_run(program: Program, n_samples: int, threads: int) -> NativeEngine:
    """Return an engine that advances once, at the state before the first step."""
    threads = max(1, min(threads, n_samples))
    try:
        engine = _idle(program, n_samples, threads).pop()
    except IndexError:
        return NativeEngine(program, n_samples, threads=threads, goes_on=False)
    engine.reset()
    return engine


def _scratch(t: Tables) -> Scratch:
    """Return room for one thread's sample."""
    pops = t.pops
    size = int(((pops[:, c.POP_HISTORY] + CHUNK) * pops[:, c.POP_SIZE] + SPARE).sum())
    widest, sources = int(t.layers[:, c.PADDED].max()), int(pops[:, c.POP_SIZE].max()) + 64
    return Scratch(
        events=np.zeros(size, np.int32),
        values=np.zeros(size if pops[:, c.POP_GRADED].any() else 1, np.int32),
        starts=np.zeros((len(pops), int(pops[:, c.POP_HISTORY].max()) + CHUNK + 1), np.int64),
        last=np.zeros(8, np.int32),
        flags=np.zeros(widest, np.uint8),
        activation=np.zeros(widest, np.int32),
        sums=np.zeros(widest, np.int32),
        sums16=np.zeros(widest, np.int16),
        floats=np.zeros((3, widest), np.float32),
        message=np.zeros(widest, np.int32),
        silent=np.zeros(sources, np.uint8),
        others=np.zeros(max(sources, ROWS_IN_16_BITS), np.int32),
        places=PLACES,
    )


@functools.lru_cache(maxsize=8)
def _tables(program: Program) -> Native:
    return native(program)


@functools.lru_cache(maxsize=8)
def _outer_order(program: Program) -> dict[str, Any]:
    """Return for each layer how to take inner neurons in the Program's order: all of them where it is the same."""
    order = _tables(program).order
    return {
        layer.name: slice(None) if (np.diff(order[layer.name]) == 1).all() else np.argsort(order[layer.name])
        for layer in program.layers
    }


@functools.lru_cache(maxsize=8)
def _idle(program: Program, n_samples: int, threads: int) -> list[NativeEngine]:
    """Return the engines for one run that nobody uses at the moment."""
    return []


@functools.lru_cache(maxsize=8)
def _free(program: Program) -> list[Scratch]:
    """Return the scratches of a Program that nobody uses at the moment; making one takes as long as a sample."""
    return []


def _borrowed(program: Program) -> Scratch:
    try:
        return _free(program).pop()
    except IndexError:
        return _scratch(_tables(program).tables)


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="neurodeploy")
