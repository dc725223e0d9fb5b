"""What docs/budgets.md shows of budgets is what the command line takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from neurodeploy.accounting.budget import Budget, read_budget
from tests.accounting.finished import write_run
from tests.cli.support import Shell

DOCS = Path(__file__).parents[2] / "docs/budgets.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)


def test_the_job_has_ten_lines_and_its_check_runs(shell: Shell) -> None:
    (text,) = blocks("yaml")
    assert len(text.splitlines()) == 11  # its name, and ten
    steps = yaml.safe_load(text)["jobs"]["budgets"]["steps"]
    check = next(step["run"] for step in steps if step.get("run", "").startswith("neurodeploy check"))
    (shell.folder / "runs").mkdir()
    write_run(shell.folder / "runs/digits")
    assert shell(*shlex.split(check)[1:]).status == 0


def test_the_budget_file_shows_every_key_and_is_one(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    (tmp_path / "budget.toml").write_text(text.replace("# bit_exact", "bit_exact"))
    assert set(read_budget(tmp_path / "budget.toml")) == set(Budget.model_fields)


@pytest.mark.parametrize("key", [name for name in Budget.model_fields if name != "layers"])
def test_the_command_line_has_every_key(shell: Shell, key: str) -> None:
    assert f"--{key.replace('_', '-')}" in shell("check", "--help").out
