"""The readable engine: every layer and connection in plain numpy, step by step, straight from the rules.

The other engines must equal it in every state. Axes: B sample, T step, N neuron of a layer, O and I
the ends of a connection, D steps ahead.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurodeploy.backends.scores import Scores, score_unit
from neurodeploy.backends.trace import Part, empty_layer, with_silence
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.equations import SENT
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT, Program


class PlainEngine:
    """A Program with the states of some samples, advanced a number of steps at a time."""

    def __init__(self, program: Program, n_samples: int) -> None:
        self.program, self.n_samples, self.now = program, n_samples, 0
        self.states = {layer.name: layer.at_rest(n_samples) for layer in program.layers}
        self.synapses = [Synapses(one, program.graded(one.source), n_samples) for one in program.connections]

    def done(self) -> None:
        """Nothing is kept for another run."""

    def advance(self, spikes_BTI: np.ndarray, probes: Sequence[str] = (), *, n_silent: int = 0) -> Part:
        """Run as many steps as there are spikes, and `n_silent` without any, and return what happened.

        Args:
            spikes_BTI: Checked input.
            probes: Layers whose every state is kept.
        """
        spikes_BTI = with_silence(spikes_BTI, n_silent)
        n_samples, n_steps, _ = spikes_BTI.shape
        program = self.program
        sizes = {layer.name: layer.n_neurons for layer in program.layers}
        counts = {name: np.zeros((n_samples, size), np.int64) for name, size in sizes.items()}
        kept = {name: empty_layer(n_samples, n_steps, program.layer(name)) for name in probes}
        overflows = {name: {"wrapped": 0, "saturated": 0} for name in sizes}
        output = program.layer(program.output)
        scores = Scores(program.readout, n_samples, output.n_neurons, output.start, unit=score_unit(program))
        for step in range(n_steps):
            sent = {INPUT: spikes_BTI[:, step]}
            for layer in program.layers:
                name, states = layer.name, self.states[layer.name]
                activation = np.zeros((n_samples, layer.n_neurons), np.int64)
                for one in self.synapses:
                    if one.connection.target == name:
                        activation += one.arriving(self.now)
                self.states[name] = states = layer.step(states, rules.as_int32(activation), self.now, layer.numbers)
                sent[name] = states[SENT]
                counts[name] += sent[name] != 0
                for key, number in layer.overflows(states).items():
                    overflows[name][key] += int(number)
                if name in kept:
                    kept[name].spikes_BTN[:, step] = sent[name]
                    kept[name].u_BTN[:, step], kept[name].v_BTN[:, step] = layer.traced(states)
            # Each connection delivers one step later, as Lava's Dense does, the input's included.
            for one in self.synapses:
                one.send(sent[one.connection.source], self.now)
            scores.add(output.traced(self.states[output.name])[1], self.now)
            self.now += 1
        return Part(counts, kept, overflows, scores.BN)


class Synapses:
    """One connection and the sums that are on their way, in a ring of the steps ahead (D, B, O)."""

    def __init__(self, connection: Connection, graded: bool, n_samples: int) -> None:
        self.connection, self.graded = connection, graded
        # float64 holds every sum of 24-bit messages over fewer than 2^20 synapses exactly, and BLAS is fast.
        self.by_delay = [(delay, weight.astype(np.float64)) for delay, weight in connection.by_delay()]
        self.ahead_DBO = np.zeros((connection.largest_delay + 2, n_samples, connection.n_outputs), np.int64)

    def send(self, sent_BI: np.ndarray, now: int) -> None:
        """Put what was sent in step `now` on its way."""
        sent = sent_BI.astype(np.float64)
        for delay, weight in self.by_delay:
            total = rules.shift_by_exponent(self._sum(sent, weight), self.connection.row_exponents)
            if self.connection.window:
                total = rules.wrap_sum(total)
            self.ahead_DBO[(now + 1 + delay) % len(self.ahead_DBO)] += total

    def _sum(self, sent_BI: np.ndarray, weight: np.ndarray) -> IntArray:
        """Return the sums before the exponent (B, O), which acts on what Lava's numbers keep of them."""
        if self.connection.window or not self.connection.largest_delay:
            return rules.as_int32(self.connection.apply(sent_BI, weight).astype(np.int64))
        # `DelayDense` multiplies in int32 and sums in int64; up to 2^23 no product leaves int32.
        if np.abs(sent_BI).max(initial=0) < rules.STATE_LIMIT:
            return self.connection.apply(sent_BI, weight).astype(np.int64)
        products = rules.as_int32((sent_BI[:, None] * weight).astype(np.int64))
        return products.sum(axis=-1)

    def arriving(self, now: int) -> IntArray:
        """Return what arrives in step `now` (B, O)."""
        slot = self.ahead_DBO[now % len(self.ahead_DBO)]
        arrived = slot.copy()
        slot[:] = 0
        return arrived
