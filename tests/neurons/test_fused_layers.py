"""Layers in one piece against recorded runs, and against the readable layers in float64."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch.nn import functional

from neurodeploy.errors import NetworkError
from neurodeploy.networks import fused_forward as whole
from neurodeploy.networks.families.silif import FamilyNetwork, SilifSettings, build
from neurodeploy.networks.fused_forward import rate_penalty
from neurodeploy.neurons.ssm.layer import StateSpaceLayer
from tests.networks.synops import synops_per_sample
from tests.neurons.silif import LAYERS, below, golden, recorded_layer
from tests.neurons.test_silif_layers import recorded_readout, recorded_start, relative_error

pytest.importorskip("numba")
from neurodeploy.neurons.fused import extents, product
from neurodeploy.neurons.fused.extents import NONE_F64, Extent
from neurodeploy.neurons.fused.layer import Dropout, Spikes, source_of
from neurodeploy.neurons.fused.pool import Pool

CALM = ("lif", "rlif", "cadlif", "silif", "csilif", "rf")
"""Models whose rounding errors do not grow: half of the adLIF neurons start unstable."""


@pytest.mark.data
@pytest.mark.parametrize("mode", ["rand", "zero"])
@pytest.mark.parametrize("name", LAYERS)
def test_recorded_evaluations_are_repeated(name: str, mode: str) -> None:
    arrays = golden(f"layer_{name}")
    layer = recorded_layer(name, arrays, "fused").eval()
    with torch.no_grad():
        spikes = whole.hidden(layer, arrays["x"], recorded_start(arrays, mode, name))
    assert torch.equal(spikes.dense(), arrays[f"{mode}.s"].float())
    assert torch.equal(spikes.before_dropout(), arrays[f"{mode}.s"].float())
    torch.testing.assert_close(spikes.rates_N, arrays[f"{mode}.s"].float().mean(dim=(0, 1)))


@pytest.mark.data
@pytest.mark.parametrize("name", LAYERS)
def test_recorded_trainings_are_repeated(name: str) -> None:
    arrays = golden(f"layer_{name}")
    layer = recorded_layer(name, arrays, "fused").train()
    x = arrays["x"].clone().requires_grad_()
    spikes = whole.hidden(layer, x, recorded_start(arrays, "train", name)).dense()
    assert torch.equal(spikes, arrays["train.s"].float())
    (spikes * arrays["train.upstream_grad"]).sum().backward()
    assert x.grad is not None
    assert relative_error(x.grad, arrays["train.grad_x"]) < 1e-5
    for key, parameter in layer.named_parameters():
        assert parameter.grad is not None, key
        assert relative_error(parameter.grad, arrays[f"train.grad.{key}"]) < 1e-5, key
    for key, value in below(arrays, "train.norm.").items():
        torch.testing.assert_close(layer.norm.state_dict()[key], value, rtol=1e-5, atol=1e-6)


@pytest.mark.data
def test_the_recorded_readout_is_repeated() -> None:
    arrays = golden("layer_readout")
    for mode in ("rand", "zero"):
        readout = recorded_readout(arrays, "zero").eval()
        found = whole.summed_softmax(readout, arrays["x"], arrays[f"{mode}.init_u"])
        torch.testing.assert_close(found, arrays[f"{mode}.out"], rtol=0, atol=1e-5)
    readout = recorded_readout(arrays, "zero").train()
    x = arrays["x"].clone().requires_grad_()
    found = whole.summed_softmax(readout, x, arrays["rand.init_u"])
    torch.testing.assert_close(found, arrays["train.out"], rtol=0, atol=1e-5)
    (found * arrays["train.upstream_grad"]).sum().backward()
    assert x.grad is not None
    assert relative_error(x.grad, arrays["train.grad_x"]) < 1e-5
    for key, parameter in readout.named_parameters():
        assert parameter.grad is not None, key
        assert relative_error(parameter.grad, arrays[f"train.grad.{key}"]) < 1e-5, key


def network(model: str, hidden: tuple[int, ...] = (70, 24), *, dropout: float = 0.3, seed: int = 0) -> FamilyNetwork:
    """Return a network that fires, with a started state, in training."""
    torch.manual_seed(seed)
    settings = SilifSettings(model=model, hidden=hidden, dropout=dropout, initial_state="random")  # type: ignore[arg-type]
    found = build(settings, (13,), 9, 4e-3)
    for layer in found.layers:
        layer.norm.weight.data.fill_(400.0 if model == "rf" else 2.0)
        layer.norm.bias.data.uniform_(-0.5, 1.0)
    return found


def counts(n_samples: int = 4, n_steps: int = 40, n_inputs: int = 13, rate: float = 0.2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.poisson(torch.full((n_samples, n_steps, n_inputs), rate), generator=generator)


def scanned(layer: StateSpaceLayer, drive_BTN: torch.Tensor, start: Any) -> torch.Tensor:
    """Return the spikes of the readable recurrence."""
    return layer.trace(drive_BTN, start).s_BTN  # type: ignore[no-any-return]


def in_float64(state: Any) -> Any:
    if state is None or isinstance(state, torch.Tensor):
        return None if state is None else state.double()
    return type(state)(*(in_float64(one) for one in state))


Gradients = dict[str, torch.Tensor]


def both(found: FamilyNetwork, x: torch.Tensor, *, penalty: float = 0.0) -> tuple[Gradients, Gradients]:
    """Return gradients of the layers in one piece, and of the readable ones in float64 with the same dropout.

    Spikes, scores and the statistics of batch norm are compared on the way.
    """
    readable = copy.deepcopy(found).double()
    starts = [layer.random_start(torch.empty(len(x), 1, layer.n_neurons)) for layer in found.layers]
    fed: Any = x
    spikes: list[Spikes] = []
    for layer, start in zip(found.layers, starts, strict=True):
        fed = whole.hidden(layer, fed, start)
        spikes.append(fed)
    scores = whole.summed_softmax(found.readout, fed)
    loss = functional.cross_entropy(scores, torch.arange(len(x)) % 9)
    (loss + penalty * sum((one.rates_N**2).sum() for one in spikes)).backward()

    fed = x.double()
    rates = []
    for layer, start, mine in zip(readable.layers, starts, spikes, strict=True):
        sent = scanned(layer, layer.drive(fed), in_float64(start))
        assert torch.equal(sent.float(), mine.before_dropout())
        assert 0.01 < sent.mean() < 0.7
        rates.append(sent.mean(dim=(0, 1)))
        torch.testing.assert_close(rates[-1].float(), mine.rates_N)
        fed = sent * mine.kept().double() * mine.dropout.gain
        assert torch.equal(fed.float(), mine.dense())
    expected = readable.readout(fed, torch.zeros(len(x), 9, dtype=torch.float64))
    torch.testing.assert_close(scores.double(), expected, rtol=0, atol=1e-5)
    loss = functional.cross_entropy(expected, torch.arange(len(x)) % 9)
    (loss + penalty * sum((one**2).sum() for one in rates)).backward()
    for (key, one), (_, other) in zip(found.named_buffers(), readable.named_buffers(), strict=True):
        torch.testing.assert_close(one.double(), other.double(), rtol=1e-5, atol=1e-6, msg=key)
    grads = [
        {key: one.grad for key, one in each.named_parameters() if one.grad is not None} for each in (found, readable)
    ]
    assert grads[0].keys() == grads[1].keys() == dict(found.named_parameters()).keys()
    return grads[0], grads[1]


def assert_equal_gradients(
    grads: tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]], within: float = 1e-5
) -> None:
    for key, mine in grads[0].items():
        assert grads[1][key].abs().max() > 0, key
        assert relative_error(mine.double(), grads[1][key]) < within, key


@pytest.fixture
def zero_readout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let readouts start at zero, whatever their settings, so that both sides start alike."""
    monkeypatch.setattr(whole, "drawn_like", lambda drive_BTC: torch.zeros(drive_BTC.shape[0], drive_BTC.shape[2]))


