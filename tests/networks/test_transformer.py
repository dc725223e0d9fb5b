"""Spiking transformers against recorded runs of their authors' codes, their sizes, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from neurodeploy.errors import NetworkError
from neurodeploy.networks.families.table import deployable
from neurodeploy.networks.families.transformer import SpikingTransformer, TransformerSettings, build
from neurodeploy.networks.fused_forward import rates
from neurodeploy.networks.published_transformer import load_reference, reference_name
from neurodeploy.neurons.plif import LIFNode
from tests.networks.transformers import TINY, recorded_spikes, recording, tiny

COUNTED: list[tuple[dict[str, Any], tuple[int, ...], int, int, int]] = [
    ({"depth": 4}, (3, 32, 32), 10, 9_330_874, 4 * 1536),
    ({"depth": 2}, (3, 32, 32), 10, 5_768_122, 2 * 1536),
    ({"width": 256, "heads": 8}, (3, 32, 32), 100, 4_159_274 + 90 * 257, 4 * 1024),
    ({"layout": "dvs", "width": 256, "heads": 16, "depth": 2}, (2, 128, 128), 10, 2_585_610, 64 * 256 + 5 * 512),
    ({"layout": "imagenet", "depth": 8}, (3, 224, 224), 1000, 16_828_312, 8 * 1536),
    ({"layout": "imagenet", "depth": 8, "width": 768}, (3, 224, 224), 1000, 66_363_208, 8 * 3072),
    ({"model": "sdt", "width": 512, "depth": 2, "heads": 8}, (3, 32, 32), 10, 10_233_546, 2 * 64),
    ({"model": "sdt", "layout": "imagenet", "depth": 8, "heads": 8}, (3, 224, 224), 1000, 16_816_536, 8 * 64),
    ({"model": "qkformer", "heads": 8}, (3, 32, 32), 10, 6_706_234, 0),
    ({"model": "qkformer", "layout": "imagenet", "depth": 10, "heads": 6}, (3, 224, 224), 1000, 16_473_688, 0),
    (
        {"model": "qkformer", "layout": "dvs", "width": 256, "depth": 2, "heads": 16, "mlp_ratio": 1.0},
        (2, 128, 128),
        10,
        1_504_138,
        0,
    ),
    ({"model": "tim", "layout": "dvs", "width": 256, "depth": 2, "heads": 16}, (2, 64, 64), 10, 2_570_794, 4 * 512),
]
"""Settings, image, classes, parameters in the reference's code, and how many of them it never uses."""
MACS = {
    "spikformer": ({"depth": 4}, 921.5, 1.33, 37.7, 75.5),
    "sdt": ({"model": "sdt", "width": 512, "depth": 2, "heads": 8}, 1234.9, 1.77, 67.1, 134.2),
    "qkformer": ({"model": "qkformer", "heads": 8}, 1511.3, 1.33, 37.7, 75.5),
}
"""Settings; millions of a step: in all, of the first convolution, of the last block's attention and MLP."""


def on_meta(settings: dict[str, Any], image: tuple[int, ...], n_classes: int) -> SpikingTransformer:
    with torch.device("meta"):
        return build(TransformerSettings(**settings), image, n_classes, 1e-3)


@pytest.mark.parametrize(("settings", "image", "n_classes", "theirs", "unused"), COUNTED)
def test_networks_have_the_references_sizes_without_its_unused_parts(
    settings: dict[str, Any], image: tuple[int, ...], n_classes: int, theirs: int, unused: int
) -> None:
    network = on_meta(settings, image, n_classes)
    assert sum(one.numel() for one in network.parameters()) == theirs - unused


@pytest.mark.parametrize("model", MACS)
def test_networks_have_the_references_macs(model: str) -> None:
    settings, *wanted = MACS[model]
    network, macs = on_meta(settings, (3, 32, 32), 10), {}  # type: ignore[arg-type]
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(
                lambda one, _, out, name=name: macs.update({name: one.weight.numel() * out.shape[2:].numel()})
            )
    network(torch.zeros(1, 1, 3072, device="meta"))
    block = max(name.partition(".mlp.")[0] for name in macs if ".mlp." in name)
    parts = [[one for name, one in macs.items() if name.startswith(f"{block}.{part}")] for part in ("attn", "mlp")]
    found = [sum(one) / 1e6 for one in (macs.values(), list(macs.values())[:1], *parts)]
    assert found == pytest.approx(wanted, abs=0.06)


def all_sent(network: SpikingTransformer, x_BTI: torch.Tensor) -> tuple[torch.Tensor, dict[str, np.ndarray]]:
    """Return the scores, and what all neurons and blocks gave, by the reference's name."""
    found: dict[str, np.ndarray] = {}
    for name, module in network.named_modules():
        if isinstance(module, LIFNode) or name.count(".") in (1, 2):
            where = reference_name(name, network.settings)
            module.register_forward_hook(lambda _, __, out, where=where: found.update({where: out.detach().numpy()}))
    with torch.no_grad():
        return network(x_BTI).output_BC, found


