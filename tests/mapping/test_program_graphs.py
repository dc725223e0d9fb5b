"""Programs as NIR graphs of standard nodes, and back: the same integers, or one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from neurodeploy.backends.fixed.run import run
from neurodeploy.backends.reference import run as run_reference
from neurodeploy.errors import GraphError, ProgramError
from neurodeploy.formats.lava_dl.read import read_net
from neurodeploy.formats.nir_to_program import carried_program
from neurodeploy.formats.program_to_nir import losses, program_graph
from neurodeploy.graph.files import GraphFile, read_graph, write_graph
from neurodeploy.graph.metadata import KEY
from neurodeploy.graph.network import discretised
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT, Program
from tests.backends.lava_support import layer, one_layer, passive, program, small_network, sum_pool
from tests.mapping import nets


def through_a_file(made: Program, folder: Path) -> GraphFile:
    write_graph(folder / "g.nir", program_graph(made))
    return read_graph(folder / "g.nir")


def everything(folder: Path) -> dict[str, Program]:
    """Return Programs that use every field between them."""
    rng = np.random.default_rng(5)
    odd = layer(
        "b/c",
        4,
        start=2,
        reset="subtract",
        du=rng.integers(0, 4096, 4),
        dv=rng.integers(0, 4097, 4),
        vth=rng.integers(1, 9, 4),
        bias_mant=rng.integers(-9, 9, 4),
        bias_exp=2,
        u_init=rng.integers(-9, 9, 4),
        v_init=rng.integers(-9, 9, 4),
        refractory=3,
        clear_every=7,
        clear_offset=2,
    )
    pooled = layer("a", 12, shape=(3, 2, 2))
    image = program(
        48,
        [pooled, odd],
        [
            sum_pool("a", (3, 4, 4), (2, 2), weight=3, weight_exp=-2),
            Connection("in", "a", "b/c", rng.integers(-99, 99, (4, 12)), rng.integers(-8, 8, 4), "mixed", 5),
            Connection("loop", "b/c", "b/c", rng.integers(-9, 9, (4, 4)), 0, delay=2),
        ],
        input_shape=(3, 4, 4),
        readout="v_sum",
        graded_input=True,
        notes=("one", "two"),
    )
    return {name: read_net(nets.write(folder / "e.net", *make())) for name, make in nets.EXAMPLES.items()} | {
        "recurrent": small_network(1),
        "every field": image,
        "readout": program(3, [passive("only", 2)], [Connection("in", INPUT, "only", np.array([[2, 4, -6]] * 2))]),
    }


NAMES = (*nets.EXAMPLES, "recurrent", "every field", "readout")


@pytest.mark.parametrize("name", [one for one in NAMES if one != "mixed"])
def test_the_same_program_comes_back(name: str, tmp_path: Path) -> None:
    made = everything(tmp_path)[name]
    found = carried_program(through_a_file(made, tmp_path))
    assert found is not None
    assert found.digest == made.digest
    for key in ("name", "chip", "dt_s", "plan", "notes", "readout", "encoding", "input_shape", "graded_input"):
        assert getattr(found, key) == getattr(made, key)
    for one, other in zip(found.layers, made.layers, strict=True):
        for key in (*one.integers, *one.units):
            np.testing.assert_array_equal(getattr(one, key), getattr(other, key))


@pytest.mark.parametrize("name", [one for one in NAMES if one != "mixed"])
def test_plain_nir_reads_the_file_and_its_shapes_fit(name: str, tmp_path: Path) -> None:
    through_a_file(everything(tmp_path)[name], tmp_path)
    graph = nir.read(tmp_path / "g.nir")
    assert all(type(node).__module__.startswith("nir.") for node in graph.nodes.values())


def test_delays_for_each_synapse_have_no_node(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="dense3_in: delays differ from synapse to synapse"):
        program_graph(everything(tmp_path)["mixed"])


def test_the_nodes_alone_say_what_the_chip_does() -> None:
    """In real numbers; large states, so that the chip's rounding does not decide about spikes."""
    rng = np.random.default_rng(2)
    hidden = layer("hidden", 20, du=1023, dv=511, vth=3000, bias_mant=0)
    last = layer("last", 5, start=2, du=4095, dv=255, vth=4000, bias_mant=0, bias_exp=5)
    made = program(
        8,
        [hidden, last],
        [
            Connection("in", INPUT, "hidden", 2 * rng.integers(-40, 90, (20, 8)), 3, delay=2),
            Connection("out", "hidden", "last", 2 * rng.integers(-40, 90, (5, 20)), 3, delay=np.full((5, 20), 1)),
        ],
    )
    spikes = (rng.random((3, 40, 8)) < 0.3).astype(np.uint8)
    graph = GraphFile(Path("g.nir"), "g", program_graph(made), True)
    network = discretised(graph)
    expected = run_reference(network, spikes, record=True)
    found = run(made, spikes, record=True)
    for one in made.layers:
        chip = found.layers[one.name].spikes_BTN[:, one.start : one.start + 40]
        real = expected.layers[one.name].spikes_BTN[:, :40]
        assert real.sum() > 50
        assert (chip == real).mean() > 0.99


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda g: g.nodes["hidden"].v_threshold.__iadd__(1), "v_threshold of node hidden is not what the Program"),
        (lambda g: g.edges.remove(("hidden", "loop")), "edge hidden -> loop"),
        (lambda g: g.nodes.pop("loop"), "damaged|node loop|edge"),
        (lambda g: g.nodes["in"].weight.__iadd__(0.3), "weights are no whole numbers"),
        (lambda g: _entry(g, "hidden").update(vth=np.zeros(3)), "damaged .*float64 of shape"),
        (lambda g: _entry(g, "hidden").update(plain="[1"), "damaged"),
        (lambda g: _entry(g, "in").pop("delay"), "damaged"),
        (lambda g: g.metadata[KEY].update(program='{"format": 9}'), "of format 9, 1 is known"),
        (lambda g: g.metadata[KEY].update(program="{}"), "damaged"),
        (lambda g: g.metadata[KEY].pop("dt_s"), "damaged .*dt_s"),
    ],
)
def test_what_was_changed_afterwards_is_named(change: Any, says: str) -> None:
    graph = program_graph(small_network(1))
    change(graph)
    with pytest.raises(GraphError, match=says) as refusal:
        carried_program(GraphFile(Path("g.nir"), "g", graph, True))
    assert str(refusal.value).startswith("g.nir: ")


