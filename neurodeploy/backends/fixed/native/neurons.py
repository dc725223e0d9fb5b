"""The numbers of one layer's neurons as the compiled kernels read them.

Axes: N inner neurons of the layer, padding included.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.fixedpoint import rules
from neurodeploy.program.cells import Adaptive, Cells, Resonator
from neurodeploy.program.layer import Layer, SigmaDelta
from neurodeploy.program.populations import AnyLayer


def rows_of(layer: AnyLayer) -> dict[int, Any]:
    """Return what the rows of the table of neurons hold for a layer; what is not named stays as it is."""
    if isinstance(layer, SigmaDelta):
        return {c.BIAS: layer.effective_bias, c.THRESHOLD: layer.threshold}
    if isinstance(layer, Adaptive):
        return {c.BIAS: layer.bias, c.THRESHOLD: layer.vth, c.PUSH_U: layer.jump, c.PUSH_V: -layer.drop}
    if isinstance(layer, Resonator):
        return {c.BIAS: layer.bias, c.THRESHOLD: layer.vth, c.PUSH_U: -layer.drop_y, c.PUSH_V: -layer.drop}
    assert isinstance(layer, Layer), layer.kind
    return {
        c.KEPT_U: rules.kept_of_current(layer.du),
        c.KEPT_V: rules.kept_of_potential(layer.dv),
        c.BIAS: rules.effective_bias(layer.bias_mant, layer.bias_exp),
        c.THRESHOLD: layer.vth << rules.ALIGN_SHIFT,
        c.U_INIT: layer.u_init,
        c.V_INIT: layer.v_init,
    }


def packed(layer: Layer | Cells, rows: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return all that a step of leaky neurons or cells needs, flat, the numbers of eight neurons together.

    They are the rows KEPT_U to THRESHOLD, and of cells the coefficients as fractions, which float64
    holds exactly, each as the two int32 it is stored in.

    Args:
        rows: The layer's part of the table of neurons (6, N).
        order: The layer's neuron of each inner one.
    """
    integers = _by_eight(rows[: c.NUMBERS])
    if not isinstance(layer, Cells):
        return integers.ravel()
    coefficients = np.zeros((c.NUMBERS, rows.shape[1]))
    for key, value in _coefficients(layer).items():
        coefficients[key, : len(order)] = value[order] / (1 << layer.fraction_bits)
    return np.concatenate([integers, _by_eight(coefficients).view(np.int32)], axis=1).ravel()


def _by_eight(rows: np.ndarray) -> np.ndarray:
    """Return rows of neurons as one row for each eight neurons."""
    blocks = rows.reshape(len(rows), -1, c.EIGHT).transpose(1, 0, 2)
    return np.ascontiguousarray(blocks).reshape(len(blocks), -1)


def _coefficients(layer: Cells) -> dict[int, np.ndarray]:
    if isinstance(layer, Adaptive):
        return {c.U_TO_U: layer.beta, c.V_TO_U: layer.a, c.V_TO_V: layer.alpha, c.U_TO_V: -layer.gain}
    assert isinstance(layer, Resonator), layer.kind
    return {c.U_TO_U: layer.re, c.V_TO_U: layer.im}
