"""Files as every published NIR release writes them, 0.1.0 to 1.0.8: the parameters that were given come back.

The layouts are those that the releases' own writers left (PyPI packages nir 0.1.0, 0.2.0, 1.0.0, 1.0.1 and 1.0.3 to
1.0.8; there is no 1.0.2), each run once with a node of every type it has. The writers of 0.1.0 to 1.0.1 are
`nir/write.py`, of later ones `nir/serialization.py`. Only what stands in `SINCE`, `FIRST` and
below them changed in between.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neurodeploy.graph.files import read_graph
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import compile_network

RELEASES = ("0.1.0", "0.2.0", "1.0.0", "1.0.1", "1.0.3", "1.0.4", "1.0.5", "1.0.6", "1.0.7", "1.0.8")
FIRST = {"SumPool2d": "1.0.0", "AvgPool2d": "1.0.3", "CubaLI": "1.0.5"}
"""The release that first had a node type; all others are in 0.1.0."""
SINCE = {
    ("Flatten", "input_type"): "0.2.0",
    ("Conv1d", "input_shape"): "1.0.0",
    ("Conv2d", "input_shape"): "1.0.0",
    ("CubaLIF", "w_in"): "1.0.0",  # 0.1.0 and 0.2.0 have the parameter, and their writers leave it out
    ("CubaLIF", "v_reset"): "1.0.6",
    ("LIF", "v_reset"): "1.0.6",
    ("IF", "v_reset"): "1.0.6",
}
"""The release that first wrote a field; all others were always written."""
SAYS_VERSION, COMPRESSES = "0.2.0", "1.0.8"


def values(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(1, 0.2, shape).astype(np.float32)


NEURON = {"r": values(1, 4), "v_leak": values(2, 4)}
SPIKING = {"v_threshold": values(3, 4), "v_reset": -values(4, 4)}
POOL = {"kernel_size": np.array([2, 2]), "stride": np.array([2, 1]), "padding": np.array([0, 0])}
GIVEN: dict[str, dict[str, Any]] = {
    "Affine": {"weight": values(5, 3, 4), "bias": values(6, 3)},
    "AvgPool2d": POOL,
    "Conv1d": {"input_shape": 6, "weight": values(7, 3, 2, 2), "bias": values(8, 3)}
    | {"stride": 1, "padding": 0, "dilation": 1, "groups": 1},
    "Conv2d": {"input_shape": (5, 6), "weight": values(9, 3, 2, 2, 2), "bias": values(8, 3)}
    | {"stride": (2, 1), "padding": (0, 1), "dilation": (1, 1), "groups": 1},
    "CubaLI": {"tau_mem": values(10, 4), "tau_syn": values(11, 4), "w_in": values(12, 4), **NEURON},
    "CubaLIF": {"tau_mem": values(10, 4), "tau_syn": values(11, 4), "w_in": values(12, 4), **NEURON, **SPIKING},
    "Delay": {"delay": np.full(4, 2e-3)},
    "Flatten": {"start_dim": 0, "end_dim": -1, "input_type": np.array([2, 5, 6])},
    "I": {"r": values(1, 4)},
    "IF": {"r": values(1, 4), **SPIKING},
    "LI": {"tau": values(13, 4), **NEURON},
    "LIF": {"tau": values(13, 4), **NEURON, **SPIKING},
    "Linear": {"weight": values(5, 3, 4)},
    "Scale": {"scale": values(14, 4)},
    "SumPool2d": POOL,
    "Threshold": {"threshold": values(15, 4)},
}
"""A node of each of NIR's sixteen types, with what its constructor was given."""
ENTERING = {"Conv1d": (2, 6), "Conv2d": (2, 5, 6), "SumPool2d": (2, 5, 6), "AvgPool2d": (2, 5, 6), "Flatten": (2, 5, 6)}
LEAVING = {"Affine": (3,), "Linear": (3,), "Conv1d": (3, 5), "Conv2d": (3, 2, 7), "Flatten": (60,)}
LEAVING |= {"SumPool2d": (2, 2, 5), "AvgPool2d": (2, 2, 5)}
DEFAULT = {"w_in": 1, "v_reset": 0}


