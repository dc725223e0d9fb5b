"""Every block of Python and of shell in README and docs/ runs, page by page, from top to bottom, as a reader has it.

A page's blocks share a folder and their names. The folder is like a checkout in which README's `run digits` was called.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import neurodeploy
from neurodeploy import toml
from neurodeploy.cli.app import invoke
from neurodeploy.compiled import cache_folder
from tests.docs.pages import PAGES, ROOT, Block, Command, blocks, commands, without_blocks
from tests.needs import data_folder

FIRST_RUN = ("neurodeploy", "run", "digits", "--out", "runs/digits")
LENT = ("benchmarks", "constraints.txt", "docs", "exports", "neurodeploy", "notebooks", "pyproject.toml", "training")
"""What of a checkout the pages name."""
AFTER = {"docs/frameworks.md": "docs/doctor.md", "docs/lava-dl.md": "docs/doctor.md"}
"""Pages that go on with the file that another page's first block makes, and say so."""
NEED_LAVA = ("docs/lava-dl.md", "docs/numbers.md")
NEED_DATA = {
    "docs/data.md": "fsdd_spikes",
    "docs/figures.md": "silif_ssc_reference",
    "docs/nir-paper.md": "nir_paper",
    "docs/numbers.md": "nir_paper",
    "docs/training.md": "fsdd_spikes",
}
"""Pages about data that are not in the checkout: where those are, in the folder of the datasets."""
OUTPUT = 3
"""Lines from a block of a shell to what it prints: an empty one between the fences."""
SHOWN = re.compile(r"#\s*([^#]+)$")


def running(page: Path) -> list[Block]:
    return [one for one in blocks(page) if one.language in ("python", "sh")]


def with_files(page: Path) -> list[Block]:
    """Return what makes a page: its code, the files that it shows, and what its commands print."""
    before = ROOT / AFTER[name] if (name := page.relative_to(ROOT).as_posix()) in AFTER else None
    return [*(running(before)[:1] if before else ()), *blocks(page)]


WITH_CODE = [page for page in PAGES if running(page)]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What README's second command makes, on a machine without Lava: the recipe as it is shipped."""
    out = tmp_path_factory.mktemp("readme") / "runs/digits"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURODEPLOY_LAVA_ENV", str(out.parent / "no-lava"))
        found = neurodeploy.run("digits", out=out)
    assert found["certificate"]["passed"], found["certificate"]["failures"]
    assert found["accuracy"]["float"] >= 0.965
    assert found["accuracy"]["fixed"] >= found["accuracy"]["float"] - 0.01
    return out


def marks(page: Path) -> list[pytest.MarkDecorator]:
    return [pytest.mark.lava] if page.relative_to(ROOT).as_posix() in NEED_LAVA else []


@pytest.mark.slow
@pytest.mark.parametrize("page", [pytest.param(one, id=one.stem, marks=marks(one)) for one in WITH_CODE])
def test_the_code_of_a_page_runs(
    page: Path, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = page.relative_to(ROOT).as_posix()
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(cache_folder(Path(__file__).parent).parent))
    if name in NEED_DATA:
        for graph in data_folder(NEED_DATA[name]).rglob("*.nir"):
            shutil.copy(graph, tmp_path)
    else:
        monkeypatch.delenv("NEURODEPLOY_DATA", raising=False)
    if name not in NEED_LAVA:
        monkeypatch.setenv("NEURODEPLOY_LAVA_ENV", str(tmp_path / "no-lava"))
    for lent in LENT:
        (tmp_path / lent).symlink_to(ROOT / lent)
    shutil.copytree(digits, tmp_path / "runs/digits")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    printed, ended = "", 0
    for block in with_files(page):
        if block.language == "python":
            run_python(block, names)
        elif block.language == "sh":
            for command in commands(block):
                printed = run_command(block, command, capsys)
            ended = block.end
        elif block.language in ("toml", "csv") and (file := re.match(r"# ([\w.]+)\n", block.text)):
            Path(file[1]).write_text(block.text, encoding="utf-8")
        elif block.language == "text" and block.line - ended == OUTPUT:
            missing = [line for line in block.text.splitlines() if line.partition(" ...")[0] not in printed]
            assert not missing, f"{block}: is not printed: {missing}"


def run_python(block: Block, names: dict[str, Any]) -> None:
    """Run a block; an expression whose comment is a value must have that value."""
    tree = ast.parse("\n" * (block.line - 1) + block.text)
    lines = block.text.splitlines()
    for statement in tree.body:
        code: Any = ast.Module([statement], [])
        if not isinstance(statement, ast.Expr):
            exec(compile(code, str(block), "exec"), names)
            continue
        found = eval(compile(ast.Expression(statement.value), str(block), "eval"), names)
        comment = SHOWN.search(lines[(statement.end_lineno or 0) - block.line])
        try:
            shown = ast.literal_eval(comment[1].strip()) if comment else None
        except (SyntaxError, ValueError):
            continue
        if isinstance(shown, float):
            found = round(found, len(str(shown).partition(".")[2]))
        assert comment is None or found == shown, f"{block}: {ast.unparse(statement)} is {found!r}"


def run_command(block: Block, command: Command, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command as it stands, or what its mark allows, and return what it prints."""
    program, *arguments = command.words
    where = f"{block}: {' '.join(command.words)}"
    if command.words == FIRST_RUN:
        return ""  # the fixture did
    if program == "neurodeploy":
        assert command.marked != "long" or command.short, f"{where}: say what is run here: ; short: OPTIONS"
        capsys.readouterr()
        status = invoke([*arguments, *(command.short if command.marked != "needs" else ["--help"])])
        out, err = capsys.readouterr()
        assert status == command.status, f"{where}: {err}"
        return out
    if program == "python":
        subprocess.run([sys.executable, *arguments, *command.short], check=True, capture_output=True)
    elif program == "make":
        assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M), where
    elif program == "pip":
        is_installable(block, arguments)
    else:
        pytest.fail(f"{where}: {program} is not run here; a line of a shell is one command")
    return ""


def is_installable(block: Block, arguments: list[str]) -> None:
    """Check what a line of pip asks for: its options, the file of pins, the name and the extras."""
    line = [sys.executable, "-m", "pip", "install", "--help"]
    known = set(re.findall(r"-[-\w]+", subprocess.run(line, check=True, capture_output=True, text=True).stdout))
    options = {one for one in arguments[1:] if one.startswith("-")}
    assert arguments[0] == "install", block
    assert options <= known, f"{block}: {options - known}"
    pins = arguments[arguments.index("-c") + 1] if "-c" in arguments else "constraints.txt"
    assert (ROOT / pins).is_file(), block
    project = toml.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (wanted,) = [re.sub(r"^\.", project["name"], one) for one in arguments if re.match(rf"\.|{project['name']}", one)]
    assert Requirement(wanted).extras <= set(project["optional-dependencies"]), f"{block}: {wanted}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_stands_in_a_block_that_runs(page: Path) -> None:
    hidden = re.compile(r"^ {4,}(neurodeploy|python|pip|make) .*$", re.M)
    assert not [one[0] for one in hidden.finditer(without_blocks(page))]
    for block in blocks(page):
        if block.language not in ("python", "sh"):
            assert not re.search(r"^(neurodeploy|python|pip|import|from) ", block.text, re.M), (
                f"{block}: say sh or python"
            )
