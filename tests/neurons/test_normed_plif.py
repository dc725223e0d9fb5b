"""A batch norm and neurons in one piece against torch's batch norm and the readable loop, in float64."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from neurodeploy.networks.blocks.maps import stage

CASES: dict[str, tuple[Any, int, tuple[int, ...]]] = {  # neurons, channels, and samples, steps, rows, columns
    "lif": ("lif", 20, (3, 4, 6, 5)),
    "plif": ("plif", 6, (2, 5, 7, 7)),
    "if": ("if", 3, (2, 3, 4, 4)),
    "cuba": ("cuba", 5, (2, 4, 4, 4)),
    "one step": ("plif", 8, (3, 1, 4, 4)),
    "more channels than go together": ("lif", 300, (2, 4, 3, 3)),
}


def made(case: str, n_inputs: int = 4) -> tuple[Any, torch.Tensor]:
    kind, channels, (samples, steps, rows, columns) = CASES[case]
    torch.manual_seed(0)
    found: Any = stage(n_inputs, channels, kind=kind, bias=True)
    torch.nn.init.uniform_(found.map.bn.weight, 1, 3)
    torch.nn.init.uniform_(found.map.bn.bias, -0.5, 1)
    torch.nn.init.constant_(found.map.conv.bias, 5.0)  # a mean far from zero
    return found, torch.randn(samples, steps, n_inputs, rows, columns)


def trained(one: Any, x_BTCHW: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return spikes, and gradients and statistics by their names."""
    x_BTCHW = x_BTCHW.clone().requires_grad_()
    spikes = one(x_BTCHW)
    weights = torch.randn(spikes.shape, generator=torch.Generator().manual_seed(1)).to(spikes)
    ((spikes * weights).sum() + 3 * one.lif.sent.rates_N.sum()).backward()
    assert x_BTCHW.grad is not None
    grads = {name: p.grad for name, p in one.named_parameters() if name != "map.conv.bias" and p.grad is not None}
    return spikes.detach(), grads | dict(one.named_buffers()) | {"x": x_BTCHW.grad}


@pytest.mark.parametrize("case", CASES)
def test_spikes_gradients_and_statistics_are_those_of_both_one_after_the_other(case: str) -> None:
    ours, x_BTCHW = made(case)
    exact = copy.deepcopy(ours).double()
    assert ours.lif.takes_norm(ours.map.bn, x_BTCHW) == (case != "cuba")
    assert not exact.lif.takes_norm(exact.map.bn, x_BTCHW.double())
    spikes, found = trained(ours, x_BTCHW)
    wanted_spikes, wanted = trained(exact, x_BTCHW.double())
    assert 0.02 < wanted_spikes.mean() < 0.8
    torch.testing.assert_close(spikes.double(), wanted_spikes, rtol=0, atol=0)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():  # of sums of some thousand numbers in float32
        assert value.any(), name
        torch.testing.assert_close(found[name].to(value), value, rtol=1e-4, atol=2e-5 * float(value.abs().max()))


@pytest.mark.parametrize("case", ["lif", "plif"])
def test_in_evaluation_and_without_gradients_nothing_changes(case: str) -> None:
    ours, x_BTCHW = made(case)
    trained(ours, x_BTCHW)
    ours.lif.sent = None
    apart = copy.deepcopy(ours)
    with torch.no_grad():
        torch.testing.assert_close(ours(x_BTCHW), apart.lif(apart.map(x_BTCHW)), rtol=0, atol=0)
    torch.testing.assert_close(ours.map.bn.running_var, apart.map.bn.running_var, rtol=0, atol=0)
    ours.eval()
    apart.eval()
    torch.testing.assert_close(ours(x_BTCHW), apart.lif(apart.map(x_BTCHW)), rtol=0, atol=0)


def test_one_number_of_a_channel_has_no_statistics() -> None:
    ours = made("lif")[0]
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        ours(torch.randn(1, 1, 4, 1, 1))
