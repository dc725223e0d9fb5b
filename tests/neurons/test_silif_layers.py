"""Layers of the SiLIF family against recorded runs of the reference implementation."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from neurodeploy.neurons.adaptive import AdaptiveCoefficients, AdaptiveState, adaptive_trace
from neurodeploy.neurons.engine import ScanEngine
from neurodeploy.neurons.resonator import Complex, ResonatorState
from neurodeploy.neurons.ssm.adlif import RLIF, AdLIF
from neurodeploy.neurons.ssm.layer import NORM_MOMENTUM, LayerSettings, Readout, ResonatorLayer
from neurodeploy.neurons.surrogate import spike
from tests.neurons.silif import LAYERS, below, golden, recorded_layer

STATE: dict[str, Any] = {"rtol": 0, "atol": 1e-5}
"""The sheet's; real states turn out equal bit for bit, complex ones are regrouped and within 3e-6."""

ENGINES_HERE: tuple[ScanEngine, ...] = ("reference", "auto")
"""The readable one, and whatever runs by default on this machine."""


def relative_error(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-12))


def recorded_start(arrays: dict[str, torch.Tensor], mode: str, name: str) -> Any:
    u, s = arrays[f"{mode}.init_u"], arrays[f"{mode}.init_s"]
    if issubclass(LAYERS[name], ResonatorLayer):
        return ResonatorState(Complex(u.real, u.imag), s)
    return AdaptiveState(u, arrays.get(f"{mode}.init_w"), s)


@pytest.mark.data
@pytest.mark.parametrize("mode", ["rand", "zero"])
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("engine", ENGINES_HERE)
def test_evaluation_repeats_every_spike_and_state(name: str, mode: str, engine: ScanEngine) -> None:
    arrays = golden(f"layer_{name}")
    layer = recorded_layer(name, arrays, engine, "random" if mode == "rand" else "zero").eval()
    torch.manual_seed(1234)
    spikes_BTN = layer(arrays["x"]).spikes_BTN
    assert torch.equal(spikes_BTN, arrays[f"{mode}.s"].float())
    assert spikes_BTN.sum() > 0

    drive_BTN = layer.drive(arrays["x"])
    torch.testing.assert_close(drive_BTN, arrays["eval.cell_input"], rtol=1e-5, atol=1e-5)
    traced = layer.trace(drive_BTN, recorded_start(arrays, mode, name))
    assert torch.equal(traced.s_BTN, spikes_BTN)
    if isinstance(layer, ResonatorLayer):
        torch.testing.assert_close(torch.complex(*traced.u_BTN), arrays[f"{mode}.u"], **STATE)
    else:
        torch.testing.assert_close(traced.u_BTN, arrays[f"{mode}.u"], **STATE)
        assert (traced.w_BTN is None) == (f"{mode}.w" not in arrays)
        if traced.w_BTN is not None:
            torch.testing.assert_close(traced.w_BTN, arrays[f"{mode}.w"], **STATE)


@pytest.mark.data
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("engine", ENGINES_HERE)
def test_training_repeats_spikes_gradients_and_statistics(name: str, engine: ScanEngine) -> None:
    arrays = golden(f"layer_{name}")
    layer = recorded_layer(name, arrays, engine).train()
    x = arrays["x"].clone().requires_grad_()
    spikes_BTN = layer(x, recorded_start(arrays, "train", name)).fed_BTN
    assert torch.equal(spikes_BTN, arrays["train.s"].float())
    (spikes_BTN * arrays["train.upstream_grad"]).sum().backward()
    assert x.grad is not None
    assert relative_error(x.grad, arrays["train.grad_x"]) < 1e-5
    recorded = below(arrays, "train.grad.")
    assert set(recorded) == {key for key, _ in layer.named_parameters()}
    for key, parameter in layer.named_parameters():
        assert parameter.grad is not None, key
        assert relative_error(parameter.grad, recorded[key]) < 1e-5, key
        # Where the clip or the diagonal holds a parameter back, its gradient is exactly zero.
        assert torch.equal(parameter.grad == 0, recorded[key] == 0), key
    for key, value in below(arrays, "train.norm.").items():
        torch.testing.assert_close(layer.norm.state_dict()[key], value, rtol=1e-5, atol=1e-6)


