"""What a chip runs of a network: by the shapes of the reference, and by what arrives at each layer in a run."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import neurodeploy
from neurodeploy.errors import NetworkError
from neurodeploy.networks.blocks.frames import OURS, node, reference_name
from neurodeploy.networks.families.lmuformer import LmuFormerSettings, build
from neurodeploy.networks.spike_driven.signals import ACCUMULATES, told
from neurodeploy.networks.spike_driven.table import parts_of
from tests.networks.test_lmuformer import PARAMETERS, tiny
from tests.networks.test_streaming import lively

FRAMES = 128
EMBEDDING, FIRST, MLP, HEAD, PROJECTION = 884_736, 128 * 3 * 256, 524_288, 8_960, 65_536
"""Multiply-adds of a frame of the Speech Commands networks: the reference sheet's, from its shapes."""


def found(model: str, **settings: Any) -> dict[str, Any]:
    with torch.device("meta"):
        network = build(LmuFormerSettings(model=model, **settings), (128,), 35, 0.01)  # type: ignore[arg-type]
    return told(parts_of(network, FRAMES))


def totals(result: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Return the multiply-adds of each stage by what they are; both stages of the embedding in one."""
    sums: dict[str, dict[str, int]] = {}
    for one in result["parts"]:
        if one["macs"]:
            row = sums.setdefault(one["stage"].removesuffix(".rpe"), {})
            row[one["what"]] = row.get(one["what"], 0) + one["macs"]
    return sums


def test_the_network_without_spikes_multiplies_values_everywhere() -> None:
    result = found("lmuformer")
    attn = 256 + 65_792 + 131_072 + PROJECTION
    by_stage = {"patch_embed": EMBEDDING, "block.0.attn": attn, "block.0.mlp": MLP, "head": HEAD}
    assert totals(result) == {stage: {"values by weights": macs} for stage, macs in by_stage.items()}
    assert sum(by_stage.values()) == 1_680_640
    (gelu,) = (one for one in result["parts"] if one["what"] == "no such neuron")
    assert (gelu["module"], gelu["stage"], result["ok"]) == ("GELU", "block.0.mlp", False)
    assert "ReLU or neurons" in gelu["change"]
    rows = {one["stage"]: one for one in result["stages"]}
    assert rows["block.0.mlp"]["no such neuron"] == "GELU"
    assert rows["input"]["host"] == "frames"
    assert rows["head"]["values by weights"] == HEAD


@pytest.mark.parametrize("model", ["spiking_lmuformer", "spiking_lmuformer_ms"])
def test_of_the_spiking_ones_input_and_memory_alone_are_values(model: str) -> None:
    result = found(model)
    assert totals(result) == {
        "patch_embed": {"values by weights": FIRST, "accumulate only": EMBEDDING - FIRST},
        "block.0.attn": {"values by weights": 512**2 + 512, "accumulate only": 256 + 512 + 196_608 + PROJECTION},
        "block.0.mlp": {"accumulate only": MLP},
        "head": {"accumulate only": HEAD},
    }
    assert result["ok"]


def test_attention_is_told_as_products_of_activations() -> None:
    result = found("spiking_transformer")
    attn = totals(result)["block.0.attn"]
    assert attn == {"accumulate only": 4 * 256**2, "two activations": 2 * FRAMES * 256}
    assert not result["ok"]
    (reason,) = (one for one in result["reasons"] if one["what"] == "two activations")
    assert reason["parts"] == ["block.0.attn.products"]
    assert "later ones too" in reason["reason"]


@pytest.mark.parametrize("model", PARAMETERS)
@pytest.mark.parametrize("settings", [{}, {"head_neurons": True}, {"mlp": "conv_ms", "blocks": 2}])
def test_what_arrives_at_each_layer_is_what_is_told(model: str, settings: dict[str, Any]) -> None:
    """Whole numbers arrive at layers that accumulate spikes; at others, and at those of sums, real ones."""
    torch.manual_seed(0)
    x_BTI = torch.randn(2, 40, 10, dtype=torch.float64)
    network = lively(tiny(model, **settings).double(), x_BTI)
    whole: dict[str, bool] = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear | nn.Conv1d):

            def see(_: nn.Module, given: Any, where: str = reference_name(name)) -> None:
                whole[where] = bool((given[0] == given[0].round()).all())

            module.register_forward_pre_hook(see)
    with torch.no_grad():
        network.head(network.features(x_BTI))
    layers = {
        ".".join(word for word in one.name.split(".") if word not in OURS): one.what == ACCUMULATES and not one.reason
        for one in parts_of(network, 40)
        if one.module in ("FrameConv", "Linear")
    }
    assert {name: layers[name] for name in whole} == whole
    assert set(layers) - set(whole) <= {"block.0.attn.lmu.W_h", "block.1.attn.lmu.W_h"}, "of a memory in blocks"


def test_layer_norms_and_unknown_modules_are_told() -> None:
    result = found("lmuformer", mlp="linear_ms")
    assert [one["module"] for one in result["parts"] if one["what"] == "no such neuron"] == [
        "LayerNorm",
        "GELU",
        "LayerNorm",
    ]
    own = neurodeploy.inspect_graph(nn.Sequential(nn.Linear(3, 4), node(), nn.Linear(4, 2)))["modules"]  # type: ignore
    assert [one["what"] for one in own["parts"]] == ["values by weights", "neurons", "accumulate only"]
    with pytest.raises(NetworkError, match=r"^1\.0: found Tanh, what a chip makes of it is not known; known are And"):
        parts_of(nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh())), 1)
