"""Every notebook runs from top to bottom."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.hangs import ONLY_A_HANG_S

FRAMEWORKS = ("norse", "snntorch", "spikingjelly")
"""Notebooks that are named after the framework they need."""
NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.slow
@pytest.mark.notebook
# Jupyter's own libraries warn about themselves; the notebook's kernel is another process.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_to_its_last_assertion(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if path.stem in FRAMEWORKS and find_spec(path.stem) is None:
        pytest.skip(f"{path.stem} is not installed")
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=ONLY_A_HANG_S, kernel_name="python3").execute()
    assert any("assert" in cell.source for cell in notebook.cells[-1:])
    assert not any(output.output_type == "error" for cell in notebook.cells for output in cell.get("outputs", []))
