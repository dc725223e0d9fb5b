"""What a .nir file holds, as plain dictionaries, arrays and text; nothing outside the file is ever followed."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.memory import FEW, Claims, file_memory

MOST_ENTRIES = 100_000
"""Groups and arrays."""
MOST_DEPTH = 48
"""Groups inside each other; every nested graph takes two, its metadata a few more."""
NUMBERS = "biufc"
PIECE = 1 << 20
"""Numbers looked at in one go."""
MOST_TEXT = 1 << 26
"""Characters of a file's text, and bytes of it that are read in one go."""
Tree = dict[str, Any]
GRAPH = "NIRGraph"
"""Type of a graph, and of those in it."""
AGAIN = "export the graph again"
"""What helps where a file's own words or numbers mean nothing."""


def read_tree(path: Path) -> Tree:
    """Return the group `node` of a NIR file: dictionaries for groups, arrays, and text as str.

    Raises:
        GraphError: it holds no NIR graph, a link, something that is neither numbers nor text, or more
            than fits in its size.
    """
    with file_memory(), h5py.File(path, "r") as stored:
        root = _child(path, stored, "node", "")
        if root is None and "layer" in stored:
            raise GraphError(
                "is a lava-dl network", "make it a graph first: neurodeploy convert IN.net OUT.nir", where=path
            )
        if not isinstance(root, h5py.Group) or not ("type" in root or "nodes" in root):
            raise GraphError("is HDF5 but holds no NIR graph (group node/nodes is missing)", where=path)
        tree = _Reader(path).group(root, "", 0)
    if "type" not in tree:
        raise GraphError(*_unfinished(tree), where=path)
    return tree


def _unfinished(tree: Tree) -> tuple[str, str]:
    """Return what is wrong with a graph that nir.write left, and what to do: nodes come first, a type is the last."""
    name: list[str] = []
    while isinstance(nodes := tree.get("nodes"), dict):
        stopped = [key for key, node in nodes.items() if not (isinstance(node, dict) and "type" in node)]
        if not stopped:
            break
        name, tree = [*name, stopped[0]], nodes[stopped[0]] if isinstance(nodes[stopped[0]], dict) else {}
    found = "was not written to its end (no edges)"
    if not name:
        return found, AGAIN
    advice = "export it again with an array in each of that node's fields, none of them None"
    return f"{found}; nir.write stopped at node {'.'.join(name)!r}", advice


def read_groups(path: Path, *names: str) -> Tree:
    """Return those groups of an HDF5 file that are there, read with the same care.

    Raises:
        GraphError: they hold a link, something that is neither numbers nor text, or more than fits in the file.
    """
    found: Tree = {}
    with file_memory(), h5py.File(path, "r") as stored:
        for name in names:
            group = _child(path, stored, name, "")
            if isinstance(group, h5py.Group):
                found[name] = _Reader(path).group(group, name, 0)
    return found


