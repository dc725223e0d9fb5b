"""Modules of SpikingJelly, written as its tutorials write them, give their own spikes as graphs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from neurodeploy.backends import fixed
from neurodeploy.certificate.equations import first_violation
from neurodeploy.errors import FrameworkError
from neurodeploy.formats.nir_to_program import carried_program
from neurodeploy.formats.program_to_nir import program_graph
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import compile_network
from neurodeploy.program.program import arrays_of
from neurodeploy.reading import graph_of
from neurodeploy.verbs.deploy import deploy
from tests.networks.test_plif import pictures, small
from tests.reading.same import DT_S, N_IN, B, T, check_same, spikes, stronger

reason = "spikingjelly is not installed: neurodeploy frameworks setup"
activation_based = pytest.importorskip("spikingjelly.activation_based", reason=reason)
from spikingjelly.activation_based import functional, layer, neuron, surrogate  # noqa: E402

NEURONS: dict[str, Any] = {
    "if": lambda: neuron.IFNode(),
    "if-subtract": lambda: neuron.IFNode(v_threshold=1.5, v_reset=None),
    "lif": lambda: neuron.LIFNode(tau=2.0, v_threshold=0.5),
    "lif-plain input": lambda: neuron.LIFNode(tau=3.0, decay_input=False),
    "lif-subtract": lambda: neuron.LIFNode(tau=2.0, v_threshold=0.5, v_reset=None),
    "lif-v_reset": lambda: neuron.LIFNode(tau=2.0, v_threshold=0.5, v_reset=-0.3),
    "plif": lambda: neuron.ParametricLIFNode(init_tau=2.0, v_threshold=0.5),
    "cuba": lambda: neuron.CUBALIFNode(c_decay=0.5, v_decay=0.7, v_threshold=2.0),
}


@pytest.mark.parametrize("mode", ["s", "m"])
@pytest.mark.parametrize("kind", NEURONS)
def test_every_neuron_by_single_and_by_multi_step(kind: str, mode: str, tmp_path: Path) -> None:
    module = nn.Sequential(
        layer.Linear(N_IN, 30), NEURONS[kind](), layer.Linear(30, 5), neuron.LIFNode(v_threshold=0.3)
    )
    functional.set_step_mode(module, mode)
    read, _ = check_same(stronger(module, 3), spikes(T, B, N_IN), tmp_path)
    assert read.inputs.time_axis == 0
    functional.reset_net(module)


class CSNN(nn.Module):
    """The tutorial's convolutional network: the picture repeated, multi-step, firing rates out."""

    def __init__(self, n_steps: int) -> None:
        super().__init__()
        self.n_steps = n_steps
        self.conv_fc = nn.Sequential(
            layer.Conv2d(1, 8, kernel_size=3, padding=1, bias=False),
            layer.BatchNorm2d(8),
            neuron.IFNode(),
            layer.MaxPool2d(2, 2),
            layer.Conv2d(8, 8, kernel_size=3, padding=1, bias=False),
            layer.BatchNorm2d(8),
            neuron.IFNode(),
            layer.MaxPool2d(2, 2),
            layer.Flatten(),
            layer.Dropout(0.5),
            layer.Linear(8 * 4, 12, bias=False),
            neuron.IFNode(),
        )
        functional.set_step_mode(self, step_mode="m")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x_seq = x.unsqueeze(0).repeat(self.n_steps, 1, 1, 1, 1)
        return self.conv_fc(x_seq).mean(0)  # type: ignore[no-any-return]


def test_the_tutorials_convolutional_network(tmp_path: Path) -> None:
    module = stronger(CSNN(6), 3).eval()
    read, trace = check_same(module, spikes(B, 1, 8, 8), tmp_path)
    assert read.inputs.time_axis is None
    assert read.inputs_BTF.shape == (B, 6, 64)
    assert any("given again at each of 6 steps" in note for note in read.notes)
    own = module(spikes(B, 1, 8, 8)).detach().numpy()
    np.testing.assert_allclose(trace.output_BN / 6, own, atol=1e-6)


def test_the_loop_of_the_first_tutorial(tmp_path: Path) -> None:
    """Firing rates by adding up the output of single steps."""
    module = nn.Sequential(layer.Flatten(), layer.Linear(N_IN, 10, bias=False), neuron.LIFNode(v_threshold=0.5))

    def rates(net: Any, x_TBCI: torch.Tensor) -> Any:
        out_fr: Any = 0.0
        for x in x_TBCI:
            out_fr += net(x)
        return out_fr / len(x_TBCI)

    read, _ = check_same(stronger(module, 3), spikes(T, B, 4, 5), tmp_path, forward=rates)
    assert read.readout == "spikes"


