"""Names of nodes are keys and words, never code: what terminals, pages, paths and shells would act on stays text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli import graphs
from tests.cli.hostile import DT, RAN, WORD
from tests.cli.support import Shell

NAME = WORD.replace("/", "|")
"""HDF5 takes a stroke for a group inside another."""


@pytest.fixture
def odd(kernels: None, shell: Shell) -> Path:
    """A graph that works, whose every node has an odd name."""
    graphs.write_data(shell.folder / "data.npz")
    nodes, edges = graphs.parts()
    named = {key: key + NAME for key in nodes}
    renamed = {named[key]: node for key, node in nodes.items()}
    return graphs.write(shell.folder / "odd.nir", renamed, [(named[a], named[b]) for a, b in edges])


RUNS = (
    ("inspect", "odd.nir", *DT),
    ("inspect", "odd.nir", *DT, "--repair", "repaired.nir"),
    ("compile", "odd.nir", *DT, "--out", "p.npz"),
    ("simulate", "p.npz", "--data", "data.npz", "--traces", "t.npz"),
    ("simulate", "odd.nir", *DT, "--data", "data.npz", "--backend", "reference"),
    ("certify", "odd.nir", *DT, "--data", "data.npz", "--max-accuracy-drop", "1"),
    ("profile", "p.npz", "--data", "data.npz"),
    ("profile", "p.npz", "--traces", "t.npz"),
    ("fit", "p.npz", "--out", "cores.svg"),
    ("convert", "p.npz", "back.nir"),
    ("convert", "back.nir", "again.npz"),
)


@pytest.mark.usefixtures("odd")
def test_every_verb_takes_them_and_shows_them_spelled_out(shell: Shell) -> None:
    for arguments in RUNS:
        said = shell(*arguments)
        assert said.status == 0, said.err
        shown = said.out.replace("\n", "") + said.err.replace("\n", "")
        assert shown.isprintable(), ascii(shown)
        assert not any(line.startswith("error: no") for line in said.out.splitlines())
    assert not (shell.folder / RAN).exists()
    with np.load(shell.folder / "t.npz") as traces:
        assert f"lif1{NAME}/spikes" in traces.files
    assert {path.name for path in shell.folder.iterdir()} == {
        *("odd.nir", "data.npz", "repaired.nir", "p.npz", "t.npz", "cores.svg", "back.nir", "again.npz")
    }
    assert "<script" not in (shell.folder / "cores.svg").read_text()


@pytest.mark.usefixtures("odd")
def test_programs_keep_them_letter_for_letter(shell: Shell) -> None:
    shell.works("compile", "odd.nir", *DT, "--out", "p.npz")
    first = shell.works("convert", "p.npz", "back.nir")
    assert shell.works("convert", "back.nir", "again.npz")["program"] == first["program"]


def test_a_report_shows_them_as_text(shell: Shell, run: Path) -> None:
    """The names in a run's own files, as somebody else might have changed them."""
    changed = 0
    for file in [path for path in run.rglob("*.json") if path.name != "manifest.json"]:
        text = file.read_text()
        names = {one["name"] for one in _found(json.loads(text), "layers") if isinstance(one, dict) and "name" in one}
        for name in names:
            changed += text.count(json.dumps(name))
            text = text.replace(json.dumps(name), json.dumps(f"{name}{WORD}"))
        file.write_text(text)
    assert changed > 3
    said = shell("report", run)
    assert said.status == 0, said.err
    page = (run / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def _found(value: object, key: str) -> list[object]:
    """Return the entries of all lists called `key`, at any depth."""
    if isinstance(value, list):
        return [entry for one in value for entry in _found(one, key)]
    if not isinstance(value, dict):
        return []
    here = value[key] if isinstance(value.get(key), list) else []
    return [*here, *(entry for one in value.values() for entry in _found(one, key))]