@pytest.mark.usefixtures("zero_readout")
@pytest.mark.parametrize("model", CALM)
def test_networks_train_as_the_readable_ones_in_float64(model: str) -> None:
    found = network(model)
    if model == "rf":  # its spikes are too rare to move a readout
        found.readout.norm.weight.data.fill_(5.0)
    assert_equal_gradients(both(found, counts()))


@pytest.mark.usefixtures("zero_readout")
@pytest.mark.parametrize("rate", [0.0005, 0.05, 3.0], ids=["silent", "sparse", "dense"])
def test_few_and_many_input_events(rate: float) -> None:
    x = counts(rate=rate)
    x[0, 3, 2] = 1.0
    found = network("silif")
    assert_equal_gradients(both(found, x))


@pytest.mark.usefixtures("zero_readout")
def test_dense_spikes_go_through_dense_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same numbers whatever the density that decides."""
    results = []
    for limit in (0.0, 1.0):
        monkeypatch.setattr("neurodeploy.neurons.fused.layer.LARGEST_DENSITY", limit)
        results.append(both(network("silif"), counts())[0])
        assert_equal_gradients((results[-1], both(network("silif"), counts())[1]))
    for key in results[0]:
        assert relative_error(results[0][key], results[1][key]) < 1e-5, key


@pytest.mark.usefixtures("zero_readout")
def test_firing_rates_have_a_gradient() -> None:
    with_penalty = both(network("silif"), counts(), penalty=100.0)
    assert_equal_gradients(with_penalty)
    without = both(network("silif"), counts())[0]
    assert relative_error(with_penalty[0]["snn.0.norm.bias"], without["snn.0.norm.bias"]) > 0.1


def test_evaluation_mode_has_its_own_gradient() -> None:
    """Batch norm with running statistics, whose gradient knows nothing of the batch."""
    found = network("silif", (24,), dropout=0.0).eval()
    readable = copy.deepcopy(found).double()
    x = counts().requires_grad_()
    x64 = counts().double().requires_grad_()
    upstream = torch.randn(4, 40, 24, generator=torch.Generator().manual_seed(1))
    mine, theirs = found.layers[0], readable.layers[0]
    start = mine.random_start(torch.empty(4, 1, 24))
    (whole.hidden(mine, x, start).dense() * upstream).sum().backward()
    (scanned(theirs, theirs.drive(x64), in_float64(start)) * upstream).sum().backward()
    assert x.grad is not None
    assert x64.grad is not None
    assert relative_error(x.grad.double(), x64.grad) < 1e-5
    for (key, one), (_, other) in zip(mine.named_parameters(), theirs.named_parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        assert relative_error(one.grad.double(), other.grad) < 1e-5, key


def test_a_given_mask_is_the_dropout() -> None:
    layer = network("silif", (24,)).layers[0]
    mask = torch.rand(4, 40, 24, generator=torch.Generator().manual_seed(1)) < 0.5
    spikes = whole.hidden(layer, counts(), dropout=Dropout.given(0.5, mask))
    assert torch.equal(spikes.kept(), mask.float())
    assert torch.equal(spikes.dense(), spikes.before_dropout() * mask * 2)
    assert spikes.sent.density == pytest.approx(float((spikes.dense() > 0).float().mean()))


def test_dropout_keeps_its_share_and_follows_the_seed() -> None:
    layer = network("silif", (128,)).layers[0]
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(whole.hidden(layer, counts(20, 200)).kept())
    assert torch.equal(masks[0], masks[1])
    assert masks[0].mean() == pytest.approx(0.7, abs=0.003)  # four deviations of half a million draws
    assert (masks[0] == masks[2]).float().mean() == pytest.approx(0.7**2 + 0.3**2, abs=0.005)
    by_neuron, by_step = masks[0].mean(dim=(0, 1)), masks[0].mean(dim=(0, 2))
    assert (by_neuron - 0.7).abs().max() < 0.04  # five deviations
    assert (by_step - 0.7).abs().max() < 0.05


def test_threads_never_change_a_number() -> None:
    built = network("radlif", (136, 70))
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found = copy.deepcopy(built)
            torch.manual_seed(1)
            answer = found(counts())
            functional.cross_entropy(answer.output_BC, torch.arange(4)).backward()
            results.append([answer.output_BC.detach(), *(one.grad for one in found.parameters())])
    finally:
        torch.set_num_threads(before)
    for one, three in zip(*results, strict=True):
        assert torch.equal(one, three)


def test_answers_of_both_ways_agree() -> None:
    """What a network tells besides its scores: spikes, what layers are fed, synaptic operations, the rates' penalty."""
    found = network("silif", dropout=0.0).eval()
    told = []
    for engine in ("fused", "reference"):
        for part in found.stack:
            object.__setattr__(part.settings, "scan_engine", engine)
        torch.manual_seed(5)
        with torch.no_grad():
            told.append(found(counts()))
    mine, theirs = told
    torch.testing.assert_close(mine.output_BC, theirs.output_BC, rtol=0, atol=1e-4)
    assert len(mine.hidden) == len(theirs.hidden) == 2
    assert len(mine.fed) == len(theirs.fed) == 3
    for one, other in zip([*mine.hidden, *mine.fed[1:]], [*theirs.hidden, *theirs.fed[1:]], strict=True):
        assert torch.equal(one, other)
    assert torch.equal(synops_per_sample(mine, found.widths), synops_per_sample(theirs, found.widths))
    torch.testing.assert_close(rate_penalty(mine.hidden), rate_penalty(theirs.hidden))


