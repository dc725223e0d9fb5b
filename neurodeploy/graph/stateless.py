"""NIR's stateless nodes: what each does to values of a shape, checked first.

Matrices, factors, delays, and what only hands values on; convolutions and pools as windows. Of windows, shapes are
(channels, rows, columns), flattened in C order; one-dimensional convolutions have one row.
"""

import math
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.fixedpoint import rules
from neurodeploy.graph.linear import LinearMap
from neurodeploy.graph.node_type import (
    PASS,
    POOL,
    WAIT,
    Factors,
    Fields,
    Operation,
    Shape,
    Stateless,
    Wait,
    check_size,
    per_neuron,
    whole_numbers,
)
from neurodeploy.graph.stored import Tree
from neurodeploy.phrases import Phrase
from neurodeploy.program.window import Pair, Window

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


def _convolution(where: str, node: Any, shape: Shape, dt_s: float) -> tuple[Operation, Shape]:
    flat = isinstance(node, nir.Conv1d)
    weight = np.asarray(node.weight, np.float64)
    if weight.ndim != (3 if flat else 4) or not weight.size:
        axes = "(outputs, inputs, taps)" if flat else "(outputs, inputs, rows, columns)"
        raise GraphError(f"weights are {weight.shape}, {axes} are needed", "fix the shapes", where=where)
    if flat:
        weight = weight[:, :, None]
    groups = whole_numbers(where, "groups", node.groups, 1)[0]
    stride = _pair(where, "stride", node.stride, flat, 1)
    dilation = _pair(where, "dilation", node.dilation, flat, 1)
    stated = None if node.input_shape is None else whole_numbers(where, "input_shape", node.input_shape, 1)
    image = _image(where, shape, weight.shape[1] * groups, stated, flat)
    padding, weight, dilation = _padding(where, node.padding, weight, stride, dilation, flat)
    bias = getattr(node, "bias", None)
    if bias is not None and np.size(bias) != len(weight):
        raise GraphError(f"{np.size(bias)} biases for {len(weight)} output channels", "fix the shapes", where=where)
    kernel = (weight.shape[2], weight.shape[3])
    window = _checked(where, Window(image, len(weight), kernel, stride, padding, dilation, groups))
    return LinearMap(weight, window), window.output_shape