def test_whole_numbers_that_meet_the_threshold_exactly(tmp_path: Path) -> None:
    """SpikingJelly spikes at v >= v_threshold; every third potential is the threshold here."""
    module: Any = nn.Sequential(layer.Linear(N_IN, 30, bias=False), neuron.IFNode(v_threshold=3.0, v_reset=None))
    generator = torch.Generator().manual_seed(0)
    module[0].weight.data.copy_(torch.randint(-2, 3, (30, N_IN), generator=generator))
    check_same(module, spikes(T, B, N_IN), tmp_path)


@pytest.mark.parametrize("v_reset", [0.0, None])
@pytest.mark.parametrize("kind", [neuron.IFNode, neuron.ParametricLIFNode])
def test_the_integers_spike_where_a_potential_meets_the_threshold(kind: Any, v_reset: Any, tmp_path: Path) -> None:
    module: Any = nn.Sequential(layer.Linear(N_IN, 30, bias=False), kind(v_threshold=2.0, v_reset=v_reset))
    module[0].weight.data.copy_(torch.randint(-2, 3, (30, N_IN), generator=torch.Generator().manual_seed(0)))
    read, trace = check_same(module, spikes(8, B, N_IN), tmp_path)
    made = compile_network(discretised(read_graph(tmp_path / "model.nir")))
    inputs = read.inputs_BTF.astype(np.uint8)
    whole = fixed.run(made.program, inputs, record=True)
    (own,) = trace.layers.values()
    (chip,) = whole.layers.values()
    np.testing.assert_array_equal(chip.spikes_BTN[:, 1:], own.spikes_BTN)
    assert first_violation(made.quantised, made.plan, whole, inputs) is None
    layers: Any = made.program.layers
    above = replace(made.program, layers=tuple(replace(one, at_threshold=False) for one in layers))
    other = fixed.run(above, inputs, record=True)
    assert (other.layers[above.output].spikes_BTN[:, 1:] != own.spikes_BTN).mean() > 0.01
    found = first_violation(made.quantised, made.plan, other, inputs)
    assert found is not None
    assert found.what == "spikes"
    write_graph(tmp_path / "program.nir", program_graph(made.program))
    again = carried_program(read_graph(tmp_path / "program.nir"))
    assert again is not None
    assert again.digest == made.program.digest != above.digest


@pytest.mark.parametrize("mode", ["s", "m"])
def test_recurrent_containers(mode: str, tmp_path: Path) -> None:
    module = nn.Sequential(
        layer.Linear(N_IN, 8),
        layer.LinearRecurrentContainer(
            neuron.LIFNode(v_reset=None, v_threshold=0.3), in_features=8, out_features=8, bias=True
        ),
    )
    functional.set_step_mode(module, mode)
    check_same(stronger(module, 3), spikes(T, B, N_IN), tmp_path)


def theirs(ours: Any, mode: str) -> nn.Module:
    """Return SpikingJelly's network of the same numbers, written as its users write it."""

    def made(stage: Any) -> list[nn.Module]:
        weights = stage.weights
        after: list[nn.Module] = [
            neuron.ParametricLIFNode(2.0, v_reset=0.0, surrogate_function=surrogate.ATan(2.0), detach_reset=True)
        ]
        after[0].w = stage.neurons.w
        if isinstance(weights, nn.Linear):
            full = layer.Linear(weights.in_features, weights.out_features, bias=False)
            full.weight = weights.weight
            return [full, *after]
        first = layer.Conv2d(weights.in_channels, weights.out_channels, 3, padding=1, bias=False)
        norm = layer.BatchNorm2d(weights.out_channels)
        first.weight = weights.weight
        norm.load_state_dict(stage.norm.state_dict())
        return [first, norm, *after, layer.MaxPool2d(2)]

    class Votes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            parts = [made(stage) for stage in ours.stages]
            full = [one for part in parts[2:] for one in part]
            self.net = nn.Sequential(*parts[0], *parts[1], layer.Flatten(), *full, layer.VotingLayer(3))
            functional.set_step_mode(self, mode)

        def forward(self, x_TBCHW: torch.Tensor) -> torch.Tensor:
            if mode == "m":
                return self.net(x_TBCHW).mean(0)  # type: ignore[no-any-return]
            return sum(self.net(x) for x in x_TBCHW) / len(x_TBCHW)  # type: ignore[return-value]

    return Votes().eval()


