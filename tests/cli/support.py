"""One command line, run in this process, and what it said; with the rules that every refusal keeps."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from neurodeploy.cli.app import invoke

TINY = (
    *("--set", "training.epochs=1"),
    *("--set", "quantize.epochs=1"),
    *("--set", "network.hidden=[16]"),
    *("--set", "certificate.lava=never"),
    *("--set", "certificate.max_accuracy_drop=1"),
)
"""Settings of the digits recipe that make a run of a few seconds, which passes its certificate."""


@dataclass(frozen=True)
class Said:
    """What a command line left: exit status, stdout and stderr."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


class Shell:
    """Runs command lines in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys

    def __call__(self, *arguments: object) -> Said:
        self.capsys.readouterr()
        status = invoke([str(one) for one in arguments])
        out, err = self.capsys.readouterr()
        return Said(status, out, err)

    def works(self, *arguments: object) -> Any:
        """Run with --json, and return the object."""
        said = self(*arguments, "--json")
        assert said.status == 0, said.err
        return said.json

    def refuses(self, *arguments: object, says: str, status: int = 2, after_work: bool = False) -> str:
        """Run with --json; return the one error line, which must hold the pattern `says`.

        Nothing may be on stdout, and no file may be made, changed or lost. `after_work` allows
        progress on stderr before the line, where the error cannot be known before the work.
        """
        before = contents(self.folder)
        said = self(*arguments, "--json")
        assert contents(self.folder) == before
        assert said.out == ""
        *progress, line = said.err.splitlines()
        assert line.startswith("error: "), said.err
        assert after_work or not progress, said.err
        assert not any(one.startswith(("error", "Traceback")) for one in progress), said.err
        assert re.search(says, line), line
        assert said.status == status, said.err
        return line


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return the bytes of every file below a folder, None for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
