"""A torch module in one call: graph, Program, certificate; and what is said where that cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import neurodeploy
from neurodeploy.errors import ChipError, DataError, FrameworkError, GraphError
from neurodeploy.graph.files import read_graph
from neurodeploy.graph.network import discretised
from neurodeploy.networks.families.lif import LifSettings, build
from neurodeploy.networks.spiking_layer import SpikingLayer
from neurodeploy.neurons.dynamics import Adaptive
from neurodeploy.pipeline import module_spikes as own_spikes
from neurodeploy.pipeline.deployed import FILES
from neurodeploy.program.file import read_program
from neurodeploy.reading.answers import Answer
from neurodeploy.verbs import deploy as deploying
from tests.reading.same import DT_S, N_IN, B, T, spikes, stronger


def network() -> nn.Module:
    """Return one of our own networks, which needs no other framework."""
    torch.manual_seed(0)
    return build(LifSettings(hidden=(16,), weight_gain=3.0), (N_IN,), 4, 4e-3)


@pytest.fixture(scope="module")
def made() -> neurodeploy.verbs.deploy.Deployment:
    return neurodeploy.deploy(
        network(),
        spikes(B, T, N_IN),
        dt_s=DT_S,
        calibrate=spikes(40, T, N_IN, seed=1),
        test=spikes(30, T, N_IN, seed=2),
    )


def test_graph_program_and_certificate_in_one_object(made: Any) -> None:
    assert made.passed is made.certificate["passed"] is True
    assert [stage["name"] for stage in made.certificate["stages"]] == ["reference", "fixed"]
    assert made.certificate["samples"] == 30
    assert made.certificate["program"] == made.program.digest
    assert made.agreement["equal"] is True
    assert made.agreement["spike_agreement"] == 1
    assert {one["module"] for one in made.agreement["layers"]} == {"layers.0", "layers.1"}
    assert all(one["spikes"] for one in made.agreement["layers"])
    assert any("no labels were given" in note for note in made.notes)
    assert made.certificate["stages"][1]["equations"]["holds"]


def test_the_modules_own_classes_are_compared_at_every_stage(made: Any) -> None:
    assert made.agreement["classes"] == 1
    assert made.certificate["labels"].startswith("the module's own classes")
    own = network()(spikes(30, T, N_IN, seed=2))[-1].sum(dim=1).argmax(1).numpy()
    kept = np.mean(made.simulate(spikes(30, T, N_IN, seed=2)).predictions_B == own)
    assert [stage["module_classes"] for stage in made.certificate["stages"]] == [1.0, kept]


def test_an_answer_that_is_another_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x)[-1].sum(dim=1).flip(1)  # type: ignore[no-any-return]

    sample = spikes(B, T, N_IN)
    assert neurodeploy.deploy(Turned(), sample, dt_s=DT_S).agreement["classes"] == 1
    monkeypatch.setattr(Answer, "decode", lambda *_: None)
    with pytest.raises(FrameworkError, match=r"^module: its answer is not what is read of its last layer, first in sa"):
        neurodeploy.deploy(Turned(), sample, dt_s=DT_S)
    assert neurodeploy.deploy(Turned(), sample, dt_s=DT_S, strict=False).agreement["classes"] < 1


def test_what_is_saved_is_read_again(made: Any, tmp_path: Path) -> None:
    paths = made.save(tmp_path / "mine")
    assert sorted(paths) == sorted(FILES)
    assert read_program(paths["program.npz"]).digest == made.program.digest
    assert discretised(read_graph(paths["model.nir"])).dt_s == DT_S
    assert json.loads(Path(paths["certificate.json"]).read_text())["agreement"]["equal"] is True


def test_a_batch_like_the_sample_is_simulated_and_placed(made: Any) -> None:
    batch = spikes(5, T + 3, N_IN, seed=4)
    trace = made.simulate(batch, record=True)
    assert trace.n_samples == 5
    assert trace.n_input_steps == T + 3
    assert made.fit()["fits"] is True
    with pytest.raises(DataError, match=r"^inputs: shape \(5, 3, 7\), the sample input has"):
        made.simulate(spikes(5, 3, 7))


def test_labels_make_it_an_accuracy(made: Any) -> None:
    test = spikes(30, T, N_IN, seed=2)
    labels = made.simulate(test).predictions_B
    found = neurodeploy.deploy(
        network(), spikes(B, T, N_IN), dt_s=DT_S, calibrate=spikes(40, T, N_IN, seed=1), test=test, labels=labels
    )
    assert found.certificate["stages"][1]["accuracy"] == 1.0
    assert found.certificate["labels"] == "given"
    with pytest.raises(DataError, match=r"^labels: .* samples have labels of shape"):
        neurodeploy.deploy(network(), spikes(B, T, N_IN), dt_s=DT_S, labels=labels)
    with pytest.raises(DataError, match=r"^labels: are no array \(found str\); give one whole number for each sample$"):
        neurodeploy.deploy(network(), spikes(B, T, N_IN), dt_s=DT_S, labels="abc")


@pytest.mark.lava
def test_on_lava_too() -> None:
    found = neurodeploy.deploy(network(), spikes(2, T, N_IN), dt_s=DT_S, backends=("reference", "fixed", "lava"))
    assert found.certificate["bit_exact"] == {"fixed/lava": True}


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"chip": "loihi3"}, ChipError, "loihi3"),
        ({"backends": ("refrence",)}, GraphError, "backends: 'refrence' is unknown; did you mean 'reference'"),
        ({"backends": ()}, GraphError, "backends: found"),
        ({"readout": "loudest"}, FrameworkError, "^readout: found 'loudest', one of"),
        ({"calibrate": 0.3 * spikes(4, T, N_IN)}, DataError, r"^calibrate: holds 0.3, a chip takes spikes"),
        ({"calibrate": "digitz"}, DataError, "^calibrate: 'digitz' is neither a file nor a dataset; did you mean"),
        ({"test": "digitz"}, DataError, "^test: 'digitz' is neither a file nor a dataset; did you mean"),
        ({"dt_s": 0.0}, FrameworkError, "^dt_s: found 0, a positive"),
    ],
)
def test_what_cannot_be_is_one_line(options: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        neurodeploy.deploy(network(), spikes(B, T, N_IN), **{"dt_s": DT_S} | options)
    assert "\n" not in str(caught.value)


def test_real_numbers_are_no_spikes() -> None:
    with pytest.raises(
        DataError, match=r"^sample_input: holds 0.7, a chip takes spikes \(0 and 1\) .* host='layers.0'"
    ):
        neurodeploy.deploy(network(), 0.7 * spikes(B, T, N_IN), dt_s=DT_S)


def test_real_numbers_stay_on_the_host() -> None:
    sample = 0.7 * spikes(B, T, N_IN)
    found = neurodeploy.deploy(network(), sample, dt_s=DT_S, host="layers.0")
    assert found.agreement["equal"]
    assert found.program.n_inputs == 16
    assert any("layers.0: runs on the host" in note for note in found.notes)
    trace = found.simulate(sample)
    assert trace.n_input_steps == T


def test_counts_are_taken() -> None:
    sample = spikes(B, T, N_IN) + spikes(B, T, N_IN, seed=5)
    found = neurodeploy.deploy(network(), sample, dt_s=DT_S)
    assert found.program.graded_input
    assert found.agreement["equal"]


@pytest.mark.parametrize("held", [1 << 25, 1], ids=["together", "one by one"])
def test_a_graph_that_is_not_the_module_is_refused(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module's own spikes are the judge: one that moves by more than rounding is found and named."""
    monkeypatch.setattr(own_spikes, "MOST_STATES", held)
    true = deploying.network_of

    def wrong(read: Any, name: str) -> Any:
        read.spikes["lif2"][1, 6, 2] ^= True
        return true(read, name)

    monkeypatch.setattr(deploying, "network_of", wrong)
    said = "^layers.1: the module and its graph differ first at step 6, sample 1, neuron 2: the module "
    with pytest.raises(FrameworkError, match=said):
        neurodeploy.deploy(network(), spikes(B, T, N_IN), dt_s=DT_S)
    found = neurodeploy.deploy(network(), spikes(B, T, N_IN), dt_s=DT_S, strict=False)
    assert not found.agreement["same"]
    assert 0.9 < found.agreement["spike_agreement"] < 1
    assert any("differ first at step 6" in note for note in found.notes)


