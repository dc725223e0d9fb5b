"""`neurodeploy compare`: a table, one JSON object, a page; and one line where there is nothing to compare."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import neurodeploy
from tests.accounting.finished import finished, unplaced, write_run
from tests.cli.support import Shell


@pytest.fixture
def two(shell: Shell) -> tuple[Path, Path]:
    """`wide` and `narrow`: half the synops, fewer bits, a little less accurate."""
    report = finished()
    report["recipe"]["quantize"] = {"weight_bits": 4}
    report["accuracy"]["fixed"] = 0.9
    report["counts"]["synops_per_sample"] = 500.0
    write_run(shell.folder / "wide")
    write_run(shell.folder / "narrow", report)
    return Path("wide"), Path("narrow")


def test_a_table_for_people(shell: Shell, two: tuple[Path, Path]) -> None:
    said = shell("compare", *two)
    assert (said.status, said.err) == (0, "")
    lines = {line.split("  ")[0]: " ".join(line.split()) for line in said.out.splitlines()}
    assert lines["synops per sample"] == "synops per sample 1,000 500 (-50 %) *"
    assert lines["accuracy fixed"] == "accuracy fixed 95 % 90 % (-5 points)"
    assert lines["energy on"] == "energy on loihi2 loihi2"
    assert lines["quantize.weight_bits"] == "quantize.weight_bits 8 4"
    assert "* best of its row, where accuracies differ by more than chance; changes are against wide" in said.out


def test_one_object_for_programs(shell: Shell, two: tuple[Path, Path]) -> None:
    found = shell.works("compare", *two)
    assert [run["name"] for run in found["runs"]] == ["wide", "narrow"]
    rows = {row["key"]: row for row in found["rows"]}
    assert (rows["synops"]["values"], rows["synops"]["change"], rows["synops"]["best"]) == ([1000, 500], [0, -0.5], [1])
    assert found["settings"] == [{"key": "quantize.weight_bits", "values": [8, 4], "cells": ["8", "4"]}]
    assert (found["notes"], found["path"]) == ([], None)
    assert neurodeploy.compare_runs(list(two)) == found


def test_a_page_beside(shell: Shell, two: tuple[Path, Path]) -> None:
    said = shell("compare", *two, "--out", "page.html")
    assert said.status == 0
    assert said.out.splitlines()[-1] == f"page  {shell.folder / 'page.html'}"
    assert (shell.folder / "page.html").read_text().startswith("<!DOCTYPE html>")


def test_folders_of_one_name_and_one_run_twice(shell: Shell, two: tuple[Path, Path]) -> None:
    shutil.copytree("wide", "more/wide")
    found = shell.works("compare", "wide", "more/wide", "narrow", "wide")
    assert [run["name"] for run in found["runs"]] == ["wide", "more/wide", "narrow", "wide (2)"]
    assert all(row["best"] != [0] for row in found["rows"])


def test_runs_without_a_fit_and_of_other_chips_compare(shell: Shell, two: tuple[Path, Path]) -> None:
    report = unplaced()
    report["recipe"]["chip"] = "loihi1"
    write_run(shell.folder / "old", report)
    said = shell("compare", "old", *two)
    assert said.status == 0
    noted = [line for line in said.out.splitlines() if line.startswith("note: ")]
    assert [line.split(" ")[1:4] for line in noted] == [["chips", "differ", "(old:"]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "compare: missing argument '"),
        (("wide",), "compare: found one run, two or more are needed"),
        (("wide", "nowhere"), "nowhere: is no folder; name a run folder"),
        (("wide", "empty"), "empty: has no report.json; finish the run"),
        (("wide", "damaged"), "damaged/report.json: is not JSON"),
        (("wide", "strange"), "strange/report.json: is not the report of a run .no table 'accuracy'."),
        (("wide", "wrong"), "wrong/report.json: counts.synops_per_sample is 'many', a finite number was expected"),
        (("wide", "narrow", "--out", "no/page.html"), "page.html: cannot be written, .*no is no folder"),
        (("wide", "narrow", "--out", "empty"), "empty: is a folder"),
    ],
)
def test_what_cannot_be_compared(shell: Shell, two: tuple[Path, Path], arguments: tuple[str, ...], says: str) -> None:
    (shell.folder / "empty").mkdir()
    write_run(shell.folder / "strange", [3])
    write_run(shell.folder / "wrong", finished(counts={"synops_per_sample": "many"}))
    write_run(shell.folder / "damaged")
    (shell.folder / "damaged/report.json").write_text('{"accuracy": ')
    shell.refuses("compare", *arguments, says=says)


def test_a_full_disk_leaves_the_page_before(
    shell: Shell, two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (shell.folder / "page.html").write_text("mine")
    monkeypatch.setattr("os.replace", full)
    shell.refuses(
        "compare",
        *two,
        "--out",
        "page.html",
        "--overwrite",
        says="page.html: cannot be written .No space left on device",
    )


def test_a_real_run_against_a_changed_copy(shell: Shell, run: Path) -> None:
    copy = shell.folder / "copy"
    shutil.copytree(run, copy)
    report: dict[str, Any] = json.loads((run / "report.json").read_text())
    report["counts"]["synops_per_sample"] *= 2
    report["recipe"]["training"]["seed"] = 1
    (copy / "report.json").write_text(json.dumps(report))
    found = shell.works("compare", run, copy, "--out", "page.html")
    rows = {row["key"]: row for row in found["rows"]}
    assert (rows["synops"]["change"], rows["synops"]["best"]) == ([0.0, 1.0], [0])
    assert rows["accuracy.fixed"]["values"] == [report["accuracy"]["fixed"]] * 2
    assert {"energy_j.low", "energy_j.high", "neuron_updates", "spikes", "weight_bits"} <= set(rows)
    assert [row["key"] for row in found["settings"]] == ["training.seed"]
    assert found["notes"] == []