def number(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


def has(release: str, first: str | None) -> bool:
    return first is None or number(release) >= number(first)


def kinds(release: str) -> list[str]:
    return [kind for kind in GIVEN if has(release, FIRST.get(kind))]


class Writer:
    """Writes graphs as a release's own writer does."""

    def __init__(self, release: str, path: Path) -> None:
        self.release, self.path = release, path

    def write(self, nodes: dict[str, Any], edges: list[tuple[str, str]]) -> Path:
        with h5py.File(self.path, "w") as file:
            if has(self.release, SAYS_VERSION):
                file.create_dataset("version", data=self.release)
            self.group(file.create_group("node"), self.graph(nodes, edges))
        return self.path

    def graph(self, nodes: dict[str, Any], edges: list[tuple[str, str]]) -> dict[str, Any]:
        return {"type": "NIRGraph", "nodes": nodes, "edges": edges}

    def node(self, kind: str, **changed: Any) -> dict[str, Any]:
        """Return the fields of a node that the release writes."""
        given = GIVEN[kind] | changed
        return {"type": kind} | {key: one for key, one in given.items() if has(self.release, SINCE.get((kind, key)))}

    def group(self, group: h5py.Group, fields: dict[str, Any]) -> None:
        for key, value in fields.items():
            if isinstance(value, dict):
                self.group(group.create_group(key), value)
            elif isinstance(value, str):
                group.create_dataset(key, data=value, dtype=h5py.string_dtype())
            elif isinstance(value, np.ndarray):
                options = {"compression": "gzip"} if has(self.release, COMPRESSES) else {}
                group.create_dataset(key, data=value, **options)
            else:
                group.create_dataset(key, data=value)


def end(kind: str, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"type": kind, "shape": np.array(shape)}


@pytest.mark.parametrize("release", RELEASES)
def test_every_node_type_comes_back_as_it_was_given(release: str, tmp_path: Path) -> None:
    for kind in kinds(release):
        writer = Writer(release, tmp_path / f"{kind}.nir")
        nodes = {
            "input": end("Input", ENTERING.get(kind, (4,))),
            "node": writer.node(kind),
            "output": end("Output", LEAVING.get(kind, (4,))),
        }
        found = read_graph(writer.write(nodes, [("input", "node"), ("node", "output")]))
        node = found.graph.nodes["node"]
        assert type(node).__name__ == kind
        written = writer.node(kind)
        for key, wanted in GIVEN[kind].items():
            got = node.input_type["input"] if key == "input_type" else getattr(node, key)
            if key in written or key not in DEFAULT:
                np.testing.assert_array_equal(got, wanted, err_msg=f"{kind}.{key} of NIR {release}")
            else:
                assert (np.asarray(got) == DEFAULT[key]).all(), f"{kind}.{key} of NIR {release}"
        assert found.stores_reset == ("v_reset" in written)


@pytest.mark.parametrize("release", RELEASES[:2])
def test_a_gain_that_the_writer_left_out_is_told(release: str, tmp_path: Path) -> None:
    writer = Writer(release, tmp_path / "cuba.nir")
    nodes = {"input": end("Input", (4,)), "c": writer.node("CubaLIF"), "output": end("Output", (4,))}
    found = read_graph(writer.write(nodes, [("input", "c"), ("c", "output")]))
    assert found.notes == ("c: has no w_in, which NIR before 1.0 did not write; read as 1",)


def recurrent(writer: Writer, *, inside: bool) -> Path:
    """Write neurons with a matrix onto themselves, in a sub-graph or without one."""
    still = {"v_reset": np.zeros(4), "v_leak": np.zeros(4)}
    spiking = writer.node("LIF", tau=np.full(4, 2e-2), r=np.full(4, 20.0), v_threshold=np.ones(4), **still)
    loop = {"lif": spiking, "loop": writer.node("Linear", weight=values(20, 4, 4) - 1)}
    round_ = [("lif", "loop"), ("loop", "lif")]
    outer = {"input": end("Input", (4,)), "fc": writer.node("Linear", weight=values(21, 4, 4))}
    last = {"out": writer.node("Linear", weight=values(22, 3, 4)), "last": writer.node("IF", **_three(spiking))}
    outer |= last | {"output": end("Output", (3,))}
    after = [("out", "last"), ("last", "output")]
    if not inside:
        edges = [("input", "fc"), ("fc", "lif"), *round_, ("lif", "out"), *after]
        return writer.write(outer | loop, edges)
    ends = {"input": end("Input", (4,)), "output": end("Output", (4,))}
    graph = writer.graph(ends | loop, [("input", "lif"), *round_, ("lif", "output")])
    edges = [("input", "fc"), ("fc", "sub"), ("sub", "out"), *after]
    return writer.write(outer | {"sub": graph}, edges)


def _three(spiking: dict[str, Any]) -> dict[str, Any]:
    return {key: np.asarray(one)[:3] for key, one in spiking.items() if key in ("r", "v_threshold", "v_reset")}


def test_recurrence_with_and_without_a_graph_inside_is_one_program_in_every_release(tmp_path: Path) -> None:
    digests = set()
    for release in RELEASES:
        for inside in (False, True):
            file = recurrent(Writer(release, tmp_path / "net.nir"), inside=inside)
            network = discretised(read_graph(file), dt_s=1e-3, reset="zero")
            program = compile_network(network, weight_bits=8).program
            digests.add(tuple(np.concatenate([one.weight.ravel() for one in program.connections]).tolist()))
            assert len(program.connections) == 3
            assert sum(one.source == one.target for one in program.connections) == 1
    assert len(digests) == 1
