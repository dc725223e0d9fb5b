"""`paper`: rows of published and measured numbers, files in a folder, and papers from a table."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import neurodeploy
from neurodeploy.papers import paper as verb
from neurodeploy.papers.nir import make as nir
from neurodeploy.papers.nir.figure import nir_paper
from neurodeploy.papers.paper import PAPERS, Entry, Made, PaperRow
from neurodeploy.papers.silif.make import rows_of
from tests.cli.support import Shell

POINT = {"note": "n", "n_samples": 40, "accuracies": [0.8, 0.9], "bits": None}


def test_a_paper_is_a_folder_and_a_line(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(folder: Path, limit: int | None, mode: str, progress: Any) -> Made:
        (folder / "seen.txt").write_text(f"{limit} {mode}")
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
    assert "| ours | 90.0 % | 80.0 % | 75.0 % | 7 | 2 |" in page
    assert "| theirs (not run here) | 50.0 % |  |  |  |  |" in page
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
