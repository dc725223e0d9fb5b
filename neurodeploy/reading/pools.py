"""torch's pooling along one axis or two as NIR nodes: sums of windows, times what each is divided by."""

import math
from functools import partial
from typing import Any

import nir
import numpy as np
import torch
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.graph.linear import MOST_ENTRIES
from neurodeploy.graph.metadata import wrapped
from neurodeploy.reading import torch_layers
from neurodeploy.reading.leaves import Built, Memoryless, Shape, numbers
from neurodeploy.reading.torch_layers import one_tap

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


def maximum(module: Any, n_axes: int) -> Memoryless:
    """Return maximum pooling of spikes: one where any arrives, which a neuron without memory does."""

    def build(shape: Shape, out: Shape) -> Built:
        if module.return_indices or module.dilation not in (1, (1,) * n_axes):
            raise FrameworkError("has a dilation or returns indices; leave that out")
        return Built(
            {
                "sum": _windows(shape, *_window(module, n_axes, shape, out)),
                "": nir.Threshold(threshold=np.full(out, SPIKE), metadata=wrapped(reset="zero")),
            },
            (("sum", ""),),
            entry="sum",
            notes=("maximum pooling of spikes became sum pooling and a threshold of a half: neurons of their own",),
        )

    return Memoryless(lambda _: (n_axes + 1,), build, needs_spikes=True, spikes=True)


def _window(module: Any, n_axes: int, shape: Shape, out: Shape) -> tuple[Sizes, Sizes, Sizes]:
    """Return kernel, stride and padding along each axis.

    Raises:
        FrameworkError: the last window is cut off.
    """
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


LEAVES = torch_layers.LEAVES | {
    "AvgPool1d": partial(average, n_axes=1),
    "AvgPool2d": partial(average, n_axes=2),
    "AdaptiveAvgPool1d": partial(adaptive, n_axes=1),
    "AdaptiveAvgPool2d": partial(adaptive, n_axes=2),
    "MaxPool1d": partial(maximum, n_axes=1),
    "MaxPool2d": partial(maximum, n_axes=2),
}
"""All of torch's own modules that are read."""
