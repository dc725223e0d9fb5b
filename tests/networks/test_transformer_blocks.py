"""Blocks of spiking transformers against recorded runs of their authors' codes, and against SpikingJelly's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from neurodeploy.networks.blocks.maps import NeuronKind, by_heads, from_heads, neurons
from neurodeploy.networks.blocks.qk import QKAttention
from neurodeploy.networks.blocks.sdsa import SpikeDrivenAttention
from neurodeploy.networks.blocks.ssa import SpikingSelfAttention
from neurodeploy.networks.blocks.tim import LOST, THRESHOLDS, TemporalInteraction
from tests.networks.transformers import filled, recorded_spikes, recording
from tests.neurons.test_lmu_layers import assert_near

WIDTH, HEADS = 32, 2


@pytest.mark.data
@pytest.mark.parametrize("kind", ["lif", "plif"])
@pytest.mark.parametrize("v_threshold", [1.0, 0.5])
def test_the_recorded_neurons_are_repeated_with_their_gradients(kind: NeuronKind, v_threshold: float) -> None:
    arrays, case = recording("spikformer_lif_node"), f"{kind}_thr{v_threshold:g}"
    made = neurons(kind, v_threshold)
    x_BTN = torch.tensor(arrays["x"])[None].requires_grad_()
    s_BTN = made(x_BTN)
    np.testing.assert_array_equal(s_BTN[0].detach(), arrays[f"{case}__spike"])
    (s_BTN[0] * torch.tensor(arrays["coef_spike"])).sum().backward()
    assert_near(x_BTN.grad[0], torch.tensor(arrays[f"{case}__grad_x"]), 1e-5)  # type: ignore[index]
    if kind == "plif":
        assert_near(made.w.grad[None], torch.tensor(arrays[f"{case}__grad_w"]), 1e-5)  # type: ignore


def test_if_and_cuba_neurons_follow_their_equations_step_by_step_and_at_once() -> None:
    generator = torch.Generator().manual_seed(0)
    x_TN = torch.randint(-8, 32, (12, 20), generator=generator) / 8
    for kind in ("if", "cuba"):
        u, v, found = torch.zeros(20), torch.zeros(20), []
        for x in x_TN:
            u = x if kind == "if" else u / 2 + x / 2
            v = v + u if kind == "if" else (v + u) / 2
            found.append((v >= 1).float())
            v = torch.where(v >= 1, 0.0, v)
        wanted, made, state = torch.stack(found), neurons(kind), None  # type: ignore[arg-type]
        assert 0 < wanted.mean() < 1
        assert torch.equal(made(x_TN[None])[0], wanted)
        for x, s in zip(x_TN, wanted, strict=True):
            sent, state = made.step(x, state)
            assert torch.equal(sent, s)
        assert torch.equal(made(x_TN[None, :1], 12)[0], made(x_TN[None, :1].expand(-1, 12, -1))[0])


def as_pictures(x: np.ndarray, rows: int = 4) -> torch.Tensor:
    """Return (T, B, N, C), (T, B, C, N) or (T, B, C, H, W) as (B, T, C, H, W); N is known by its 16 places."""
    found = torch.tensor(x, dtype=torch.float32).transpose(0, 1)
    if found.ndim == 4:
        found = found.transpose(2, 3) if found.shape[2] == rows**2 else found
        found = found.unflatten(3, (rows, rows))
    return found


def names_of(module: nn.Module, suffix: str = "_conv") -> dict[str, str]:
    """Return the reference's names of a block's arrays."""
    of = {name: name.replace("proj.map", "proj").replace(".map", "") for name in module.state_dict()}
    return {name: one.replace(".conv", suffix).replace(".bn", "_bn") for name, one in of.items()}


ATTENTIONS: dict[str, tuple[Callable[[], nn.Module], str, str, str]] = {
    "spikformer_ssa": (lambda: SpikingSelfAttention(WIDTH, HEADS, "lif", qkv_bias=True), "x", "y", "_linear"),
    "qkformer_ssa": (lambda: SpikingSelfAttention(WIDTH, HEADS, "lif"), "x", "y_corrected", "_conv"),
    "qkformer_token_qk": (lambda: QKAttention(WIDTH, HEADS, "lif"), "x", "y", "_conv"),
    "sdt_sdsa": (lambda: SpikeDrivenAttention(WIDTH, HEADS, "lif", dilates=False), "x_membrane", "y_membrane", "_conv"),
    "sdt_sdsa_dvs": (
        lambda: SpikeDrivenAttention(WIDTH, HEADS, "lif", dilates=True),
        "x_membrane",
        "y_membrane",
        "_conv",
    ),
}


@pytest.mark.data
@pytest.mark.parametrize("name", ATTENTIONS)
def test_recorded_attention_is_repeated_in_every_spike_with_its_gradients(name: str) -> None:
    made, given, wanted, suffix = ATTENTIONS[name]
    block, arrays = made(), recording(name)
    names = names_of(block, suffix)
    filled(block, arrays, names)
    sent: dict[str, torch.Tensor] = {}
    for key, module in block.named_modules():
        if key.endswith("lif"):
            where = key.replace(".lif", "_lif")
            module.register_forward_hook(lambda _, __, out, where=where: sent.update({where: out.detach()}))
    x = as_pictures(arrays[given]).requires_grad_()
    y = block(x)
    current = name.startswith("sdt")
    np.testing.assert_allclose((x + y if current else y).detach(), as_pictures(arrays[wanted]), atol=1e-5 * current)
    for key, spikes in recorded_spikes(arrays).items():
        where = key.replace("talking_heads_lif", "attn_lif")
        if key == "proj_lif" and name == "qkformer_ssa":
            continue  # of samples that mix
        found = sent[where].unsqueeze(-1).flatten(3)
        found = found.transpose(2, 3) if suffix == "_linear" else found
        np.testing.assert_array_equal(found.reshape(spikes.shape), spikes, err_msg=key)
    if "grad_coef" in arrays:
        ((x + y if current else y) * as_pictures(arrays["grad_coef"])).sum().backward()
        if "grad/x" in arrays:
            assert_near(x.grad, as_pictures(arrays["grad/x"]), 1e-5)
        for key, one in block.named_parameters():
            assert_near(one.grad, torch.tensor(arrays[f"grad/{names[key]}"]).reshape(one.shape), 1e-5)


@pytest.mark.data
def test_samples_mix_only_where_it_is_asked_for() -> None:
    arrays = recording("qkformer_ssa")
    block = SpikingSelfAttention(WIDTH, HEADS, "lif", mixing=True)
    filled(block, arrays, {name: one.replace(".neurons", "") for name, one in names_of(block).items()})
    y = block(as_pictures(arrays["x"])).detach()
    np.testing.assert_array_equal(y, as_pictures(arrays["y"]))
    assert (y != as_pictures(arrays["y_corrected"])).any()


CASES = {
    "as_published": ("tokens", LOST),
    "intended_thr": ("tokens", THRESHOLDS),
    "intended_thr_channelfirst": ("channels", THRESHOLDS),
}


@pytest.mark.data
@pytest.mark.parametrize("case", CASES)
def test_recorded_interactions_are_repeated(case: str) -> None:
    arrays, (axis, thresholds) = recording("tim_module"), CASES[case]
    module = TemporalInteraction(16, 16, HEADS, "lif", axis, thresholds)  # type: ignore[arg-type]
    filled(module, arrays, {name: name for name in module.state_dict()})
    q_BThNd = torch.tensor(arrays["q"], dtype=torch.float32).transpose(0, 1)
    q_BTCHW = from_heads(q_BThNd, torch.Size((2, 10, 32, 4, 4)))
    found = by_heads(module(q_BTCHW), HEADS).transpose(0, 1).detach()
    np.testing.assert_array_equal(found, arrays[f"out_{case}"])
    assert found[0].any()
    assert bool(found[1:].any()) == (case != "as_published")


@pytest.mark.data
@pytest.mark.parametrize("case", ["published", "intended"])
def test_recorded_attention_with_interaction_is_repeated(case: str) -> None:
    arrays, lost = recording("tim_ssa"), case == "published"
    tim = TemporalInteraction(16, 16, HEADS, "lif", thresholds=LOST if lost else THRESHOLDS)
    how: dict[str, Any] = {"scale": 0.25, "proj_bias": False, "interaction": tim, "v_threshold": 1.0 if lost else 0.5}
    block = SpikingSelfAttention(WIDTH, HEADS, "lif", **how)
    filled(block, arrays, names_of(block))
    y = block(as_pictures(arrays["x"])).detach()
    np.testing.assert_array_equal(y, as_pictures(arrays[f"{case}/y"]))
    assert y.any()
