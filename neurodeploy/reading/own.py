"""The module's own answer: its scores and classes, on the sample input and on further samples.

Axes: B sample, T step, C class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from neurodeploy.reading.answers import Answer
from neurodeploy.reading.inputs import InputOrder
from neurodeploy.reading.operations import tensors
from neurodeploy.reading.outputs import Output

AT_ONCE = 64
"""Samples that a module is run on together."""
SAME_SCORE = 1e-3
"""Of the largest score: by how much the same ones may differ, as potentials may."""


@dataclass(frozen=True, eq=False)
class OwnAnswer:
    """What a module itself answers.

    Attributes:
        values: Its scores (B, C) on the sample input; its classes (B,) where it gives no more.
        answer: How they are made of its last layer.
        of: From what the module gives for a batch to `values`.
        run: From a batch like the sample input to what the module gives.
        inputs: How (B, T, F) becomes such a batch; None where the graph's input is not the module's.
    """

    values: np.ndarray
    answer: Answer
    of: Callable[[Any], np.ndarray]
    run: Callable[[Any], Any]
    inputs: InputOrder | None

    @property
    def classes_B(self) -> np.ndarray:
        """The module's class of each sample of the sample input."""
        return _classes(self.values)

    def classes(self, inputs_BTF: np.ndarray) -> np.ndarray | None:
        """Return the module's class of each sample (B,), None where the graph's input, or its steps, are not those
        of the sample input.

        Raises:
            FrameworkError: the module cannot be run on them.
        """
        if self.inputs is None or inputs_BTF.shape[1] != self.inputs.n_steps:
            return None
        some = range(0, len(inputs_BTF), AT_ONCE if self.inputs.sample_axis is not None else 1)
        batches = (self.inputs.back(inputs_BTF[first : first + some.step]) for first in some)
        return np.concatenate([_classes(self.of(self.run(one))) for one in batches])

    def unlike(self, scores_BC: np.ndarray) -> np.ndarray:
        """Return in which samples scores of a readout are not the module's (B,), but for float32's rounding."""
        if self.values.ndim == 1:
            found: np.ndarray = scores_BC.argmax(axis=1) != self.values
            return found
        scores, own = scores_BC * self.answer.scale, self.values
        if self.answer.last:
            scores = scores - np.log(np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
            scores = scores - scores_BC.max(axis=1, keepdims=True) * self.answer.scale
            scores = np.exp(scores) if self.answer.last == "softmax" else scores
        elif self.answer.word == "log_softmax":
            scores, own = (one - one.mean(axis=1, keepdims=True) for one in (scores, own))
        apart: np.ndarray = np.abs(scores - own).max(axis=1) > SAME_SCORE * max(float(np.abs(own).max()), 1e-30)
        return apart


def _classes(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int64) if values.ndim == 1 else values.argmax(axis=1)


def own_answer(output: Output, result: Any, run: Callable[[Any], Any], inputs: InputOrder | None) -> OwnAnswer | None:
    """Return a module's own answer for what it gave; None where it leaves the class open or another was asked for.

    Args:
        run, inputs: See `OwnAnswer`.
    """
    answer = output.answer
    if answer is None or (answer.open and answer.last):
        return None
    by_readout: dict[str, Callable[..., Any]] = {
        "v_max": np.max,
        "v_last": lambda values, axis: values.take(-1, axis=axis),
        "softmax": _softmax,
    }
    adds_up = output.leak == 1.0 and answer.leak is None  # its own sums, which it leaves to be added up
    over_time = np.sum if adds_up else by_readout.get(output.readout, np.sum)

    def of(given: Any) -> np.ndarray:
        found: Sequence[torch.Tensor] = tensors(given)
        return answer.scores([found[one] for one in output.tensors], lambda one: over_time(one, axis=1))

    return OwnAnswer(of(result), answer, of, run, inputs)


def _softmax(values: np.ndarray, axis: int) -> np.ndarray:
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray((raised / raised.sum(axis=-1, keepdims=True)).sum(axis=axis))
