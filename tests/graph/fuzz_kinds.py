"""What is fuzzed: some valid files of a kind, how they are read, and how they are changed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import tomli_w

from neurodeploy import toml
from neurodeploy.backends.fixed.run import run as simulate
from neurodeploy.formats.lava_dl.read import read_net
from neurodeploy.formats.nir_to_program import carried_program
from neurodeploy.formats.program_to_nir import program_graph
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import compile_network
from neurodeploy.program.file import read_program, write_program
from neurodeploy.recipes import load_recipe
from tests.cli import graphs
from tests.graph.fuzz import Mutate, Reader
from tests.mapping import nets

Kind = Callable[[Path], tuple[list[Path], Reader, Mutate]]


def nir_files(folder: Path) -> tuple[list[Path], Reader, Mutate]:
    def read(path: Path) -> None:
        discretised(read_graph(path), dt_s=1e-3)

    return [graphs.write_good(folder / "good.nir"), nested(folder / "nested.nir")], read, None


def nested(path: Path) -> Path:
    """Write a graph with a graph in it, convolutions and metadata."""
    inner = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([5])}),
            "lif": graphs.cuba(5),
            "rec": graphs.linear(5, 5),
            "output": nir.Output({"output": np.array([5])}),
        },
        [("input", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")],
        type_check=False,
    )
    nodes, edges = graphs.parts(lif1=inner)
    return graphs.write(path, nodes, edges, {"neurodeploy": {"dt_s": 1e-3, "reset": "zero", "format": 1}})


def net_files(folder: Path) -> tuple[list[Path], Reader, Mutate]:
    return [nets.write(folder / f"{name}.net", *made(), Ts=1) for name, made in nets.EXAMPLES.items()], read_net, None


def programs(folder: Path) -> tuple[list[Path], Reader, Mutate]:
    """Programs by their bytes; what a checksum does not catch is a Program, and runs."""
    network = discretised(read_graph(nested(folder / "source.nir")), dt_s=1e-3)
    write_program(folder / "graph.npz", compile_network(network).program)
    write_program(folder / "net.npz", read_net(nets.write(folder / "source.net", *nets.mixed())))
    return [folder / "graph.npz", folder / "net.npz"], _runs, None


def program_parts(folder: Path) -> tuple[list[Path], Reader, Mutate]:
    """Programs by their contents: numbers and words of the header, arrays of other sizes and kinds."""
    return programs(folder)[0], _runs, _other_parts


def _runs(path: Path) -> None:
    program = read_program(path)
    simulate(program, np.ones((1, 2, program.n_inputs), np.uint8), engine="plain")


ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    2,
    7,
    10**6,
    1 << 31,
    1 << 40,
    1 << 70,
    0.5,
    1e300,
    float("nan"),
    "",
    "one",
    "x\n\x1b[2J",
    [],
    [1, 2],
    [[0.5]],
    {},
    {"a": 1},
)
ODD_STORED = tuple(one for one in ODD if not isinstance(one, dict) and one is not None and one != 1 << 70)
"""What HDF5 can hold of them."""
ARRAYS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda one: one[..., :-1] if one.ndim else one,
    lambda one: np.concatenate([one.ravel(), one.ravel()]),
    lambda one: one.astype(np.float64) + 0.5,
    lambda one: np.full(one.shape, np.nan),
    lambda one: np.full(one.shape, 1 << 40),
    lambda one: -one - 1,
    lambda one: one.astype(np.complex64),
    lambda one: np.array("word"),
    lambda one: one.reshape(*one.shape, 1),
    lambda one: one.ravel()[:0],
    lambda one: np.zeros(one.shape, bool),
    lambda one: np.uint64(2**63) + np.zeros(one.shape, np.uint64),
)


def _other_parts(whole: bytes, rng: np.random.Generator) -> bytes:
    with np.load(io.BytesIO(whole), allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    header = json.loads(arrays.pop("header").tobytes())
    untouched = list(arrays)
    for _ in range(rng.integers(1, 4)):
        if rng.random() < 0.5:
            header = _odd(header, rng)
            continue
        key = untouched.pop(rng.integers(len(untouched)))
        if rng.random() < 0.1:
            del arrays[key]
        else:
            arrays[key] = ARRAYS[rng.integers(len(ARRAYS))](arrays[key])
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for key, array in arrays.items():
            with file.open(f"{key}.npy", "w") as stream:
                np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)
    return made.getvalue()


def _other_datasets(whole: bytes, rng: np.random.Generator) -> bytes:
    """Return an HDF5 file with fields of its groups replaced by others, renamed, or left out."""
    made = io.BytesIO(whole)
    with h5py.File(made, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        for _ in range(rng.integers(1, 4)):
            name = names[rng.integers(len(names))]
            if name not in file:
                continue
            entry, kind = file[name], rng.random()
            held = entry[()] if isinstance(entry, h5py.Dataset) else None
            del file[name]
            if kind < 0.1 or held is None:
                continue
            if kind < 0.2:
                file[f"{name}x"] = held
            elif kind < 0.6 and np.asarray(held).dtype.kind in "biuf":
                numbers = np.asarray(held, np.uint8 if np.asarray(held).dtype == np.bool_ else None)
                with np.errstate(all="ignore"):
                    other = ARRAYS[rng.integers(len(ARRAYS))](numbers)
                file[name] = str(other) if other.dtype.kind == "U" else other
            else:
                file[name] = ODD_STORED[rng.integers(len(ODD_STORED))]
    return made.getvalue()


def nir_parts(folder: Path) -> tuple[list[Path], Reader, Mutate]:
    """Graphs by their fields."""
    sources, read, _ = nir_files(folder)
    program = read_net(nets.write(folder / "source.net", *nets.image()))
    write_graph(folder / "program.nir", program_graph(program))

    def reads(path: Path) -> None:
        read(path)
        carried_program(read_graph(path))

    return [*sources, folder / "program.nir"], reads, _other_datasets


def net_parts(folder: Path) -> tuple[list[Path], Reader, Mutate]:
    """lava-dl networks by their fields."""
    return net_files(folder)[0], read_net, _other_datasets


def recipe_parts(folder: Path) -> tuple[list[Path], Reader, Mutate]:
    """Recipes by their settings."""
    sources = [folder / f"{name}.toml" for name in ("digits", "ssc_silif")]
    for path in sources:
        path.write_text(load_recipe(path.stem).to_toml(), encoding="utf-8")
    return sources, lambda path: load_recipe(str(path)), _other_settings


def _other_settings(whole: bytes, rng: np.random.Generator) -> bytes:
    while True:
        try:
            return tomli_w.dumps(_odd(toml.loads(whole.decode()), rng)).encode()
        except (TypeError, AttributeError):  # TOML has no null, and is a table
            continue


def _odd(value: Any, rng: np.random.Generator, depth: int = 0) -> Any:
    """Return JSON with one thing in it replaced, doubled or left out."""
    if isinstance(value, dict | list) and value and rng.random() < 0.9:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = keys[rng.integers(len(keys))]
        inside = dict(value) if isinstance(value, dict) else list(value)
        if rng.random() < 0.1:
            del inside[key]
        elif isinstance(inside, list) and rng.random() < 0.1:
            inside.append(inside[key])
        else:
            inside[key] = _odd(value[key], rng, depth + 1)
        return inside
    return ODD[rng.integers(len(ODD))]


KINDS: dict[str, Kind] = {
    "nir": nir_files,
    "net": net_files,
    "npz": programs,
    "npz parts": program_parts,
    "nir parts": nir_parts,
    "net parts": net_parts,
    "recipe parts": recipe_parts,
}