@pytest.mark.parametrize("mode", ["m", "s"])
def test_a_parametric_network_gives_the_program_of_our_own(mode: str) -> None:
    network, x_BTI = small(), pictures()
    ours = deploy(network, x_BTI, dt_s=DT_S, time_axis=1)
    found = deploy(theirs(network, mode), x_BTI.transpose(0, 1).unflatten(2, (1, 12, 12)), dt_s=DT_S)
    assert found.agreement["same"]
    assert found.certificate["stages"][-1]["equations"]["holds"]
    mine, its = ours.program, found.program
    for one, other in zip(arrays_of(mine).values(), arrays_of(its).values(), strict=True):
        np.testing.assert_array_equal(other, one)
    for one, other in ((mine.layers, its.layers), (mine.connections, its.connections)):  # type: ignore[assignment]
        numbers = [[{k: v for k, v in vars(x).items() if k in PLAIN} for x in part] for part in (one, other)]
        assert numbers[0] == numbers[1]
    assert (its.input_shape, its.readout, its.decode) == (mine.input_shape, mine.readout, mine.decode)


PLAIN = ("reset", "start", "shape", "bias_exp", "at_threshold", "rest_init", "window", "sign")


def test_groups_of_neurons_that_vote(tmp_path: Path) -> None:
    module = nn.Sequential(layer.Linear(N_IN, 20), neuron.LIFNode(v_threshold=0.4), layer.VotingLayer(10))
    functional.set_step_mode(module, "m")

    class Rates(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = stronger(module, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x).mean(0)  # type: ignore[no-any-return]

    sample = spikes(T, B, N_IN)
    read, trace = check_same(Rates(), sample, tmp_path)
    assert read.readout == "spikes"
    functional.reset_net(module)
    assert "net_1_sum" not in read.graph.nodes
    np.testing.assert_allclose(trace.output_BN / 10 / T, Rates()(sample).detach().numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (lambda: neuron.EIFNode(), r"^1 \(EIFNode\): is not taken from spikingjelly; AdaptiveAvgPool1d, AdaptiveAvg"),
        (lambda: neuron.KLIFNode(), r"^1 \(KLIFNode\): is not taken from spikingjelly"),
        (lambda: neuron.LIAFNode(act=torch.relu, threshold_related=False), r"^1 \(LIAFNode\): is not taken"),
        (lambda: layer.Dropout(0.5), r"^1 \(Dropout\): is in training mode"),
        (lambda: layer.BatchNorm1d(30), r"^1 \(BatchNorm1d\): is in training mode"),
    ],
    ids=["eif", "klif", "liaf", "dropout", "batch norm"],
)
def test_what_no_graph_can_say(kind: Any, said: str) -> None:
    module = nn.Sequential(layer.Linear(N_IN, 30), kind(), layer.Linear(30, 5), neuron.LIFNode())
    with pytest.raises(FrameworkError, match=said) as caught:
        graph_of(stronger(module, 3), spikes(T, B, N_IN), dt_s=DT_S)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["m", "s"])
