"""A room imports only rooms above it, and starting up stays light."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import neurodeploy

PACKAGE = Path(neurodeploy.__file__).parent
ROOMS = (
    "phrases",
    "errors",
    "files",
    "toml",
    "memory",
    "progress",
    "compiled",
    "installed",
    "fixedpoint",
    "hardware",
    "program",
    "neurons",
    "networks",
    "data",
    "training",
    "quantize",
    "graph",
    "reading",
    "frameworks",
    "mapping",
    "formats",
    "backends",
    "certificate",
    "accounting",
    "conformance",
    "report",
    "recipes",
    "pipeline",
    "verbs",
    "papers",
    "bench",
    "cli",
)
WORKER = (
    "fixedpoint",
    "phrases",
    "errors",
    "files",
    "memory.py",
    "program",
    "backends/lava",
    "backends/trace.py",
    "backends/scores.py",
)
HEAVY = ("torch", "lightning", "nir", "h5py", "pydantic", "rich", "typer", "matplotlib", "sklearn", "numba")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: imports are written in full"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_rooms_above_it(path: Path) -> None:
    if path.parent == PACKAGE and path.stem in ("__init__", "__main__"):
        return
    mine = ROOMS.index(room_of(path))
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "neurodeploy" and len(parts) > 1 and parts[1] in ROOMS:
            assert ROOMS.index(parts[1]) <= mine, f"{path.name} imports {name}"


def test_every_room_has_its_place() -> None:
    assert {room_of(path) for path in modules()} - {"__init__", "__main__", "__pycache__"} == set(ROOMS)


def test_no_file_imports_one_that_imports_it() -> None:
    """Also inside a function, where Python would let it pass."""
    files = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in modules()}
    graph = {name: {one for one in imported(path) if one in files and one != name} for name, path in files.items()}
    graphlib.TopologicalSorter(graph).prepare()


def test_backends_do_not_import_each_other() -> None:
    singles = {"reference", "fixed", "torch_model", "lava"}
    for path in (PACKAGE / "backends").rglob("*.py"):
        own = path.relative_to(PACKAGE / "backends").parts[0].removesuffix(".py")
        if own in singles:
            used = {name.split(".")[2] for name in imported(path) if name.startswith("neurodeploy.backends.")}
            assert not used & (singles - {own}), path


def test_what_the_lava_worker_loads_needs_numpy_only() -> None:
    for path in modules():
        inside = str(path.relative_to(PACKAGE))
        if inside.startswith(WORKER) or inside.removesuffix(".py") in WORKER:
            assert not {name.split(".")[0] for name in imported(path)} & set(HEAVY), path


def test_only_one_file_knows_both_real_values_and_integers() -> None:
    """Left of the Program values are real; `mapping/discretize.py` makes the integers.

    lava-dl's networks, and the random ones of `conformance/generate.py` and `bench/workloads.py`, are integers from
    the start.
    """
    makers = [
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        if "neurodeploy.program.layer.Layer" in imported(path)  # other rooms may call something else a Layer
        and any(
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Layer"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]
    assert makers == [
        "bench/workloads.py",
        "conformance/generate.py",
        "formats/lava_dl/layers.py",
        "mapping/discretize.py",
    ]


@pytest.mark.parametrize("code", ["import neurodeploy", "import neurodeploy.cli.app"])
def test_starting_up_loads_nothing_heavy(code: str) -> None:
    heavy = sorted(set(HEAVY) - {"typer", "pydantic"} if "cli" in code else HEAVY)
    check = f"{code}; import sys; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_public_function_can_be_called_and_hides_no_room() -> None:
    for name in neurodeploy.__all__:
        assert callable(getattr(neurodeploy, name)) or name == "__version__"
        assert name not in ROOMS


def test_the_architecture_page_names_what_is_there() -> None:
    root = PACKAGE.parent
    page = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = {
        name for name in re.findall(r"`([\w./]+)`", page) if name.startswith(("neurodeploy/", "tests/", "training/"))
    }
    assert len(named) > 30
    assert not [name for name in sorted(named) if not (root / name).exists()]
    folders = {f"neurodeploy/{path.name}/" for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert not folders - named
