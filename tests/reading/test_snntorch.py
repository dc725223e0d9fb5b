"""Modules of snnTorch, written as its tutorials write them, give their own spikes as graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune

from neurodeploy.errors import FrameworkError
from neurodeploy.graph.node_table import NODES
from neurodeploy.reading import graph_of
from neurodeploy.reading.leaves import Built, Memoryless
from neurodeploy.reading.torch_layers import LEAVES
from tests.graph.test_node_table import COPIES, Copies
from tests.reading.same import DT_S, N_IN, B, T, check_same, spikes, stronger

snn = pytest.importorskip("snntorch", reason="snntorch is not installed: neurodeploy frameworks setup")
from snntorch import utils  # noqa: E402

RESETS: list[dict[str, Any]] = [
    {"reset_mechanism": "subtract"},
    {"reset_mechanism": "zero"},
    {"reset_mechanism": "zero", "reset_delay": False},
    {"threshold": 0.7},
    {"threshold": torch.linspace(0.5, 1.5, 30)},
    {"graded_spikes_factor": 0.5},
]


class LoopInside(nn.Module):
    """States by hand, the loop in forward: tutorials 3 and 5."""

    def __init__(self, neuron: Any, last: Any) -> None:
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(N_IN, 30), neuron
        self.fc2, self.lif2 = nn.Linear(30, 5), last

    def forward(self, x_TBI: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        state1, state2 = self.lif1.reset_mem(), self.lif2.reset_mem()
        state1 = state1 if isinstance(state1, tuple) else (state1,)
        spikes, potentials = [], []
        for step in range(x_TBI.size(0)):
            spk1, *state = self.lif1(self.fc1(x_TBI[step]), *state1)
            state1 = (spk1, *state) if len(state1) > len(state) else tuple(state)
            spk2, state2 = self.lif2(self.fc2(spk1), state2)
            spikes.append(spk2)
            potentials.append(state2)
        return torch.stack(spikes, dim=0), torch.stack(potentials, dim=0)


@pytest.mark.parametrize("reset", RESETS, ids=lambda one: "-".join(one))
def test_leaky_in_a_loop_by_hand(reset: dict[str, Any], tmp_path: Path) -> None:
    module = stronger(LoopInside(snn.Leaky(beta=0.9, **reset), snn.Leaky(beta=0.8)), 3)
    read, _ = check_same(module, spikes(T, B, N_IN), tmp_path)
    assert read.nodes["lif1"] == "lif1"
    assert read.readout == "spikes"
    assert read.inputs.time_axis == 0


@pytest.mark.parametrize(
    "neuron",
    [
        lambda: snn.Synaptic(alpha=0.7, beta=0.9),
        lambda: snn.Synaptic(alpha=0.7, beta=0.9, reset_mechanism="zero", reset_delay=False),
        lambda: snn.RLeaky(beta=0.9, linear_features=30),
        lambda: snn.RLeaky(beta=0.9, all_to_all=False, V=-0.3),
        lambda: snn.RSynaptic(alpha=0.6, beta=0.8, linear_features=30),
        lambda: snn.Lapicque(R=2.0, C=3.0),
        lambda: snn.Leaky(beta=torch.linspace(0.1, 1.0, 30)),
        lambda: snn.Leaky(beta=1.0),
        lambda: snn.Leaky(beta=0.0),
    ],
    ids=[
        "synaptic",
        "synaptic-zero",
        "rleaky",
        "rleaky-one-to-one",
        "rsynaptic",
        "lapicque",
        "betas",
        "if",
        "no memory",
    ],
)
def test_every_neuron(neuron: Any, tmp_path: Path) -> None:
    module = stronger(LoopInside(neuron(), snn.Leaky(beta=0.8)), 1.8)
    check_same(module, spikes(T, B, N_IN), tmp_path)


def test_hidden_states_in_a_sequential(tmp_path: Path) -> None:
    module = nn.Sequential(
        nn.Linear(N_IN, 30),
        snn.Leaky(beta=0.9, init_hidden=True),
        nn.Dropout(0.3),
        nn.Linear(30, 5),
        snn.Leaky(beta=0.8, init_hidden=True, output=True),
    )
    read, _ = check_same(stronger(module, 3).eval(), spikes(T, B, N_IN), tmp_path)
    assert [name for name in read.graph.nodes if name in read.nodes][:2] == ["linear0", "leaky1"]


def test_a_loop_of_the_users_own(tmp_path: Path) -> None:
    """Tutorial 6's forward_pass: samples first, and the module takes a step at a time."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(N_IN, 8), snn.Leaky(beta=0.9, init_hidden=True, output=True))

    def forward_pass(net: Any, data: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        utils.reset(net)
        mem_rec, spk_rec = [], []
        for step in range(data.size(1)):
            spk_out, mem_out = net(data[:, step])
            spk_rec.append(spk_out)
            mem_rec.append(mem_out)
        return torch.stack(spk_rec), torch.stack(mem_rec)

    sample = spikes(B, T, 4, 5)
    read, _ = check_same(stronger(module, 3), sample, tmp_path, forward=forward_pass)
    assert (read.inputs.sample_axis, read.inputs.time_axis) == (0, 1)
    np.testing.assert_array_equal(read.inputs_BTF, sample.flatten(2).numpy())


class Convolutions(nn.Module):
    """Tutorial 6's network, with average pooling, which is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.lif1 = nn.Conv2d(2, 6, 3), snn.Leaky(beta=0.5, init_hidden=True)
        self.bn = nn.BatchNorm2d(6)
        self.conv2, self.lif2 = nn.Conv2d(6, 4, 3, padding=1), snn.Leaky(beta=0.5, init_hidden=True)
        self.pool = nn.AvgPool2d(2)
        self.fc, self.lif3 = nn.Linear(16, 3), snn.Leaky(beta=0.5, init_hidden=True, output=True)

    def forward(self, x_BCHW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.pool(self.lif1(self.bn(self.conv1(x_BCHW))))
        x = F.avg_pool2d(self.lif2(self.conv2(x)), 2)
        return self.lif3(self.fc(x.view(x.shape[0], -1)))  # type: ignore[no-any-return]


def test_convolutions_pools_and_batch_norm(tmp_path: Path) -> None:
    module = stronger(Convolutions(), 4).eval()
    module.bn.running_mean.uniform_(0, 0.5, generator=torch.Generator().manual_seed(1))
    module.bn.running_var.uniform_(0.5, 2, generator=torch.Generator().manual_seed(2))
    read, _ = check_same(module, spikes(T, B, 2, 10, 10), tmp_path)
    assert tuple(read.graph.nodes["input"].input_type["input"]) == (2, 10, 10)
    assert "bn" not in read.graph.nodes, "it is in the weights of conv1"


class LeakyReadout(nn.Module):
    """A class from potentials: the last layer never resets."""

    def __init__(self, read: Any) -> None:
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(N_IN, 30), snn.Leaky(beta=0.9)
        self.fc2, self.out = nn.Linear(30, 5), snn.Leaky(beta=0.8, reset_mechanism="none")
        self.read = read

    def forward(self, x_BTI: torch.Tensor) -> torch.Tensor:
        mem1, mem2 = self.lif1.reset_mem(), self.out.reset_mem()
        found = []
        for step in range(x_BTI.shape[1]):
            spk1, mem1 = self.lif1(self.fc1(x_BTI[:, step]), mem1)
            _, mem2 = self.out(self.fc2(spk1), mem2)
            found.append(mem2)
        return self.read(found)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("readout", "read"),
    [
        ("v_max", lambda found: torch.stack(found).max(0).values),
        ("v_max", lambda found: torch.stack(found)),
        ("v_sum", lambda found: torch.stack(found, dim=1).mean(dim=1)),
        ("v_sum", lambda found: sum(found)),
        ("v_last", lambda found: found[-1]),
        ("v_last", lambda found: F.log_softmax(found[-1], dim=1)),
        ("softmax", lambda found: torch.stack([F.softmax(one, dim=1) for one in found]).sum(0)),
    ],
)
def test_a_class_read_from_potentials(readout: str, read: Any, tmp_path: Path) -> None:
    module = stronger(LeakyReadout(read), 3)
    sample = spikes(B, T, N_IN)
    found, trace = check_same(module, sample, tmp_path)
    assert found.readout == readout
    own = module(sample)
    if own.dim() == 2:
        np.testing.assert_array_equal(trace.predictions_B, own.argmax(1).numpy())


class Recurrent(nn.Module):
    """A loop between two layers, and a layer that skips one."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.back = nn.Linear(N_IN, 12), nn.Linear(12, 12), nn.Linear(12, 12, bias=False)
        self.skip = nn.Linear(N_IN, 12, bias=False)
        self.lif: Any = nn.ModuleList([snn.Leaky(beta=0.9) for _ in range(2)])

    def forward(self, x_TBI: torch.Tensor) -> torch.Tensor:
        mem = [one.reset_mem() for one in self.lif]
        spk2 = torch.zeros(x_TBI.shape[1], 12)
        found = torch.zeros(*x_TBI.shape[:2], 12)
        for step, x in enumerate(x_TBI):
            spk1, mem[0] = self.lif[0](self.fc1(x) + self.back(spk2) / 2, mem[0])
            spk2, mem[1] = self.lif[1](self.fc2(spk1) - 0.5 * self.skip(x), mem[1])
            found[step] = spk2
        return found


def test_a_loop_of_two_layers_and_a_skip(tmp_path: Path) -> None:
    read, _ = check_same(stronger(Recurrent(), 2), spikes(T, B, N_IN), tmp_path)
    assert ("lif_1", "back") in read.graph.edges
    assert not any("delay" in name for name in read.graph.nodes)


def test_spikes_of_the_step_before_outside_a_loop_are_delayed(tmp_path: Path) -> None:
    class Late(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(N_IN, 12), nn.Linear(12, 4, bias=False)
            self.lif1, self.lif2 = snn.Leaky(beta=0.9), snn.Leaky(beta=0.7)

        def forward(self, x_TBI: torch.Tensor) -> torch.Tensor:
            mem1, mem2 = self.lif1.reset_mem(), self.lif2.reset_mem()
            before, found = torch.zeros(x_TBI.shape[1], 12), []
            for x in x_TBI:
                spk2, mem2 = self.lif2(self.fc2(before), mem2)
                before, mem1 = self.lif1(self.fc1(x), mem1)
                found.append(spk2)
            return torch.stack(found)

    read, _ = check_same(stronger(Late(), 3), spikes(T, B, N_IN), tmp_path)
    assert any("delay" in name for name in read.graph.nodes)


def test_one_neuron_module_with_two_states_is_two_layers(tmp_path: Path) -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2, self.lif = nn.Linear(N_IN, 10), nn.Linear(10, 10), snn.Leaky(beta=0.9)

        def forward(self, x_TBI: torch.Tensor) -> torch.Tensor:
            mem1 = mem2 = torch.zeros(x_TBI.shape[1], 10)
            found = []
            for x in x_TBI:
                spk, mem1 = self.lif(self.fc1(x), mem1)
                spk, mem2 = self.lif(self.fc2(spk), mem2)
                found.append(spk)
            return torch.stack(found)

    read, _ = check_same(stronger(Shared(), 3), spikes(T, B, N_IN), tmp_path)
    assert read.nodes["lif"] == read.nodes["lif_2"] == "lif"


@pytest.mark.parametrize(
    ("neuron", "said"),
    [
        (lambda: snn.Alpha(alpha=0.9, beta=0.8), "is not taken from snntorch; Lapicque, Leaky, RLeaky"),
        (lambda: snn.Leaky(beta=0.9, inhibition=True), "has inhibition"),
        (lambda: snn.Leaky(beta=0.9, reset_mechanism="none"), "has reset_mechanism='none' and its spikes are used"),
        (lambda: snn.Synaptic(alpha=0.7, beta=0.9, reset_mechanism="zero"), "also drops the input of the step after"),
        (lambda: snn.Leaky(beta=0.9, state_quant=torch.round), "has state_quant"),
    ],
    ids=["alpha", "inhibition", "no reset", "zero", "quantised states"],
)
@pytest.mark.filterwarnings("ignore:Inhibition is an unstable feature")
def test_a_neuron_that_no_graph_can_say(neuron: Any, said: str) -> None:
    module = stronger(LoopInside(neuron(), snn.Leaky(beta=0.8)), 2)
    with pytest.raises(FrameworkError, match=f"^lif1 .*{said}") as caught:
        graph_of(module, spikes(T, B, N_IN), dt_s=DT_S)
    assert "\n" not in str(caught.value)


def test_a_potential_that_is_read_must_not_reset() -> None:
    module = LeakyReadout(lambda found: torch.stack(found))
    module.out = snn.Leaky(beta=0.8)
    with pytest.raises(FrameworkError, match=r"^out .*its potential is read, and it resets"):
        graph_of(stronger(module, 3), spikes(B, T, N_IN), dt_s=DT_S)


@pytest.mark.parametrize("how", ["matmul", "linear"])
def test_weights_that_are_plain_parameters(how: str, tmp_path: Path) -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(0.6 * torch.rand(N_IN, 6, generator=torch.Generator().manual_seed(0)) - 0.2)
            self.bias = nn.Parameter(torch.full((6,), 0.1))
            self.last, self.lif1, self.lif2 = nn.Parameter(torch.eye(6)), snn.Leaky(beta=0.8), snn.Leaky(beta=0.7)

        def forward(self, x_TBI: torch.Tensor) -> torch.Tensor:
            mem1, mem2, found = self.lif1.reset_mem(), self.lif2.reset_mem(), []
            for x in x_TBI:
                current = x @ self.weight if how == "matmul" else F.linear(x, self.weight.t(), self.bias)
                spk, mem1 = self.lif1(current, mem1)
                spk, mem2 = self.lif2(1.5 * torch.matmul(spk, self.last), mem2)
                found.append(spk)
            return torch.stack(found)

    read, _ = check_same(Plain(), spikes(T, B, N_IN), tmp_path)
    assert (
        sum("Linear" in type(one).__name__ or "Affine" in type(one).__name__ for one in read.graph.nodes.values()) == 2
    )


def test_detached_states_and_weights_that_torch_makes(tmp_path: Path) -> None:
    """Truncated training cuts states from the past; weights may be normalised or pruned by torch's own tools."""

    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.lif1 = nn.Linear(N_IN, 20), snn.Synaptic(alpha=0.5, beta=0.9)
            self.fc2: Any = parametrizations.weight_norm(stronger(nn.Linear(20, 4), 6))
            self.lif2 = snn.Leaky(beta=0.8)

        def forward(self, x_TBI: torch.Tensor) -> torch.Tensor:
            (syn, mem1), mem2, found = self.lif1.reset_mem(), self.lif2.reset_mem(), []
            for x in x_TBI:
                spk, syn, mem1 = self.lif1(self.fc1(x), syn.detach(), mem1.detach())
                spk, mem2 = self.lif2(self.fc2(spk), mem2.detach())
                found.append(spk)
            return torch.stack(found)

    module = Cut()
    stronger(module.fc1, 3)
    prune.random_unstructured(module.fc1, "weight", 0.3)
    read, _ = check_same(module, spikes(T, B, N_IN), tmp_path)
    assert (np.asarray(read.graph.nodes["fc1"].weight) == 0).mean() > 0.25


def test_a_layer_kind_from_outside_is_one_entry_and_one_leaf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leaf(module: Any) -> Memoryless:
        return Memoryless(lambda _: (3,), lambda _in, _out: Built({"": Copies(int(module.scale_factor))}))

    monkeypatch.setitem(NODES, "Copies", COPIES)
    monkeypatch.setitem(LEAVES, "Upsample", leaf)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        snn.Leaky(beta=0.9, init_hidden=True),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(4, 2, 3, padding=1),
        snn.Leaky(beta=0.8, init_hidden=True),
    )
    read, _ = check_same(stronger(net, 3), spikes(T, B, 1, 6, 8), tmp_path)
    assert isinstance(read.graph.nodes["upsample2"], Copies)
