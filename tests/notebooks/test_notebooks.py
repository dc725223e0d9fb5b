"""Every notebook runs from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from tests.hangs import ONLY_A_HANG_S

FRAMEWORKS = ("norse", "snntorch", "spikingjelly")
"""Notebooks that are named after the framework they need."""
NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.notebook,
    # Jupyter's own libraries warn about themselves; the notebook's kernel is another process.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelManager]:
    """One kernel for all: each notebook starts without a name, and only what it imports is loaded already."""
    manager = KernelManager(kernel_name="python3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLBACKEND", "agg")
        manager.start_kernel()
    yield manager
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_to_its_last_assertion(path: Path, kernel: KernelManager) -> None:
    if path.stem in FRAMEWORKS and find_spec(path.stem) is None:
        pytest.skip(f"{path.stem} is not installed")
    notebook = nbformat.read(path, as_version=4)
    assert any("assert" in cell.source for cell in notebook.cells[-1:])
    notebook.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))
    client = NotebookClient(notebook, timeout=ONLY_A_HANG_S, km=kernel)
    client.execute()
    assert client.kc
    client.kc.stop_channels()
    assert not any(output.output_type == "error" for cell in notebook.cells for output in cell.get("outputs", []))
