"""Valid files with bytes changed: a graph, or one line saying why not; never a crash or another error.

NEURODEPLOY_FUZZ=N in the environment runs so many cases instead of 2,000.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from neurodeploy.errors import NeurodeployError
from neurodeploy.graph.files import read_graph
from neurodeploy.graph.network import discretised
from tests.cli import graphs

CASES = int(os.environ.get("NEURODEPLOY_FUZZ", "2000"))


def nested(path: Path) -> Path:
    """Write a graph with a graph in it, convolutions and metadata."""
    import nir

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


def mutated(whole: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with bytes flipped, overwritten, cut out, doubled, or its end missing."""
    made = bytearray(whole)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(len(made)))
        length = int(rng.integers(1, 33))
        kind = rng.integers(6)
        if kind <= 2:  # most of a small HDF5 file is padding: flip where there is something
            used = np.flatnonzero(np.frombuffer(bytes(made), np.uint8))
            made[int(rng.choice(used))] ^= int(rng.integers(1, 256))
        elif kind == 3:
            made[at : at + length] = rng.integers(0, 256, length, np.uint8).tobytes()[: len(made) - at]
        elif kind == 4:
            made[at : at + length] = b"\xff" * min(length, len(made) - at)
        elif rng.random() < 0.3:
            del made[at : at + length]
        else:
            made[at:at] = made[at : at + length]
    return bytes(made)


def test_any_bytes_give_a_graph_or_an_error_of_ours(tmp_path: Path) -> None:
    sources = [graphs.write_good(tmp_path / "good.nir"), nested(tmp_path / "nested.nir")]
    rng = np.random.default_rng(7)
    read = refused = 0
    for case in range(CASES):
        file = tmp_path / "mutated.nir"
        file.write_bytes(mutated(sources[case % len(sources)].read_bytes(), rng))
        said = None
        try:
            discretised(read_graph(file), dt_s=1e-3)
        except NeurodeployError as error:
            said = str(error)
        read += said is None
        refused += said is not None
        assert "\n" not in (said or ""), said
    assert read > CASES // 20
    assert refused > CASES // 5
