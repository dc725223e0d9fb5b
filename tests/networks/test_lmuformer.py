"""LMUFormers and their blocks against recorded runs of the reference, their sizes, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.errors import NetworkError
from neurodeploy.networks.blocks.frames import node
from neurodeploy.networks.blocks.mixer import spiking_lmu
from neurodeploy.networks.blocks.mlp import mlp
from neurodeploy.networks.families.lmuformer import LmuFormer, LmuFormerSettings, build
from neurodeploy.networks.fused_forward import rates
from neurodeploy.networks.published_lmuformer import load_reference, reference_name
from tests.needs import golden_file
from tests.neurons.test_lmu_layers import assert_near

RECORDED = {
    "lmuformer": "lmu_rnn_conv1d",
    "spiking_lmuformer": "slmu_rnn_conv1d",
    "spiking_lmuformer_ms": "slmu_rnn_ms_conv1d",
    "spiking_transformer": "attn_ms_conv1d",
}
PARAMETERS = {
    "lmuformer": 1_621_796,
    "spiking_lmuformer": 1_689_382,
    "spiking_lmuformer_ms": 1_689_894,
    "spiking_transformer": 1_689_379,
}
"""Of the Speech Commands networks, counted in the reference's."""


def recording(name: str) -> dict[str, np.ndarray]:
    with np.load(golden_file("lmu", f"lmuformer_{name}.npz"), allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def parameters(arrays: dict[str, np.ndarray], before: str = "param.") -> dict[str, torch.Tensor]:
    found = {key.removeprefix(before): torch.tensor(value) for key, value in arrays.items() if key.startswith(before)}
    return {key: value[..., 0] if value.ndim == 3 and value.shape[2] == 1 else value for key, value in found.items()}


def tiny(model: str, **settings: Any) -> LmuFormer:
    told: Any = {"width": 8, "heads": 2, "mlp_ratio": 2.0} | settings
    return build(LmuFormerSettings(model=model, **told), (10,), 5, 0.01)  # type: ignore[arg-type]


def recorded(model: str, folder: Path) -> tuple[LmuFormer, dict[str, np.ndarray]]:
    """Return a network that was filled from a file with the reference's names."""
    arrays = recording(RECORDED[model])
    state = {key.removeprefix("param."): value for key, value in arrays.items() if key.startswith("param.")}
    np.savez(folder / "reference.npz", **state)  # type: ignore[arg-type]
    return load_reference(folder / "reference.npz", tiny(model)), arrays


def all_sent(network: LmuFormer, x_BTI: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what every module gives in evaluation, (B, T, C), by the reference's name."""
    found: dict[str, torch.Tensor] = {}
    for name, module in network.named_modules():
        if name and not name.endswith((".attn", ".mlp")):  # these are their paths and shortcuts in one
            where = reference_name(name)  # of several, the last: it holds the others
            module.register_forward_hook(lambda _, __, out, where=where: found.update({where: out}))
    with torch.no_grad():
        network(x_BTI)
    return found


@pytest.mark.data
@pytest.mark.parametrize("model", RECORDED)
def test_recorded_networks_are_repeated_in_every_spike(model: str, tmp_path: Path) -> None:
    network, arrays = recorded(model, tmp_path)
    x_BTI = torch.tensor(arrays["x"])
    with torch.no_grad():
        answer, so_far_BTC = network(x_BTI), network.scores_so_far(x_BTI)
    np.testing.assert_allclose(answer.output_BC, arrays["out"], rtol=0, atol=2e-6)
    np.testing.assert_allclose(so_far_BTC.transpose(0, 1), arrays["out_all_seq"], rtol=0, atol=1e-5)
    found = all_sent(network, x_BTI)
    for key, value in arrays.items():
        kind, _, name = key.partition(".")
        if kind == "act":
            wanted = value if name.endswith("lmu") else value.transpose(0, 2, 1)
            np.testing.assert_allclose(found[name], wanted, rtol=0, atol=5e-6 * np.abs(wanted).max(), err_msg=name)
        if kind == "spikes_packed":
            shape = arrays[f"spikes_shape.{name}"]
            spikes = np.unpackbits(value, axis=0, count=int(shape[0])).reshape(shape)
            wanted = spikes.transpose((1, 0, 2) if name.endswith(("f_u", "f_h")) else (2, 0, 1))
            assert 0 < wanted.mean() < 1
            np.testing.assert_array_equal(found[name], wanted, err_msg=name)
    spiking = [key for key in arrays if key.startswith("spikes_packed")]
    assert len(answer.hidden) == len(spiking)


@pytest.mark.parametrize("model", PARAMETERS)
def test_the_speech_commands_networks_have_the_references_sizes(model: str) -> None:
    settings = LmuFormerSettings(model=model)  # type: ignore[arg-type]
    network = build(settings, (128,), 35, 0.01)
    assert sum(one.numel() for one in network.parameters()) == PARAMETERS[model]
    if model == "spiking_lmuformer_ms":
        parts: Any = network.patch_embed, *network.block[0].children(), network.last, network.head  # type: ignore
        assert [sum(one.numel() for one in part.parameters()) for part in parts] == [886784, 265475, 528128, 512, 8995]
        assert float(network.head.weight.detach().std()) == pytest.approx(0.02, rel=0.05)


MIXERS = {"lmuformer": 197_889, "spiking_lmuformer": 264_963, "spiking_lmuformer_ms": 265_475}
"""Parameters of the reference's mixers."""


@pytest.mark.parametrize("model", MIXERS)
def test_without_a_memory_there_is_no_mixer(model: str) -> None:
    settings = LmuFormerSettings(model=model, memory=0)  # type: ignore[arg-type]
    network = build(settings, (128,), 35, 0.01)
    assert sum(one.numel() for one in network.parameters()) == PARAMETERS[model] - MIXERS[model]
    torch.manual_seed(0)
    network, x_TI = tiny(model, memory=0).eval(), torch.randn(30, 10)
    with torch.no_grad():
        stream, whole_TC = network.stream(), network.features(x_TI[None])[0]
        heard = [one for one in map(stream.push, x_TI) if one is not None] + stream.finish()
    torch.testing.assert_close(torch.stack([one.features_C for one in heard]), whole_TC, rtol=0, atol=1e-5)


@pytest.mark.data
@pytest.mark.parametrize("v_threshold", [1.0, 0.5])
def test_the_recorded_neurons_are_repeated_with_their_gradient(v_threshold: float) -> None:
    arrays, case = recording("lif"), f"vth{v_threshold}"
    x = torch.tensor(arrays["x"]).permute(1, 0, 2).requires_grad_()
    s = node(v_threshold)(x)
    wanted = arrays[f"{case}.s"]
    np.testing.assert_array_equal(s.detach().permute(1, 0, 2), wanted)
    weight = torch.arange(wanted.size).view(wanted.shape).permute(1, 0, 2) / 50
    (s * weight).sum().backward()
    assert_near(x.grad, torch.tensor(arrays[f"{case}.grad_x"]).permute(1, 0, 2))


@pytest.mark.data
def test_the_recorded_spiking_unit_is_repeated_with_its_gradients() -> None:
    arrays, unit = recording("spiking_cell"), spiking_lmu(6, 5, 8, 16.0)
    state = parameters(arrays)
    names = {key: reference_name(key) for key in unit.state_dict() if "num_batches" not in key}
    unit.load_state_dict({key: state[name] for key, name in names.items()}, strict=False)
    x = torch.tensor(arrays["x"])
    np.testing.assert_array_equal(unit.eval()(x).detach(), arrays["eval.h"])
    x.requires_grad_()
    h = unit.train()(x)
    np.testing.assert_array_equal(h.detach(), arrays["train.h"])
    (h * torch.tensor(arrays["train.upstream_grad"])).sum().backward()
    assert_near(x.grad, torch.tensor(arrays["train.grad_x"]), 1e-5)
    for key, parameter in unit.named_parameters():
        if key.endswith(("W_u.bias", "W_h.bias")):  # a norm follows: only rounding is left
            continue
        assert_near(parameter.grad, torch.tensor(arrays[f"train.grad.{names[key]}"]), 1e-5)


MLPS = {"ConvFFN": "conv", "ConvFFNMs": "conv_ms", "LinearFFN": "linear", "LinearFFNMs": "linear_ms"}


@pytest.mark.data
@pytest.mark.parametrize("name", MLPS)
@pytest.mark.parametrize("spiking", [True, False])
def test_recorded_mlps_are_repeated_or_refused(name: str, spiking: bool) -> None:
    arrays, kind = recording("mlp"), MLPS[name]
    if spiking and kind.startswith("linear"):
        with pytest.raises(
            NetworkError, match=r"^network.mlp: linear\S* has layer norms, .* so samples would mix; take"
        ):
            mlp(kind, 6, 12, spiking=True)  # type: ignore[arg-type]
        return
    case = f"{name}.{'spike' if spiking else 'relu'}"
    made = mlp(kind, 6, 12, spiking=spiking).eval()  # type: ignore[arg-type]
    state = parameters(arrays, f"{case}.param.")
    assert made.load_state_dict(state, strict=False).unexpected_keys == []
    found = made(torch.tensor(arrays["x_BCN"]).transpose(1, 2)).transpose(1, 2)
    np.testing.assert_allclose(found.detach(), arrays[f"{case}.out"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("model", RECORDED)
def test_samples_do_not_mix_and_any_number_of_frames_is_taken(model: str) -> None:
    torch.manual_seed(0)
    network = tiny(model, blocks=2).eval()
    for frames in (1, 7, 150):
        x_BTI = 4 * torch.randn(3, frames, 10)
        with torch.no_grad():
            whole, alone = network(x_BTI).output_BC, network(x_BTI[1:2]).output_BC
        assert whole.shape == (3, 5)
        torch.testing.assert_close(whole[1:2], alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("model", ["lmuformer", "spiking_lmuformer_ms"])
def test_training_changes_every_array_and_leaves_nothing_behind(model: str) -> None:
    torch.manual_seed(0)
    network = tiny(model)
    answer = network(4 * torch.randn(4, 20, 10))
    (answer.output_BC.square().sum() + sum(one.sum() for one in rates(answer.hidden))).backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in network.parameters())
    assert not any(getattr(one, "sent", None) for one in network.modules())


@pytest.mark.parametrize("ending", ["pt", "pth.tar"])
def test_state_dicts_of_torch_are_loaded(ending: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, other, x_BTI = tiny("spiking_lmuformer"), tiny("spiking_lmuformer"), torch.randn(2, 9, 10)
    theirs = {reference_name(key): value for key, value in network.state_dict().items()}
    theirs |= {key: value[..., None] for key, value in theirs.items() if key.endswith("proj_conv.weight")}
    theirs |= {"block.0.attn.lmu.H": torch.zeros(16, 128)}
    torch.save(theirs if ending == "pt" else {"epoch": 3, "state_dict": theirs}, tmp_path / f"n.{ending}")
    load_reference(tmp_path / f"n.{ending}", other)
    assert torch.equal(network.eval()(x_BTI).output_BC, other(x_BTI).output_BC)


def test_files_that_do_not_fit_are_one_line(tmp_path: Path) -> None:
    network = tiny("lmuformer")
    theirs = {reference_name(key): value for key, value in network.state_dict().items()}
    del theirs["head.bias"], theirs["block.0.attn.lmu.W_u.bias"]
    theirs |= {"head_bn.weight": torch.ones(8), "patch_embed.rpe_conv.weight": torch.ones(8, 8, 5)}
    torch.save(theirs, tmp_path / "n.pt")
    with pytest.raises(NetworkError) as error:
        load_reference(tmp_path / "n.pt", network)
    assert str(error.value) == (
        f"{tmp_path / 'n.pt'}: read as LmuFormer, it lacks block.0.attn.lmu.W_u.bias, head.bias; it has unknown "
        "head_bn.weight; it has the wrong shape in patch_embed.rpe_conv.weight (8, 8, 5) for (8, 8, 3); export the "
        "arrays of the whole network again"
    )
    torch.save(network, tmp_path / "whole.pt")
    torch.save([1], tmp_path / "list.pt")
    for name, says in (
        ("whole.pt", r"is no file of tensors alone \(Unsupported global: GLOBAL neurodeploy"),
        ("n.ckpt", "give its arrays as .npz or .safetensors$"),
        ("list.pt", "holds no state dict"),
        ("no.pt", "No such"),
    ):
        with pytest.raises(NetworkError, match=says) as error:
            load_reference(tmp_path / name, network)
        assert "\n" not in str(error.value)


def test_what_cannot_be_is_one_line() -> None:
    with pytest.raises(NetworkError, match=r"^network.heads: found 3, 8 channels cannot be shared by so many$"):
        tiny("spiking_transformer", heads=3)
    with pytest.raises(NetworkError, match=r"^network.mlp: linear has layer norms"):
        tiny("spiking_lmuformer_ms", mlp="linear")
    tiny("lmuformer", mlp="linear_ms", head_neurons=False)
    with pytest.raises(NetworkError, match=r"^LMUFormer: found an input of shape \(2, 9, 11\), \(samples, "):
        tiny("lmuformer")(torch.zeros(2, 9, 11))
