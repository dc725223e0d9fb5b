"""torch's own layers as NIR nodes; pooling is sums of windows, times what each is divided by."""

import math
from dataclasses import replace
from functools import partial
from typing import Any

import nir
import numpy as np
import torch
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.graph.linear import MOST_ENTRIES
from neurodeploy.graph.metadata import wrapped
from neurodeploy.reading.leaves import Built, ChipNeurons, Memoryless, Shape, Source, numbers


def linear(module: nn.Linear) -> Memoryless:
    """Return a fully connected layer; of more axes than one, a convolution of one tap over the others."""

    def build(shape: Shape, _out: Shape) -> Built:
        weight, bias = numbers(module.weight), bias_of(module)
        if len(shape) == 1:
            return _weighted(module, dense(weight, bias))
        bias = np.zeros(len(weight)) if bias is None else bias
        return Built({"": one_tap(weight, shape[1:], bias)})

    return Memoryless(lambda n_axes: range(1, max(n_axes, 2)), build, channels_last=True)


def one_tap(weight_KC: np.ndarray, size: Shape, bias_K: np.ndarray, groups: int = 1) -> nir.NIRNode:
    """Return a convolution of one tap, which adds up channels at every place of one axis or two."""
    if len(size) == 1:
        return nir.Conv1d(size[0], weight_KC[:, :, None], 1, 0, 1, groups, bias_K)
    return nir.Conv2d(size, weight_KC[:, :, None, None], (1, 1), (0, 0), (1, 1), groups, bias_K)


def _weighted(module: Any, node: nir.NIRNode) -> Built:
    """Return the node of a layer whose weights and bias are the node's."""
    return Built({"": node}, weights={"": Source(module, bias=None if module.bias is None else "bias")})


def dense(weight: np.ndarray, bias: np.ndarray | None) -> nir.NIRNode:
    """Return the node of a weight matrix (outputs, inputs)."""
    return nir.Linear(weight=weight) if bias is None else nir.Affine(weight=weight, bias=bias)


def bias_of(module: Any) -> np.ndarray | None:
    """Return a module's bias, None where it has none."""
    return None if module.bias is None else numbers(module.bias)


def convolution(module: nn.Conv1d | nn.Conv2d) -> Memoryless:
    """Return a convolution along one axis or two."""
    axes = len(module.kernel_size) + 1
    return Memoryless(lambda _: (axes,), lambda shape, _out: _weighted(module, convolved(module, shape)))


def convolved(module: Any, shape: Shape) -> nir.NIRNode:
    """Return the node of a convolution of images of `shape` (channels, rows, columns), or (channels, places)."""
    if module.padding_mode != "zeros":
        raise FrameworkError(f"padding_mode is {module.padding_mode!r}; zeros are allowed")
    weight, bias, flat = numbers(module.weight), bias_of(module), len(shape) == 2

    def sizes(value: Any) -> Any:
        return value if isinstance(value, str) else value[0] if flat else tuple(value)

    return (nir.Conv1d if flat else nir.Conv2d)(
        input_shape=sizes(shape[1:]),
        weight=weight,
        stride=sizes(module.stride),
        padding=sizes(module.padding),
        dilation=sizes(module.dilation),
        groups=module.groups,
        bias=np.zeros(len(weight)) if bias is None else bias,
    )


def batch_norm(module: Any) -> Memoryless | None:
    """Return a batch norm in evaluation: a factor and a bias for each channel."""
    if module.training or module.running_mean is None:
        return None

    def build(shape: Shape, _out: Shape) -> Built:
        factor, shift = folded(module)
        if len(shape) == 1:
            return Built({"": nir.Affine(weight=np.diag(factor), bias=shift)})
        return Built({"": one_tap(factor[:, None], shape[1:], shift, len(factor))})

    if isinstance(module, nn.BatchNorm2d):
        return Memoryless(lambda _: (3,), build)
    # Of one axis or two. SpikingJelly's take a sequence as well, with one more in front.
    sequence = getattr(module, "step_mode", "s") == "m"
    return Memoryless(lambda n_axes: (n_axes - 1 - sequence,), build)


