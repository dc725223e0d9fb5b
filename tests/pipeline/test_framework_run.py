"""Recipes trained in snnTorch and in Norse, through the whole pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurodeploy
from neurodeploy.cli.app import invoke
from neurodeploy.errors import FrameworkError, RecipeError
from neurodeploy.program.file import read_program
from neurodeploy.recipes import load_recipe
from neurodeploy.verbs.run import run
from neurodeploy.verbs.train import train

FRAMEWORKS = ("snntorch", "norse")
QUICK = (
    "data.n_steps=8",
    "network.hidden=[16]",
    "training.epochs=3",
    "quantize.epochs=1",
    "certificate.lava=never",
    "certificate.max_accuracy_drop=1",
)
pytestmark = pytest.mark.slow
SAME = ("checkpoint.safetensors", "quantised.safetensors", "model.nir", "program.npz", "metrics.json")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what gives the finished run of a framework's recipe, made once."""
    made: dict[str, Path] = {}

    def finished(framework: str) -> Path:
        pytest.importorskip(framework)
        if framework not in made:
            made[framework] = tmp_path_factory.mktemp(framework) / "run"
            neurodeploy.run(f"digits_{framework}", out=made[framework], settings=QUICK)
        return made[framework]

    return finished


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_run_goes_from_the_frameworks_training_to_certified_integers(
    framework: str, runs: Callable[[str], Path]
) -> None:
    report = json.loads((runs(framework) / "report.json").read_text())
    stages = {stage["name"]: stage for stage in report["certificate"]["stages"]}
    assert report["certificate"]["passed"]
    assert list(stages) == ["float", "read", "quantised", "reference", "fixed"]
    assert report["accuracy"]["float"] > 0.25  # one in ten is chance
    # The framework's own forward, and the graph read from it: equal in every spike, float and on the grid.
    for graph, network in (("read", "float"), ("reference", "quantised")):
        found = stages[graph]
        assert (found["against"], found["first_difference"]) == (network, None)
        assert found["spike_agreement"] == found["prediction_agreement"] == 1.0
        assert sum(layer["spikes"] for layer in found["layers"]) > 1000
    assert stages["fixed"]["equations"]["holds"]
    assert report["versions"][framework]
    page = (runs(framework) / "report.html").read_text(encoding="utf-8")
    assert page.index("The graph that was read from the trained network") < page.index(
        "before fine-tuning; not a stage"
    )


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_program_holds_what_the_recipe_asked_for(framework: str, runs: Callable[[str], Path]) -> None:
    program = read_program(runs(framework) / "program.npz")
    assert program.readout == {"snntorch": "spikes", "norse": "v_max"}[framework]
    assert [one.name for one in program.layers] == ["lif1", {"snntorch": "lif2", "norse": "li2"}[framework]]
    for one in program.layers:
        assert (one.dv == 410).all()  # type: ignore[union-attr]  # 0.1 of 4096, to the nearest
    assert all(len(np.unique(one.weight)) <= 255 for one in program.connections)


class Stopped(Exception):
    pass


@pytest.mark.parametrize(("framework", "middle_of"), [("snntorch", "train"), ("norse", "fine-tune")])
def test_a_resumed_run_ends_with_the_same_bytes(
    framework: str, middle_of: str, runs: Callable[[str], Path], tmp_path: Path
) -> None:
    finished = runs(framework)

    def stop(stage: str, done: int, total: int, detail: str = "") -> None:
        if stage == middle_of and done == 1:
            raise Stopped

    with pytest.raises(Stopped):
        run(f"digits_{framework}", out=tmp_path / "run", settings=QUICK, progress=stop)
    assert (tmp_path / "run/state").exists()
    run(f"digits_{framework}", out=tmp_path / "run", settings=QUICK, mode="resume")
    for name in SAME:
        assert (tmp_path / "run" / name).read_bytes() == (finished / name).read_bytes(), name


