"""Checkpoints of plain arrays: what is recognised, and the one line for each that is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from neurodeploy.errors import NetworkError
from neurodeploy.networks.families.silif import LAYERS, SilifSettings, build
from neurodeploy.networks.published import load_published

Arrays = dict[str, np.ndarray]


def arrays_of(model: Any, bidirectional: bool = False) -> Arrays:
    torch.manual_seed(1)
    settings = SilifSettings(model=model, hidden=(12, 10), bidirectional=bidirectional)
    network = build(settings, (6,), 4, 4e-3)
    return {name: value.numpy() for name, value in network.state_dict().items()}


def saved(folder: Path, arrays: Arrays, suffix: str = ".npz") -> Path:
    path = folder / f"network{suffix}"
    if suffix == ".npz":
        np.savez(path, **arrays)  # type: ignore[arg-type]
    else:
        save_file(arrays, path)
    return path


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("model", LAYERS)
def test_the_model_and_its_sizes_are_read_off_the_arrays(model: str, suffix: str, tmp_path: Path) -> None:
    arrays = arrays_of(model)
    network, settings = load_published(saved(tmp_path, arrays, suffix))
    assert (settings.model, settings.hidden, settings.bidirectional) == (model, (12, 10), False)
    assert (network.n_inputs, network.n_classes, network.training) == (6, 4, False)
    for name, value in network.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), arrays[name])


def test_a_bidirectional_network_is_recognised(tmp_path: Path) -> None:
    network, settings = load_published(saved(tmp_path, arrays_of("rlif", bidirectional=True)))
    assert settings.bidirectional
    assert network.widths == (24, 20, 4)


def test_what_arrays_do_not_say_comes_from_the_settings(tmp_path: Path) -> None:
    wanted = SilifSettings(model="adlif", hidden=(12, 10), dropout=0.4, initial_state="random")
    path = saved(tmp_path, arrays_of("cadlif"))
    assert load_published(path).settings.model == "cadlif"
    network, settings = load_published(path, wanted)
    assert settings == wanted
    assert network.layers[0].drop.p == 0.4


def test_doubles_are_rounded(tmp_path: Path) -> None:
    arrays = {name: value.astype(np.float64) for name, value in arrays_of("silif").items()}
    assert load_published(saved(tmp_path, arrays)).network.layers[0].W.weight.dtype == torch.float32


def without(*names: str) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        for name in names:
            del arrays[name]

    return change


def with_value(name: str, value: Any) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({name: np.asarray(value)})


def no_number(arrays: Arrays) -> None:
    arrays["snn.0.alpha"][3] = np.nan
    arrays["snn.1.W.weight"][0, 0] = np.inf


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("snn.0.beta", "snn.1.norm.bias"), "lacks snn.0.beta, snn.1.norm.bias;"),
        (without("snn.1.W.weight"), "lacks matrices, or has them in another shape: snn.1.W.weight"),
        (without("snn.2.alpha"), "lacks snn.2.alpha"),
        (with_value("snn.1.extra", [1.0]), "has unknown snn.1.extra"),
        (with_value("optimizer", [1.0]), "has unknown optimizer"),
        (with_value("two\nlines", [1.0]), r"has unknown two\\nlines"),
        (with_value("snn.0.a", np.ones(5)), r"has the wrong shape in snn.0.a \(5,\) for \(12,\)"),
        (with_value("snn.1.W.weight", np.ones((10, 7))), r"snn.1.W.weight \(10, 7\) for \(10, 12\)"),
        (with_value("snn.0.W.weight", np.ones(7)), "in another shape: snn.0.W.weight"),
        (with_value("snn.0.W.weight", np.ones((0, 6))), "in another shape: snn.0.W.weight"),
        (no_number, "has infinities or no numbers in snn.0.alpha, snn.1.W.weight"),
        (with_value("snn.0.a", np.full(12, 1e300)), "has infinities or no numbers in snn.0.a"),
        (with_value("snn.0.a", ["x"] * 12), "has no numbers in snn.0.a"),
        (with_value("snn.0.norm.running_var", -np.ones(12)), "negative variances in snn.0.norm.running_var"),
        (without("snn.0.dt"), "read as silif, it lacks snn.0.dt;"),
        (without("snn.1.dt", "snn.1.alpha"), "read as silif, it lacks snn.1.alpha, snn.1.dt;"),
        (lambda arrays: arrays.clear(), "holds no network of the family .found no arrays"),
        (with_value("snn.7.alpha", [1.0]), "holds no network of the family"),
    ],
)
def test_wrong_arrays_are_named_in_one_line(change: Callable[[Arrays], None], words: str, tmp_path: Path) -> None:
    arrays = {name: value.copy() for name, value in arrays_of("silif").items()}
    change(arrays)
    with pytest.raises(NetworkError, match=words) as caught:
        load_published(saved(tmp_path, arrays))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}")


def test_long_lists_are_cut(tmp_path: Path) -> None:
    arrays = arrays_of("silif") | {f"snn.0.more{n}": np.ones(1) for n in range(20)}
    with pytest.raises(NetworkError, match=r"snn\.0\.more15 and 12 more"):
        load_published(saved(tmp_path, arrays))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (SilifSettings(model="csilif", hidden=(12, 10)), "holds silif .* but csilif with 12-10 is expected"),
        (SilifSettings(model="silif", hidden=(12, 11)), "holds silif with hidden layers of 12-10"),
    ],
)
def test_another_network_than_expected_is_told(settings: SilifSettings, words: str, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=words):
        load_published(saved(tmp_path, arrays_of("silif")), settings)


def test_the_direction_must_be_the_expected_one(tmp_path: Path) -> None:
    path = saved(tmp_path, arrays_of("lif", bidirectional=True))
    with pytest.raises(NetworkError, match="is bidirectional; set bidirectional = true"):
        load_published(path, SilifSettings(model="lif", hidden=(12, 10)))


def test_files_of_another_kind_are_told(tmp_path: Path) -> None:
    whole = saved(tmp_path, arrays_of("silif")).read_bytes()
    objects = tmp_path / "objects.npz"
    np.savez(objects, **{"snn.0.alpha": np.array([{}], dtype=object)})  # type: ignore[arg-type]
    cases = {
        "best_model.pth": (b"x", "never loaded"),
        "cut.npz": (whole[: len(whole) // 2], "damaged .npz"),
        "text.npz": (b"no arrays", "damaged .npz or holds objects"),
        "text.safetensors": (b"no arrays at all", "damaged .safetensors"),
    }
    for name, (content, words) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(NetworkError, match=words):
            load_published(tmp_path / name)
    with pytest.raises(NetworkError, match="holds objects"):
        load_published(objects)
    for absent in ("absent.npz", "absent.safetensors"):
        with pytest.raises(NetworkError, match="No such file"):
            load_published(tmp_path / absent)
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(NetworkError, match=r"folder\.npz: cannot be read"):
        load_published(tmp_path / "folder.npz")
