"""Matrices, factors, delays, and what only hands values on: what each does to values of a shape, checked first."""

import math
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.fixedpoint import rules
from neurodeploy.graph.linear import LinearMap
from neurodeploy.graph.node_type import PASS, WAIT, Factors, Fields, Operation, Shape, Stateless, Wait, per_neuron
from neurodeploy.graph.stored import Tree
from neurodeploy.phrases import Phrase

WHOLE_STEPS = 1e-3
"""Of a step: delays come from float32 files."""


def _matrix(where: str, node: Any, shape: Shape, dt_s: float) -> tuple[Operation, Shape]:
    weight = np.asarray(node.weight, dtype=np.float64)
    size = math.prod(shape)
    if weight.ndim != 2 or weight.shape[1] != size:
        raise GraphError(f"weights are {weight.shape}, {size} inputs arrive", "fix the shapes", where=where)
    bias = getattr(node, "bias", None)
    if bias is not None and np.size(bias) != len(weight):
        raise GraphError(f"{np.size(bias)} biases for {len(weight)} outputs", "fix the shapes", where=where)
    return LinearMap(weight), (len(weight),)


def _factors(where: str, node: Any, shape: Shape, dt_s: float) -> tuple[Operation, Shape]:
    factors, size = np.asarray(node.scale, np.float64).ravel(), math.prod(shape)
    if len(factors) not in (1, size):
        raise GraphError(f"{len(factors)} scales, {size} inputs arrive", "fix the shapes", where=where)
    return Factors(factors), shape


def _wait(where: str, node: Any, shape: Shape, dt_s: float) -> tuple[Operation, Shape]:
    delay_s = np.asarray(node.delay, np.float64).ravel()
    size = math.prod(shape)
    if len(delay_s) not in (1, shape[0], size):
        raise GraphError(f"{len(delay_s)} delays, {size} values arrive", "give one, or one for each", where=where)
    if len(delay_s) == shape[0] != size:
        delay_s = np.repeat(delay_s, size // len(delay_s))
    exact = delay_s / dt_s
    steps = np.rint(exact)
    if (np.abs(exact - steps) > WHOLE_STEPS).any():
        odd = float(delay_s[np.abs(exact - steps).argmax()])
        raise GraphError(
            f"a delay of {odd:g} s is {odd / dt_s:g} steps of {dt_s:g} s, whole steps are needed",
            Phrase("give a {dt_s} that divides it"),
            where=where,
        )
    if steps.min() < 0 or steps.max() > rules.DELAY_MAX:
        raise GraphError(
            f"delays of {steps.min():g} to {steps.max():g} steps, 0 to {rules.DELAY_MAX} are allowed",
            Phrase("give a larger {dt_s}, or shorten them"),
            where=where,
        )
    return Wait(steps.astype(np.int64)), shape


def _without_bias(filled: Tree, given: Tree) -> str:
    if filled["bias"] is not None:
        return ""
    filled["type"] = "Linear"
    del filled["bias"]
    return "an Affine without a bias, read as Linear"


def _end(direction: str) -> Stateless:
    kind = nir.Input if direction == "input" else nir.Output
    return Stateless(
        type=kind,
        fields=Fields((), (), {"shape": None}),
        arguments=lambda stored: {f"{direction}_type": {direction: stored["shape"]}, "metadata": stored["metadata"]},
        operation=lambda where, node, shape, dt_s: (None, shape),
        role=PASS,
        always="passes values on, in C order",
    )


TYPES = (
    Stateless(type=nir.Linear, fields=Fields(("weight",)), operation=_matrix, matrix=True),
    Stateless(
        type=nir.Affine,
        fields=Fields(("weight",), (), {"bias": None}),
        complete=_without_bias,
        operation=_matrix,
        matrix=True,
    ),
    Stateless(type=nir.Scale, fields=per_neuron("scale"), operation=_factors),
    Stateless(
        type=nir.Delay,
        fields=per_neuron("delay"),
        operation=_wait,
        role=WAIT,
        always=f"whole steps, up to {rules.DELAY_MAX}",
    ),
    Stateless(
        type=nir.Flatten,
        fields=Fields((), (), {"start_dim": 1, "end_dim": -1, "input_type": None}),
        arguments=lambda stored: stored | {"input_type": {"input": stored["input_type"]}},
        operation=lambda where, node, shape, dt_s: (None, (math.prod(shape),)),
        role=PASS,
        always="passes values on, in C order",
    ),
    _end("input"),
    _end("output"),
)
