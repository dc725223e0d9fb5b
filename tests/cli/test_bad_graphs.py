"""Graphs that are NIR and mean nothing a target could run: each is refused with its node and the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from tests.cli import graphs
from tests.cli.graphs import CHANNELS, CLASSES, HIDDEN, Edges, Nodes
from tests.cli.support import Shell

NAN, INF = np.full(HIDDEN, np.nan), np.full(HIDDEN, np.inf)
SQUARE = graphs.linear(HIDDEN, HIDDEN)


def with_nan() -> np.ndarray:
    weight = graphs.weights(HIDDEN, CHANNELS)
    weight[1, 1] = np.nan
    return weight


NODES: dict[str, tuple[Nodes, str]] = {
    "a weight of NaN": ({"fc1": graphs.linear(5, 4, weight=with_nan())}, "node fc1: weight holds NaN"),
    "an infinite weight": ({"fc1": graphs.linear(5, 4, weight=-np.inf * np.ones((5, 4)))}, "weight holds NaN, inf"),
    "a weight beyond all sense": ({"fc1": graphs.linear(5, 4, weight=np.full((5, 4), 1e200))}, "beyond 1e.60"),
    "complex weights": ({"fc1": graphs.linear(5, 4, weight=np.ones((5, 4), complex))}, "holds complex numbers, real"),
    "a bias of NaN": ({"fc1": graphs.affine(5, 4, bias=NAN)}, "node fc1: bias holds NaN"),
    "a tau of NaN": ({"lif1": graphs.lif(5, tau=NAN)}, "lif1: tau holds NaN"),
    "an infinite tau": ({"lif1": graphs.lif(5, tau=INF)}, "lif1: tau holds NaN, infinity"),
    "a tau of zero": ({"lif1": graphs.lif(5, tau=0 * np.ones(5))}, "lif1: tau is 0 s, shorter than the time step"),
    "a negative tau": ({"lif1": graphs.lif(5, tau=-np.ones(5))}, "lif1: tau is -1 s"),
    "a tau_syn of zero": ({"lif1": graphs.cuba(5, tau_syn=0 * np.ones(5))}, "lif1: tau_syn is 0 s"),
    "a threshold of NaN": ({"lif1": graphs.lif(5, v_threshold=NAN)}, "lif1: v_threshold holds NaN"),
    "a threshold at the reset": ({"lif1": graphs.lif(5, v_threshold=0 * np.ones(5))}, "threshold is not above"),
    "a gain of zero": ({"lif1": graphs.lif(5, r=0 * np.ones(5))}, "by 0 to 0 thresholds; check r, w_in"),
    "a synaptic gain of zero": ({"lif1": graphs.cuba(5, w_in=0 * np.ones(5))}, "by 0 to 0 thresholds"),
    "a vanishing threshold": ({"lif1": graphs.lif(5, v_threshold=np.full(5, 1e-310))}, "by inf to inf thresholds"),
    "a threshold of its own at zero": ({"lif1": nir.Threshold(np.zeros(5))}, "lif1: a threshold is not above its"),
    "a convolution": (
        {"fc1": nir.Conv2d((2, 2), np.ones((1, 1, 3, 3)), 1, 0, 1, 1, np.zeros(1))},
        r"node fc1: a kernel of \(3, 3\) does not fit into \(2, 2\) rows",
    ),
    "weights for other inputs": ({"fc1": graphs.linear(5, 7)}, r"fc1: weights are \(5, 7\), 4 inputs arrive"),
    "weights for other neurons": ({"fc1": graphs.linear(6, 4)}, "lif1 has 5 neurons, 6 inputs arrive"),
    "weights of three axes": ({"fc1": graphs.linear(5, 4, weight=np.ones((5, 4, 1)))}, r"are \(5, 4, 1\), 4 inp"),
    "a bias of another length": ({"fc1": graphs.affine(5, 4, bias=np.ones(2))}, "fc1: 2 biases for 5 outputs"),
    "scales of another length": ({"fc2": nir.Scale(np.ones(4))}, "fc2: 4 scales, 5 inputs arrive"),
    "an input of no channels": ({"input": nir.Input({"input": np.array([0])})}, r"input has shape \[0\]"),
    "an input of negative size": ({"input": nir.Input({"input": np.array([-4])})}, r"input has shape \[-4\]"),
    "an output of another size": ({"output": nir.Output({"output": np.array([9])})}, "output takes .* 3 neurons"),
}


def lif1_named_input() -> tuple[Nodes, Edges]:
    nodes, edges = graphs.parts()
    new = {"lif1": "input", "input": "start"}
    renamed = [(new.get(a, a), new.get(b, b)) for a, b in edges]
    return {new.get(name, name): node for name, node in nodes.items()}, renamed


def changed(nodes: Nodes | None = None, edges: Edges = [], without: str = "") -> tuple[Nodes, Edges]:  # noqa: B006
    """Return the good chain with a node left out, and nodes and edges added."""
    kept, chain = graphs.parts()
    if without:
        kept, chain = graphs.without(kept, chain, without)
    return kept | (nodes or {}), chain + edges


WIRING: dict[str, tuple[Callable[[], tuple[Nodes, Edges]], str]] = {
    "an edge to a missing node": (lambda: changed(edges=[("fc1", "ghost")]), "names 'ghost', which is not a node"),
    "an edge from a missing node": (lambda: changed(edges=[("ghost", "fc1")]), "names 'ghost', which is not a node"),
    "a cycle without a delay": (
        lambda: changed({"a": SQUARE, "b": SQUARE}, [("lif1", "a"), ("a", "b"), ("b", "a"), ("b", "lif1")]),
        "cycle without a delay: a -> b -> a; put a neuron into the loop",
    ),
    "a node that feeds itself": (
        lambda: changed({"a": SQUARE}, [("lif1", "a"), ("a", "a"), ("a", "lif1")]),
        "cycle without a delay: a -> a",
    ),
    "no input": (lambda: changed(without="input"), "has no Input node at its start; add nir.Input"),
    "no output": (lambda: changed(without="output"), "has no Output node at its end; add nir.Output"),
    "two inputs": (
        lambda: changed({"second": nir.Input({"input": np.array([CHANNELS])})}, [("second", "fc1")]),
        "has 2 Input nodes",
    ),
    "two outputs": (
        lambda: changed({"second": nir.Output({"output": np.array([CLASSES])})}, [("lif2", "second")]),
        "has 2 Output nodes",
    ),
    "no neurons": (
        lambda: (
            {"input": nir.Input({"input": np.array([3])}), "output": nir.Output({"output": np.array([3])})},
            [("input", "output")],
        ),
        "has no neurons",
    ),
    "no nodes": (lambda: ({}, []), "has no Input node at its start; add nir.Input"),
    "no edges": (lambda: (graphs.parts()[0], []), "found none; end the graph in spiking neurons"),
    "an output that does not spike": (
        lambda: changed(without="lif2"),
        "must be the spikes of one population, found fc2, lif1; end the graph in spiking neurons",
    ),
    "a neuron without input": (
        lambda: changed({"lone": graphs.lif(5), "fc3": SQUARE}, [("lone", "fc3"), ("fc3", "lif1")]),
        "lone receives no input; connect it or remove it",
    ),
    "a neuron that the input cannot reach": (
        lambda: changed({"lone": graphs.lif(5), "fc3": SQUARE}, [("lone", "fc3"), ("fc3", "lone")]),
        "lone cannot be reached from the input",
    ),
    "neurons called input": (lif1_named_input, "neurons are called 'input'"),
}

METADATA: dict[str, tuple[dict[str, Any], str]] = {
    "a time step in words": ({"dt_s": "soon"}, "dt_s = 'soon', a positive number of seconds"),
    "a time step of zero": ({"dt_s": 0.0}, "dt_s = 0.0, a positive"),
    "a time step of NaN": ({"dt_s": np.nan}, "dt_s = nan, a positive"),
    "several time steps": ({"dt_s": np.ones(3)}, "a positive number of seconds is allowed"),
    "milliseconds": ({"dt_s": 1.0, "time_unit": "ms"}, "time_unit = 'ms', s is allowed"),
    "another integration": ({"dt_s": 1e-3, "integration": "exact"}, "'exact', forward_euler is allowed"),
    "a newer format": ({"dt_s": 1e-3, "format": 99}, "format = 99, a whole number from 1 to 1"),
    "negative steps": ({"dt_s": 1e-3, "n_steps": -3}, "n_steps = -3, a whole number from 1"),
}


def refused_by_all(shell: Shell, file: Path, says: str, *options: str) -> None:
    graphs.write_data(shell.folder / "data.npz")
    shell.refuses("compile", file.name, "--out", "p.npz", *options, says=says)
    shell.refuses("certify", file.name, "--data", "data.npz", *options, says=says)
    shell.refuses("simulate", file.name, "--data", "data.npz", "--backend", "reference", *options, says=says)


@pytest.mark.parametrize("case", NODES, ids=lambda name: name.replace(" ", "-"))
def test_a_bad_node_is_refused(shell: Shell, case: str) -> None:
    nodes, says = NODES[case]
    file = graphs.write(shell.folder / "bad.nir", *graphs.parts(**nodes))
    refused_by_all(shell, file, f"bad.nir: .*{says}", "--dt", "1e-3")


@pytest.mark.parametrize("case", WIRING, ids=lambda name: name.replace(" ", "-"))
def test_bad_wiring_is_refused(shell: Shell, case: str) -> None:
    make, says = WIRING[case]
    file = graphs.write(shell.folder / "bad.nir", *make())
    refused_by_all(shell, file, f"bad.nir: .*{says}", "--dt", "1e-3")


@pytest.mark.parametrize("case", METADATA, ids=lambda name: name.replace(" ", "-"))
def test_bad_metadata_are_refused(shell: Shell, case: str) -> None:
    entries, says = METADATA[case]
    file = graphs.write(shell.folder / "bad.nir", *graphs.parts(), metadata={"neurodeploy": entries})
    refused_by_all(shell, file, f"bad.nir: its neurodeploy metadata say .*{says}")


@pytest.mark.parametrize(
    ("lif1", "fc1", "says"),
    [
        ({"reset": "sideways"}, {}, "lif1: .* reset = 'sideways', zero or subtract"),
        ({"vth_mant": 0}, {}, "lif1: .* vth_mant = 0, a whole number from 1 to 8388607"),
        ({"vth_mant": "many"}, {}, "vth_mant = 'many'"),
        ({"vth_mant": 300.5}, {}, "vth_mant = 300.5"),
        (
            {"vth_mant": 300},
            {"weight_bits": 17, "weight_exp": 0},
            "fc1: .* weight_bits = 17, a whole number from 2 to 16",
        ),
        ({"vth_mant": 300}, {"weight_bits": 8, "weight_exp": 99}, "fc1: .* weight_exp = 99"),
        ({"vth_mant": 300}, {"weight_bits": 8, "weight_exp": "e"}, "weight_exp = 'e'"),
    ],
)
def test_bad_precision_in_a_file_is_refused(shell: Shell, lif1: dict, fc1: dict, says: str) -> None:
    nodes = {
        "lif1": graphs.lif(5, metadata={"neurodeploy": lif1}),
        "fc1": graphs.linear(5, 4, metadata={"neurodeploy": fc1}),
    }
    file = graphs.write(shell.folder / "bad.nir", *graphs.parts(**nodes))
    refused_by_all(shell, file, says, "--dt", "1e-3")


def test_a_loop_that_cannot_keep_its_timing_is_refused_for_the_chip_alone(shell: Shell) -> None:
    back = [("lif2", "extra"), ("extra", "lif1")]
    graphs.write(shell.folder / "timing.nir", *changed({"extra": graphs.linear(5, 3)}, back))
    graphs.write_data(shell.folder / "data.npz")
    says = r"extra \(lif2 -> lif1\) closes a loop over several populations \(.*lif1.*\), .* 1 step.s. late"
    shell.refuses("compile", "timing.nir", "--out", "p.npz", "--dt", "1e-3", says=says)
    shell.refuses("certify", "timing.nir", "--data", "data.npz", "--dt", "1e-3", says=says)
    shell.works("simulate", "timing.nir", "--data", "data.npz", "--dt", "1e-3", "--backend", "reference")


def test_a_shortcut_is_certified(shell: Shell) -> None:
    ahead = [("input", "extra"), ("extra", "lif2")]
    graphs.write(shell.folder / "skip.nir", *changed({"extra": graphs.linear(3, 4)}, ahead))
    graphs.write_data(shell.folder / "data.npz")
    shell.works("compile", "skip.nir", "--out", "p.npz", "--dt", "1e-3")
    shell.works("certify", "skip.nir", "--data", "data.npz", "--dt", "1e-3", "--backends", "reference,fixed")


def test_control_characters_in_names_do_not_reach_the_terminal(shell: Shell) -> None:
    graphs.write(shell.folder / "odd.nir", *changed(edges=[("fc1", "\x1b[31mred\n")]))
    line = shell.refuses("compile", "odd.nir", "--out", "p.npz", "--dt", "1e-3", says="which is not a node")
    assert line.isprintable()