def test_spikes_before_dropout_say_that_they_have_no_gradient() -> None:
    answer = network("silif")(counts())
    with pytest.raises(NetworkError, match="use their rates"):
        answer.hidden[0].sum().backward()
    network("silif", dropout=0.0)(counts()).hidden[0].sum().backward()


@pytest.mark.parametrize("change", ["bias", "float64", "bidirectional", "own norm"])
def test_layers_of_another_make_run_step_by_step(change: str) -> None:
    found = network("lif")
    x = counts()
    if change == "bias":
        found.layers[0].W = torch.nn.Linear(13, 70)
    elif change == "float64":
        found, x = found.double(), x.double()
    elif change == "bidirectional":
        settings = SilifSettings(model="lif", hidden=(70, 24), bidirectional=True)
        found = build(settings, (13,), 9, 4e-3)
    else:
        found.layers[0].norm = torch.nn.Identity()  # type: ignore[assignment]
    assert not whole.suits(found.layers, found.readout, x)
    assert isinstance(found(x).hidden, tuple)


def test_memory_is_used_again_only_when_nobody_holds_it() -> None:
    pool = Pool()
    first = pool.array(1 << 20)
    assert first.ctypes.data % 64 == 0
    view = first.reshape(1024, -1)[3:5]
    where = first.ctypes.data
    del first
    other = pool.array(1 << 20)
    assert other.ctypes.data != where
    del view
    assert pool.array(1 << 20).ctypes.data == where


def test_products_by_events_equal_dense_ones() -> None:
    x = counts(3, 20, 30, rate=0.3)
    weight = torch.randn(75, 30, generator=torch.Generator().manual_seed(1))
    extent = Extent(3, 20, 75)
    for source in (source_of(x), product.Source(None, x.flatten(0, 1))):
        layout, field, _ = product.forward(source, weight, extent, NONE_F64)
        found = torch.from_numpy(extents.plain(extent, layout, field))[:, :, :75]
        torch.testing.assert_close(found, x @ weight.t(), rtol=1e-5, atol=1e-5)