def repeated(image_BCHW: np.ndarray) -> torch.Tensor:
    return torch.tensor(image_BCHW).flatten(1)[:, None].expand(-1, 4, -1)


def recorded(model: str, folder: Path, **settings: Any) -> tuple[SpikingTransformer, dict[str, np.ndarray]]:
    """Return a network that was filled from a file with the reference's names."""
    arrays = recording(f"{model}_tiny")
    state = {key.removeprefix("param/"): value for key, value in arrays.items() if key.startswith("param/")}
    np.savez(folder / "reference.npz", **state)  # type: ignore[arg-type]
    return load_reference(folder / "reference.npz", tiny(model, **settings)), arrays


@pytest.mark.data
@pytest.mark.parametrize("model", ["spikformer", "sdt", "qkformer"])
def test_recorded_networks_are_repeated_in_every_spike(model: str, tmp_path: Path) -> None:
    network, arrays = recorded(model, tmp_path)
    scores_BC, found = all_sent(network, repeated(arrays["img"]))
    np.testing.assert_allclose(scores_BC, arrays["logits"], rtol=0, atol=1e-5)
    spikes = recorded_spikes(arrays)
    assert spikes.keys() == {name for name in found if name.endswith(("lif", "lif1", "lif2", "lif3"))}
    for name, wanted in spikes.items():
        got = found[name]
        if model == "spikformer" and wanted.ndim == 4:  # tokens come before channels
            got = got.reshape(*got.shape[:3], -1).swapaxes(2, 3)
        np.testing.assert_array_equal(got.reshape(wanted.shape), wanted, err_msg=name)
    blocks = {"patch_embed_out": "parts.patch_embed", "block0_out": "parts.block.0", "block1_out": "parts.block.1"}
    for key, wanted in arrays.items():
        kind, _, name = key.partition("/")
        if kind in ("residual", "membrane"):
            got = found[reference_name(blocks.get(name, f"parts.{name}"), network.settings)].swapaxes(0, 1)
            if kind == "residual":
                got = got.reshape(*got.shape[:3], -1).swapaxes(2, 3) if wanted.ndim == 4 else got
                np.testing.assert_array_equal(got, wanted, err_msg=name)
            else:
                np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.data
def test_the_uncorrected_qkformer_mixes_samples_as_its_reference(tmp_path: Path) -> None:
    network, arrays = recorded("qkformer", tmp_path, uncorrected=True)
    with torch.no_grad():
        found = network(repeated(arrays["img"])).output_BC.numpy()
    np.testing.assert_allclose(found, arrays["logits_upstream_batched"], rtol=0, atol=1e-5)
    assert np.abs(found - arrays["logits"]).max() > 0.5