def test_the_stages_one_by_one_end_like_run(runs: Callable[[str], Path], tmp_path: Path) -> None:
    out, finished = tmp_path / "stages", runs("norse")
    neurodeploy.train("digits_norse", out=out, settings=QUICK)
    neurodeploy.quantize_run(out)
    exported = neurodeploy.export_run(out)
    for name in ("checkpoint.safetensors", "quantised.safetensors", "model.nir"):
        assert (out / name).read_bytes() == (finished / name).read_bytes(), name
    accuracy = json.loads((finished / "report.json").read_text())["accuracy"]
    assert exported["accuracy"]["reference"] == accuracy["reference"]
    certificate = neurodeploy.certify(out / "model.nir", "digits")
    assert certificate["passed"]
    assert [one["accuracy"] for one in certificate["stages"]] == [accuracy["reference"], accuracy["fixed"]]


def test_precision_can_be_chosen_without_fine_tuning(tmp_path: Path) -> None:
    pytest.importorskip("snntorch")
    settings = (*QUICK, "quantize.method=ptq", "network.bias=false", "training.epochs=1")
    found = neurodeploy.run("digits_snntorch", out=tmp_path / "run", settings=settings)
    # Of 359 samples 8 bits cost a few at most.
    assert found["accuracy"]["fixed"] == pytest.approx(found["accuracy"]["float"], abs=0.03)


@pytest.mark.lava
def test_lava_runs_a_network_trained_in_norse_bit_for_bit(runs: Callable[[str], Path]) -> None:
    program = runs("norse") / "program.npz"
    found = neurodeploy.certify(
        runs("norse") / "model.nir", "digits", backends=("fixed", "lava"), program=program, limit=16
    )
    assert found["passed"]
    assert found["bit_exact"] == {"fixed/lava": True}


@pytest.fixture
def without_norse(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    known = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> Any:
        return None if name.partition(".")[0] == "norse" else known(name, package)

    monkeypatch.setattr("importlib.util.find_spec", find)


@pytest.mark.usefixtures("without_norse")
@pytest.mark.parametrize("arguments", [("run",), ("train",), ("train", "--seeds", "1,2")])
def test_an_absent_framework_is_one_line_before_anything_is_written(
    arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verb, *rest = arguments
    assert invoke([verb, "digits_norse", "--out", str(tmp_path / "run"), *rest]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.strip() == ("error: norse: needs norse, which is not installed; run: neurodeploy frameworks setup")
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("without_norse")
def test_an_absent_framework_is_told_in_a_run_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("snntorch")
    train("digits_snntorch", out=tmp_path / "run", settings=(*QUICK, "training.epochs=1"))
    recipe = tmp_path / "run/recipe.toml"
    recipe.write_text(recipe.read_text().replace('"snntorch"', '"norse"'))
    with pytest.raises(FrameworkError, match="needs norse, which is not installed"):
        neurodeploy.quantize_run(tmp_path / "run")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("network.family=snntorc", "network.family 'snntorc' is unknown; did you mean 'snntorch'"),
        ("network.slop=3", "'network.slop' is not a setting; did you mean 'network.slope'"),
        ("network.beta=1.5", "network.beta: input should be less than 1, found 1.5"),
        ("network.hidden=[]", "network.hidden: tuple should have at least 1 item"),
        ("network.neuron=lif", "'network.neuron' is not a setting"),
    ],
)
def test_a_slip_in_the_network_table_is_one_line(setting: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words.replace("[", r"\[")) as found:
        load_recipe("digits_snntorch", (setting,))
    assert "\n" not in str(found.value)


def test_both_recipes_are_listed_and_differ_from_digits_in_the_network_alone() -> None:
    plain = load_recipe("digits")
    for framework in FRAMEWORKS:
        recipe = load_recipe(f"digits_{framework}")
        assert recipe.description in {one["description"] for one in neurodeploy.list_recipes().values()}
        assert (recipe.data, recipe.certificate, recipe.chip) == (plain.data, plain.certificate, plain.chip)
        assert (recipe.network.model_dump()["hidden"], recipe.quantize.weight_bits) == (
            plain.network.model_dump()["hidden"],
            8,
        )
        assert recipe.training.epochs == plain.training.epochs
