"""One stateless NIR node after the other: what it does to values of a given shape, checked first.

Shapes are (channels, rows, columns), flattened in C order; one-dimensional convolutions have one row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.fixedpoint import rules
from neurodeploy.graph.linear import MOST_ENTRIES, LinearMap
from neurodeploy.program.window import Pair, Window

CONVOLUTIONS = (nir.Conv1d, nir.Conv2d)
POOLS = (nir.SumPool2d, nir.AvgPool2d)
WEIGHTED = (nir.Linear, nir.Affine, nir.Scale, *CONVOLUTIONS, *POOLS)
"""Nodes that have a say in the weights of a path."""
STATELESS_TYPES = (*WEIGHTED, nir.Flatten, nir.Delay, nir.Input, nir.Output)
WHOLE_STEPS = 1e-3
"""Of a step: delays come from float32 files."""
Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Factors:
    """Every value times its factor, (1,) or one each."""

    factors: np.ndarray


@dataclass(frozen=True, eq=False)
class Wait:
    """Every value so many steps later, (1,) or one each."""

    steps: np.ndarray


Operation = Factors | Wait | LinearMap


def operation(where: str, node: nir.NIRNode, shape: Shape, dt_s: float) -> tuple[Operation | None, Shape]:
    """Return what a node does to values of `shape`, None for nothing, and their shape after it.

    Args:
        where: File and node, for messages.
        dt_s: Time step, seconds.

    Raises:
        GraphError: the values do not fit the node, or its numbers mean nothing.
    """
    size = math.prod(shape)
    if isinstance(node, nir.Linear | nir.Affine):
        weight = np.asarray(node.weight, dtype=np.float64)
        if weight.ndim != 2 or weight.shape[1] != size:
            raise GraphError(f"{where}: weights are {weight.shape}, {size} inputs arrive; fix the shapes")
        bias = getattr(node, "bias", None)
        if bias is not None and np.size(bias) != len(weight):
            raise GraphError(f"{where}: {np.size(bias)} biases for {len(weight)} outputs; fix the shapes")
        return LinearMap(weight), (len(weight),)
    if isinstance(node, nir.Scale):
        factors = np.asarray(node.scale, np.float64).ravel()
        if len(factors) not in (1, size):
            raise GraphError(f"{where}: {len(factors)} scales, {size} inputs arrive; fix the shapes")
        return Factors(factors), shape
    if isinstance(node, nir.Delay):
        return Wait(_steps(where, node, shape, dt_s)), shape
    if isinstance(node, CONVOLUTIONS):
        linear = _convolution(where, node, shape)
    elif isinstance(node, POOLS):
        linear = _pool(where, node, shape)
    else:
        return None, (size,) if isinstance(node, nir.Flatten) else shape
    assert linear.window is not None
    return linear, linear.window.output_shape


def _steps(where: str, node: nir.Delay, shape: Shape, dt_s: float) -> np.ndarray:
    delay_s = np.asarray(node.delay, np.float64).ravel()
    size = math.prod(shape)
    if len(delay_s) not in (1, shape[0], size):
        raise GraphError(f"{where}: {len(delay_s)} delays, {size} values arrive; give one, or one for each")
    if len(delay_s) == shape[0] != size:
        delay_s = np.repeat(delay_s, size // len(delay_s))
    exact = delay_s / dt_s
    steps = np.rint(exact)
    if (np.abs(exact - steps) > WHOLE_STEPS).any():
        odd = float(delay_s[np.abs(exact - steps).argmax()])
        raise GraphError(
            f"{where}: a delay of {odd:g} s is {odd / dt_s:g} steps of {dt_s:g} s, whole steps are needed; give a --dt "
            "that divides it"
        )
    if steps.min() < 0 or steps.max() > rules.DELAY_MAX:
        raise GraphError(
            f"{where}: delays of {steps.min():g} to {steps.max():g} steps, 0 to {rules.DELAY_MAX} are allowed; give a "
            "larger --dt, or shorten them"
        )
    return steps.astype(np.int64)


def _convolution(where: str, node: Any, shape: Shape) -> LinearMap:
    flat = isinstance(node, nir.Conv1d)
    weight = np.asarray(node.weight, np.float64)
    if weight.ndim != (3 if flat else 4) or not weight.size:
        axes = "(outputs, inputs, taps)" if flat else "(outputs, inputs, rows, columns)"
        raise GraphError(f"{where}: weights are {weight.shape}, {axes} are needed; fix the shapes")
    if flat:
        weight = weight[:, :, None]
    groups = _numbers(where, "groups", node.groups, 1)[0]
    stride = _pair(where, "stride", node.stride, flat, 1)
    dilation = _pair(where, "dilation", node.dilation, flat, 1)
    stated = None if node.input_shape is None else _sizes(where, "input_shape", node.input_shape)
    image = _image(where, shape, weight.shape[1] * groups, stated, flat)
    padding, weight, dilation = _padding(where, node.padding, weight, stride, dilation, flat)
    bias = getattr(node, "bias", None)
    if bias is not None and np.size(bias) != len(weight):
        raise GraphError(f"{where}: {np.size(bias)} biases for {len(weight)} output channels; fix the shapes")
    kernel = (weight.shape[2], weight.shape[3])
    window = Window(image, len(weight), kernel, stride, padding, dilation, groups)
    return LinearMap(weight, _checked(where, window))


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
        raise GraphError(f"{where}: padding is {word!r}; 'same', 'valid' or whole numbers are allowed")
    if stride != (1, 1):
        raise GraphError(f"{where}: padding 'same' with stride {stride} is not defined; write the padding in numbers")
    if any(spread * (taps - 1) % 2 for taps, spread in zip(weight.shape[2:], dilation, strict=True)):
        _check_size(where, len(weight) * weight.shape[1] * math.prod(_extents(weight.shape[2:], dilation)))
        full = np.zeros((*weight.shape[:2], *_extents(weight.shape[2:], dilation)))
        full[:, :, :: dilation[0], :: dilation[1]] = weight
        front = [(1 - taps % 2) for taps in full.shape[2:]]
        weight, dilation = np.pad(full, ((0, 0), (0, 0), (front[0], 0), (front[1], 0))), (1, 1)
    rows, columns = (size // 2 for size in _extents(weight.shape[2:], dilation))
    return (rows, columns), weight, dilation


def _extents(kernel: tuple[int, ...], dilation: Pair) -> tuple[int, int]:
    rows, columns = (spread * (taps - 1) + 1 for taps, spread in zip(kernel, dilation, strict=True))
    return rows, columns


def _pool(where: str, node: Any, shape: Shape) -> LinearMap:
    if len(shape) == 4 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 3:
        raise GraphError(
            f"{where}: values of shape {shape} arrive, (channels, rows, columns) are needed; pool before flattening"
        )
    kernel = _pair(where, "kernel_size", node.kernel_size, False, 1)
    stride = _pair(where, "stride", node.stride, False, 1)
    padding = _pair(where, "padding", node.padding, False, 0)
    window = Window((shape[0], shape[1], shape[2]), shape[0], kernel, stride, padding, groups=shape[0])
    _checked(where, window)
    share = 1.0 if isinstance(node, nir.SumPool2d) else 1.0 / math.prod(kernel)
    return LinearMap(np.full(window.weight_shape, share), window)


def _image(where: str, shape: Shape, channels: int, stated: Shape | None, flat: bool) -> tuple[int, int, int]:
    """Return the (channels, rows, columns) that a convolution sees in values of `shape`."""
    if stated is not None and len(stated) != (1 if flat else 2):
        raise GraphError(f"{where}: input_shape is {stated}, {1 if flat else 2} size(s) are needed; fix the shapes")
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
        raise GraphError(f"{where}: values of shape {shape} arrive, {expected} were expected; fix the shapes")
    return (shape[0], 1, shape[1]) if flat else (shape[0], shape[1], shape[2])


def _checked(where: str, window: Window) -> Window:
    problem = window.problem()
    if problem:
        raise GraphError(f"{where}: {problem}; fix the shapes")
    if any(pad >= extent for pad, extent in zip(window.padding, _extents(window.kernel, window.dilation), strict=True)):
        raise GraphError(f"{where}: padding {window.padding} reaches beyond a kernel of {window.kernel}; lower it")
    channels, rows, columns = window.input_shape
    _check_size(where, channels * (rows + 2 * window.padding[0]) * (columns + 2 * window.padding[1]))
    _check_size(where, window.n_outputs)
    return window


def _check_size(where: str, size: int) -> None:
    if size > MOST_ENTRIES:
        raise GraphError(
            f"{where}: needs {size} values in one step, at most {MOST_ENTRIES} are allowed; check its sizes"
        )


def _pair(where: str, key: str, value: Any, flat: bool, least: int, fill: int = 1) -> Pair:
    """Return a number for rows and one for columns; one-dimensional nodes get `fill` for the rows."""
    found = _numbers(where, key, value, least)
    if flat and len(found) == 1:
        return fill, found[0]
    if flat or len(found) > 2:
        raise GraphError(f"{where}: {key} is {found}, {'one' if flat else 'one or two'} whole numbers are needed")
    return found[0], found[-1]


def _sizes(where: str, key: str, value: Any) -> Shape:
    return _numbers(where, key, value, 1)


def _numbers(where: str, key: str, value: Any, least: int) -> tuple[int, ...]:
    """Return whole numbers from `least` up."""
    found = np.asarray(value)
    fits = found.dtype.kind in "iuf" and found.size > 0 and bool((found == np.trunc(found)).all())
    if not fits or found.min() < least or found.max() > MOST_ENTRIES:
        raise GraphError(f"{where}: {key} is {value}, whole numbers from {least} are needed; export the graph again")
    return tuple(int(one) for one in found.ravel())
