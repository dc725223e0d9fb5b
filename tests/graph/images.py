"""Small convolutional graphs, and torch as the judge of what they mean."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch
from torch.nn import functional

from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.network import Network, discretised


def neurons(*shape: int, **changed: Any) -> nir.LIF:
    """Return LIF neurons that keep 0.9 of their potential in a step of 1 ms."""
    ones = np.ones(shape)
    values = {"tau": 0.01 * ones, "r": 10 * ones, "v_leak": 0 * ones, "v_threshold": ones, "v_reset": 0 * ones}
    return nir.LIF(**(values | changed))


def conv2d(weight: np.ndarray, bias: np.ndarray | None = None, **changed: Any) -> nir.Conv2d:
    values = {"input_shape": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1} | changed
    return nir.Conv2d(weight=weight, bias=np.zeros(len(weight)) if bias is None else bias, **values)


def conv1d(weight: np.ndarray, **changed: Any) -> nir.Conv1d:
    values = {"input_shape": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1} | changed
    return nir.Conv1d(weight=weight, bias=np.zeros(len(weight)), **values)


def pool(kind: type, size: int, stride: int | None = None, padding: int = 0) -> nir.NIRNode:
    return kind(*(np.array([one, one]) for one in (size, stride or size, padding)))


def chained(shape: tuple[int, ...], **nodes: nir.NIRNode) -> nir.NIRGraph:
    """Return input -> nodes -> output."""
    every = {"in": nir.Input({"input": np.array(shape)}), **nodes}
    every["out"] = nir.Output({"output": nodes[list(nodes)[-1]].output_type["output"]})
    return nir.NIRGraph(every, list(itertools.pairwise(every)), type_check=False)


def network(graph: nir.NIRGraph, **options: Any) -> Network:
    return discretised(GraphFile(Path("g.nir"), "g", graph, True), **({"dt_s": 1e-3} | options))


def torch_values(node: nir.NIRNode, values: torch.Tensor) -> torch.Tensor:
    """Return what torch makes of a node."""
    if isinstance(node, nir.Conv1d | nir.Conv2d):
        call = functional.conv1d if isinstance(node, nir.Conv1d) else functional.conv2d
        weight, bias = torch.as_tensor(node.weight), torch.as_tensor(node.bias)
        return call(values, weight, bias, node.stride, node.padding, node.dilation, node.groups)
    if isinstance(node, nir.SumPool2d | nir.AvgPool2d):
        sizes = (tuple(int(one) for one in size) for size in (node.kernel_size, node.stride, node.padding))
        kernel, stride, padding = sizes
        mean = functional.avg_pool2d(values, kernel, stride, padding)
        return mean if isinstance(node, nir.AvgPool2d) else mean * (kernel[0] * kernel[1])
    if isinstance(node, nir.Flatten):
        return values.flatten(1)
    if isinstance(node, nir.Scale):
        return values * torch.as_tensor(node.scale)
    assert isinstance(node, nir.Affine)
    return functional.linear(values, torch.as_tensor(node.weight), torch.as_tensor(node.bias))
