"""`paper`: rows of published and measured numbers, files in a folder, and papers from a table."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import neurodeploy
from neurodeploy.graph.files import write_graph
from neurodeploy.networks.families.plif import PlifSettings, build, deployable
from neurodeploy.papers import paper as verb
from neurodeploy.papers.nir import make as nir
from neurodeploy.papers.nir.figure import nir_paper
from neurodeploy.papers.paper import PAPERS, Asked, Entry, Made, PaperRow
from neurodeploy.papers.silif.make import rows_of
from neurodeploy.reading import graph_of
from tests.cli.support import Shell

POINT = {"note": "n", "n_samples": 40, "accuracies": [0.8, 0.9], "bits": None}


def test_a_paper_is_a_folder_and_a_line(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(asked: Asked) -> Made:
        (asked.folder / "seen.txt").write_text(f"{asked.limit} {asked.mode}")
        return Made([PaperRow("ours", 0.9, 0.8, 0.75, 7, 2, ran=True), PaperRow("theirs", 0.5, note="a source")], ["x"])

    outside = ModuleType("paper_from_outside")
    outside.make = make  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "paper_from_outside", outside)
    table: Mapping[str, Entry] = {**PAPERS, "new": Entry("A title", "A citation", "paper_from_outside")}
    monkeypatch.setattr(verb, "PAPERS", table)
    found = shell.works("paper", "new", "--out", "made", "--limit", "3", "--resume")
    assert Path("made/seen.txt").read_text() == "3 resume"
    assert found["rows"][0] == {
        "what": "ours",
        "published": 0.9,
        "ours": {"float": 0.8, "fixed": 0.75},
        "samples": 7,
        "seeds": 2,
        "ran": True,
        "note": "",
    }
    assert json.loads(Path("made/paper.json").read_text())["rows"] == found["rows"]
    page = Path("made/paper.md").read_text()
    assert "| ours | 90.00 % | 80.00 % | 75.00 % | 7 | 2 |" in page
    assert "| theirs (not run here) | 50.00 % |  |  |  |  |" in page
    assert "- a source" in page


def test_an_unknown_paper_is_one_line_and_makes_no_folder(shell: Shell) -> None:
    shell.refuses("paper", "silf", "--out", "made", says="paper 'silf' is unknown; did you mean 'silif'")


def test_rows_of_figure_3_stand_beside_the_papers_own() -> None:
    drawn = {
        "title": "40 clips",
        "points": [
            POINT | {"network": "SiLIF", "world": "float", "accuracy": 0.85},
            POINT | {"network": "SiLIF", "world": "float", "accuracy": 0.5},
            POINT | {"network": "SiLIF", "world": "integer", "accuracy": 0.7, "bits": 4},
            POINT | {"network": "SiLIF", "world": "integer", "accuracy": 0.84, "bits": 8},
            POINT | {"network": "SiLIF", "world": "paper", "accuracy": 0.82},
            POINT | {"network": "RF", "world": "float", "accuracy": 0.6},
            POINT | {"network": "S5-RF", "world": "cited", "accuracy": 0.788},
        ],
    }
    silif, rf, cited = rows_of(drawn)
    assert (silif.published, silif.floating, silif.fixed, silif.samples, silif.seeds) == (0.82, 0.85, 0.84, 40, 2)
    assert (rf.published, rf.floating, rf.fixed) == (None, 0.6, None)
    assert (cited.what, cited.published, cited.ran, cited.floating) == ("S5-RF", 0.788, False, None)


@pytest.mark.data
def test_the_nir_papers_rows_say_what_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def braille_only(out: Path, *, backends: Any, **named: Any) -> Any:
        return nir_paper(out=out, tasks=("rnn",), backends=("reference", "fixed"), **named)

    monkeypatch.setattr(nir, "nir_paper", braille_only)
    found = neurodeploy.paper("nir", out=tmp_path / "nir", limit=4)
    rows = {row["what"]: row for row in found["rows"]}
    title = "Braille, recurrent network, reset to zero, with biases"
    integers, real, lava = (rows[f"{title}: {name}"] for name in ("our integers", "our reference", "Lava"))
    assert integers["ours"]["float"] is None
    assert integers["ours"]["fixed"] is not None
    assert real["ours"]["float"] is not None
    assert (integers["samples"], integers["seeds"], integers["ran"]) == (4, 1, True)
    assert (lava["ran"], lava["published"]) == (False, pytest.approx(0.486, abs=1e-3))
    assert all((tmp_path / "nir" / name).is_file() for name in found["files"])


def finished(folder: Path, seed: int, fixed: float, **network: Any) -> Path:
    """Write a run folder of a small PLIF network, as far as `paper` reads it."""
    settings: dict[str, Any] = {
        "family": "plif",
        "channels": [3, 2],
        "hidden": 16,
        "tau0": 1.25,
        "voters": 2,
        "stages": [1, 1],
    } | network
    shape = (1, 4, 4)
    folder.mkdir()
    if settings["family"] == "plif":
        made = deployable(build(PlifSettings(**settings), shape, 2, 1e-3).eval())
        x = torch.randint(0, 200, (2, 1, 16)).float().expand(-1, 3, -1)
        write_graph(folder / "model.nir", graph_of(made, x, dt_s=1e-3).graph)
    recipe = {"name": "small_plif", "data": {"dataset": "mnist"}, "network": settings, "training": {"seed": seed}}
    values = {"accuracy": {"float": 0.99, "fixed": fixed}, "certificate": {"samples": 700}, "counts": {}}
    (folder / "report.json").write_text(json.dumps(values | {"recipe": recipe}))
    return folder


def test_the_plif_papers_networks_stand_beside_runs(shell: Shell) -> None:
    runs = [str(finished(Path(f"run{seed}"), seed, 0.97 + seed / 100)) for seed in (0, 1)]
    found = shell.works("paper", "plif", "--out", "made", "--run", runs[0], "--run", runs[1])
    ours = found["rows"][0]
    assert ours["what"] == "mnist: recipe small_plif, 3 and 2 channels, 16 hidden neurons"
    assert (ours["published"], ours["samples"], ours["seeds"], ours["ran"]) == (0.9963, 700, 2, True)
    assert ours["ours"] == {"float": pytest.approx(0.99), "fixed": pytest.approx(0.975)}
    assert "smaller network, not the paper's" in ours["note"]
    cited = {row["what"]: row for row in found["rows"][1:]}
    assert len(cited) == 6 + 5 * 6
    assert not any(row["ran"] for row in cited.values())
    assert cited["DVS128 Gesture: PLIF, tau0 2"]["published"] == 0.9653
    assert cited["CIFAR10: LIF, tau 16, most"]["published"] == 0.475
    page = Path("made/networks.md").read_text()
    assert page.count("36,718,344 | 36,718,344") == 1  # published, and of our settings
    assert page.count("1,698,311 | 1,698,311") == 1
    assert "| small_plif, run1 | 1.25, 1.25, 1.25, 1.25 |" in page
    assert "(not run here)" in Path("made/paper.md").read_text()


def test_runs_of_other_networks_and_papers_are_refused_in_one_line(shell: Shell) -> None:
    other = str(finished(Path("other"), 0, 0.9, family="lif"))
    shell.refuses(
        "paper",
        "plif",
        "--out",
        "made",
        "--run",
        other,
        says="its network is of family lif; paper plif takes runs of plif",
    )
    shell.refuses("paper", "nir", "--out", "made", "--run", other, says="it takes no runs")
