"""Networks of the SiLIF family against recorded runs: the published models, the baselines, the parameter counts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from neurodeploy.errors import NetworkError
from neurodeploy.networks.families.s4d import S4DLayer, slow_parameters
from neurodeploy.networks.families.silif import LAYERS, SilifSettings, build
from neurodeploy.networks.families.table import build_network
from neurodeploy.networks.fused_forward import rate_penalty
from neurodeploy.networks.published import load_published
from neurodeploy.networks.sequence import SequenceNetwork
from neurodeploy.neurons.ssm.layer import InitialState
from tests.networks.models import settings_of
from tests.networks.synops import synops_per_sample
from tests.neurons.silif import below, golden

BASELINES = ("mlp", "rnn", "ligru", "gru", "s4d")
PUBLISHED = ("silif", "csilif", "cadlif", "rf")


def published(name: str) -> Path:
    return Path(os.environ["NEURODEPLOY_DATA"]) / "silif_ssc_reference" / f"{name}.npz"


def loud(network: SequenceNetwork, model: str) -> SequenceNetwork:
    """Return the network with more drive: white noise in 40 steps leaves new neurons too far below the threshold."""
    for layer in network.stack[:-1]:
        layer.norm.weight.data.mul_(400.0 if model == "rf" else 5.0)  # type: ignore[operator, union-attr]
    return network


@pytest.mark.data
@pytest.mark.parametrize("precision", ["f32", "f64"])
@pytest.mark.parametrize(("mode", "initial_state"), [("rand", "random"), ("zero", "zero")])
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_repeat_the_recorded_runs(
    name: str, mode: str, initial_state: InitialState, precision: str
) -> None:
    arrays = golden(f"ssc_full_{name}")
    settings = SilifSettings(model=name, initial_state=initial_state)  # type: ignore[arg-type]
    network = load_published(published(name), settings).network
    if precision == "f64":
        network = network.double()
    torch.manual_seed(13)
    with torch.no_grad():
        answer = network(arrays["x"])
    recorded = below(arrays, f"{mode}.{precision}.")
    for index, spikes_BTN in enumerate(answer.hidden):
        packed = np.packbits(spikes_BTN.numpy() > 0, axis=-1)
        np.testing.assert_array_equal(packed, recorded[f"spikes{index}"].numpy())
    # Rounding of a sum over 100 steps that ends at 100; 3e-15 and 2e-6 were seen.
    tolerance = 1e-13 if precision == "f64" else 1e-5
    torch.testing.assert_close(answer.output_BC, recorded["logits"], rtol=0, atol=tolerance)
    assert float(synops_per_sample(answer, network.widths).double().mean()) == float(recorded["sop"])
    if precision == "f32":
        # Counts and rescaled spikes above 0.9 are one event each in the published firing rates.
        rates = torch.cat([fed.masked_fill(fed > 0.9, 1.0).mean(dim=(0, 1)) for fed in answer.fed])
        torch.testing.assert_close(rates, recorded["firing_rates"], rtol=0, atol=1e-6)


@pytest.mark.data
@pytest.mark.parametrize("kind", ["MLP", "RNN", "LiGRU", "GRU"])
def test_baselines_repeat_the_recorded_runs(kind: str) -> None:
    arrays = golden("ann_models")
    network = build_network(settings_of(kind.lower(), hidden=(6, 6)), (12,), 5, 4e-3).eval()
    # The count of batches, which nothing depends on, was not recorded.
    counts = {name: value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")}
    recorded = {name: value for name, value in below(arrays, f"{kind}.").items() if name.startswith("ann.")}
    network.load_state_dict(recorded | counts)
    answer = network(arrays["x"])
    torch.testing.assert_close(answer.output_BC, arrays[f"{kind}.out"], rtol=0, atol=1e-5)
    for index, values_BTN in enumerate(answer.hidden):
        torch.testing.assert_close(values_BTN, arrays[f"{kind}.hidden{index}"], rtol=0, atol=1e-6)


@pytest.mark.data
def test_s4d_repeats_the_recorded_layer_and_kernel() -> None:
    arrays = golden("layer_s4d")
    layer = S4DLayer(12, 6, n_modes=4, dropout=0.0, dt_max=0.1).eval()
    tracked = {"norm.num_batches_tracked": torch.tensor(0)}
    layer.load_state_dict(below(arrays, "param.") | tracked)
    torch.testing.assert_close(layer.S4D.kernel(25), arrays["kernel_L25"], rtol=0, atol=1e-6)
    torch.testing.assert_close(layer(arrays["x"]).fed_BTN, arrays["out"], rtol=0, atol=1e-6)


COUNTS = {
    "lif": (37692, 347196, 354921, 303721, 1131625),
    "rlif": (70460, 871484, 879209, 828009, 3228777),
    "adlif": (38460, 350268, 357993, 306793, 1137769),
    "cadlif": (38460, 350268, 357993, 306793, 1137769),
    "csilif": (38460, 350268, 357993, 306793, 1137769),
    "radlif": (71228, 874556, 882281, 831081, 3234921),
    "rf": (37948, 348220, 355945, 304745, 1133673),
    "silif": (38716, 351292, 359017, 307817, 1139817),
    "mlp": (37416, 346152, 353862, 302662, 1129542),
    "rnn": (70184, 870440, 878150, 826950, 3226694),
    "ligru": (137768, 1730600, 1738310, 1635910, 6417478),
    "gru": (205352, 2590760, 2598470, 2444870, 9608262),
}
SIZES = ((140, 128, 20), (140, 512, 20), (140, 512, 35), (40, 512, 35), (40, 1024, 35))


@pytest.mark.parametrize("model", COUNTS)
def test_parameters_are_as_many_as_in_the_table(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Numbers of parameters need no values, and orthogonal matrices of 1024 take seconds.
    monkeypatch.setattr(torch.nn.init, "orthogonal_", lambda weight: weight)
    for (n_inputs, size, n_classes), wanted in zip(SIZES, COUNTS[model], strict=True):
        network = build_network(settings_of(model, hidden=(size, size)), (n_inputs,), n_classes, 4e-3)
        assert sum(parameter.numel() for parameter in network.parameters()) == wanted


def test_s4d_has_as_many_parameters_as_published() -> None:
    network = build_network(settings_of("s4d", hidden=(128,) * 6), (40,), 35, 4e-3)
    assert sum(parameter.numel() for parameter in network.parameters()) == 310_691
    assert sum(parameter.numel() for parameter in slow_parameters(network)) == 6 * (128 + 2 * 128 * 32)


@pytest.mark.parametrize("model", [*LAYERS, *BASELINES])
def test_a_training_step_moves_every_parameter(model: Any) -> None:
    torch.manual_seed(3)
    settings = settings_of(model, hidden=(24, 24), dropout=0.2, dt_max=0.1)
    network = build_network(settings, (10,), 4, 4e-3).train()
    if model in LAYERS:
        loud(network, model)
    x_BTI = torch.poisson(torch.full((6, 40, 10), 1.0))
    answer = network(x_BTI)
    assert answer.output_BC.shape == (6, 4)
    assert [fed.shape[2] for fed in answer.fed] == [10, 24, 24]
    functional.cross_entropy(answer.output_BC, torch.arange(6) % 4).backward()
    for name, parameter in network.named_parameters():
        if "out_norm" in name:  # counted, but nothing goes through it
            continue
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.count_nonzero() > 0, name


@pytest.mark.parametrize("model", [name for name, kind in LAYERS.items() if kind.can_be_bidirectional])
@pytest.mark.parametrize("initial_state", ["zero", "random"])
def test_a_bidirectional_network_sees_both_ways(model: Any, initial_state: InitialState) -> None:
    torch.manual_seed(4)
    settings = SilifSettings(model=model, hidden=(12, 8), bidirectional=True, initial_state=initial_state)
    network = loud(build_network(settings, (5,), 3, 4e-3), model).eval()
    assert network.widths == (24, 16, 3)
    x_BTI = 3 * torch.rand(2, 30, 5)
    answer = network(x_BTI)
    assert [spikes.shape for spikes in answer.hidden] == [(2, 30, 24), (2, 30, 16)]
    if initial_state == "zero":
        onward_BTN, backward_BTN = answer.hidden[0].chunk(2, dim=2)
        flipped_BTN = network(x_BTI.flip(1)).hidden[0]
        assert onward_BTN.sum() > 0
        assert torch.equal(flipped_BTN.flip(1), torch.cat([backward_BTN, onward_BTN], dim=2))


@pytest.mark.parametrize("model", ["silif", "csilif"])
def test_other_models_refuse_to_be_bidirectional(model: Any) -> None:
    with pytest.raises(NetworkError, match=f"{model} cannot be bidirectional; .* lif, rlif, adlif"):
        build_network(SilifSettings(model=model, bidirectional=True), (5,), 3, 4e-3)


def test_a_random_start_follows_the_seed_and_zero_does_not() -> None:
    torch.manual_seed(5)
    network = build_network(SilifSettings(hidden=(16,), initial_state="random"), (5,), 3, 4e-3).eval()
    x_BTI = torch.rand(2, 20, 5)
    outputs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(network(x_BTI).output_BC)
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


def test_the_rate_penalty_moves_quiet_neurons() -> None:
    torch.manual_seed(6)
    network = build_network(SilifSettings(hidden=(16, 16)), (5,), 3, 4e-3).train()
    answer = network(torch.rand(4, 30, 5))
    rates_N = torch.cat([spikes.mean(dim=(0, 1)) for spikes in answer.hidden])
    penalty = rate_penalty(answer.hidden, lowest=0.3, highest=0.4)
    torch.testing.assert_close(penalty, (0.3 - rates_N).relu().sum() + (rates_N - 0.4).relu().sum())
    penalty.backward()
    gradient = network.get_parameter("snn.0.W.weight").grad
    assert gradient is not None
    assert gradient.count_nonzero() > 0
    assert rate_penalty(answer.hidden, lowest=0.0, highest=1.0).item() == 0


def test_synops_count_events_once_and_average_over_samples() -> None:
    torch.manual_seed(7)
    network = build_network(SilifSettings(hidden=(6, 5)), (4,), 3, 4e-3).eval()
    x_BTI = torch.poisson(torch.full((5, 30, 4), 1.0))
    whole = network(x_BTI)
    first, second = whole.hidden
    by_hand = 6 * (x_BTI > 0).sum((1, 2)) + 5 * (first > 0).sum((1, 2)) + 3 * (second > 0).sum((1, 2))
    found = synops_per_sample(whole, network.widths)
    assert torch.equal(found, by_hand)
    assert x_BTI.max() > 1
    parts = [synops_per_sample(network(part), network.widths) for part in x_BTI.split(2)]
    assert torch.equal(torch.cat(parts), found)


def test_an_unknown_engine_is_told() -> None:
    network = build(SilifSettings(hidden=(4,)).model_copy(update={"scan_engine": "referense"}), (3,), 2, 4e-3)
    with pytest.raises(NetworkError, match="did you mean 'reference'"):
        network(torch.zeros(1, 5, 3))
