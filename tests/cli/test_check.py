"""`neurodeploy check`: 0 kept, 1 a budget failed, 2 bad input; options over the file; JUnit beside."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

import neurodeploy
from neurodeploy.accounting.budget import Budget
from tests.accounting.finished import finished, unplaced, write_run
from tests.cli.support import Shell

ALL = ("--min-accuracy", "0.9", "--max-synops", "2e6", "--max-energy-j", "5e-5", "--max-latency-s", "1e-3")


@pytest.fixture
def small(shell: Shell) -> Path:
    return write_run(shell.folder / "small").relative_to(shell.folder)


def test_a_run_within_its_budgets(shell: Shell, small: Path) -> None:
    found = shell.works("check", small, *ALL, "--fits", "loihi2", "--certificate", "--bit-exact")
    assert (found["passed"], found["failed"], found["run"], found["junit"]) == (True, [], "small", None)
    assert [row["budget"] for row in found["checks"]] == [
        "min_accuracy",
        "certificate",
        "bit_exact",
        "max_synops",
        "max_energy_j",
        "max_latency_s",
        "fits",
    ]
    said = shell("check", small, *ALL, "--fits", "loihi2")
    assert said.status == 0
    assert [line.split("  ")[0] for line in said.out.splitlines()] == ["passed"] * 5 + ["budgets: 5 of 5 kept"]


def test_a_budget_that_fails(shell: Shell, small: Path) -> None:
    said = shell("check", small, *ALL, "--max-synops", "800")
    assert (said.status, said.err) == (1, "")
    assert [line for line in said.out.splitlines() if not line.startswith("passed")] == [
        "FAILED  synops per sample (mean of 80 samples): found 1,000, at most 800 allowed: 200 too many (25 %)",
        "budgets: 3 of 4 kept, FAILED",
    ]
    said = shell("check", small, *ALL, "--max-synops", "800", "--json")
    assert said.status == 1
    (failed,) = said.json["failed"]
    assert (failed["budget"], failed["found"], failed["allowed"], failed["excess"]) == ("max_synops", 1000, 800, 200)


def test_options_go_over_the_file(shell: Shell, small: Path) -> None:
    (shell.folder / "budget.toml").write_text(
        'max_synops = 10\nmax_energy_j = 3e-6\nenergy = "mid"\ncertificate = true\n[layers.out]\nmax_spikes = 10\n'
    )
    given = ("check", small, "--budget", "budget.toml")
    assert [row["budget"] for row in shell(*given, "--json").json["failed"]] == ["max_synops"]
    assert shell.works(*given, "--max-synops", "1e3")["passed"]
    found = shell(*given, "--energy", "high", "--max-synops", "1e3", "--no-certificate", "--json").json
    assert [row["budget"] for row in found["failed"]] == ["max_energy_j"]
    assert "certificate" not in [row["budget"] for row in found["checks"]]
    assert found["budget"]["layers"] == {"out": {"max_spikes": 10}}


@pytest.mark.parametrize("status", [0, 1])
def test_junit_is_written_whole_whether_budgets_are_kept_or_not(shell: Shell, small: Path, status: int) -> None:
    (shell.folder / "out.xml").write_text("old")
    said = shell(
        "check", small, *ALL, "--max-spikes", "59" if status else "60", "--junit", "out.xml", "--overwrite", "--json"
    )
    assert said.status == status
    suite = ElementTree.parse(shell.folder / "out.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("5", str(status))
    assert [case.get("name") for case in suite if len(case)] == ["max_spikes"] * status
    assert sorted(path.name for path in shell.folder.iterdir()) == ["out.xml", "small"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "check: no budget is given; name one, e.g. --min-accuracy"),
        (("--energy", "low"), "check: no budget is given"),
        (("--max-synops", "-1"), "--max-synops: found -1.0, at least 0 is allowed"),
        (("--max-energy-j", "nan"), "--max-energy-j: found nan, a finite number is needed"),
        (("--max-latency-s", "inf"), "--max-latency-s: found inf, a finite number is needed"),
        (("--min-accuracy", "90"), "--min-accuracy: found 90.0, a share of 1 is needed: 0.9 for 90 %"),
        (("--max-spikes", "many"), "--max-spikes"),
        (("--max-cores", "1.5"), "--max-cores"),
        (("--max-synop", "1"), "no such option --max-synop; did you mean '--max-synops'?"),
        (("--max-energy-j", "1", "--energy", "hihg"), "--energy: found 'hihg', did you mean 'high'?"),
        (("--min-accuracy", "0", "--accuracy", "lva"), "--accuracy: found 'lva', did you mean 'lava'?"),
        (("--budget", "none.toml"), "none.toml: cannot be read .No such file"),
        (("--budget", "wrong.toml"), "wrong.toml: 'max_synop' is no budget; did you mean 'max_synops'?"),
        (("--max-synops", "1", "--junit", "no/out.xml"), "out.xml: cannot be written, .*no is no folder"),
        (("--max-synops", "1", "--junit", "small"), "small: is a folder"),
    ],
)
def test_budgets_that_are_none(shell: Shell, small: Path, arguments: tuple[str, ...], says: str) -> None:
    (shell.folder / "wrong.toml").write_text("max_synop = 1")
    shell.refuses("check", small, *arguments, says=says)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--max-latency-s", "1"), "max_latency_s: latency was not measured in old; .*neurodeploy run old/recipe.toml"),
        (("--max-macs", "1"), "max_macs: MACs per sample was not measured in old; .* --resume"),
    ],
)
def test_what_a_run_did_not_measure(shell: Shell, arguments: tuple[str, ...], says: str) -> None:
    report = unplaced()
    del report["counts"]["macs_per_sample"]
    write_run(shell.folder / "old", report)
    shell.refuses("check", "old", *arguments, says=says)
    assert shell.works("check", "old", "--max-synops", "1e3", "--max-energy-j", "4e-6", "--min-accuracy", "0.95")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "report.json: is empty .0 bytes.; copy or make it again"),
        ("[" * 100_000, "report.json: is not JSON"),
        ("3", "report.json: is not the report of a run .no table 'accuracy'."),
        ("{}", "report.json: is not the report of a run"),
        (json.dumps(finished(counts={"synops_per_sample": "many"})), "counts.synops_per_sample is 'many', a finite"),
        (json.dumps(finished(counts={"synops_per_sample": float("inf")})), "counts.synops_per_sample is inf, a finite"),
    ],
)
def test_a_damaged_report(shell: Shell, small: Path, content: str, says: str) -> None:
    (small / "report.json").write_text(content)
    shell.refuses("check", small, "--max-synops", "1", says=says)


def test_folders_without_a_run(shell: Shell) -> None:
    (shell.folder / "empty").mkdir()
    (shell.folder / "file").write_text("mine")
    shell.refuses("check", "nowhere", "--max-synops", "1", says="nowhere: is no folder; name a run folder")
    shell.refuses("check", "file", "--max-synops", "1", says="file: is no folder; name a run folder")
    shell.refuses("check", "empty", "--max-synops", "1", says="empty: has no report.json; finish the run with")


def test_orders_to_the_terminal_are_not_passed_on(shell: Shell, small: Path) -> None:
    report: dict[str, Any] = finished()
    report["certificate"] |= {"passed": False, "failures": ["\x1b[2Jgone"]}
    (small / "report.json").write_text(json.dumps(report))
    said = shell("check", small, "--certificate")
    assert said.out.splitlines()[0] == "FAILED  certificate: NO (\\x1b[2Jgone)"


def test_a_chip_that_the_report_has_no_fit_of(shell: Shell, small: Path, run: Path) -> None:
    """Placed now, from the Program of the run; a report's own fit is taken as it is."""
    shell.refuses("check", small, "--fits", "loihi3", says="error: --fits: 'loihi3' is unknown; did you mean 'loihi")
    shell.refuses("check", small, "--fits", "none.toml", says="none.toml")
    shell.refuses("check", small, "--fits", "loihi1", says="program.npz: is absent, nothing can be placed on loihi1")
    shell.refuses("check", small, "--fits", "truenorth", says="truenorth")
    found = shell.works("check", run, "--fits", "loihi1", "--max-cores", "2", "--max-chips", "1")
    assert [(row["budget"], row["found"], row["basis"]) for row in found["checks"]] == [
        ("fits", True, "2 cores, 1 chip"),
        ("max_cores", 2, "loihi1"),
        ("max_chips", 1, "loihi1"),
    ]
    assert shell("check", run, "--fits", "loihi1", "--max-cores", "1").status == 1
    assert [row["found"] for row in shell.works("check", small, "--fits", "loihi2", "--max-cores", "3")["checks"]] == [
        True,
        3,
    ]


