"""NIR files: read with one clear line for everything that can be wrong, written whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import nir

from neurodeploy.errors import GraphError
from neurodeploy.files import written_whole


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
    if path.is_dir():
        raise GraphError(f"{path}: is a folder; name a .nir file inside it")
    if not path.exists():
        raise GraphError(f"{path}: no such file; check the path")
    if not h5py.is_hdf5(path):
        raise GraphError(f"{path}: is not a NIR file (HDF5 was expected); export it again with nir.write")
    try:
        with h5py.File(path, "r") as stored:
            if "node" not in stored or "nodes" not in stored["node"]:
                raise GraphError(f"{path}: is HDF5 but holds no NIR graph (group node/nodes is missing)")
            names: list[str] = []
            stored.visit(names.append)
        graph = nir.read(path, type_check=False)
    except GraphError:
        raise
    except Exception as error:  # h5py and nir raise many kinds for damaged files; each means the same here
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GraphError(f"{path}: is damaged or not a NIR graph ({reason}); export it again") from None
    if not isinstance(graph, nir.NIRGraph):
        raise GraphError(f"{path}: holds a single {type(graph).__name__}, a NIR graph was expected")
    return GraphFile(path, path.stem, graph, any(name.endswith("/v_reset") for name in names))


def write_graph(path: str | Path, graph: nir.NIRGraph) -> None:
    """Write `graph` as a .nir file, whole or not at all; the same graph gives the same bytes."""
    with written_whole(path) as beside:
        nir.write(beside, graph)