def test_sigma_delta_neurons_without_their_sums_are_damaged(tmp_path: Path) -> None:
    graph = program_graph(everything(tmp_path)["sigma_delta"])
    for node in graph.nodes.values():
        if isinstance(node, nir.NIRGraph):
            node.nodes = {key: one for key, one in node.nodes.items() if key not in ("minus", "sigma")}
    with pytest.raises(GraphError, match=r"^g\.nir: the Program in its metadata is damaged"):
        carried_program(GraphFile(Path("g.nir"), "g", graph, True))


def _entry(graph: nir.NIRGraph, name: str) -> dict[str, Any]:
    return graph.nodes[name].metadata[KEY]["integers"]


def test_a_graph_of_others_carries_none() -> None:
    graph = program_graph(one_layer([[2]]))
    graph.metadata = {}
    assert carried_program(GraphFile(Path("g.nir"), "g", graph, True)) is None


def test_what_others_do_not_see_is_said(tmp_path: Path) -> None:
    said = losses(everything(tmp_path)["every field"])
    assert said == [
        "b/c: rests after spikes and clears its states every 7 steps and does not begin at 0, which NIR cannot say; "
        "it is in our metadata only"
    ]
    assert "NIR has no neurons that send values" in losses(everything(tmp_path)["sigma_delta"])[0]


def test_names_that_would_meet_are_refused() -> None:
    made = one_layer([[2]])
    twice = replace(made, connections=(replace(made.connections[0], name="hidden"),))
    with pytest.raises(ProgramError, match="the name 'hidden' is no node's, or stands for two"):
        program_graph(twice)
