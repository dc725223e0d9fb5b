"""`characterize`, and a chip file of one's own wherever a chip is named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.support import TINY, Shell

RUNS = """name,energy_j,synops,neuron_updates
a,1.61e-6,4.1e4,1.2e4
b,2.71e-5,9.8e5,8.9e4
c,3.49e-5,1.42e6,3.1e4
d,9.02e-6,2.2e5,6.4e4
"""
CHIP = """name = "bench"
program = true
[energy.ours]
synop = { value = 20, unit = "pJ", source = "Bench notes, 2026", evidence = "measured", scope = "per-op" }
[limits]
weight_bits = { value = [1, 2, 4], unit = "bit", source = "Bench notes, 2026", evidence = "documented" }
state_bits = { value = 24, unit = "bit", source = "Bench notes, 2026", evidence = "documented" }
delay_bits = { value = 6, unit = "bit", source = "Bench notes, 2026", evidence = "documented" }
"""


def write(shell: Shell, name: str, text: str) -> None:
    (shell.folder / name).write_text(text, encoding="utf-8")


def test_a_chip_file_comes_out_and_is_a_chip_from_then_on(shell: Shell, good: Path) -> None:
    write(shell, "runs.csv", RUNS)
    found = shell.works("characterize", "runs.csv", "--chip", "loihi1", "--out", "board.toml")
    assert (found["chip"], found["base"], found["path"]) == ("board", "loihi1", "board.toml")
    assert found["leave_one_out"].keys() == {"mean", "max"}
    assert [term["term"] for term in found["terms"]] == ["synop", "neuron_update"]
    made = shell.works("compile", "good.nir", "--dt", "1e-3", "--chip", "board.toml", "--out", "p.npz", "--overwrite")
    assert made["chip"] == "board"
    again = shell.works("characterize", "runs.csv", "--chip", "board.toml")
    assert (again["chip"], again["path"]) == ("board_fitted", None)
    assert all(run["base"]["holds"] in (True, False) for run in again["runs"])


def test_people_read_prices_errors_and_what_the_base_chip_says(shell: Shell) -> None:
    write(shell, "runs.csv", RUNS)
    said = shell("characterize", "runs.csv", "--out", "board.toml")
    assert said.status == 0
    for word in ("synop", "pJ", "leave-one-out error", "loihi2's band", "chip: board.toml"):
        assert word in said.out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (RUNS.replace("energy_j", "energy"), "runs.csv: has no column energy_j"),
        ("\n".join(RUNS.splitlines()[:2]), "runs.csv: holds one run, which cannot tell prices apart"),
        (RUNS.replace("4.1e4", "lots"), "runs.csv: line 2, synops: 'lots' is no number"),
        (RUNS.replace("4.1e4", "inf"), "runs.csv: line 2, synops: inf is not finite"),
    ],
    ids=["no energy", "one run", "a word", "infinite"],
)
def test_runs_that_settle_nothing_leave_no_file(shell: Shell, text: str, says: str) -> None:
    write(shell, "runs.csv", text)
    shell.refuses("characterize", "runs.csv", "--out", "board.toml", says=says)


def test_what_cannot_be_named_or_written(shell: Shell) -> None:
    write(shell, "runs.csv", RUNS)
    shell.refuses("characterize", "absent.csv", says="absent.csv: cannot be read")
    shell.refuses("characterize", "runs.csv", "--chip", "loihi3", says="'loihi3' is unknown; did you mean 'loihi2'")
    shell.refuses("characterize", "runs.csv", "--chip", "no.toml", says="no.toml: cannot be read")
    shell.refuses("characterize", "runs.csv", "--out", "x/y.toml", says="is no folder")
    shell.refuses("characterize", "runs.csv", "--out", "chip.txt", says="a chip file ends in .toml")


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (', unit = "pJ"', "", "chip.toml: energy.ours.synop: has no unit"),
        ('source = "Bench notes, 2026", evidence = "measured", ', 'evidence = "measured", ', "synop: has no source"),
        ("value = 20", "value = -20", "chip.toml: energy.ours.synop.value: found -20, at least 0 is needed"),
        ("value = 20", "value = inf", "chip.toml: energy.ours.synop.value: is inf, a finite number"),
        ("synop =", "synops =", "chip.toml: energy.ours.synops: .* did you mean 'synop'"),
        ("program = true", "", "no Program can be made for bench"),
    ],
    ids=["unit", "source", "negative", "infinite", "key", "no program"],
)
def test_a_slip_in_a_chip_file_is_one_line(shell: Shell, good: Path, before: str, after: str, says: str) -> None:
    assert before in CHIP
    write(shell, "chip.toml", CHIP.replace(before, after))
    shell.refuses("compile", "good.nir", "--dt", "1e-3", "--chip", "chip.toml", "--out", "p.npz", says=says)
    shell.refuses("run", "digits", "--out", "run", "--set", "chip=chip.toml", says=says)


def test_weights_wider_than_the_chip_are_refused_and_narrower_ones_compiled(shell: Shell, good: Path) -> None:
    write(shell, "chip.toml", CHIP)
    compile = ("compile", "good.nir", "--dt", "1e-3", "--chip", "chip.toml", "--out", "p.npz", "--overwrite")
    shell.refuses(*compile, "--weight-bits", "8", says="8-bit weights, bench holds 4 bits", after_work=True)
    found = shell.works(*compile)  # the chip's widest, where nobody asks for another
    assert (found["chip"], {one["weight_bits"] for one in found["connections"]}) == ("bench", {4})
    # Three bits are stored as four.
    assert shell.works(*compile, "--weight-bits", "3")["chip"] == "bench"


@pytest.mark.slow
def test_a_run_is_priced_by_a_chip_file(kernels: None, shell: Shell) -> None:
    write(shell, "runs.csv", RUNS)
    shell.works("characterize", "runs.csv", "--out", "board.toml")
    shell.works("run", "digits", "--out", "run", *TINY, "--set", "chip=board.toml")
    energy = json.loads((shell.folder / "run" / "report.json").read_text(encoding="utf-8"))["energy"]
    assert energy["chip"] == "board"
    assert "runs.csv" in energy["constants"]["energy.fitted.synop"]["source"]


def test_the_example_of_the_documentation_is_as_it_says(shell: Shell, good: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "energy.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(\w*)\n(.*?)```", page, flags=re.DOTALL)
    chip, runs = (next(text for kind, text in blocks if kind == wanted) for wanted in ("toml", "csv"))
    write(shell, "my.toml", chip)
    write(shell, "runs.csv", runs)
    assert (
        shell.works("compile", "good.nir", "--dt", "1e-3", "--chip", "my.toml", "--out", "p.npz")["chip"] == "my_chip"
    )
    said = shell("characterize", "runs.csv", "--chip", "loihi2", "--out", "board.toml")
    (shown,) = (text for kind, text in blocks if kind == "text" and text.startswith("price "))
    assert said.out == shown
    write(shell, "my.toml", chip.replace("synop =", "synops ="))
    line = shell.refuses("compile", "good.nir", "--dt", "1e-3", "--chip", "my.toml", "--out", "q.npz", says="synops")
    assert f"{line}\n" in (text for kind, text in blocks if kind == "text")
