"""The numbers of one layer's neurons as the compiled kernels read them.

Axes: N inner neurons of the layer, padding included.
"""

from typing import Any, NamedTuple

import numpy as np

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.adaptive import ADAPTIVE
from neurodeploy.fixedpoint.dynamics.integrator import INTEGRATOR
from neurodeploy.fixedpoint.dynamics.resonator import RESONATOR
from neurodeploy.program.dynamics import AnyLayer, DynamicsLayer
from neurodeploy.program.layer import Layer, SigmaDelta


class Kernel(NamedTuple):
    """A compiled step of neurons that are equations.

    Attributes:
        code: Of the kind of layer, by which `per_neuron` chooses the step.
        jumps, coefficients: By row of the layer's numbers, (sign, number that stands there).
    """

    code: int
    jumps: dict[int, tuple[int, str]]
    coefficients: dict[int, tuple[int, str]]


KERNELS = {
    ADAPTIVE.name: Kernel(
        c.ADAPTIVE,
        {c.PUSH_U: (1, "jump"), c.PUSH_V: (-1, "drop")},
        {c.U_TO_U: (1, "beta"), c.V_TO_U: (1, "a"), c.V_TO_V: (1, "alpha"), c.U_TO_V: (-1, "gain")},
    ),
    RESONATOR.name: Kernel(
        c.RESONATOR, {c.PUSH_U: (-1, "drop_y"), c.PUSH_V: (-1, "drop")}, {c.U_TO_U: (1, "re"), c.V_TO_U: (1, "im")}
    ),
    INTEGRATOR.name: Kernel(c.INTEGRATOR, {}, {}),
}
"""By the neuron's name; one that is not here runs in the plain engine."""


def rows_of(layer: AnyLayer) -> dict[int, Any]:
    """Return what the rows of the table of neurons hold for a layer; what is not named stays as it is."""
    if isinstance(layer, SigmaDelta):
        return {c.BIAS: layer.numbers["bias"], c.THRESHOLD: layer.threshold}
    if layer.kind == INTEGRATOR.name:
        return {c.KEPT_V: layer.numbers["alpha"], c.BIAS: layer.numbers["bias"]}
    if isinstance(layer, DynamicsLayer):
        jumps = KERNELS[layer.kind].jumps.items()
        pushes = {row: sign * getattr(layer, number) for row, (sign, number) in jumps}
        return {c.BIAS: layer.bias, c.THRESHOLD: layer.threshold} | pushes
    assert isinstance(layer, Layer)
    return {
        c.KEPT_U: rules.kept_of_current(layer.du),
        c.KEPT_V: rules.kept_of_potential(layer.dv),
        c.BIAS: rules.effective_bias(layer.bias_mant, layer.bias_exp),
        c.THRESHOLD: (layer.vth << rules.ALIGN_SHIFT) - layer.at_threshold,
        c.U_INIT: layer.u_init,
        c.V_INIT: layer.v_init,
        c.REST_INIT: layer.rest_init,
    }


def packed(layer: Layer | DynamicsLayer, rows: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return all that a step of neurons needs, flat, the numbers of eight neurons together.

    They are the rows KEPT_U to THRESHOLD, and of neurons that are equations the coefficients as fractions, which
    float64 holds exactly, each as the two int32 it is stored in.

    Args:
        rows: The layer's part of the table of neurons (7, N).
        order: The layer's neuron of each inner one.
    """
    integers = _by_eight(rows[: c.NUMBERS])
    if not isinstance(layer, DynamicsLayer):
        return integers.ravel()
    coefficients = np.zeros((c.NUMBERS, rows.shape[1]))
    for row, (sign, number) in KERNELS[layer.kind].coefficients.items():
        coefficients[row, : len(order)] = sign * getattr(layer, number)[order] / (1 << layer.fraction_bits)
    return np.concatenate([integers, _by_eight(coefficients).view(np.int32)], axis=1).ravel()


def _by_eight(rows: np.ndarray) -> np.ndarray:
    """Return rows of neurons as one row for each eight neurons."""
    blocks = rows.reshape(len(rows), -1, c.EIGHT).transpose(1, 0, 2)
    return np.ascontiguousarray(blocks).reshape(len(blocks), -1)
