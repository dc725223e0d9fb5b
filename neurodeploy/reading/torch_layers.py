"""torch's own layers as NIR nodes."""

from typing import Any

import nir
import numpy as np
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.reading.leaves import Built, Memoryless, Shape, Source, numbers


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


LEAVES = {
    "Linear": linear,
    "Conv1d": convolution,
    "Conv2d": convolution,
    "BatchNorm1d": batch_norm,
    "BatchNorm2d": batch_norm,
}