@pytest.mark.parametrize("model", TINY)
@pytest.mark.parametrize("kind", ["lif", "plif", "if", "cuba"])
def test_a_batch_gives_each_sample_what_it_gets_alone(model: str, kind: str) -> None:
    torch.manual_seed(0)
    network = tiny(model, (3, 32, 32), neuron=kind, heads=8, width=64)
    x_BTI = torch.randn(3, 4, 3072)
    with torch.no_grad():
        for one in network.modules():
            if isinstance(one, nn.BatchNorm2d):
                one.momentum = None
                nn.init.constant_(one.bias, 1.2)
            if isinstance(one, nn.Conv1d):
                nn.init.constant_(one.bias, 1.0)  # type: ignore[arg-type]
        network.train()(x_BTI)  # so that all layers spike in evaluation too
        network.eval()
    with torch.no_grad():
        whole = network(x_BTI)
        alone = [network(one[None]) for one in x_BTI]
    assert sum(bool(one.any()) for one in whole.hidden) > 0.8 * len(whole.hidden)
    for number, one in enumerate(alone):
        for ours, theirs in zip(whole.hidden, one.hidden, strict=True):
            assert torch.equal(ours[number], theirs[0])
        torch.testing.assert_close(whole.output_BC[number], one.output_BC[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(whole.steps.mean(1), whole.output_BC)  # type: ignore[union-attr]


@pytest.mark.parametrize("model", TINY)
@pytest.mark.parametrize("encoder", ["once", "each_step"])
def test_training_changes_every_array_and_leaves_nothing_behind(model: str, encoder: str) -> None:
    torch.manual_seed(0)
    network = tiny(model, (2, 32, 32), neuron="plif", encoder=encoder).train()
    answer = network(torch.randn(4, 1, 2048).expand(-1, 3, -1))
    (answer.output_BC.square().sum() + sum(one.sum() for one in rates(answer.hidden))).backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in network.parameters())
    assert not any(getattr(one, "sent", None) for one in network.modules())


def test_the_first_convolution_of_a_picture_runs_once_and_gives_the_same() -> None:
    torch.manual_seed(0)
    network = tiny("spikformer").eval()
    x_BTI = torch.randn(2, 1, 768).expand(-1, 4, -1)
    seen = []
    network.get_submodule("parts.patch_embed.proj.map.conv").register_forward_hook(
        lambda _, __, out: seen.append(len(out))
    )
    with torch.no_grad():
        each_step = network(x_BTI).output_BC
    assert torch.equal(network(x_BTI).output_BC.detach(), each_step)
    assert seen == [8, 2]


@pytest.mark.parametrize("model", ["sdt", "qkformer"])
def test_pools_of_spikes_leave_no_pool_of_real_values(model: str) -> None:
    network = tiny(model, (3, 32, 32), pools_spikes=True)
    pooled = []
    for module in network.modules():
        if isinstance(module, nn.MaxPool2d):
            module.register_forward_hook(lambda _, found, __: pooled.append(found[0].unique().tolist()))
    with torch.no_grad():
        network(100 * torch.randn(2, 2, 3072))
    assert pooled
    assert all(set(one) <= {0.0, 1.0} for one in pooled)


@pytest.mark.parametrize("model", TINY)
def test_state_dicts_of_torch_come_back(model: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    image = (3, 32, 32)
    network, other, x_BTI = tiny(model, image), tiny(model, image), torch.randn(2, 2, 3072)
    theirs = {f"module.{reference_name(key, network.settings)}": one for key, one in network.state_dict().items()}
    theirs |= {"module.norm.weight": torch.ones(32), "module.block.0.norm1.bias": torch.ones(32)}
    torch.save({"epoch": 3, "model": theirs}, tmp_path / "n.pth")
    load_reference(tmp_path / "n.pth", other)
    assert torch.equal(network(x_BTI).output_BC, other(x_BTI).output_BC)


def test_files_that_do_not_fit_are_one_line(tmp_path: Path) -> None:
    path, network = tmp_path / "n.pt", tiny("sdt")
    theirs = {reference_name(key, network.settings): one for key, one in network.state_dict().items()}
    theirs |= {"block.0.attn.talking_heads.weight": torch.ones(2, 2, 1)}
    torch.save(theirs, path)
    for layout in ("small", "imagenet"):
        with pytest.raises(
            NetworkError, match=rf"not of spikformer for {layout}, .* nearest to sdt for cifar; set net"
        ):
            load_reference(path, tiny("spikformer", layout=layout))
    del theirs["head.bias"]
    theirs |= {"block.7.attn.q_conv.weight": torch.ones(1), "head.weight": torch.ones(10, 31)}
    theirs["patch_embed.rpe_conv.weight"] = torch.ones(32, 32)
    torch.save(theirs, path)
    with pytest.raises(NetworkError) as error:
        load_reference(path, network)
    assert str(error.value) == (
        f"{path}: read as sdt for cifar, it lacks head.bias; it has unknown block.7.attn.q_conv.weight; it has the "
        "wrong shape in head.weight (10, 31) for (10, 32), patch_embed.rpe_conv.weight (32, 32) for (32, 32, 3, 3); "
        "export the arrays of the whole network again"
    )


def test_what_cannot_be_is_one_line() -> None:
    with pytest.raises(NetworkError, match=r"^network.heads: found 3, 32 channels cannot be shared by so many; take a"):
        tiny("spikformer", heads=3)
    with pytest.raises(NetworkError, match=r"^network.heads: found 8, 4 channels"):
        tiny("qkformer", width=16)
    with pytest.raises(NetworkError, match=r"is \(3, 30, 32\), sdt for cifar needs .* that 4 divides; choose"):
        tiny("sdt", (3, 30, 32))
    with pytest.raises(NetworkError, match=r"^network: qkformer for cifar has 3 stages and at least 3 blocks, found"):
        tiny("qkformer", depth=2)
    with pytest.raises(NetworkError, match=r"^network.input_mean: found 2 numbers, 3 channels or one are needed$"):
        tiny("sdt", input_mean=(1.0, 2.0))
    with pytest.raises(
        NetworkError, match=r"^transformer: found an input of shape \(2, 0, 768\), \(samples, steps, 768"
    ):
        tiny("spikformer")(torch.zeros(2, 0, 768))
    with pytest.raises(NetworkError, match=r"^network: block\.0\.attn \(SpikingSelfAttention\) mixes q"):
        deployable(tiny("tim"), TransformerSettings(), "dvs128_tim")
