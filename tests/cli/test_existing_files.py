"""What is there is never replaced without a word, by any verb that writes."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

import neurodeploy
from neurodeploy.errors import RunError
from tests.cli.support import Shell
from tests.data.sound import write_wav

MINE = b"# a file of mine"
WRITERS = {
    "simulate good.nir --dt 1e-3 --data data.npz --traces": "data.npz",
    "compile good.nir --dt 1e-3 --out": "p.npz",
    "convert good.nir": "good.net",
    "inspect good.nir --repair": "good.nir",
    "export RUN --out": "m.nir",
    "export RUN --out n.nir, and its": "manifest.json",
    "fit good.nir --dt 1e-3 --out": "map.svg",
    "check RUN --min-accuracy 0.1 --junit": "b.xml",
    "compare RUN RUN --out": "c.html",
    "characterize runs.csv --out": "c.toml",
    "figure 2 --out": "f.png",
    "figure 2 --out f.svg, and its": "f.json",
    "figure 3 --out": "f.png",
    "figure 3 --out f.svg, and its": "f.json",
    "figure nir-paper --out": "f.png",
    "figure nir-paper --out f.svg, and its": "f.md",
    "paper silif --out .": "paper.json",
    "data encode a.wav --out": "spikes.h5",
    "data frames . --format nmnist --frames 3 --out": "f.npz",
}
"""Command lines up to the file, which is also written where the last words are `and its`."""


@pytest.mark.parametrize("line", WRITERS)
@pytest.mark.usefixtures("good")
def test_a_file_that_is_there_stays(shell: Shell, line: str) -> None:
    write_wav(shell.folder / "a.wav", np.zeros(800))
    (shell.folder / "RUN").mkdir()
    (shell.folder / "RUN" / "recipe.toml").write_bytes(MINE)
    file = WRITERS[line]
    if not (shell.folder / file).exists():
        (shell.folder / file).write_bytes(MINE)
    words = line.removesuffix(", and its").split()
    named = words if line.endswith(("and its", "--out .")) else [*words, file]
    read = file in words
    said = "is what is read; choose" if read else "exists already; choose another name, or replace it with --overwrite"
    shell.refuses(*named, says=rf"{file}: {said}")


ONTO_ITS_INPUT = (
    *("simulate good.nir --dt 1e-3 --data data.npz --traces data.npz", "simulate p.npz --data data.npz --traces p.npz"),
    *("compile good.nir --dt 1e-3 --out good.nir", "compile folder --dt 1e-3 --out folder/model.nir"),
    *("compile good.nir --dt 1e-3 --calibrate data.npz --out data.npz", "compile good.nir --out ./link.nir"),
    *(
        "convert good.nir good.nir --dt 1e-3",
        "inspect good.nir --repair good.nir",
        "export folder --out folder/recipe.toml",
    ),
    *("check folder --min-accuracy 0.1 --junit folder/report.json", "compare folder . --out folder/report.json"),
    *("characterize runs.csv --out runs.csv", "characterize runs.csv --chip c.toml --out c.toml"),
)


@pytest.mark.parametrize("line", ONTO_ITS_INPUT)
def test_what_is_read_is_never_replaced(shell: Shell, good: Path, line: str) -> None:
    (shell.folder / "folder").mkdir()
    (shell.folder / "link.nir").symlink_to(good)
    for name in ("p.npz", "c.toml", "runs.csv", "folder/model.nir", "folder/report.json", "folder/recipe.toml"):
        (shell.folder / name).write_bytes(MINE)
    shell.refuses(*line.split(), "--overwrite", says=": is what is read; choose another name$")


def test_every_function_that_writes_a_file_asks() -> None:
    """In Python too, where an argument names an output, another says that it may be replaced."""
    for name in neurodeploy.__all__:
        function = getattr(neurodeploy, name)
        arguments = set(inspect.signature(function).parameters) if inspect.isfunction(function) else set()
        writes = arguments & ({"out", "repair", "junit"} | ({"traces"} if name == "simulate" else set()))
        assert not writes or arguments & {"overwrite", "mode"}, name


def test_overwrite_replaces_it(shell: Shell, good: Path) -> None:
    (shell.folder / "p.npz").write_bytes(MINE)
    found = shell.works("compile", good, "--dt", "1e-3", "--out", "p.npz", "--overwrite")
    assert neurodeploy.fit("p.npz")["program"] == found["program"]
    with pytest.raises(RunError, match=r"p\.npz: exists already; .* replace it with overwrite=True$"):
        neurodeploy.compile(good, dt_s=1e-3, out="p.npz")
