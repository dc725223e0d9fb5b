"""Spiking transformers and their attention against SpikingJelly's, with the same arrays: layouts without recordings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import nn

from neurodeploy.networks.blocks.qk import QKAttention
from neurodeploy.networks.blocks.sdsa import SpikeDrivenAttention
from neurodeploy.networks.blocks.ssa import SpikingSelfAttention
from neurodeploy.networks.families.transformer import TransformerSettings, build

reason = "spikingjelly is not installed: neurodeploy frameworks setup"
layer = pytest.importorskip("spikingjelly.activation_based.layer", reason=reason)
model = pytest.importorskip("spikingjelly.activation_based.model", reason=reason)
Pair = tuple[Any, Any]
WEIGHTED = (nn.Conv1d, nn.Conv2d)


def pairs(modules: Iterable[nn.Module]) -> list[Pair]:
    """Return convolutions with their batch norms, in order."""
    found = [
        one
        for part in modules
        for one in part.modules()
        if isinstance(one, (*WEIGHTED, nn.BatchNorm1d, nn.BatchNorm2d))
    ]
    return list(zip(found[::2], found[1::2], strict=True))


@torch.no_grad()
def give(ours: list[Pair], theirs: list[Pair]) -> None:
    """Give SpikingJelly's modules our arrays; some of its convolutions hold two or three of ours side by side."""
    left = iter(ours)
    for conv, norm in theirs:
        some = [next(left)]
        while sum(len(one.weight) for one, _ in some) < len(conv.weight):
            some.append(next(left))
        conv.weight.copy_(torch.cat([one.weight for one, _ in some]).reshape(conv.weight.shape))
        biases = [torch.zeros(len(one.weight)) if one.bias is None else one.bias for one, _ in some]
        if conv.bias is not None:
            conv.bias.copy_(torch.cat(biases))
        else:
            for bias in biases:
                bias.zero_()
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(norm, name).copy_(torch.cat([getattr(one, name) for _, one in some]))
    assert next(left, None) is None


@torch.no_grad()
def lively(module: nn.Module, x: torch.Tensor) -> nn.Module:
    """Return it in evaluation, with norms of these data, so that all layers spike."""
    for one in module.modules():
        if isinstance(one, nn.BatchNorm2d):
            one.momentum = None
            nn.init.uniform_(one.weight, 1, 2)
            nn.init.uniform_(one.bias, -0.5, 1)
    module.train()(x)
    return module.eval()


@pytest.mark.parametrize("kind", ["ssa", "token", "channel", "sdsa"])
def test_attention_gives_what_spikingjellys_does(kind: str) -> None:
    torch.manual_seed(0)
    x_BTCHW = torch.randint(0, 2, (3, 4, 32, 5, 5)).float()
    over: Any = kind
    ours: Any
    if kind == "sdsa":
        ours, theirs = SpikeDrivenAttention(32, 4, "lif", dilates=False), layer.SpikeDrivenSelfAttention(32, 4)
    elif kind == "ssa":
        ours, theirs = SpikingSelfAttention(32, 4, "lif"), layer.SpikingSelfAttention(32, 4)
    else:
        name = {"token": "TokenQKAttention", "channel": "ChannelQKAttention"}[kind]
        ours, theirs = QKAttention(32, 4, "lif", over), getattr(layer, name)(32, 4)
    lively(ours, x_BTCHW)
    give(pairs([ours]), pairs([theirs.eval()]))
    x_TBCHW = x_BTCHW.transpose(0, 1).contiguous()
    with torch.no_grad():
        found = ours(x_BTCHW).transpose(0, 1)
        wanted = theirs(x_TBCHW) - x_TBCHW if kind == "sdsa" else theirs(x_TBCHW.flatten(3)).unflatten(3, (5, 5))
    assert wanted.std() > 0
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5 if kind == "sdsa" else 0.0)


@pytest.mark.parametrize("name", ["sdt", "token", "channel"])
def test_networks_for_imagenet_give_what_spikingjellys_do(name: str) -> None:
    torch.manual_seed(0)
    told: dict[str, Any] = {"model": "sdt", "depth": 2}
    theirs: Any
    if name == "sdt":
        theirs = model.spike_driven_transformer.SpikeDrivenTransformer(4, 3, 10, 64, 4, 2)
        parts = [theirs]
    else:
        told = {"model": "qkformer", "depth": 5, "attention": [name, name, "ssa"]}
        theirs = model.qkformer.QKFormer(4, 3, 10, 64, (4, 4, 4), (1, 2, 2), qka_type=name)
        parts = [getattr(theirs, f"{part}{number}") for number in (1, 2, 3) for part in ("patch_embed", "stage")]
    settings = TransformerSettings(layout="imagenet", width=64, heads=4, **told)
    x_BCHW = 2 * torch.randn(2, 3, 64, 64)
    x_BTI = x_BCHW.flatten(1)[:, None].expand(-1, 4, -1)
    ours = lively(build(settings, (3, 64, 64), 10, 1e-3), x_BTI)
    give(pairs([ours]), pairs(parts))
    theirs.head.load_state_dict(ours.head.state_dict())  # type: ignore[union-attr]
    with torch.no_grad():
        answer, wanted_BC = ours(x_BTI), theirs.eval()(x_BCHW)
    assert all(bool(one.any()) for one in answer.hidden)
    torch.testing.assert_close(answer.output_BC, wanted_BC, rtol=0, atol=1e-5)