class _Reader:
    """Reads groups depth-first, and adds up what they claim before reading it."""

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, path.stat().st_size
        self.claims = Claims(path, GraphError, "export it again, uncompressed if it holds little but zeros")
        self.entries = self.text = 0
        self.seen: set[int] = set()
        self.sound: set[int] = set()

    def refused(self, found: str, advice: str = "export it again") -> GraphError:
        return GraphError(found, advice, where=self.path)

    def group(self, group: h5py.Group, where: str, depth: int) -> Tree:
        if depth > MOST_DEPTH:
            raise self.refused(f"groups are nested more than {MOST_DEPTH} deep", "flatten the graph first")
        address = h5py.h5o.get_info(group.id).addr
        if address in self.seen:
            raise self.refused(f"{where or group.name} is a group that the file names twice")
        self.seen.add(address)
        found: Tree = {}
        for name in group:
            self.entries += 1
            if self.entries > MOST_ENTRIES:
                raise self.refused(f"holds more than {MOST_ENTRIES} groups and arrays", "split the network")
            inside = f"{where}/{name}" if where else str(name)
            entry = _child(self.path, group, name, where)
            if isinstance(entry, h5py.Group):
                found[name] = self.group(entry, inside, depth + 1)
            elif isinstance(entry, h5py.Dataset):
                found[name] = self.array(entry, inside)
            else:
                raise GraphError(f"{inside} is a stored type, no data", AGAIN, where=self.path, node=inside)
        return found

    def array(self, stored: h5py.Dataset, where: str) -> Any:
        """Return an array, a number or text."""
        if stored.external or stored.is_virtual:
            raise self.refused(f"{where} keeps its numbers in another file", "export the graph again, whole")
        text = h5py.check_string_dtype(stored.dtype) is not None
        if not text and (stored.dtype.kind not in NUMBERS or stored.shape is None):
            kind = "nothing" if stored.shape is None else str(stored.dtype)[:40]
            raise self.refused(f"{where} holds {kind}, numbers or text are needed")
        self.claims.add(stored.shape, stored.dtype.itemsize)
        return self.words(stored, where) if text else _numbers(stored)

    def words(self, stored: h5py.Dataset, where: str) -> Any:
        """Return text; of an array a few at a time, because many entries can share one long text."""
        self.check_lengths(stored, where)
        if not stored.shape:
            return self.word(stored[()], where)
        if stored.size > MOST_ENTRIES:
            raise self.refused(f"{where} holds more than {MOST_ENTRIES} names", "split the network")
        found = np.empty(stored.shape, dtype=object)
        width = max(int(np.prod(stored.shape[1:])), 1)
        rows = max(MOST_TEXT // (max(self.size, 1) * width), 1)
        for first in range(0, stored.shape[0], rows):
            part = stored[first : first + rows]
            for at, value in np.ndenumerate(part):
                found[(first + at[0], *at[1:])] = self.word(value, where)
        return found

    def check_lengths(self, stored: h5py.Dataset, where: str) -> None:
        """Check that no text claims to be longer than the file: HDF5 would make room for all of it first.

        Each entry of text of any length is its length in 4 bytes, and 12 that say where it is.
        """
        if h5py.check_string_dtype(stored.dtype).length is not None or not stored.id.get_storage_size():
            return
        offset = stored.id.get_offset()
        if offset is None:  # in chunks, or inside its own header, where the entries cannot be looked at
            raise self.refused(f"{where} holds text in chunks, which no exporter makes")
        with self.path.open("rb") as raw:
            raw.seek(offset)
            entries = raw.read(16 * int(stored.size))
            fields = np.frombuffer(entries[: len(entries) // 16 * 16], "<u4").reshape(-1, 4).astype(np.int64)
            heaps = {int(low) + (int(high) << 32) for _, low, high, _ in fields} - {0} - self.sound
            broken = any(not _is_heap(raw, at, self.size) for at in heaps)
            self.sound |= heaps
        if broken or (fields[:, 0] > self.size).any():
            raise self.refused(f"{where} holds text that is not whole in the file, so it is damaged")

    def word(self, value: Any, where: str) -> str:
        try:
            text = value.decode("utf-8") if isinstance(value, bytes) else str(value)
        except UnicodeDecodeError:
            raise self.refused(f"{where} is no text", AGAIN) from None
        self.text += len(text)
        if self.text > MOST_TEXT:
            raise self.refused(f"{where} makes its text longer than {MOST_TEXT} characters", "it is damaged")
        return text


def _numbers(stored: h5py.Dataset) -> np.ndarray:
    """Return an array; where all its numbers are the same, as a view of one, so that no neuron takes memory."""
    if stored.size <= FEW:
        return stored[()]
    first = stored[(0,) * stored.ndim]
    rows = max(PIECE * len(stored) // stored.size, 1)
    for at in range(0, len(stored), rows):
        if (stored[at : at + rows] != first).any():
            return stored[()]
    return np.broadcast_to(first, stored.shape)


def _is_heap(raw: Any, at: int, size: int) -> bool:
    """Return whether a collection of texts is whole; in one that is not, HDF5 can go round for ever.

    It is 16 bytes of head, then objects of a 2-byte number, 6 bytes, 8 bytes of size and the text, padded to 8.
    """
    if at + 16 > size:
        return False
    raw.seek(at)
    head = raw.read(16)
    length = int.from_bytes(head[8:16], "little")
    if head[:4] != b"GCOL" or at + length > size:
        return False
    body, place = head + raw.read(max(length - 16, 0)), 16
    while place + 16 <= length:
        number, step = body[place] + body[place + 1], int.from_bytes(body[place + 8 : place + 16], "little")
        if not number and step < 16:
            return False
        place += step if not number else 16 + (step + 7) // 8 * 8
    return place <= length


def _child(path: Path, group: h5py.Group, name: str, where: str) -> Any:
    """Return an entry of a group, None where there is none; links to other places are refused, unread."""
    raw = name.encode("utf-8", "surrogateescape")
    if not group.id.links.exists(raw):
        return None
    if group.id.links.get_info(raw).type != h5py.h5l.TYPE_HARD:
        raise GraphError(
            f"{f'{where}/{name}'.strip('/')} is a link to elsewhere", "export the graph again, whole", where=path
        )
    return group[name]
