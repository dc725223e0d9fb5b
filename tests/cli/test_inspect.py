"""`neurodeploy inspect`: exit status, one JSON object, a table for people."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from tests.cli import graphs
from tests.cli.support import Shell


def test_json_and_exit_status(shell: Shell, good: Path) -> None:
    found = shell("inspect", "good.nir", "--json")
    assert found.status == 1
    assert {"nodes", "problems", "targets"} <= set(found.json)
    fine = shell("inspect", "good.nir", "--dt", "1e-3", "--json")
    assert fine.status == 0
    assert fine.json["ok"]


def test_a_table_for_people(shell: Shell, good: Path) -> None:
    found = shell("inspect", "good.nir", "--dt", "1e-3")
    assert found.status == 0
    head = found.out.splitlines()[0].split()
    assert head[:3] == ["node", "type", "output"]
    assert {"reference", "loihi2", "snntorch", "norse"} <= set(head)
    assert "it can be deployed" in found.out
    assert "time step" in found.out


def test_a_weight_that_is_lost_reads_as_100_percent_and_an_unknown_shape_in_words(shell: Shell) -> None:
    nodes, edges = graphs.parts(lif1=graphs.lif(graphs.HIDDEN, v_threshold=np.full(graphs.HIDDEN, 1e6)))
    graphs.write(shell.folder / "large.nir", nodes, edges)
    rows = {line.split()[0]: line for line in shell("inspect", "large.nir", "--dt", "1e-3").out.splitlines() if line}
    assert "~ w 100 %" in rows["fc1"]
    with h5py.File(shell.folder / "large.nir", "r+") as file:
        file["node/nodes/lif1/type"][()] = b"Odd"
    rows = {line.split()[0]: line for line in shell("inspect", "large.nir", "--dt", "1e-3").out.splitlines() if line}
    assert "unknown" in rows["lif1"]


def test_repair_writes_what_then_needs_no_option(shell: Shell, good: Path) -> None:
    assert shell("inspect", "good.nir", "--dt", "1e-3", "--reset", "zero", "--repair", "out.nir").status == 0
    again = shell("inspect", "out.nir", "--json")
    assert again.status == 0
    assert again.json["problems"] == []


def test_bad_input_is_one_line(shell: Shell, good: Path) -> None:
    (shell.folder / "x.nir").write_text("words")
    shell.refuses("inspect", "x.nir", says="x.nir: is not a NIR file")
    shell.refuses("inspect", "good.nir", "--input-shape", "1,x", says="whole numbers from 1 are needed")
    shell.refuses("inspect", "good.nir", "--reset", "soft", says="--reset: found 'soft'")
    shell.refuses("inspect", "good.nir", "--dt", "0", says="--dt: found 0, a positive number")
    shell.refuses("inspect", "good.nir", "--repair", "nowhere/x.nir", says="nowhere is no folder")


def test_names_from_the_file_reach_the_terminal_escaped(shell: Shell) -> None:
    nodes, edges = graphs.parts()
    nodes["\x1b[31m"] = nodes.pop("lif1")
    renamed = [(a.replace("lif1", "\x1b[31m"), b.replace("lif1", "\x1b[31m")) for a, b in edges]
    graphs.write(shell.folder / "odd.nir", nodes, renamed)
    found = shell("inspect", "odd.nir", "--dt", "1e-3")
    assert found.status == 0
    assert "\x1b" not in found.out
    assert "\\x1b[31m" in found.out
