"""NIR files: read with one clear line for everything that can be wrong, written whole."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import nir

from neurodeploy.errors import GraphError
from neurodeploy.files import check_fetched, written_whole
from neurodeploy.graph.mend_shapes import with_shapes_mended
from neurodeploy.graph.mends import TYPING, Mend, Mends, with_edges_mended, with_scalars_spread
from neurodeploy.graph.nodes import built, checked
from neurodeploy.graph.stored import GRAPH, Tree, read_tree

STORES_RESET = "stores_reset"
"""Key of a mended graph: the file itself holds reset potentials."""


@dataclass(frozen=True, eq=False)
class GraphFile:
    """A graph as it was read.

    Attributes:
        name: Name of the file without folder and suffix.
        stores_reset: True where the file itself holds reset potentials (NIR 1.0.6 and later).
        mends: What was read otherwise than it is written, because it can only mean that.
    """

    path: Path
    name: str
    graph: nir.NIRGraph
    stores_reset: bool
    mends: tuple[Mend, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed, one sentence each; what only NIR's type check asks for is left out."""
        return tuple(str(one) for one in self.mends if one.kind != TYPING)


def read_graph(path: str | Path, *, input_shape: tuple[int, ...] | None = None) -> GraphFile:
    """Return the graph in a .nir file, of any version from NIR 0.1 on.

    Where a file is damaged or old but can mean one thing only, it is read so, and `mends` says what.

    Args:
        input_shape: Of one step's input, where the file leaves it out.

    Raises:
        GraphError: the file is absent, a folder, no HDF5, damaged, or no NIR graph.
    """
    path = Path(path)
    return graph_file(path, *mended(path, stored_graph(path), input_shape))


def stored_graph(path: str | Path) -> Tree:
    """Return a graph as its file holds it, unchecked but for what would be dangerous to read.

    Raises:
        GraphError: the file is absent, a folder, no HDF5, damaged, or no NIR graph.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise GraphError("is a folder", "name a .nir file inside it", where=path)
    if not os.path.isfile(path):  # unlike Path.exists, it never raises, whatever the name
        raise GraphError("no such file", "check the path", where=path)
    try:
        path.open("rb").close()
    except OSError as error:
        raise GraphError(f"cannot be read ({error.strerror})", "check its permissions", where=path) from None
    check_fetched(path, GraphError)
    if not h5py.is_hdf5(path):
        raise GraphError(
            f"is not a NIR file (HDF5 was expected{_instead(path)})", "export it again with nir.write", where=path
        )
    try:
        tree = read_tree(path)
    except GraphError:
        raise
    except Exception as error:  # h5py raises many kinds for damaged files; each means the same here
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GraphError(f"is damaged or not a NIR graph ({reason})", "export it again", where=path) from None
    if not isinstance(tree["type"], str) or tree["type"] != GRAPH:
        raise GraphError(f"holds a single {str(tree['type'])[:40]}, a NIR graph was expected", where=path)
    return tree


def _instead(path: Path) -> str:
    """Return what else a file is, where its first bytes tell."""
    with path.open("rb") as stream:
        first = stream.read(4)
    if first == b"PK\x03\x04":
        return ", this is a ZIP archive, as torch.save and numpy.savez write them"
    return ", this is a pickle, which can run any code when it is read" if first[:1] == b"\x80" else ""


def mended(path: Path, tree: Tree, input_shape: tuple[int, ...] | None = None) -> tuple[Tree, Mends]:
    """Return a stored graph with its fields checked and all that can mean one thing only put right, and what that was.

    Raises:
        GraphError: a node is unknown or lacks a field, or an edge or a shape could mean several things.
    """
    where, mends = str(path), Mends()
    found = with_scalars_spread(where, with_edges_mended(where, checked(where, tree, mends), mends), mends)
    found = with_shapes_mended(where, found, mends, input_shape)
    return found | {STORES_RESET: _stores_reset(tree)}, mends


def graph_file(path: Path, tree: Tree, mends: Mends) -> GraphFile:
    """Return the graph of what `mended` gave."""
    return GraphFile(path, path.stem, built(str(path), tree), bool(tree.get(STORES_RESET)), tuple(mends))


def _stores_reset(node: Tree) -> bool:
    """True where any node of a stored graph has a reset potential."""
    inner: dict[str, Any] = node["nodes"] if node["type"] == GRAPH else {}
    return "v_reset" in node or any(_stores_reset(one) for one in inner.values())


def write_graph(path: str | Path, graph: nir.NIRGraph) -> None:
    """Write `graph` as a .nir file, whole or not at all; the same graph gives the same bytes.

    It is made in memory first: on a full disk the HDF5 library takes the whole process down with it.
    """
    made = io.BytesIO()
    nir.write(made, graph)  # type: ignore[arg-type]
    with written_whole(path) as beside:
        beside.write_bytes(made.getvalue())