def test_a_potential_at_its_threshold_may_fall_either_way() -> None:
    """0.1 ten times is 1 in float32 and a little less in float64: that is rounding, and said to be."""
    snn = pytest.importorskip("snntorch")

    class Sums(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.lif = nn.Linear(1, 1, bias=False), snn.Leaky(beta=1.0, threshold=1.0, reset_mechanism="zero")
            self.fc.weight.data.fill_(0.1)

        def forward(self, x_TBI: torch.Tensor) -> torch.Tensor:
            mem, found = self.lif.reset_mem(), []
            for x in x_TBI:
                spk, mem = self.lif(self.fc(x), mem)
                found.append(spk)
            return torch.stack(found)

    found = neurodeploy.deploy(Sums(), torch.ones(25, 2, 1), dt_s=DT_S)
    assert found.agreement["same"]
    assert found.agreement["equal"] or found.agreement["rounded"] == 2


def test_so_may_one_of_adaptive_neurons() -> None:
    """1 + 2**-30 is more than 1, in float32 it is 1."""

    def layer(least: float) -> SpikingLayer:
        zeros = dict.fromkeys(("alpha", "beta", "a", "jump"), torch.zeros(1))
        return SpikingLayer(torch.tensor([[1.0, least]]), None, None, Adaptive(zeros, "lif", adapts=False))

    found = neurodeploy.deploy(layer(2.0**-30), torch.ones(3, 5, 2), dt_s=DT_S)
    assert (found.agreement["same"], found.agreement["equal"], found.agreement["rounded"]) == (True, False, 3)
    assert neurodeploy.deploy(layer(2.0**-20), torch.ones(3, 5, 2), dt_s=DT_S).agreement["equal"]


def test_snntorchs_second_reset_of_one_spike_is_found() -> None:
    """With reset_delay=False a potential still above the threshold is reset again, which no NIR rule does."""
    snn = pytest.importorskip("snntorch")
    net = nn.Sequential(nn.Linear(N_IN, 12), snn.Leaky(beta=0.9, init_hidden=True, reset_delay=False))
    with pytest.raises(FrameworkError, match=r"^1: the module and its graph differ first at step"):
        neurodeploy.deploy(stronger(net, 9), spikes(T, B, N_IN), dt_s=DT_S)


def test_the_largest_difference_of_a_readouts_potentials_is_told() -> None:
    snn = pytest.importorskip("snntorch")

    class Readout(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.out = nn.Linear(N_IN, 3), snn.Leaky(beta=0.9, reset_mechanism="none")

        def forward(self, x_TBI: torch.Tensor) -> torch.Tensor:
            mem, found = self.out.reset_mem(), []
            for x in x_TBI:
                _, mem = self.out(self.fc(x), mem)
                found.append(mem)
            return torch.stack(found)

    found = neurodeploy.deploy(Readout(), spikes(T, 8, N_IN), dt_s=DT_S, readout="v_last")
    assert found.certificate["readout"] == "v_last"
    assert found.agreement["spikes"] == 0
    assert found.agreement["potential_difference"] < 1e-6
    np.testing.assert_equal(found.agreement["layers"], [])
