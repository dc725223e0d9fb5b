"""Plain torch with our own spiking layers; and what no module may do, in one line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.networks.families.lif import LifSettings, build
from neurodeploy.networks.spiking_layer import SpikingLayer
from neurodeploy.reading import graph_of
from tests.reading.same import DT_S, N_IN, B, T, check_same, spikes, stronger


def layer(n_inputs: int, n_neurons: int, **settings: Any) -> SpikingLayer:
    """Return one of our layers, with settings of `LifSettings`."""
    torch.manual_seed(1)
    made = build(LifSettings(hidden=(), weight_gain=3.0, **settings), (n_inputs,), n_neurons, 4e-3).layers[0]
    assert isinstance(made, SpikingLayer)
    return made


@pytest.mark.parametrize("neuron", ["lif", "cuba_lif"])
def test_our_own_networks(neuron: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    settings = LifSettings(hidden=(20,), neuron=neuron, recurrent=True, reset="subtract", weight_gain=3.0)
    read, _ = check_same(build(settings, (N_IN,), 5, 4e-3), spikes(B, T, N_IN), tmp_path)
    assert (read.inputs.sample_axis, read.inputs.time_axis) == (0, 1)


class Mixed(nn.Module):
    """Layers of torch between ours; two branches joined, and one cut in two."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = layer(N_IN, 12), layer(N_IN, 8)
        self.mix, self.last = nn.Linear(20, 16), layer(16, 4)

    def forward(self, x_BTI: torch.Tensor) -> torch.Tensor:
        both = torch.cat([self.second(x_BTI), self.first(x_BTI).flip(-1)], dim=-1)
        return self.last(self.mix(both)).sum(dim=1)  # type: ignore[no-any-return]


def test_branches_are_joined_in_any_order(tmp_path: Path) -> None:
    torch.manual_seed(2)
    read, _ = check_same(stronger(Mixed(), 3), spikes(B, T, N_IN), tmp_path)
    assert {"mix", "mix_from_first"} <= set(read.graph.nodes) | {"mix_from_second"}


def test_weights_at_the_end_and_a_layer_used_twice(tmp_path: Path) -> None:
    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into, self.same, self.out = layer(N_IN, 12), layer(12, 12), nn.Linear(12, 3)

        def forward(self, x_BTI: torch.Tensor) -> torch.Tensor:
            return self.out(self.same(self.same(self.into(x_BTI))))  # type: ignore[no-any-return]

    module, sample = Again(), spikes(B, T, N_IN)
    read, trace = check_same(module, sample, tmp_path)
    assert {"into", "same", "same_2", "out", "out_sum"} <= set(read.graph.nodes)
    summed_BN = module(sample).sum(dim=1).detach().numpy()
    np.testing.assert_allclose(trace.output_BN, summed_BN, rtol=1e-4, atol=1e-4)


