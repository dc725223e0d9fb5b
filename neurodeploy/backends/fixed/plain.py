"""The readable engine: every layer and connection in plain numpy, step by step, straight from the rules.

The other engines must equal it in every state. Axes: B sample, T step, N neuron of a layer, O and I
the ends of a connection, D steps ahead.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from neurodeploy.backends.scores import Scores, score_unit, summed_softmax
from neurodeploy.backends.trace import LayerTrace, Part, empty_layer, with_silence
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.equations import SENT
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT, Program


class PlainEngine:
    """A Program with the states of some samples, advanced a number of steps at a time.

    What another engine has in the place of numpy's arrays is made by `put` and `zeros`, and given back by `take`.
    """

    joined: Callable[..., Any] = staticmethod(np.concatenate)

    def __init__(self, program: Program, n_samples: int) -> None:
        self.program, self.n_samples, self.now = program, n_samples, 0
        self.states = {one.name: self._put_all(one.at_rest(n_samples)) for one in program.layers}
        self.numbers = {one.name: self._put_all(one.numbers) for one in program.layers}
        self.synapses = [self.connect(one) for one in program.connections]

    def done(self) -> None:
        """Nothing is kept for another run."""

    def put(self, values: np.ndarray) -> Any:
        return values

    def zeros(self, *shape: int, kind: type = np.int64) -> Any:
        """Return zeros of every sample (B, ...)."""
        return np.zeros((self.n_samples, *shape), kind)

    def take(self, values: Any) -> np.ndarray:
        return values  # type: ignore[no-any-return]

    def connect(self, one: Connection) -> Any:
        return Synapses(one, self.n_samples)

    def _put_all(self, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
        return {key: self.put(one) for key, one in arrays.items()}

    def advance(
        self, spikes_BTI: np.ndarray, probes: Sequence[str] = (), *, n_silent: int = 0, scores_only: bool = False
    ) -> Part:
        """Run as many steps as there are spikes, and `n_silent` without any, and return what happened.

        Args:
            spikes_BTI: Checked input.
            probes: Layers whose every state is kept.
            scores_only: Changes nothing; all counts are whole.
        """
        program, spikes = self.program, self.put(with_silence(spikes_BTI, n_silent))
        n_steps, output = spikes.shape[1], program.layer(program.output)
        counts = {layer.name: self.zeros(layer.n_neurons) for layer in program.layers}
        kept = {
            name: empty_layer(program.layer(name), lambda width, kind: self.zeros(n_steps, width, kind=kind))
            for name in probes
        }
        overflows: dict[str, dict[str, Any]] = {name: {"wrapped": 0, "saturated": 0} for name in counts}
        read = program.readout != rules.READOUTS[0]
        potentials_BTN = self.zeros(n_steps, output.n_neurons if read else 0, kind=np.int32)
        for step in range(n_steps):
            sent = {INPUT: spikes[:, step]}
            for layer in program.layers:
                name, states = layer.name, self.states[layer.name]
                activation = self.zeros(layer.n_neurons)
                for one in self.synapses:
                    if one.connection.target == name:
                        activation += one.arriving(self.now)
                arrived = rules.as_int32(activation)
                self.states[name] = states = layer.step(states, arrived, self.now, self.numbers[name])
                sent[name] = states[SENT]
                counts[name] += sent[name] != 0
                for key, number in layer.overflows(states).items():
                    overflows[name][key] += number
                if name in kept:
                    kept[name].spikes_BTN[:, step] = sent[name]
                    kept[name].u_BTN[:, step], kept[name].v_BTN[:, step] = layer.traced(states, self.joined)
            # Each connection delivers one step later, as Lava's Dense does, the input's included.
            for one in self.synapses:
                one.send(sent[one.connection.source], self.now)
            if read:
                potentials_BTN[:, step] = output.traced(self.states[output.name], self.joined)[1]
            self.now += 1
        return Part(
            counts={name: self.take(one) for name, one in counts.items()},
            layers={name: LayerTrace(*map(self.take, one)) for name, one in kept.items()},
            overflows={name: {key: int(one) for key, one in found.items()} for name, found in overflows.items()},
            scores_BN=self._scores(self.take(potentials_BTN)),
        )

    def _scores(self, potentials_BTN: np.ndarray) -> np.ndarray | None:
        """Return what the host sums up of the output's last steps, so that every engine gives it to the last bit."""
        program, first = self.program, self.now - potentials_BTN.shape[1]
        output = program.layer(program.output)
        if program.readout == rules.SOFTMAX:
            return summed_softmax(potentials_BTN[:, max(0, output.start - first) :], score_unit(program))
        scores = Scores(program.readout, self.n_samples, output.n_neurons, output.start)
        for now, potentials_BN in enumerate(potentials_BTN.swapaxes(0, 1), first):
            scores.add(potentials_BN, now)
        return scores.BN


class Synapses:
    """One connection and the sums that are on their way, in a ring of the steps ahead (D, B, O)."""

    def __init__(self, connection: Connection, n_samples: int) -> None:
        self.connection = connection
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