def _padding(
    where: str, stated: Any, weight: np.ndarray, stride: Pair, dilation: Pair, flat: bool
) -> tuple[Pair, np.ndarray, Pair]:
    """Return the padding before and after in numbers, and the kernel that goes with it.

    "same" puts the odd zero of an even kernel behind the image, as torch does. Here zeros are the same
    before and behind, so the kernel gets a tap of zeros in front.
    """
    word = stated.decode(errors="replace") if isinstance(stated, bytes) else stated
    if not isinstance(word, str):
        return _pair(where, "padding", word, flat, 0, fill=0), weight, dilation
    if word == "valid":
        return (0, 0), weight, dilation
    if word != "same":
        raise GraphError(f"padding is {word!r}", "'same', 'valid' or whole numbers are allowed", where=where)
    if stride != (1, 1):
        raise GraphError(
            f"padding 'same' with stride {stride} is not defined", "write the padding in numbers", where=where
        )
    if any(spread * (taps - 1) % 2 for taps, spread in zip(weight.shape[2:], dilation, strict=True)):
        check_size(where, len(weight) * weight.shape[1] * math.prod(_extents(weight.shape[2:], dilation)))
        full = np.zeros((*weight.shape[:2], *_extents(weight.shape[2:], dilation)))
        full[:, :, :: dilation[0], :: dilation[1]] = weight
        front = [(1 - taps % 2) for taps in full.shape[2:]]
        weight, dilation = np.pad(full, ((0, 0), (0, 0), (front[0], 0), (front[1], 0))), (1, 1)
    rows, columns = (size // 2 for size in _extents(weight.shape[2:], dilation))
    return (rows, columns), weight, dilation


def _extents(kernel: tuple[int, ...], dilation: Pair) -> tuple[int, int]:
    rows, columns = (spread * (taps - 1) + 1 for taps, spread in zip(kernel, dilation, strict=True))
    return rows, columns


def _pool(where: str, node: Any, shape: Shape, dt_s: float) -> tuple[Operation, Shape]:
    if len(shape) == 4 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 3:
        raise GraphError(
            f"values of shape {shape} arrive, (channels, rows, columns) are needed",
            "pool before flattening",
            where=where,
        )
    kernel = _pair(where, "kernel_size", node.kernel_size, False, 1)
    stride = _pair(where, "stride", node.stride, False, 1)
    padding = _pair(where, "padding", node.padding, False, 0)
    window = Window((shape[0], shape[1], shape[2]), shape[0], kernel, stride, padding, groups=shape[0])
    _checked(where, window)
    share = 1.0 if isinstance(node, nir.SumPool2d) else 1.0 / math.prod(kernel)
    return LinearMap(np.full(window.weight_shape, share), window), window.output_shape


def _image(where: str, shape: Shape, channels: int, stated: Shape | None, flat: bool) -> tuple[int, int, int]:
    """Return the (channels, rows, columns) that a convolution sees in values of `shape`."""
    if stated is not None and len(stated) != (1 if flat else 2):
        raise GraphError(
            f"input_shape is {stated}, {1 if flat else 2} size(s) are needed", "fix the shapes", where=where
        )
    while len(shape) > (2 if flat else 3) and shape[0] == 1:
        shape = shape[1:]
    if flat and len(shape) == 3 and shape[1] == 1:
        shape = (shape[0], shape[2])
    if len(shape) == (1 if flat else 2) and channels == 1:
        shape = (1, *shape)
    if len(shape) == 1 and stated is not None and shape[0] == channels * math.prod(stated):
        shape = (channels, *stated)
    wanted = (channels, *(stated or shape[1:]))
    if len(shape) != (2 if flat else 3) or shape != wanted:
        axes = "columns" if flat else "rows, columns"
        expected = wanted if stated is not None else f"({channels} channels, {axes})"
        raise GraphError(f"values of shape {shape} arrive, {expected} were expected", "fix the shapes", where=where)
    return (shape[0], 1, shape[1]) if flat else (shape[0], shape[1], shape[2])


def _checked(where: str, window: Window) -> Window:
    problem = window.problem()
    if problem:
        raise GraphError(f"{problem}", "fix the shapes", where=where)
    if any(pad >= extent for pad, extent in zip(window.padding, _extents(window.kernel, window.dilation), strict=True)):
        raise GraphError(
            f"padding {window.padding} reaches beyond a kernel of {window.kernel}", "lower it", where=where
        )
    return window


def _pair(where: str, key: str, value: Any, flat: bool, least: int, fill: int = 1) -> Pair:
    """Return a number for rows and one for columns; one-dimensional nodes get `fill` for the rows."""
    found = whole_numbers(where, key, value, least)
    if flat and len(found) == 1:
        return fill, found[0]
    if flat or len(found) > 2:
        raise GraphError(f"{key} is {found}, {'one' if flat else 'one or two'} whole numbers are needed", where=where)
    return found[0], found[-1]


def _with_bias(filled: Tree, given: Tree) -> str:
    if filled["bias"] is not None:
        return ""
    filled["bias"] = np.zeros(np.shape(filled["weight"])[:1], np.float32)
    return f"a {filled['type']} without a bias, read as one of zeros"


_KERNEL = Fields(("weight", "stride", "padding", "dilation", "groups"), (), {"bias": None, "input_shape": None})
_AREA = Fields(("kernel_size", "stride", "padding"))
_ALIKE = "as weights of 8 bits, all alike"

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
    Stateless(type=nir.Conv1d, fields=_KERNEL, complete=_with_bias, operation=_convolution, axes=2),
    Stateless(type=nir.Conv2d, fields=_KERNEL, complete=_with_bias, operation=_convolution, axes=3),
    Stateless(type=nir.SumPool2d, fields=_AREA, operation=_pool, role=POOL, axes=3, integers=_ALIKE),
    Stateless(type=nir.AvgPool2d, fields=_AREA, operation=_pool, role=POOL, axes=3, integers=_ALIKE),
)
