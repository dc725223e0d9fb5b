"""Files made to harm: nothing outside them is opened, nothing huge is read, and one line says why not."""

from __future__ import annotations

import resource
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

from neurodeploy.errors import GraphError
from neurodeploy.graph.files import read_graph
from neurodeploy.memory import USUAL_BYTES, file_memory
from tests.cli import graphs

MOST_MEMORY = 64 << 20


def soft(node: h5py.Group) -> None:
    del node["nodes/fc1/weight"]
    node["nodes/fc1/weight"] = h5py.SoftLink("/node/nodes/fc2/weight")


def external(node: h5py.Group) -> None:
    del node["nodes/fc1/weight"]
    node["nodes/fc1/weight"] = h5py.ExternalLink("/etc/passwd", "/weight")


def elsewhere(node: h5py.Group) -> None:
    del node["nodes/fc1/weight"]
    node["nodes/fc1"].create_dataset("weight", (5, 4), "f4", external=[("/etc/hostname", 0, 80)])


def virtual(node: h5py.Group) -> None:
    del node["nodes/fc1/weight"]
    layout = h5py.VirtualLayout((5, 4), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "weight", (5, 4))
    node["nodes/fc1"].create_virtual_dataset("weight", layout)


def objects(node: h5py.Group) -> None:
    del node["nodes/fc1/weight"]
    node["nodes/fc1"].create_dataset("weight", (5, 4), h5py.ref_dtype)


def ragged(node: h5py.Group) -> None:
    del node["nodes/fc1/weight"]
    node["nodes/fc1"].create_dataset("weight", (5,), h5py.vlen_dtype(np.float32))


def huge(node: h5py.Group) -> None:
    del node["nodes/fc1/weight"]
    node["nodes/fc1"].create_dataset("weight", (1 << 20, 1 << 20), "f4", chunks=(64, 64), compression="gzip")


def overflowing(node: h5py.Group) -> None:
    del node["nodes/fc1/weight"]
    node["nodes/fc1"].create_dataset("weight", (1 << 31, 1 << 31, 4), "f4", chunks=(1, 1, 4))


def without_end(node: h5py.Group) -> None:
    node["nodes/again"] = node


def many(node: h5py.Group) -> None:
    """Every level holds the one below four times over: a tree of 4^10 groups in a few kilobytes."""
    below = node.create_group("level0")
    below["type"] = "x"
    for level in range(1, 11):
        above = node.create_group(f"level{level}")
        for way in range(4):
            above[f"way{way}"] = below
        below = above


def ten_levels(node: h5py.Group) -> None:
    made = node["nodes"]
    for _ in range(10):
        inner = made.create_group("deeper")
        inner["type"] = "NIRGraph"
        inner["edges"] = np.array([["a", "b"]], dtype=object)
        made = inner.create_group("nodes")


CASES: dict[str, tuple[Callable[[h5py.Group], None], str]] = {
    "a soft link": (soft, "nodes/fc1/weight is a link to elsewhere"),
    "an external link": (external, "nodes/fc1/weight is a link to elsewhere"),
    "numbers in another file": (elsewhere, "nodes/fc1/weight keeps its numbers in another file"),
    "a virtual array": (virtual, "nodes/fc1/weight keeps its numbers in another file"),
    "an array of references": (objects, "nodes/fc1/weight holds object, numbers or text are needed"),
    "rows of any length": (ragged, "nodes/fc1/weight holds object, numbers or text are needed"),
    "an array of 4 TB": (huge, "claims .* bytes of arrays in a file of .* so it is damaged"),
    "an array beyond 64 bits": (overflowing, "claims .* bytes of arrays in a file of .* so it is damaged"),
    "a group in itself": (without_end, "nodes/again is a group that the file names twice"),
    "a tree from a few groups": (many, "is a group that the file names twice"),
    "ten nested graphs": (ten_levels, "graphs are nested more than 8 deep; flatten the graph first"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_hostile_file_is_refused_in_one_line_and_little_memory(tmp_path: Path, case: str) -> None:
    change, says = CASES[case]
    file = graphs.write_good(tmp_path / "hostile.nir")
    with h5py.File(file, "a") as stored:
        change(stored["node"])
    tracemalloc.start()
    with pytest.raises(GraphError, match=says) as found:
        read_graph(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "\n" not in str(found.value)
    assert peak < MOST_MEMORY


def test_one_long_text_named_many_times_is_counted_each_time(tmp_path: Path) -> None:
    """Fixed-length text compresses to nothing; its length times its number is what counts."""
    file = graphs.write_good(tmp_path / "hostile.nir")
    with h5py.File(file, "a") as stored:
        stored["node/nodes/fc1"].create_dataset("words", (90_000,), "S9000", compression="gzip", chunks=(100,))
    with pytest.raises(GraphError, match=r"claims .* bytes of arrays"):
        read_graph(file)


def test_names_are_names_and_nothing_else(tmp_path: Path) -> None:
    """Names of nodes are keys and text, never paths, code or formats."""
    nodes, edges = graphs.parts()
    odd = "{0.__class__} $(rm -rf ~) ../../x\n'; import os"
    nodes[odd] = nodes.pop("lif1")
    nodes["fc1"] = graphs.linear(5, 4, weight=np.full((5, 4), np.nan, np.float32))
    edges = [(a.replace("lif1", odd), b.replace("lif1", odd)) for a, b in edges]
    with pytest.raises(Exception, match=r".") as failed:  # HDF5 takes "/" in a name as a path of its own
        read_graph(graphs.write(tmp_path / "odd.nir", nodes, edges))
    assert isinstance(failed.value, GraphError), failed.value
    assert isinstance(nodes[odd], nir.LIF)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory so")
def test_a_library_that_reads_a_damaged_file_cannot_take_the_machines_memory() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with file_memory(), pytest.raises(MemoryError):
        np.empty(USUAL_BYTES + (2 << 30), dtype=np.uint8)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
