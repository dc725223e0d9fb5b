"""`--input-shape` on every verb that reads a graph: images whose file does not say how large they are."""

from __future__ import annotations

import itertools
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

from tests.cli import graphs
from tests.cli.support import Shell

SHAPE = "2,4,5"
VERBS = {
    "inspect": ("g.nir", "--dt", "1e-3"),
    "compile": ("g.nir", "--dt", "1e-3", "--out", "p.npz"),
    "simulate": ("g.nir", "--dt", "1e-3", "--data", "d.npz"),
    "certify": ("g.nir", "--dt", "1e-3", "--data", "d.npz"),
    "profile": ("g.nir", "--dt", "1e-3", "--data", "d.npz"),
    "fit": ("g.nir", "--dt", "1e-3"),
    "convert": ("g.nir", "made.nir", "--dt", "1e-3"),
}


@pytest.fixture
def image(kernels: None, shell: Shell) -> Path:
    """A convolution, a pool and a matrix, where neither the input nor the convolution states a shape."""
    rng = np.random.default_rng(0)
    nodes: graphs.Nodes = {
        "input": nir.Input({"input": np.array([2, 4, 5])}),
        "conv": nir.Conv2d((4, 5), rng.normal(0.3, 0.4, (3, 2, 2, 2)), 1, 0, 1, 1, np.zeros(3)),
        "spikes": nir.IF(np.full((3, 3, 4), 1000.0), np.ones((3, 3, 4))),
        "flatten": nir.Flatten({"input": np.array([3, 3, 4])}, 0, -1),
        "fc": graphs.linear(3, 36),
        "lif": graphs.lif(3),
        "output": nir.Output({"output": np.array([3])}),
    }
    names = list(nodes)
    file = graphs.write(shell.folder / "g.nir", nodes, list(itertools.pairwise(names)))
    with h5py.File(file, "a") as stored:
        del stored["node/nodes/input/shape"], stored["node/nodes/conv/input_shape"]
    spikes = graphs.spikes(3, 10, 40).reshape(3, 10, 2, 4, 5)
    np.savez(shell.folder / "d.npz", spikes=spikes, labels=graphs.labels(3))
    return file


@pytest.mark.usefixtures("image")
@pytest.mark.parametrize("verb", VERBS)
def test_a_graph_without_its_input_shape(shell: Shell, verb: str) -> None:
    said = shell(verb, *VERBS[verb], "--json")
    if verb == "inspect":
        assert said.status == 1
        assert "give --input-shape" in " ".join(one["remedy"] for one in said.json["problems"])
    else:
        assert said.status == 2
        assert "input has no shape, and what comes after does not tell it; give --input-shape" in said.err
    assert shell(verb, *VERBS[verb], "--input-shape", SHAPE, "--json").status == 0
    refused = shell(verb, *VERBS[verb], "--input-shape", "2,four,5", "--json")
    assert (refused.status, refused.out) == (2, "")
    assert "found --input-shape 2,four,5, whole numbers from 1 are needed" in refused.err


@pytest.mark.usefixtures("image")
def test_a_wrong_shape_is_refused_by_the_first_layer_that_cannot_take_it(shell: Shell) -> None:
    shell.refuses("compile", *VERBS["compile"], "--input-shape", "2,9,5", says="has 36 neurons, 96 inputs arrive")


@pytest.mark.usefixtures("image")
def test_the_shape_is_kept_by_what_is_written(shell: Shell) -> None:
    shell.works("convert", "g.nir", "whole.nir", "--dt", "1e-3", "--input-shape", SHAPE)
    first = shell.works("compile", "whole.nir", "--out", "p.npz")
    second = shell.works("compile", "g.nir", "--dt", "1e-3", "--out", "q.npz", "--input-shape", SHAPE)
    assert first["program"] == second["program"]


@pytest.mark.usefixtures("image")
@pytest.mark.parametrize("verb", ["simulate", "profile", "fit", "convert"])
def test_a_program_carries_its_own_shapes(shell: Shell, verb: str) -> None:
    shell.works("compile", *VERBS["compile"], "--input-shape", SHAPE)
    rest = {"fit": (), "convert": ("q.nir",)}.get(verb, ("--data", "d.npz"))
    says = "input-shape.*leave it out|leave --input-shape out"
    shell.refuses(verb, "p.npz", *rest, "--input-shape", SHAPE, says=says)
