"""PLIF neurons against recorded runs of the paper's code and of SpikingJelly, and their kernels against autograd."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from neurodeploy.errors import NetworkError
from neurodeploy.neurons.plif import PLIF, PlifRule, plif, plif_trace
from neurodeploy.neurons.surrogate import SURROGATES
from tests.needs import golden_file

SLOPES = {"atan": ("arctan", 2.0), "sigmoid": ("sigmoid", 4.0)}


def golden(name: str) -> dict[str, Any]:
    """Return the arrays of one recorded file, or skip the test where they are absent."""
    with np.load(golden_file(f"{name}.npz"), allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def rule_of(case: str) -> tuple[PlifRule, dict[str, str]]:
    told = {"tau": "", "decay": "1"}
    for part in case.split("_"):
        name = part.rstrip("-.0123456789") if not part.startswith("vr") else "vr"
        told[name] = part.removeprefix(name)
    curve = SLOPES["sigmoid" if "sigmoid" in told else "atan"]
    v_reset = None if told["vr"] == "none" else float(told["vr"])
    return PlifRule(1.0, v_reset, told["decay"] == "1", told["det"] == "1", *curve), told


SHEET = 1.5e-6
"""Relative error of gradients, of which the recordings' own sheet speaks."""


def sums_of_w(neuron: PLIF, arrays: dict[str, Any], rule: PlifRule) -> float:
    """Return the sizes of what adds up to the gradient of w, by float64.

    It cancels, so that the sum in float32 has their error: the recorded ones are up to 7e-6 of themselves from float64.
    """
    k = neuron.w.detach().double().sigmoid()
    k_N = k.expand(arrays["x"].shape[1]).clone().requires_grad_()
    spikes, v = plif_trace(torch.tensor(arrays["x"])[None].double(), k_N, rule)
    weighted = zip((spikes, v), ("spike", "v"), strict=True)
    sum((one[0] * torch.tensor(arrays[f"coef_{key}"])).sum() for one, key in weighted).backward()  # type: ignore
    assert k_N.grad is not None
    return float((k_N.grad * k * (1 - k)).abs().sum())


@pytest.mark.data
@pytest.mark.parametrize("name", ["plif_neuron", "plif_spikingjelly_variants"])
def test_recorded_neurons_are_repeated_with_their_gradients(name: str) -> None:
    arrays = golden(name)
    for case in arrays["case_names"]:
        rule, told = rule_of(str(case))
        neuron = PLIF(float(told["tau"] or arrays["init_tau"]), rule)
        for runs in ("trace", "kernels"):
            x = torch.tensor(arrays["x"])[None].requires_grad_()
            neuron.w.grad = None
            spikes, v = plif_trace(x, neuron.w.sigmoid(), rule)
            if runs == "kernels":  # what they do not give, potentials, has its gradient from the readable code
                spikes = neuron(x)
            weighted = zip((spikes, v), ("spike", "v"), strict=True)
            loss: Any = sum((one[0] * torch.tensor(arrays[f"coef_{key}"])).sum() for one, key in weighted)
            np.testing.assert_array_equal(spikes[0].detach().numpy(), arrays[f"{case}__spike"])
            np.testing.assert_array_equal(v[0].detach().numpy(), arrays[f"{case}__v"])
            loss.backward()
            for found, wanted in ((x.grad[0], "grad_x"), (neuron.w.grad, "grad_w")):  # type: ignore[index]
                recorded = arrays[f"{case}__{wanted}"]
                error = np.abs(found.numpy() - recorded).max()  # type: ignore[union-attr]
                size = np.abs(recorded).max() if wanted == "grad_x" else sums_of_w(neuron, arrays, rule)
                assert error <= SHEET * size, (case, runs, wanted)


@pytest.mark.data
def test_recorded_surrogates_are_repeated() -> None:
    arrays = golden("plif_surrogate_tables")
    tables = [name.removesuffix("_grad") for name in arrays if name.endswith("_grad")]
    assert len(tables) == 6
    for name in tables:
        kind, slope = name.split("_")[0], float(name.rstrip("_").split("_")[-1].removeprefix("alpha"))
        found = SURROGATES[SLOPES[kind][0]](torch.tensor(arrays["x"]), slope)
        np.testing.assert_allclose(found.numpy(), arrays[f"{name}_grad"], rtol=2e-6, atol=1e-7)


