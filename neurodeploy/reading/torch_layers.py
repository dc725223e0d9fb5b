"""torch's own layers as NIR nodes."""

from __future__ import annotations

import math
from typing import Any

import nir
import numpy as np
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.graph.metadata import wrapped
from neurodeploy.reading.leaves import Built, Memoryless, Shape, Source, numbers

SPIKE = 0.5
"""Between no spike and one."""


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


def _weighted(module: nn.Module, node: nir.NIRNode) -> Built:
    """Return the node of a layer whose weights and bias are the node's."""
    return Built({"": node}, weights={"": Source(module, bias=None if module.bias is None else "bias")})


def dense(weight: np.ndarray, bias: np.ndarray | None) -> nir.NIRNode:
    """Return the node of a weight matrix (outputs, inputs)."""
    return nir.Linear(weight=weight) if bias is None else nir.Affine(weight=weight, bias=bias)


def bias_of(module: Any) -> np.ndarray | None:
    """Return a module's bias, None where it has none."""
    return None if module.bias is None else numbers(module.bias)


def conv1d(module: nn.Conv1d) -> Memoryless:
    """Return a convolution along one axis."""
    return Memoryless(lambda _: (2,), lambda shape, _out: _weighted(module, _convolved(module, nir.Conv1d, shape[-1])))


def conv2d(module: nn.Conv2d) -> Memoryless:
    """Return a convolution along two axes."""
    return Memoryless(lambda _: (3,), lambda shape, _out: _weighted(module, convolution2d(module, shape)))


def convolution2d(module: nn.Conv2d, shape: Shape) -> nir.NIRNode:
    """Return the node of a convolution of images of `shape` (channels, rows, columns)."""
    return _convolved(module, nir.Conv2d, (shape[1], shape[2]))


def _convolved(module: Any, kind: Any, size: Any) -> nir.NIRNode:
    if module.padding_mode != "zeros":
        raise FrameworkError(f"padding_mode is {module.padding_mode!r}; zeros are allowed")
    weight, bias = numbers(module.weight), bias_of(module)
    flat = kind is nir.Conv1d

    def sizes(value: Any) -> Any:
        return value if isinstance(value, str) else value[0] if flat else tuple(value)

    return kind(
        input_shape=size,
        weight=weight,
        stride=sizes(module.stride),
        padding=sizes(module.padding),
        dilation=sizes(module.dilation),
        groups=module.groups,
        bias=np.zeros(len(weight)) if bias is None else bias,
    )


def avg_pool2d(module: nn.AvgPool2d) -> Memoryless:
    """Return average pooling: of sums where torch divides by another number."""

    def build(_in: Shape, _out: Shape) -> Built:
        kernel, stride, padding = _pooling(module, module.count_include_pad)
        size = math.prod(kernel)
        if module.divisor_override in (None, size):
            return Built({"": nir.AvgPool2d(kernel_size=kernel, stride=stride, padding=padding)})
        scale = np.full(_out, 1.0 / module.divisor_override)
        summed = nir.SumPool2d(kernel_size=kernel, stride=stride, padding=padding)
        return Built({"": summed, "scale": nir.Scale(scale=scale)}, (("", "scale"),), exit="scale")

    return Memoryless(lambda _: (3,), build)


def adaptive_avg_pool2d(module: nn.AdaptiveAvgPool2d) -> Memoryless:
    """Return average pooling down to a given size, in whole windows."""

    def build(shape: Shape, out: Shape) -> Built:
        if any(size % wanted for size, wanted in zip(shape[1:], out[1:], strict=True)):
            raise FrameworkError(f"pools {shape[1:]} to {out[1:]}; only whole windows are allowed")
        kernel = np.array(shape[1:]) // np.array(out[1:])
        return Built({"": nir.AvgPool2d(kernel_size=kernel, stride=kernel, padding=np.zeros(2, int))})

    return Memoryless(lambda _: (3,), build)


def max_pool2d(module: nn.MaxPool2d) -> Memoryless:
    """Return maximum pooling of spikes: one where any arrives, which a neuron without memory does."""

    def build(_in: Shape, out: Shape) -> Built:
        if module.return_indices or module.dilation not in (1, (1, 1)):
            raise FrameworkError("has a dilation or returns indices; leave that out")
        kernel, stride, padding = _pooling(module, True)
        return Built(
            {
                "sum": nir.SumPool2d(kernel_size=kernel, stride=stride, padding=padding),
                "": nir.Threshold(threshold=np.full(out, SPIKE), metadata=wrapped(reset="zero")),
            },
            (("sum", ""),),
            entry="sum",
            notes=("maximum pooling of spikes became sum pooling and a threshold of a half: neurons of their own",),
        )

    return Memoryless(lambda _: (3,), build, needs_spikes=True, spikes=True)


def _pooling(module: Any, counts_padding: bool) -> tuple[Any, Any, Any]:
    kernel, stride, padding = (
        np.array(value if isinstance(value, tuple) else (value, value))
        for value in (module.kernel_size, module.stride or module.kernel_size, module.padding)
    )
    if module.ceil_mode:
        raise FrameworkError("has ceil_mode; only whole windows are allowed")
    if padding.any() and not counts_padding:
        raise FrameworkError("does not count its padding; set count_include_pad=True")
    return kernel, stride, padding


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


LEAVES = {
    "Linear": linear,
    "Conv1d": conv1d,
    "Conv2d": conv2d,
    "AvgPool2d": avg_pool2d,
    "AdaptiveAvgPool2d": adaptive_avg_pool2d,
    "MaxPool2d": max_pool2d,
    "BatchNorm1d": batch_norm,
    "BatchNorm2d": batch_norm,
}
