"""A stranger's data go the whole way: a file or a function in the recipe, and every verb on the run that it makes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.utils.data import DataLoader

import neurodeploy
from neurodeploy.cli.app import invoke
from neurodeploy.data.load import DataSettings, open_part, open_parts, open_samples, source_of
from neurodeploy.errors import DataError, RecipeError, RunError
from neurodeploy.recipes import load_recipe
from tests.cli.support import TINY
from tests.data.shd import write_shd
from tests.pipeline.own_data import LABELS, N_STEPS, SHAPE, SPIKES, Frames, Recordings, arrays

LEARNS = (*TINY, *("--set", "training.epochs=20", "--set", "training.batch_size=8", "--set", "network.weight_gain=3.0"))
"""Enough for so small data."""
FLAT = SPIKES.reshape(60, N_STEPS, -1)
FUNCTIONS = "from tests.pipeline.own_data import Frames, Recordings\n\ndef broken():\n    raise OSError('no disk')\n"


def part(name: str, split: Any, **settings: Any) -> Any:
    return open_part(DataSettings(dataset=name, **settings), split)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data, and a run of the digits recipe on them, made from inside."""
    where = tmp_path_factory.mktemp("mine")
    np.savez(where / "mine.npz", spikes=SPIKES, labels=LABELS, class_names=["left", "middle", "right"])
    (where / "strangers.py").write_text(FUNCTIONS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        assert invoke(["run", "digits", *LEARNS, "--set", "data.dataset=mine.npz", "--out", "run", "--json"]) == 0
    return where


def says(capsys: pytest.CaptureFixture[str], *line: object) -> Any:
    capsys.readouterr()
    status = invoke([*map(str, line), "--json"])
    found = capsys.readouterr()
    assert status == 0, found.err
    return json.loads(found.out)


def test_every_verb_takes_the_run_of_ones_own_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder / "run"
    report = json.loads((run / "report.json").read_text())
    assert report["samples"] == {"train": 42, "validation": 6, "test": 12}
    assert report["class_names"] == ["left", "middle", "right"]
    assert report["data"]["name"] == "mine.npz (test)"
    accuracy = report["accuracy"]["fixed"]
    assert accuracy > 0.8
    assert Path(says(capsys, "report", run)["path"]).is_file()
    assert says(capsys, "check", run, "--min-accuracy", accuracy)["passed"]
    assert says(capsys, "compare", run, run)["settings"] == []
    assert says(capsys, "fit", run)["fits"]
    # The run's own test part, and no sample that was trained on: from any folder, by the run or by the file.
    for line in (("profile", run), ("simulate", run), ("simulate", run / "program.npz", "--data", folder / "mine.npz")):
        found = says(capsys, *line)
        assert (found["accuracy"], found["samples"]) == (accuracy, report["samples"]["test"])
    assert says(capsys, "certify", run)["stages"][1]["accuracy"] == accuracy
    assert says(capsys, "simulate", run, "--data", folder / "mine.npz", "--limit", 3)["samples"] == 3


def test_train_takes_a_torch_dataset(tmp_path: Path) -> None:
    """Its samples become a file beside the run, which every verb reads; a slip leaves none."""
    few = ("training.epochs=1", "network.hidden=[8]", "training.batch_size=8")
    frames: Any = Frames()
    for data in (frames, DataLoader(frames, batch_size=7)):
        found = neurodeploy.train("digits", out=tmp_path / "run", settings=few, data=data, mode="overwrite")
    with np.load(tmp_path / "run.npz") as stored:
        np.testing.assert_array_equal(stored["spikes"], SPIKES)
        np.testing.assert_array_equal(stored["labels"], LABELS)
    np.savez(tmp_path / "mine.npz", spikes=SPIKES, labels=LABELS)
    alike = neurodeploy.train("digits", out=tmp_path / "file", settings=(*few, f"data.dataset={tmp_path / 'mine.npz'}"))
    weights = [(tmp_path / name / "checkpoint.safetensors").read_bytes() for name in ("run", "file")]
    assert weights[0] == weights[1]
    assert found["accuracy"] == alike["accuracy"]
    assert neurodeploy.train("digits", out=tmp_path / "run", settings=few, data=frames, mode="resume") == found
    with pytest.raises(RunError, match=r"run\.npz: exists already"):
        neurodeploy.train("digits", out=tmp_path / "run", settings=few, data=frames)
    with pytest.raises(RecipeError, match="epochz"):
        neurodeploy.train("digits", out=tmp_path / "slip", settings=("training.epochz=1",), data=frames)
    with pytest.raises(DataError, match=r"data: holds timed events; .*MODULE:FUNCTION"):
        neurodeploy.train("digits", out=tmp_path / "slip", data=Recordings())
    assert not (tmp_path / "slip.npz").exists()


def test_parts_hold_every_sample_once_and_each_class_alike(folder: Path) -> None:
    parts = open_parts(DataSettings(dataset=str(folder / "mine.npz")))
    assert parts["train"].shape == SHAPE
    seen = np.concatenate([one.whole().spikes_BTI for one in parts.values()])
    assert sorted(map(bytes, seen)) == sorted(map(bytes, FLAT))
    assert np.bincount(parts["test"].labels_B).tolist() == [4, 4, 4]
    assert np.bincount(parts["validation"].labels_B).tolist() == [2, 2, 2]
    again = part(str(folder / "mine.npz"), "test", validation_part=0.4)
    assert again.digest() == parts["test"].digest()


def test_a_file_of_its_own_is_the_test_part(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "test.npz", spikes=SPIKES[:10], labels=LABELS[:10])
    names = ("--set", f"data.test={tmp_path / 'test.npz'}", "--set", f"data.dataset={folder / 'mine.npz'}")
    made = says(capsys, "run", "digits", *LEARNS, *names, "--out", tmp_path / "run")
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["samples"] == {"train": 51, "validation": 9, "test": 10}
    assert says(capsys, "simulate", tmp_path / "run")["accuracy"] == made["accuracy"]["fixed"]
    assert invoke(["simulate", str(tmp_path / "run"), "--data", str(folder / "mine.npz")]) == 2
    assert "was trained on it; name its test data: " in capsys.readouterr().err


def test_timed_events_of_a_file_are_counted_in_steps_that_hold_all(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    times = [np.sort(generator.random(50) * 0.4).astype(np.float32) for _ in range(10)]
    units = [generator.integers(0, 19, 50) for _ in range(10)]
    units[3][7] = 19
    write_shd(tmp_path / "mine.h5", times, units, np.arange(10) % 2)
    source = source_of(DataSettings(dataset=str(tmp_path / "mine.h5"), n_steps=20, spatial_bin=5))
    end_s = math.ceil(max(float(one.max()) for one in times) * 1000) / 1000
    assert (source.n_classes, source.binning.max_time_s) == (2, end_s)  # type: ignore[union-attr]
    found = part(str(tmp_path / "mine.h5"), "all", n_steps=20, spatial_bin=5)
    edges = np.linspace(0, end_s, 21)
    wanted = [np.histogram2d(t, u, (edges, np.arange(-0.5, 20, 5)))[0] for t, u in zip(times, units, strict=True)]
    np.testing.assert_array_equal(found.whole().spikes_BTI, wanted)


@pytest.mark.parametrize("name", ["Frames", "Recordings"])
def test_a_function_gives_frames_or_events(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(folder)
    binned = {"n_steps": N_STEPS, "max_time_s": N_STEPS * 1e-3} if name == "Recordings" else {}
    found = {split: part(f"strangers:{name}", split, **binned) for split in ("train", "test", "all")}
    assert found["all"].shape == SHAPE
    np.testing.assert_array_equal(found["all"].whole().spikes_BTI, FLAT)
    wanted = part("mine.npz", "test")
    np.testing.assert_array_equal(found["test"].whole().spikes_BTI, wanted.whole().spikes_BTI)
    simulated = neurodeploy.simulate("run", f"strangers:{name}")
    assert simulated["samples"] == 60  # all of it, as of any file that was not trained on
    assert simulated["accuracy"] == neurodeploy.simulate("run", FLAT).accuracy(LABELS)


def test_a_function_is_trained_on_and_found_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    steps = ("--set", f"data.n_steps={N_STEPS}", "--set", "data.dataset=strangers:Recordings")
    says(capsys, "train", "digits", *TINY, *steps, "--out", tmp_path / "run")
    found = load_recipe(str(tmp_path / "run" / "recipe.toml")).data
    assert (found.dataset, found.n_steps) == ("strangers:Recordings", N_STEPS)


@pytest.mark.parametrize("kind", ["list", "pairs", "one", "dataset", "loader"])
def test_arrays_of_events_are_taken_as_they_are(folder: Path, kind: str) -> None:
    each = arrays(1000)
    data: dict[str, Any] = {
        "list": each,
        "pairs": list(zip(each, LABELS, strict=True)),
        "one": each[0],
        "dataset": Recordings(),
        "loader": DataLoader(Recordings(), batch_size=None),  # type: ignore[arg-type]
    }
    few, spikes = (1, FLAT[:1]) if kind == "one" else (60, FLAT)
    graph = folder / "run" / "model.nir"
    # A flat input of 48 channels is no square sensor: which channel is which, a Dataset says by its sensor_size.
    if kind not in ("dataset", "loader"):
        with pytest.raises(DataError, match="do not say which of 48 channels they are in; give a Dataset with sensor"):
            neurodeploy.simulate(graph, data[kind])
        return
    wanted = neurodeploy.simulate(graph, spikes, record=True)
    found = neurodeploy.simulate(graph, data[kind], record=True)
    assert found.n_samples == few
    np.testing.assert_array_equal(found.layers["lif1"].v_BTN, wanted.layers["lif1"].v_BTN)
    profiled = neurodeploy.profile(graph, data[kind])
    assert profiled["accuracy"] == wanted.accuracy(LABELS)
    assert neurodeploy.certify(graph, data[kind])["stages"][1]["accuracy"] == profiled["accuracy"]


REFUSED = {
    "absent.npz": r"absent.npz: cannot be read \(No such file",
    "strangers:nothing": r"cannot be called \(AttributeError: .*'nothing'\); name MODULE:FUNCTION",
    "nowhere:nothing": r"cannot be called \(ModuleNotFoundError",
    "strangers:broken": r"cannot be called \(OSError: no disk\)",
    "builtins:dict": "dict has no samples that can be asked for by number",
    "strangers.py": "strangers.py: is of another format; give an .npz with spikes",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_data_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(RecipeError, match=REFUSED[name]) as caught:
        load_recipe("digits", [f"data.dataset={name}"])
    assert "\n" not in str(caught.value)


def test_settings_that_ones_own_data_do_not_have(folder: Path) -> None:
    own = f"data.dataset={folder / 'mine.npz'}"
    with pytest.raises(RecipeError, match=r"data.max_time_s: mine.npz has no timed events to bin"):
        load_recipe("digits", ["data.max_time_s=1.0", own])
    with pytest.raises(RecipeError, match=r"data.dt_s: digits has its own; leave it out"):
        load_recipe("digits", ["data.dt_s=0.002"])
    assert load_recipe("shd_silif", [own]).data.spatial_bin is None  # of the recipe's own dataset
    assert open_samples(str(folder / "mine.npz")).n_steps == N_STEPS
    with pytest.raises(DataError, match=r"12 a sample; mine.npz is used with"):
        part(str(folder / "mine.npz"), "train", n_steps=13)
    cut = part(str(folder / "mine.npz"), "all", n_steps=5, dt_s=0.002)
    np.testing.assert_array_equal(cut.whole().spikes_BTI, FLAT[:, :5])
