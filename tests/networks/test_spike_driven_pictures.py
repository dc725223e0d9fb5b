"""What a chip runs of a spiking transformer: by the reference sheet's shapes, and by what arrives in a run."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from neurodeploy.networks.families.transformer import SpikingTransformer, TransformerSettings, build
from neurodeploy.networks.spike_driven.signals import ACCUMULATES, HOST, WEIGHS, told
from neurodeploy.networks.spike_driven.table import parts_of
from tests.networks.transformers import TINY, tiny

MILLIONS = {
    "spikformer": (921.5, 1.33 + 42.5 + 169.9 + 169.9 + 84.9, 37.7, 75.5, 4),
    "sdt": (1234.9, 1.77 + 75.5 + 302.0 + 302.0 + 151.0, 67.1, 134.2, 2),
}
"""Dense multiply-adds of a step by the sheet: all, embedding, attention and MLP of a block, and blocks."""
CIFAR: dict[str, dict[str, Any]] = {
    "spikformer": {},
    "sdt": {"model": "sdt", "width": 512, "depth": 2, "heads": 8},
    "qkformer": {"model": "qkformer", "heads": 8},
}


def found(image: tuple[int, ...] = (3, 32, 32), **settings: Any) -> dict[str, Any]:
    with torch.device("meta"):
        network = build(TransformerSettings(**settings), image, 10, 1e-3)
    return told(parts_of(network, 4))


def millions(result: dict[str, Any], *stages: str) -> float:
    """Return the multiply-adds of layers with weights in stages whose names end so, or begin so."""
    chosen = (one for one in result["parts"] if one["module"] != "q k' v")
    return sum(one["macs"] for one in chosen if any(one["stage"].endswith(name) for name in stages)) / 1e6


@pytest.mark.parametrize("model", MILLIONS)
def test_multiply_adds_are_those_of_the_published_networks(model: str) -> None:
    every, embedding, attention, mlp, depth = MILLIONS[model]
    result = found(**CIFAR[model])
    assert millions(result, "") == pytest.approx(every, abs=0.05)
    assert millions(result, "patch_embed") == pytest.approx(embedding, abs=0.3)  # of five rounded numbers
    for number in range(depth):
        assert millions(result, f"block.{number}.attn") == pytest.approx(attention, abs=0.06)
        assert millions(result, f"block.{number}.mlp") == pytest.approx(mlp, abs=0.06)


def test_those_of_a_qkformer_too_stage_by_stage() -> None:
    result = found(**CIFAR["qkformer"])
    assert millions(result, "") == pytest.approx(1511.3, abs=0.05)
    assert millions(result, "patch_embed1") == pytest.approx(1.33 + 42.5 + 4.7, abs=0.1)
    assert millions(result, "patch_embed2") == pytest.approx(169.9 + 339.7 + 4.7, abs=0.1)
    assert millions(result, "stage1.0.attn") == pytest.approx(28.3, abs=0.06)
    assert millions(result, "stage3.1.attn") == pytest.approx(37.7, abs=0.06)


def test_products_of_attention_are_told_apart() -> None:
    result = found(**CIFAR["spikformer"])
    macs = [one["macs"] for one in result["parts"] if one["module"] == "q k' v"]
    assert macs == 4 * [2 * 64 * 384 * 32]  # the cheaper order: places by width by channels of a head, twice
    (reason,) = (one for one in result["reasons"] if one["what"] == "two activations")
    assert 'network.model = "sdt"' in reason["change"]
    assert not result["ok"]


@pytest.mark.parametrize(
    ("settings", "lacks"),
    [
        ({"model": "sdt"}, {"MaxPool2d"}),
        ({"model": "sdt", "pools_spikes": True}, set()),
        ({"model": "qkformer", "heads": 8, "attention": ("token", "token", "channel")}, {"MaxPool2d"}),
        ({"model": "qkformer", "heads": 8, "attention": ("token",) * 3, "pools_spikes": True}, set()),
        ({"model": "qkformer", "heads": 8, "pools_spikes": True}, {"q k' v"}),
        ({"model": "qkformer", "heads": 8, "pools_spikes": True, "uncorrected": True}, {"q k' v", "SampleMixing"}),
        ({"model": "tim", "layout": "dvs", "width": 256, "heads": 16, "depth": 1}, {"q k' v", "loop"}),
    ],
)
def test_what_no_chip_runs_is_named_with_the_change(settings: dict[str, Any], lacks: set[str]) -> None:
    result = found((2, 64, 64) if settings["model"] == "tim" else (3, 32, 32), **settings)
    stops = [one for one in result["parts"] if one["what"] in ("two activations", "no such neuron")]
    assert {one["module"] for one in stops} == lacks
    assert all(one["change"] for one in stops)
    assert result["ok"] == (not lacks)


def test_a_first_convolution_on_the_host_is_the_hosts() -> None:
    for host, what in ((False, WEIGHS), (True, HOST)):
        parts = found(host_encoder=host)["parts"]
        (first,) = (one for one in parts if one["macs"] == 27 * 48 * 32 * 32)
        assert first["what"] == what
        assert all(one["what"] != WEIGHS for one in parts if one is not first)


@pytest.mark.parametrize("model", TINY)
@pytest.mark.parametrize("host", [False, True])
def test_whole_numbers_arrive_where_weights_are_told_to_be_added_up(model: str, *, host: bool) -> None:
    """By a run: what is told follows from the modules alone."""
    network = tiny(model, (2, 32, 32) if model == "tim" else (3, 16, 16), host_encoder=host)
    seen = arriving(network)
    layers = [one for one in parts_of(network, 3) if one.macs and one.module in ("Conv1d", "Conv2d", "Linear")]
    assert [one.macs for one in layers] == [macs for macs, _ in seen]
    accumulates = [one.what == ACCUMULATES for one in layers]
    assert accumulates[1:] == [whole for _, whole in seen][1:]
    assert not accumulates[0]


def arriving(network: SpikingTransformer) -> list[tuple[int, bool]]:
    """Return of each layer with weights, in the order of a run of one sample and step, what it multiplies and adds, and
    whether all that arrives are whole numbers; a head's input by its places."""
    seen: dict[nn.Module, tuple[int, bool]] = {}

    def see(module: Any, given: Any, sent: torch.Tensor) -> None:
        x = given[0] * (network.image[1] * network.image[2] if module is network.head else 1)  # a mean over places
        places = {nn.Conv2d: sent[0, 0].numel(), nn.Conv1d: len(sent) * sent.shape[-1], nn.Linear: 1}[type(module)]
        macs = module.weight.numel() * places
        seen.setdefault(module, (macs, bool((x == x.round()).all())))

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv1d | nn.Linear):
            module.register_forward_hook(see)
    with torch.no_grad():
        network(torch.rand(1, 2, network.image[0] * network.image[1] * network.image[2]) * 4)
    return list(seen.values())
