"""NIR files: read with one clear line for everything that can be wrong, written whole."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import nir
from nir.serialization import hdf2dict

from neurodeploy.errors import GraphError
from neurodeploy.files import written_whole

MOST_EXPANSION = 2000
"""Bytes of arrays per byte of file; gzip reaches 1032. Without a limit a damaged size fills the memory."""


@dataclass(frozen=True, eq=False)
class GraphFile:
    """A graph as it was read.

    Attributes:
        name: Name of the file without folder and suffix.
        stores_reset: True where the file itself holds reset potentials (NIR 1.0.5 and later).
    """

    path: Path
    name: str
    graph: nir.NIRGraph
    stores_reset: bool


def read_graph(path: str | Path) -> GraphFile:
    """Return the graph in a .nir file.

    Raises:
        GraphError: the file is absent, a folder, no HDF5, damaged, or no NIR graph.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise GraphError(f"{path}: is a folder; name a .nir file inside it")
    if not os.path.isfile(path):  # unlike Path.exists, it never raises, whatever the name
        raise GraphError(f"{path}: no such file; check the path")
    try:
        path.open("rb").close()
    except OSError as error:
        raise GraphError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    if not h5py.is_hdf5(path):
        raise GraphError(f"{path}: is not a NIR file (HDF5 was expected); export it again with nir.write")
    try:
        with h5py.File(path, "r") as stored:
            if "node" not in stored or "nodes" not in stored["node"]:
                raise GraphError(f"{path}: is HDF5 but holds no NIR graph (group node/nodes is missing)")
            names = _names(path, stored)
            graph = nir.dict2NIRNode(_with_shapes(hdf2dict(stored["node"])) | {"type_check": False})
    except GraphError:
        raise
    except Exception as error:  # h5py and nir raise many kinds for damaged files; each means the same here
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GraphError(f"{path}: is damaged or not a NIR graph ({reason}); export it again") from None
    if not isinstance(graph, nir.NIRGraph):
        raise GraphError(f"{path}: holds a single {type(graph).__name__}, a NIR graph was expected")
    return GraphFile(path, path.stem, graph, any(name.endswith("/v_reset") for name in names))


def _with_shapes(node: dict[str, Any]) -> dict[str, Any]:
    """Return a stored node where convolutions that leave out their input shape say that it is unknown.

    NIR allows it, and its own reader misses the entry; `graph.paths` takes the shape of what arrives.
    """
    if node.get("type") in ("Conv1d", "Conv2d"):
        return {"input_shape": None} | node
    if isinstance(node.get("nodes"), dict):
        return node | {"nodes": {name: _with_shapes(one) for name, one in node["nodes"].items()}}
    return node


def _names(path: Path, stored: h5py.File) -> list[str]:
    """Return the names of all groups and arrays, after checking that the arrays can be in the file."""
    names: list[str] = []
    sizes: list[int] = []

    def note(name: str, entry: h5py.Group | h5py.Dataset) -> None:
        names.append(name)
        sizes.append(entry.nbytes if isinstance(entry, h5py.Dataset) else 0)

    stored.visititems(note)
    if sum(sizes) > MOST_EXPANSION * path.stat().st_size:
        raise GraphError(
            f"{path}: claims {sum(sizes):.3g} bytes of arrays in a file of {path.stat().st_size}, so it is "
            "damaged; export it again"
        )
    return names


def write_graph(path: str | Path, graph: nir.NIRGraph) -> None:
    """Write `graph` as a .nir file, whole or not at all; the same graph gives the same bytes.

    It is made in memory first: on a full disk the HDF5 library takes the whole process down with it.
    """
    made = io.BytesIO()
    nir.write(made, graph)  # type: ignore[arg-type]
    with written_whole(path) as beside:
        beside.write_bytes(made.getvalue())