def test_convolutions_along_one_axis(tmp_path: Path) -> None:
    class Along(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(2, 6, 3, stride=2, padding=1)
            self.norm, self.last = nn.BatchNorm1d(6), layer(6 * 5, 4)
            self.dense_norm = nn.BatchNorm1d(6 * 5)

            self.first_norm = nn.BatchNorm1d(2)

        def forward(self, x_BTCL: torch.Tensor) -> torch.Tensor:
            x = self.norm(self.conv(self.first_norm(x_BTCL.flatten(0, 1)))).flatten(1)
            return self.last(self.dense_norm(x).unflatten(0, x_BTCL.shape[:2]))  # type: ignore[no-any-return]

    module = stronger(Along(), 3).eval()
    for one in (module.first_norm, module.norm, module.dense_norm):
        one.running_mean.uniform_(-0.3, 0.3, generator=torch.Generator().manual_seed(1))
        one.running_var.uniform_(0.5, 2, generator=torch.Generator().manual_seed(2))
    read, _ = check_same(module, spikes(B, T, 2, 10), tmp_path)
    assert "norm" not in read.graph.nodes, "it is in the weights of conv"
    assert {"first_norm", "dense_norm"} <= set(read.graph.nodes), "they have no weights before them"


def test_inputs_are_fed_as_the_module_takes_them() -> None:
    """Channels last, samples in the middle: any order of axes is found from the run."""

    class Permuted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.last = nn.Conv2d(2, 3, 3), layer(3 * 2 * 2, 4)

        def forward(self, x_HBTWC: torch.Tensor) -> torch.Tensor:
            x = x_HBTWC.permute(1, 2, 4, 0, 3)
            return self.last(self.conv(x.flatten(0, 1)).view(*x.shape[:2], -1))  # type: ignore[no-any-return]

    sample = spikes(4, B, T, 4, 2)
    read = graph_of(Permuted(), sample, dt_s=DT_S)
    assert (read.inputs.sample_axis, read.inputs.time_axis) == (1, 2)
    np.testing.assert_array_equal(read.inputs_BTF, sample.permute(1, 2, 4, 0, 3).flatten(2).numpy())
    more = spikes(4, 7, 5, 4, 2, seed=3)
    np.testing.assert_array_equal(read.inputs.feed(more), more.permute(1, 2, 4, 0, 3).flatten(2).numpy())


class Odd(nn.Module):
    """Two of our layers with something of the user's between them."""

    def __init__(self, between: Any, *modules: nn.Module) -> None:
        super().__init__()
        self.a, self.b, self.inner = layer(N_IN, 16), layer(16, 4), nn.ModuleList(modules)
        self.between = between

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(self.between(self, self.a(x)))  # type: ignore[no-any-return]


def _written(net: Any, x: torch.Tensor) -> torch.Tensor:
    x = x.clone()
    x[..., 3] = 0.3
    return x


class ByHand(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return (x > 0.5).float()


ODD: dict[str, tuple[Any, str]] = {
    "relu": (lambda: Odd(lambda net, x: torch.relu(x)), r"^Odd: torch's relu has no place .* b \(SpikingLayer\) takes"),
    "activation": (lambda: Odd(lambda net, x: net.inner[0](x), nn.Sigmoid()), r"^inner.0 \(Sigmoid\) has no place"),
    "product": (
        lambda: Odd(lambda net, x: x * net.inner[0](x), nn.Linear(16, 16)),
        r"^Odd: torch's mul combines what a",
    ),
    "a constant written in": (lambda: Odd(_written), r"^an assignment to part of a tensor has no place"),
    "constant": (lambda: Odd(lambda net, x: x + 0.1), r"^Odd: torch's add has no place"),
    "lstm": (
        lambda: Odd(lambda net, x: net.inner[0](x)[0], nn.LSTM(16, 16, batch_first=True)),
        r"^inner.0 \(LSTM\): computes with real-valued states; only spiking",
    ),
    "attention": (
        lambda: Odd(lambda net, x: net.inner[0](x, x, x)[0], nn.MultiheadAttention(16, 2, batch_first=True)),
        r"^inner.0 \(MultiheadAttention\): computes with real-valued",
    ),
    "layer norm": (lambda: Odd(lambda net, x: net.inner[0](x), nn.LayerNorm(16)), r"^inner.0 \(LayerNorm\) has no"),
    "batch norm": (
        lambda: Odd(lambda net, x: net.inner[0](x.transpose(1, 2)).transpose(1, 2), nn.BatchNorm1d(16)),
        r"^inner.0 \(BatchNorm1d\): is in training mode, .* call module.eval",
    ),
    "by hand": (lambda: Odd(lambda net, x: ByHand.apply(x)), r"^Odd: torch's gt has no place"),
    "noise": (lambda: Odd(lambda net, x: torch.rand_like(x)), r"^b \(SpikingLayer\): takes numbers that were made"),
    "shifted": (
        lambda: Odd(lambda net, x: torch.cat([x[:, :1], x[:, 1:].flip(1)], 1)),
        r"^b: what a sends it changes from step to step",
    ),
    "mixed samples": (lambda: Odd(lambda net, x: x.flip(0)), r"^b: what a sends it comes from other samples"),
    "mean": (
        lambda: Odd(lambda net, x: x.mean(0, keepdim=True)),
        r"^b \(SpikingLayer\): comes after mean over the run",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_what_no_graph_can_say_is_named_in_one_line(name: str) -> None:
    made, said = ODD[name]
    with pytest.raises(FrameworkError, match=said) as caught:
        graph_of(made(), spikes(B, T, N_IN), dt_s=DT_S)
    assert "\n" not in str(caught.value)


def test_what_is_no_network() -> None:
    with pytest.raises(FrameworkError, match=r"^module: found int, a torch.nn.Module is needed"):
        graph_of(3, spikes(B, T, N_IN), dt_s=DT_S)  # type: ignore[arg-type]
    with pytest.raises(FrameworkError, match=r"^dt_s: found -1, a positive number of seconds"):
        graph_of(layer(N_IN, 4), spikes(B, T, N_IN), dt_s=-1)
    with pytest.raises(FrameworkError, match=r"^module: has no spiking neurons that are known"):
        graph_of(nn.Linear(N_IN, 4), spikes(B, T, N_IN), dt_s=DT_S)
    with pytest.raises(FrameworkError, match=r"^SpikingLayer: cannot be run on the sample input \(RuntimeError"):
        graph_of(layer(N_IN, 4), spikes(B, T, N_IN + 1), dt_s=DT_S)


def test_nothing_is_left_behind() -> None:
    """Hooks are gone after the run, also after one that failed."""
    module = Odd(lambda net, x: torch.relu(x))
    with pytest.raises(FrameworkError):
        graph_of(module, spikes(B, T, N_IN), dt_s=DT_S)
    assert all(not one._forward_hooks and not one._forward_pre_hooks for one in module.modules())