def test_a_picture_as_currents_stays_on_the_host(mode: str, tmp_path: Path) -> None:
    """Direct encoding: the first neurons turn real numbers into spikes, and the graph begins behind them."""

    class Direct(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(layer.Conv2d(1, 4, 3, padding=1), layer.BatchNorm2d(4), neuron.IFNode())
            self.rest = nn.Sequential(layer.MaxPool2d(2, 2), layer.Flatten(), layer.Linear(64, 6), neuron.LIFNode())
            functional.set_step_mode(self, mode)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if mode == "m":
                return self.rest(self.encoder(x.unsqueeze(0).repeat(7, 1, 1, 1, 1))).mean(0)  # type: ignore[no-any-return]
            return sum(self.rest(self.encoder(x)) for _ in range(7)) / 7  # type: ignore[return-value]

    module = stronger(Direct(), 3).eval()
    picture = torch.rand(B, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    read, trace = check_same(module, picture, tmp_path, host="encoder.2")
    assert tuple(read.graph.nodes["input"].input_type["input"]) == (4, 8, 8)
    assert read.inputs_BTF.shape == (B, 7, 256)
    functional.reset_net(module)
    np.testing.assert_allclose(trace.output_BN / 7, module(picture).detach().numpy(), atol=1e-6)
    more = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    assert read.feed(more).shape == (5, 7, 256)
    np.testing.assert_array_equal(read.feed(picture), read.inputs_BTF)


@pytest.mark.parametrize("mode", ["m", "s"])
def test_a_picture_goes_on_the_chip_as_whole_currents(mode: str) -> None:
    """The convolution and its norm run once a picture on the host; the first neurons are the chip's."""

    class Direct(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(layer.Conv2d(1, 4, 3, padding=1), layer.BatchNorm2d(4))
            last = (layer.Linear(64, 6), neuron.ParametricLIFNode())
            self.rest = nn.Sequential(neuron.ParametricLIFNode(), layer.MaxPool2d(2, 2), layer.Flatten(), *last)
            functional.set_step_mode(self.rest, mode)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            current = self.encoder(x)
            if mode == "m":
                return self.rest(current.unsqueeze(0).repeat(7, 1, 1, 1, 1)).mean(0)  # type: ignore[no-any-return]
            return sum(self.rest(current) for _ in range(7)) / 7  # type: ignore[return-value]

    module = stronger(Direct(), 3).eval()
    picture = torch.rand(B, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        currents = module.encoder(picture).flatten(1).numpy()
    made = deploy(module, picture, dt_s=DT_S, host="encoder")
    assert made.agreement["same"]
    assert made.read.spikes["rest_0"].any()
    assert made.certificate["stages"][-1]["equations"]["holds"]
    assert made.program.graded_input
    assert made.read.inputs_BTF.shape == (B, 7, 256)
    unit = 2.0 ** (np.ceil(np.log2(np.abs(currents).max())) - 10)
    np.testing.assert_array_equal(made.read.inputs_BTF, np.rint(currents / unit)[:, None].repeat(7, 1))
    np.testing.assert_array_equal(made.read.feed(picture / 2).max() <= made.read.inputs_BTF.max(), True)
    (told,) = [note for note in made.notes if note.startswith("encoder: ")]
    assert "2,304 multiply-adds a sample" in told
    assert f"in whole units of {unit:g}: 256 numbers of 12 bits a sample, 384 bytes; neither has a price here" in told
    assert told in made.program.notes  # and with it in profile


def test_a_host_that_is_none() -> None:
    module = nn.Sequential(layer.Linear(N_IN, 30), neuron.LIFNode())
    with pytest.raises(
        FrameworkError, match=r"^host: '3' is not the path of a layer of the module; choose one of 0, 1"
    ):
        graph_of(module, spikes(T, B, N_IN), dt_s=DT_S, host="3")


READ = [(None, "v_last"), ("last_mem", "v_last"), ("max-mem", "v_max"), ("mean-mem", "v_sum")]


@pytest.mark.parametrize("kind", [neuron.NonSpikingLIFNode, neuron.NonSpikingIFNode])
@pytest.mark.parametrize(("decode", "read"), READ)
def test_a_leaky_readout_gives_its_own_classes(kind: Any, decode: str | None, read: str, tmp_path: Path) -> None:
    net = nn.Sequential(
        *(layer.Linear(N_IN, 20), neuron.LIFNode(v_threshold=0.3)),
        *(layer.Linear(20, 3, bias=False), kind(decode=decode)),
    )
    functional.set_step_mode(stronger(net, 4), "m")
    sample = spikes(T, 6, N_IN)
    own = net(sample)
    functional.reset_net(net)
    found, trace = check_same(net, sample, tmp_path)
    assert found.readout == read
    np.testing.assert_array_equal(trace.predictions_B, (own[-1] if decode is None else own).argmax(1).numpy())


def test_a_leaky_readout_by_its_sign_is_refused_by_the_operation() -> None:
    last = neuron.NonSpikingLIFNode(decode="max-abs-mem")
    net = nn.Sequential(layer.Linear(N_IN, 20), neuron.LIFNode(), layer.Linear(20, 3), last)
    functional.set_step_mode(net, "m")
    with pytest.raises(FrameworkError, match=r"^3 \(NonSpikingLIFNode\): torch's \w+ has no place"):
        graph_of(net, spikes(T, B, N_IN), dt_s=DT_S)