def recorded_readout(arrays: dict[str, torch.Tensor], initial_state: str) -> Readout:
    readout = Readout(10, 6, LayerSettings(initial_state=initial_state))  # type: ignore[arg-type]
    readout.load_state_dict(below(arrays, "param."))
    # Its batch norm was stored after the training step, and the evaluation recorded before it: undo the step.
    with torch.no_grad():
        product_RC = readout.W(arrays["x"]).flatten(0, 1)
        kept, norm = 1 - NORM_MOMENTUM, readout.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.sub_(NORM_MOMENTUM * product_RC.mean(0)).div_(kept)
        norm.running_var.sub_(NORM_MOMENTUM * product_RC.var(0)).div_(kept)
    return readout


@pytest.mark.data
@pytest.mark.parametrize(("mode", "initial_state"), [("rand", "random"), ("zero", "zero")])
def test_the_readout_sums_the_softmax_over_time(mode: str, initial_state: str) -> None:
    arrays = golden("layer_readout")
    readout = recorded_readout(arrays, initial_state).eval()
    torch.manual_seed(1234)
    torch.testing.assert_close(readout.drive(arrays["x"]), arrays["eval.cell_input"], rtol=1e-5, atol=1e-6)
    found = readout(arrays["x"])
    torch.testing.assert_close(found, arrays[f"{mode}.out"], rtol=0, atol=1e-5)
    torch.testing.assert_close(found, readout(arrays["x"], arrays[f"{mode}.init_u"]), rtol=0, atol=0)


@pytest.mark.data
def test_the_readout_trains_like_the_recorded_one() -> None:
    arrays = golden("layer_readout")
    readout = recorded_readout(arrays, "zero").train()
    x = arrays["x"].clone().requires_grad_()
    found = readout(x, arrays["rand.init_u"])
    torch.testing.assert_close(found, arrays["train.out"], rtol=0, atol=1e-5)
    (found * arrays["train.upstream_grad"]).sum().backward()
    assert x.grad is not None
    assert relative_error(x.grad, arrays["train.grad_x"]) < 1e-5
    for key, parameter in readout.named_parameters():
        assert parameter.grad is not None, key
        assert relative_error(parameter.grad, arrays[f"train.grad.{key}"]) < 1e-5, key


@pytest.mark.data
def test_the_boxcar_is_open_below_and_closed_above() -> None:
    arrays = golden("surrogate_boxcar")
    v = arrays["v"].clone().requires_grad_()
    spikes = spike(v)
    spikes.sum().backward()
    assert torch.equal(spikes, arrays["s"])
    assert v.grad is not None
    assert torch.equal(v.grad, arrays["ds_dv"])


def test_a_runaway_neuron_spoils_no_gradient() -> None:
    torch.manual_seed(2)
    layer = AdLIF(4, 2, LayerSettings())
    with torch.no_grad():
        layer.a.copy_(torch.tensor([-1.0, 0.5]))
        layer.alpha.fill_(0.82)
    x_BTI = torch.randn(3, 400, 4).mul_(5)
    traced = layer.trace(layer.drive(x_BTI), None)
    assert not torch.isfinite(traced.u_BTN[..., 0]).all()
    assert torch.isfinite(traced.u_BTN[..., 1]).all()
    layer(x_BTI).spikes_BTN.sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad[1].count_nonzero() > 0, name


def test_no_neuron_drives_itself() -> None:
    torch.manual_seed(3)
    drive_BTN, alpha_N = 3 * torch.randn(2, 50, 4), torch.full((4,), 0.9)
    square_NN = 5 * torch.randn(4, 4)
    without = square_NN - torch.diag(square_NN.diag())
    weights = (square_NN, without, without.t())
    found, same, other = (adaptive_trace(drive_BTN, AdaptiveCoefficients(one, alpha_N)).s_BTN for one in weights)
    assert torch.equal(found, same)
    assert not torch.equal(found, other)
    recurrent_NN = RLIF(3, 4, LayerSettings()).coefficients().recurrent_NN
    assert recurrent_NN is not None
    assert recurrent_NN.diag().count_nonzero() == 0
