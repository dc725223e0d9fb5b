"""A module and the graph read from it, held against each other in every spike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from neurodeploy.backends import reference
from neurodeploy.backends.trace import Trace
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.reading import GraphOf, graph_of

DT_S = 1e-3
T, B, N_IN = 15, 3, 20


def spikes(*shape: int, seed: int = 0, rate: float = 0.4) -> torch.Tensor:
    """Return random spikes of a shape."""
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < rate).float()


def stronger(module: Any, factor: float, seed: int = 0) -> Any:
    """Give a module's weights new random values, large enough for every layer to spike."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in module.modules():
            if isinstance(one, nn.Linear | nn.Conv1d | nn.Conv2d):
                bound = factor / one.weight[0].numel() ** 0.5
                one.weight.copy_(bound * (2 * torch.rand(one.weight.shape, generator=generator) - 0.85))
                if one.bias is not None:
                    one.bias.copy_(0.2 * torch.rand(one.bias.shape, generator=generator))
    return module


def check_same(module: nn.Module, sample: torch.Tensor, tmp_path: Path, **options: Any) -> tuple[GraphOf, Trace]:
    """Read a module, write its graph, read that again and compare every spike and readout of both."""
    read = graph_of(module, sample, dt_s=DT_S, **options)
    write_graph(tmp_path / "model.nir", read.graph)
    trace = reference.run(discretised(read_graph(tmp_path / "model.nir")), read.inputs_BTF, record=True)
    assert read.spikes or read.potentials
    for name, own in read.spikes.items():
        assert own.any(), f"{name} never spikes, so nothing is compared"
        assert not own.all(), f"{name} always spikes, so nothing is compared"
        np.testing.assert_array_equal(trace.layers[name].spikes_BTN, own, err_msg=name)
    for name, own in read.potentials.items():
        np.testing.assert_allclose(trace.layers[name].v_BTN, own, atol=1e-5 * np.abs(own).max(), err_msg=name)
    return read, trace
