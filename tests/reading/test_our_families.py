"""Networks and layers of the SiLIF family read as they are trained, batch norm, clips and gains in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import neurodeploy
from neurodeploy.errors import FrameworkError
from neurodeploy.mapping.compile import choose_plan
from neurodeploy.networks.families.folded import deployable
from neurodeploy.networks.families.silif import SilifSettings, build
from neurodeploy.networks.families.table import build_network
from neurodeploy.neurons.adaptive import AdaptiveState
from neurodeploy.neurons.ssm.adlif import SiLIF
from neurodeploy.neurons.ssm.layer import LayerSettings, Readout
from neurodeploy.neurons.ssm.resonators import CSiLIF
from neurodeploy.reading import graph_of
from neurodeploy.reading.precision import put_on_grid
from neurodeploy.verbs.deploy import network_of
from tests.graph.test_dynamics import counts, trained
from tests.networks.models import settings_of
from tests.reading.same import DT_S, N_IN, B, T, check_same, spikes

RANDOM = LayerSettings(dropout=0.1, initial_state="random")


@pytest.mark.parametrize("model", ["silif", "csilif", "adlif", "rlif"])
def test_a_trained_network_gives_the_program_of_its_folded_form(model: str) -> None:
    network, sample = trained(model), counts(1)
    for one in network.stack:
        one.settings = RANDOM  # type: ignore[assignment]
    made = neurodeploy.deploy(network, sample, dt_s=DT_S, name="x")
    assert made.agreement["equal"]
    assert made.agreement["spikes"] > 500
    assert made.read.nodes[f"{model}1"] == "snn.0"
    assert sum("its initial states are random; they became zero" in note for note in made.notes) == 3
    assert all(one.settings is RANDOM for one in network.stack), "it was only run from zero"
    folded = neurodeploy.deploy(deployable(network), sample, dt_s=DT_S, name="x")
    assert made.program.digest == folded.program.digest
    assert made.certificate["stages"][-1]["accuracy"] == folded.certificate["stages"][-1]["accuracy"]


class Mine(nn.Module):
    """The user's own module, with layers of the family, of torch, and a skip."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        shared = LayerSettings(dropout=0.2)
        self.kind, self.into, self.out = kind, nn.Linear(N_IN, 12), nn.Linear(16, 5)
        self.first, self.second = SiLIF(12, 16, shared), CSiLIF(16, 16, shared)
        self.readout = Readout(16, 5, shared)
        for one in (self.first, self.second):
            one.norm.weight.data.fill_(20.0)  # input enough to spike
            one.norm.running_mean.normal_()  # type: ignore[union-attr, operator]
        self.eval()

    def forward(self, x_BTI: torch.Tensor) -> torch.Tensor:
        sent, _ = self.first(self.into(x_BTI))
        if self.kind == "weights last":
            return self.out(sent)  # type: ignore[no-any-return]
        after = self.second(x_BTI=sent).fed_BTN
        if self.kind == "twice":
            after = self.second(after).spikes_BTN
        if self.kind == "at rest":
            zeros = torch.zeros(len(sent), 16)
            after = self.first(self.into(x_BTI), AdaptiveState(zeros, zeros, zeros)).fed_BTN
        if self.kind == "started":
            after = self.first(self.into(x_BTI), start=AdaptiveState(*(torch.full((len(sent), 16), 0.5),) * 3)).fed_BTN
        return self.readout(sent + after if self.kind == "skip" else after)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("kind", "layers", "read"),
    [
        ("weights last", {"into", "first_in", "first", "out", "out_sum"}, "v_last"),
        ("skip", {"into", "first_in", "first", "second_in", "second", "readout_in", "readout"}, "softmax"),
        ("twice", {"into", "first_in", "first", "second", "second_2_in", "second_2", "readout"}, "softmax"),
        ("at rest", {"into", "first_in", "first", "readout"}, "softmax"),
    ],
)
def test_layers_in_a_module_of_the_users(kind: str, layers: set[str], read: str, tmp_path: Path) -> None:
    module = Mine(kind)
    before = {name: one.clone() for name, one in module.state_dict().items()}
    found, _ = check_same(module, spikes(B, T, N_IN), tmp_path)
    assert layers <= set(found.graph.nodes)
    assert found.readout == read
    assert all(torch.equal(one, before[name]) for name, one in module.state_dict().items())


def test_what_no_chip_can_is_named_in_one_line() -> None:
    sample = counts(1)
    torch.manual_seed(0)
    both = build(SilifSettings(model="adlif", hidden=(8,), bidirectional=True), (10,), 5, DT_S).eval()
    with pytest.raises(FrameworkError, match=r"^snn\.0 \(AdLIF\): runs in both directions, a chip .*; train it"):
        graph_of(both, sample, dt_s=DT_S)
    with pytest.raises(FrameworkError, match=r"^snn\.0 \(SiLIF\): is in training mode, .*; call module\.eval"):
        graph_of(trained("silif").train(), sample, dt_s=DT_S)
    with pytest.raises(
        FrameworkError, match=r"^first \(SiLIF\): begins with a current or spikes that are not 0; begin with zeros"
    ):
        graph_of(Mine("started"), spikes(B, T, N_IN), dt_s=DT_S)
    mlp: Any = build_network(settings_of("mlp", hidden=(8,)), (10,), 5, DT_S).eval()
    with pytest.raises(FrameworkError, match=r"^ann\.0 \(MLP\): is not taken from neurodeploy; AdLIF, .* are$"):
        graph_of(mlp, sample, dt_s=DT_S)


def test_only_the_folded_form_is_put_on_a_grid() -> None:
    network = trained("silif")
    read = graph_of(network, counts(1), dt_s=DT_S)
    with pytest.raises(FrameworkError, match=r"^silif1: its neurons cannot be put on a grid; .*`deployable`"):
        put_on_grid(network, read, choose_plan(network_of(read, "x"), 8, None))
