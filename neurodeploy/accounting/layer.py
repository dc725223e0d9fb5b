"""Any layer's operations from arrays: weights or a geometry, and what it was fed.

Axes: S sample, T step, I input of the layer, O output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodeploy.accounting.conventions import CONVENTIONS, Connected, Sent, by_convention, wires
from neurodeploy.accounting.counts import row_of
from neurodeploy.accounting.tally import Spread
from neurodeploy.errors import DataError
from neurodeploy.graph.linear import LinearMap
from neurodeploy.program.window import Window


@dataclass(frozen=True, eq=False)
class Weights(LinearMap):
    """A layer that has no name: a matrix (O, I), or a kernel with its window."""

    name: str = "layer"
    source: str = "input"
    target: str = "layer"


def count_layer(layer: Connected | Window | np.ndarray, inputs: np.ndarray) -> dict[str, Any]:
    """Return the counts of one layer, of any tool, per sample, as plain values for JSON.

    Args:
        layer: A connection, weights (O, I), or the geometry of a convolution whose weights are all taken as
            non-zero.
        inputs: What it was fed, spikes, counts or real numbers, (samples, steps, …); the axes after the
            second are flattened in C order.

    Keys: `samples`, `steps`, `events_per_sample`, `synops` {mean, min, max, sd} over the samples, `conventions`, and
    those of `accounting.counts.ConnectionCounts`.

    Raises:
        DataError: the inputs do not fit the layer, or are not finite.

    >>> weight = np.array([[1, 0], [2, 3], [0, 0]])
    >>> found = count_layer(weight, np.array([[[1, 1], [0, 2]]]))
    >>> found["synops_per_sample"], found["by_convention"]["value_weighted"]
    (4.0, 12.0)
    """
    one = _connected(layer)
    values_STI = _checked(one, np.asarray(inputs))
    to = wires(one)
    events_SI = np.count_nonzero(values_STI, axis=1)
    binary = bool(((values_STI == 0) | (values_STI == 1)).all())
    sums_I = values_STI.sum(axis=(0, 1), dtype=np.float64 if values_STI.dtype.kind == "f" else np.int64)
    sent = Sent(events_SI.sum(axis=0), sums_I, binary)
    n_samples, n_steps = values_STI.shape[:2]
    row = row_of(one, by_convention(sent, to), sent, to, n_samples, n_steps, values=not binary).to_dict()
    return {
        "samples": n_samples,
        "steps": n_steps,
        "events_per_sample": float(events_SI.sum()) / n_samples,
        "synops": Spread.of(events_SI @ to.nonzero_I).plain(),
        "conventions": CONVENTIONS,
    } | {key: value for key, value in row.items() if key not in ("name", "source", "target", "kind")}


def _connected(layer: Connected | Window | np.ndarray) -> Connected:
    if isinstance(layer, Window):
        problem = layer.problem()
        if problem:
            raise DataError(f"layer: {problem}")
        return Weights(np.ones(layer.weight_shape, np.int8), layer)
    if isinstance(layer, np.ndarray):
        if layer.ndim != 2:
            raise DataError(f"layer: weights have shape {layer.shape}, (outputs, inputs) is needed; or give a Window")
        return Weights(layer)
    return layer


def _checked(one: Connected, inputs: np.ndarray) -> np.ndarray:
    if inputs.ndim < 3 or not inputs.size:
        raise DataError(f"inputs: have shape {inputs.shape}, (samples, steps, channels) is needed")
    if inputs.dtype.kind not in "biuf":
        raise DataError(f"inputs: hold {inputs.dtype}, numbers are needed")
    flat = inputs.reshape(*inputs.shape[:2], -1)
    if flat.shape[2] != one.n_inputs:
        raise DataError(f"inputs: have {flat.shape[2]} channels, the layer takes {one.n_inputs}")
    if flat.dtype.kind == "f" and not np.isfinite(flat).all():
        raise DataError("inputs: hold values that are not finite; clean them first")
    return flat
