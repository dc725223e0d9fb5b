"""What the class is read from: scores summed up step by step, and what the host makes of them.

Axes: B sample, T step, N neuron of the output, C class.
"""

from collections.abc import Collection
from typing import Any

import numpy as np

from neurodeploy.backends.trace import LayerTrace, Part
from neurodeploy.fixedpoint import rules
from neurodeploy.program.decode import Decode
from neurodeploy.program.program import Program


def lowest_score(readout: str, kind: type = np.int64) -> float:
    """Return the score before any step."""
    return 0 if readout != "v_max" else -np.inf if kind is np.float64 else np.iinfo(np.int64).min


def softmax(v: np.ndarray) -> np.ndarray:
    """Return the softmax over the last axis, float64."""
    raised = np.exp(v - v.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


SOFTMAX_VALUES = 1 << 16
"""Potentials that are turned into a softmax at a time: what stays in the processor's cache is three times as fast."""


def summed_softmax(v_BTN: np.ndarray, unit: np.ndarray | float) -> np.ndarray:
    """Return the softmax of potentials summed over their steps (B, N), as `Scores` sums it step by step.

    Args:
        unit: The potential that stands for 1, (N,) or a number.
    """
    n_samples, n_steps, n_neurons = v_BTN.shape
    scores = np.zeros((n_samples, n_neurons))
    some = max(1, SOFTMAX_VALUES // max(1, n_steps * n_neurons))
    for first in range(0, n_samples, some):
        scores[first : first + some] = softmax(v_BTN[first : first + some] / unit).sum(axis=1)
    return scores


def score_unit(program: Program) -> np.ndarray | float:
    """Return the potential that stands for 1 in the scores of a Program; only a softmax needs it."""
    return program.layer(program.output).v_per_unit if program.readout == rules.SOFTMAX else 1.0


class Scores:
    """What the class is read from, summed up step by step; (B, N) in `BN`, None for spike counts."""

    def __init__(
        self,
        readout: str,
        n_samples: int,
        n_neurons: int,
        start: int,
        kind: type = np.int64,
        unit: np.ndarray | float = 1.0,
    ) -> None:
        """`unit` is the potential that stands for 1, (N,) or a number; the softmax needs it."""
        self.readout, self.start, self.unit = readout, start, unit
        kind = np.float64 if readout == rules.SOFTMAX else kind
        lowest: np.ndarray = np.full((n_samples, n_neurons), lowest_score(readout, kind), kind)
        self.BN: np.ndarray | None = None if readout == "spikes" else lowest

    def add(self, v_BN: np.ndarray, now: int) -> None:
        """Take the output's potentials after step `now`."""
        if self.BN is None or now < self.start:
            return
        if self.readout == "v_last":
            self.BN[:] = v_BN
        elif self.readout == "v_max":
            np.maximum(self.BN, v_BN, out=self.BN)
        elif self.readout == rules.SOFTMAX:
            self.BN += softmax(v_BN / self.unit)
        else:
            self.BN += v_BN


def read_by_step(net: Any) -> str:
    """Return which states of the output the host reads after every step: "v", "spikes", or "" for none of them.

    Args:
        net: A Program or a Network.
    """
    if net.readout == rules.SOFTMAX or (net.decode is not None and net.decode.by_step(net.readout)):
        return "spikes" if net.readout == "spikes" else "v"
    return ""


def decoded(net: Any, part: Part, n_steps: int, asked: Collection[str]) -> Part:
    """Return the result of some samples with the scores that the host makes of it, where `net` has a `decode`.

    Args:
        net: A Program or a Network.
        part: With every state of the output, where it is read by step.
        n_steps: Of the input.
        asked: Layers whose states are kept.

    Raises:
        DataError: the class is read from a run of another length.
    """
    start, unit, offset = 0, np.ones(1), np.zeros(1)
    if net.decode is None:
        return part
    if isinstance(net, Program):
        output = net.layer(net.output)
        start = output.start
        unit, offset = (output.v_per_unit, output.v_offset) if net.readout != "spikes" else (unit, offset)
    read = part.counts[net.output] if part.scores_BN is None else part.scores_BN
    states = part.layers.get(net.output)
    scores = host_scores(net.readout, net.decode, read, states, slice(start, start + n_steps), unit, offset)
    return part._replace(scores_BN=scores, layers={name: one for name, one in part.layers.items() if name in asked})


def host_scores(
    readout: str,
    decode: Decode,
    read_BN: np.ndarray,
    states: LayerTrace | None,
    steps: slice,
    unit: np.ndarray | float,
    offset: np.ndarray | float,
) -> np.ndarray:
    """Return the scores (B, C) that the host makes.

    Args:
        read_BN: The readout of all steps.
        states: Of the output, where it is read by step.
        steps: Those of the input, at the output.
        unit, offset: The potential that stands for 1, and for 0.

    Raises:
        DataError: the class is read from a run of another length.
    """
    if not decode.by_step(readout) or states is None:
        return decode.scores(read_BN if readout == "spikes" else (read_BN - offset) / unit)
    weights = decode.weights(steps.stop - steps.start)
    x_BTN = states.spikes_BTN[:, steps] if readout == "spikes" else (states.v_BTN[:, steps] - offset) / unit
    x_BTN = softmax(np.ascontiguousarray(x_BTN)) if readout == rules.SOFTMAX else x_BTN
    if readout == "v_max":
        return decode.scores(x_BTN[:, weights != 0].max(axis=1))
    return decode.scores((x_BTN * weights[:, None]).sum(axis=1))