RULES = [
    PlifRule(),
    PlifRule(v_reset=None, detach_reset=False),
    PlifRule(1.5, -0.25, False, False, "sigmoid", 4.0),
    PlifRule(v_reset=None, surrogate="fast_sigmoid", slope=5.0),
    PlifRule(-0.05, None, detach_reset=False),  # spikes at rest, as what fills up vectors does
]
EXTENTS: dict[str, tuple[tuple[int, ...], int, bool]] = {
    "no whole vector": ((2, 5, 301), 0, False),
    "images": ((2, 4, 3, 8, 6), 0, False),
    "pooled": ((2, 4, 3, 28, 28), 0, True),
    "pooled, a row and a column over": ((2, 6, 3, 9, 7), 0, True),
    "pooled, channels that fill no vectors": ((9, 8, 7, 10, 10), 0, True),
    "pooled, wide rows": ((1, 2, 2, 4, 300), 0, True),
    "the same current at all steps": ((3, 1, 2, 6, 6), 5, True),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("extent", EXTENTS)
def test_kernels_give_the_readable_spikes_and_autograds_gradients(extent: str, rule: PlifRule) -> None:
    pytest.importorskip("numba")
    shape, n_steps, pooled = EXTENTS[extent]
    generator = torch.Generator().manual_seed(len(extent))
    drive = torch.randn(shape, generator=generator) * 2 + 0.7
    drive.view(-1)[0] = 2.0  # with k = 1/2 a potential at the threshold of 1
    found: list[Any] = []
    for readable in (True, False):
        rate: Any
        x, k = drive.clone().requires_grad_(), torch.tensor(0.5, requires_grad=True)
        n = n_steps or shape[1]
        if readable:
            spikes = plif_trace(x.expand(-1, n, *shape[2:]), k, rule)[0]
            rate = spikes.mean()
            if pooled:
                spikes = functional.max_pool2d(spikes.flatten(0, 1), 2).unflatten(0, (shape[0], n))
        else:
            spikes, (rate,) = plif(x, k, rule, n_steps=n_steps, pooled=pooled)
        weights = torch.randn(spikes.shape, generator=torch.Generator().manual_seed(1))
        whole = not pooled or not (shape[-1] % 2 or shape[-2] % 2)  # neurons that no window sees are not counted
        ((spikes * weights).sum() + (20 * rate if whole else 0)).backward()
        found.append((spikes.detach(), rate.detach() if whole else 0, x.grad, k.grad))
    (spikes, rate, of_x, of_k), (spikes_, rate_, of_x_, of_k_) = found
    assert 0 < spikes.mean() < 1
    assert torch.equal(spikes, spikes_)
    assert float(rate) == pytest.approx(float(rate_), rel=1e-6)
    torch.testing.assert_close(of_x_, of_x, rtol=0, atol=2e-6 * float(of_x.abs().max()))
    torch.testing.assert_close(of_k_, of_k, rtol=2e-5, atol=2e-6 * float(of_x.abs().sum()))


def test_what_cannot_run_in_one_piece_runs_readably() -> None:
    x = torch.randn(2, 3, 2, 4, 4, dtype=torch.float64)
    found = plif(x, torch.tensor(0.5, dtype=torch.float64), PlifRule(), pooled=True)
    assert found.spikes.dtype == torch.float64
    assert torch.equal(found.spikes.float(), plif(x.float(), torch.tensor(0.5), PlifRule(), pooled=True).spikes)


def test_a_potential_at_the_threshold_spikes() -> None:
    x, k = torch.full((1, 1, 3), 2.0), torch.tensor(0.5)
    assert float(plif(x, k, PlifRule()).spikes.sum()) == float(plif_trace(x, k, PlifRule())[0].sum()) == 3


@pytest.mark.parametrize("tau0", [1.0, 0.5, float("nan")])
def test_a_time_constant_of_a_step_or_less_is_refused(tau0: float) -> None:
    with pytest.raises(NetworkError, match="more than 1 step is needed"):
        PLIF(tau0)


def test_an_input_without_steps_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"found an input of shape \(2, 0, 3\), at least one step"):
        PLIF()(torch.zeros(2, 0, 3))