def folded(module: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the factor and the shift of each channel of a batch norm in evaluation."""
    factor = 1 / np.sqrt(numbers(module.running_var) + module.eps)
    if module.weight is not None:
        factor = factor * numbers(module.weight)
    shift = -numbers(module.running_mean) * factor
    return factor, shift if module.bias is None else shift + numbers(module.bias)


SPIKE = 0.5
"""Between no spike and one."""
Sizes = tuple[int, ...]


def average(module: Any, n_axes: int) -> Memoryless:
    """Return average pooling along `n_axes` axes."""

    def build(shape: Shape, out: Shape) -> Built:
        kernel, stride, padding = window = _window(module, n_axes, shape, out)
        divisor = getattr(module, "divisor_override", None) or math.prod(kernel)
        if module.count_include_pad or not any(padding):
            if divisor == math.prod(kernel):
                return Built({"": _windows(shape, *window, average=True)})
            scale = np.full(out, 1 / divisor)
        else:  # a window at the border is divided by what it sees of the picture
            seen = nn.functional.avg_pool2d if n_axes == 2 else nn.functional.avg_pool1d
            share = numbers(seen(torch.ones(shape), kernel, stride, padding, count_include_pad=True).double())
            scale = 1 / np.rint(share * math.prod(kernel))
            scale = scale if getattr(module, "divisor_override", None) is None else np.full(out, 1 / divisor)
        return Built({"": _windows(shape, *window), "scale": nir.Scale(scale=scale)}, (("", "scale"),), exit="scale")

    return Memoryless(lambda _: (n_axes + 1,), build)


def adaptive(module: Any, n_axes: int) -> Memoryless:
    """Return average pooling down to a given size: whole windows, or a matrix where they overlap."""

    def build(shape: Shape, out: Shape) -> Built:
        if not any(size % wanted for size, wanted in zip(shape[1:], out[1:], strict=True)):
            kernel = tuple(size // wanted for size, wanted in zip(shape[1:], out[1:], strict=True))
            return Built({"": _windows(shape, kernel, kernel, (0,) * n_axes, average=True)})
        if math.prod(shape) * math.prod(out) > MOST_ENTRIES:
            raise FrameworkError(
                f"pools {shape[1:]} to {out[1:]} in windows that overlap, which only a matrix of "
                f"{math.prod(shape) * math.prod(out)} weights does, {MOST_ENTRIES} are allowed; take a size that "
                "divides"
            )
        units = torch.eye(math.prod(shape[1:]), dtype=torch.float64).unflatten(1, shape[1:])
        seen: Any = (nn.functional.adaptive_avg_pool1d, nn.functional.adaptive_avg_pool2d)[n_axes - 1]
        pooled = numbers(seen(units[:, None], out[1:])).reshape(len(units), -1)
        matrix = nir.Linear(np.kron(np.eye(shape[0]), pooled.T))
        picture = one_tap(np.ones((out[0], 1)), out[1:], np.zeros(out[0]), out[0])
        return Built({"matrix": matrix, "": picture}, (("matrix", ""),), entry="matrix")

    return Memoryless(lambda _: (n_axes + 1,), build)


class ExactSum(ChipNeurons):
    """Spikes are added up and held against a threshold between: exact in any integers, so nothing has to be kept."""

    exact = True


def above(threshold: float, shape: Shape) -> Built:
    """Return neurons without memory, which fire at every step anew."""
    node = nir.Threshold(threshold=np.full(shape, threshold), metadata=wrapped(reset="zero"))
    return Built({"": node}, chip=ExactSum())


def maximum(module: Any, n_axes: int) -> Memoryless:
    """Return maximum pooling of spikes: one where any arrives, which a neuron without memory does."""

    def build(shape: Shape, out: Shape) -> Built:
        if module.return_indices or module.dilation not in (1, (1,) * n_axes):
            raise FrameworkError("has a dilation or returns indices; leave that out")
        neurons = above(SPIKE, out)
        return replace(
            neurons,
            nodes={"sum": _windows(shape, *_window(module, n_axes, shape, out)), **neurons.nodes},
            edges=(("sum", ""),),
            entry="sum",
            notes=("maximum pooling of spikes became sum pooling and a threshold of a half: neurons of their own",),
        )

    return Memoryless(lambda _: (n_axes + 1,), build, needs_spikes=True, spikes=True)


def _window(module: Any, n_axes: int, shape: Shape, out: Shape) -> tuple[Sizes, Sizes, Sizes]:
    """Return kernel, stride and padding along each axis, of windows that none is cut off."""
    kernel, stride, padding = (
        tuple(value) if isinstance(value, tuple) else (value,) * n_axes
        for value in (module.kernel_size, module.stride or module.kernel_size, module.padding)
    )
    each = zip(shape[1:], kernel, stride, padding, strict=True)
    if out[1:] != tuple((size + 2 * pad - taps) // step + 1 for size, taps, step, pad in each):
        raise FrameworkError("has ceil_mode, and its last window is cut off; only whole windows are allowed")
    return kernel, stride, padding


def _windows(shape: Shape, kernel: Sizes, stride: Sizes, padding: Sizes, average: bool = False) -> nir.NIRNode:
    """Return the node that adds up windows; NIR's pools have two axes, along one it is a convolution."""
    if len(shape) == 3:
        kind = nir.AvgPool2d if average else nir.SumPool2d
        return kind(kernel_size=np.array(kernel), stride=np.array(stride), padding=np.array(padding))
    weight = np.full((shape[0], 1, *kernel), 1 / kernel[0] if average else 1.0)
    return nir.Conv1d(shape[1], weight, stride[0], padding[0], 1, shape[0], np.zeros(shape[0]))


LEAVES = {
    "Linear": linear,
    "Conv1d": convolution,
    "Conv2d": convolution,
    "BatchNorm1d": batch_norm,
    "BatchNorm2d": batch_norm,
    "AvgPool1d": partial(average, n_axes=1),
    "AvgPool2d": partial(average, n_axes=2),
    "AdaptiveAvgPool1d": partial(adaptive, n_axes=1),
    "AdaptiveAvgPool2d": partial(adaptive, n_axes=2),
    "MaxPool1d": partial(maximum, n_axes=1),
    "MaxPool2d": partial(maximum, n_axes=2),
}
"""All of torch's own modules that are read."""
