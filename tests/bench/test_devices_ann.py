"""The ANN of a network's shape: its numbers, its windows, its grid; and the network as devices run it."""

from __future__ import annotations

import copy

import pytest
import torch

from neurodeploy.bench.devices.ann import _attach, dense_macs, layer_shapes, settled
from neurodeploy.bench.devices.machines import floor_of
from neurodeploy.errors import RunError
from neurodeploy.networks.families.lif import LifSettings, build
from neurodeploy.networks.families.plif import PlifSettings
from neurodeploy.networks.families.plif import build as build_plif
from neurodeploy.networks.matched import LayerShape, MatchedANN, MatchedLayer, counted
from neurodeploy.neurons.population import Population
from neurodeploy.pipeline.conversion import read_network
from neurodeploy.program.plan import ConnectionPlan, Plan
from neurodeploy.quantize.on_grid import Held
from neurodeploy.quantize.on_grid import settled as on_their_grid
from neurodeploy.quantize.uniform import ValueQuantiser, WeightQuantiser, matched_bits
from neurodeploy.reading.precision import put_on_grid

SHAPES = (LayerShape(6, 4, True), LayerShape(4, 3, False))
CPU = torch.device("cpu")


def ann(windows: int = 2) -> MatchedANN:
    torch.manual_seed(0)
    return MatchedANN(SHAPES, windows, gain=0.5).eval()


def test_macs_weights_and_values_are_exact() -> None:
    network = ann(windows=3)
    assert network.macs == 3 * (6 * 4 + 4 * 3) + 2 * 4 * 4
    assert network.weights_of_shape == 6 * 4 + 4 * 4 + 4 * 3
    assert network.parameters_of_shape == sum(one.numel() for one in network.parameters()) == 52 + 7
    assert network.activations == 3 * (6 + 4 + 3)


def test_counts_hold_every_step_once() -> None:
    spikes_BTI = torch.arange(2 * 7 * 3).reshape(2, 7, 3).float()
    for windows in (1, 2, 3, 7):
        counts_BKI = counted(spikes_BTI, windows)
        assert counts_BKI.shape == (2, windows, 3)
        assert torch.equal(counts_BKI.sum(dim=1), spikes_BTI.sum(dim=1))
    assert torch.equal(counted(spikes_BTI, 7), spikes_BTI)


def test_recurrence_goes_from_window_to_window() -> None:
    network = ann()
    first, last = network.layers
    assert isinstance(first, MatchedLayer)
    assert isinstance(last, MatchedLayer)
    assert first.recurrent is not None
    counts_BKI = torch.rand(5, 2, 6)
    x = 0.5 * counts_BKI
    y0 = (x[:, 0] @ first.weight.T).relu()
    y1 = (x[:, 1] @ first.weight.T + y0 @ first.recurrent.T).relu()
    wanted = torch.stack([y0, y1], 1) @ last.weight.T
    torch.testing.assert_close(network.outputs(counts_BKI), wanted)


def test_weights_and_values_lie_on_grids_of_their_bits() -> None:
    weight = torch.randn(9, 7, generator=torch.Generator().manual_seed(0))
    for bits in (2, 4, 8):
        found = WeightQuantiser(bits)(weight)
        most = (1 << (bits - 1)) - 1
        levels = found / (weight.abs().max() / most)
        torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)
        assert levels.abs().max() == pytest.approx(most)
    values = ValueQuantiser(3, step=0.5)(torch.tensor([-1.0, 0.2, 0.3, 3.4, 99.0]))
    assert values.tolist() == [0.0, 0.0, 0.5, 3.5, 3.5]
    signed = ValueQuantiser(3, step=0.5, signed=True)(torch.tensor([-9.0, -0.6, 9.0]))
    assert signed.tolist() == [-1.5, -0.5, 1.5]


def test_values_have_the_bits_of_a_spike_count() -> None:
    assert [matched_bits(steps) for steps in (1, 3, 4, 7, 8, 24, 255, 256, 10_000)] == [1, 2, 3, 3, 4, 5, 8, 8, 8]


def test_a_settled_ann_answers_as_the_quantised_one() -> None:
    network = ann()
    _attach(network, 4, 3, signed=False)
    counts_BKI = torch.randint(0, 5, (8, 2, 6)).float()
    before = copy.deepcopy(network.state_dict())
    found = settled(network, CPU)
    assert torch.equal(found.outputs(counts_BKI), network.outputs(counts_BKI))
    assert not torch.equal(found.state_dict()["layers.0.weight"], before["layers.0.weight"])
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_a_held_network_sends_the_quantised_ones_spikes() -> None:
    torch.manual_seed(0)
    settings = LifSettings(neuron="cuba_lif", hidden=(12,), recurrent=True, weight_gain=3.0)
    network = build(settings, (5,), 3, 4e-3).eval()
    plan = ConnectionPlan(weight_bits=4, weight_exp=2)
    put_on_grid(
        network,
        read_network(network, 4e-3),
        Plan({"lif1": 500, "lif2": 500}, {"fc1": plan, "rec1": plan, "fc2": plan}),
    )
    spikes_BTI = (torch.rand(4, 30, 5) < 0.5).float()
    with torch.no_grad():
        wanted = [one.clone() for one in network(spikes_BTI)]
        held = on_their_grid(network)
        found = held(spikes_BTI)
    neurons = [one for one in held.modules() if isinstance(one, Population)]
    assert [type(one.rounding) for one in neurons] == [Held, Held]
    assert not any("parametrizations" in name for name in held.state_dict())
    assert sum(float(one.sum()) for one in wanted) > 10
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))
    assert layer_shapes(network) == [LayerShape(5, 12, True), LayerShape(12, 3, False)]
    assert dense_macs(layer_shapes(network), 30) == 30 * (60 + 144 + 36)


def test_a_network_with_convolutions_is_refused() -> None:
    network = build_plif(PlifSettings(stages=(1,), channels=(2,), hidden=4), (1, 8, 8), 3, 1e-3)
    with pytest.raises(RunError, match="has convolutions"):
        layer_shapes(network)


@pytest.mark.parametrize(
    ("kind", "device", "mac_j", "exact"),
    [
        ("gpu", "NVIDIA H100 80GB HBM3", 20.9e-12, True),
        ("gpu", "NVIDIA A100-SXM4-40GB", 41e-12, True),
        ("cpu", "Intel(R) Core(TM) i7-4960X CPU @ 3.60GHz, 1 thread", 8.6e-9, True),
        ("cpu", "AMD EPYC, 1 thread", 8.6e-9, False),
    ],
)
def test_floors_are_of_float32_and_say_whose_they_are(kind: str, device: str, mac_j: float, exact: bool) -> None:
    found = floor_of(kind, device)
    assert found is not None
    assert found.constant.value == pytest.approx(mac_j)
    assert found.exact is exact
    assert found.constant.evidence == "datasheet"
    assert found.constant.source


def test_a_gpu_without_a_floor_gets_no_other_ones() -> None:
    assert floor_of("gpu", "NVIDIA H200") is None
    assert floor_of("gpu", "NVIDIA A1000") is None