def test_without_a_chip_cores_are_those_of_the_run_s_own(shell: Shell, run: Path) -> None:
    report = json.loads((run / "report.json").read_text()) | {"fit": None}
    (run / "report.json").write_text(json.dumps(report))
    (row,) = shell.works("check", run, "--max-cores", "2")["checks"]
    assert (row["found"], row["basis"]) == (2, "loihi2")


def test_a_damaged_program_is_said(shell: Shell, run: Path) -> None:
    (run / "program.npz").write_bytes(b"words")
    shell.refuses("check", run, "--fits", "loihi1", says="program.npz")


def test_a_real_run(shell: Shell, run: Path) -> None:
    counts = json.loads((run / "report.json").read_text())["counts"]
    synops = counts["synops_per_sample"]
    assert shell.works("check", run, "--max-synops", repr(synops), "--certificate")["passed"]
    found = neurodeploy.check_run(run, budget=Budget(max_synops=synops / 2, min_accuracy=0.0))
    assert [row["budget"] for row in found["failed"]] == ["max_synops"]
    layers = {row["target"]: row["synops_per_sample"] for row in counts["connections"]}
    lines = [f"[layers.{name}]\nmax_synops = {most!r}\n" for name, most in layers.items()]
    (shell.folder / "budget.toml").write_text("".join(lines))
    found = shell.works("check", run, "--budget", "budget.toml")
    assert {row["budget"] for row in found["checks"]} == {f"layers.{name}.max_synops" for name in layers}
