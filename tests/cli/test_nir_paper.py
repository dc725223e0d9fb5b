"""`figure nir-paper`: one command writes picture, table and numbers, or refuses in one line."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.cli.support import Shell

DATA = Path(os.environ.get("NEURODEPLOY_DATA", "")) / "nir_paper"
"""Asked for here, because command lines are run without it."""


@pytest.mark.data
def test_one_command_writes_picture_table_and_numbers(shell: Shell) -> None:
    command = (
        "figure",
        "nir-paper",
        "--out",
        "p.svg",
        "--tasks",
        "lif",
        "--backends",
        "reference",
        "--data",
        DATA,
    )
    found = shell.works(*command)
    assert (shell.folder / "p.svg").read_text().startswith("<?xml")
    assert {"tasks", "citation", "path", "table", "json", "seconds"} <= found.keys()
    printed = shell(*command, "--resume").out
    assert "| our reference | here | all 4 equal | 0.40 % | 0 |" in printed
    assert printed.startswith((shell.folder / "p.md").read_text())


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--out", "p.txt"), "has the suffix .txt"),
        (("--tasks", "cnm"), "--tasks: 'cnm' is unknown; did you mean 'cnn'?"),
        (("--backends", "lavva"), "--backends: 'lavva' is unknown; did you mean 'lava'?"),
        (("--backends", "reference", "--data", "nowhere"), "has no 01_lif/lif_norse.nir"),
        (("--lava-samples", "0"), "at least 1 is allowed"),
        (("--resume", "--overwrite"), "--overwrite"),
    ],
)
def test_what_cannot_be_is_refused(shell: Shell, words: tuple[str, ...], line: str) -> None:
    shell.refuses("figure", "nir-paper", *words, says=re.escape(line))
