"""A graph run in each framework, by its own importer: the same spikes as our reference, or one line."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest

from neurodeploy.backends import reference
from neurodeploy.errors import DataError, FrameworkError, GraphError
from neurodeploy.frameworks.run import FRAMEWORKS, run_graph
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.installed import installed

DT_S = 1e-4


def lif_graph(**lif: float) -> nir.NIRGraph:
    """Three inputs, an Affine, and two LIF neurons whose numbers every importer takes."""
    rng = np.random.default_rng(3)
    ones = np.ones(2, np.float32)
    values = {"tau": 8 * DT_S, "r": 8.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0} | lif
    nodes = {
        "affine": nir.Affine(rng.normal(0.3, 0.4, (2, 3)).astype(np.float32), np.full(2, 0.05, np.float32)),
        "input": nir.Input({"input": np.array([3])}),
        "lif": nir.LIF(**{key: np.float32(value) * ones for key, value in values.items()}),
        "output": nir.Output({"output": np.array([2])}),
    }
    return nir.NIRGraph(nodes, [("input", "affine"), ("affine", "lif"), ("lif", "output")])


def spikes(*shape: int, rate: float = 0.5) -> np.ndarray:
    return (np.random.default_rng(5).random(shape) < rate).astype(np.uint8)


@pytest.mark.parametrize("framework", ["snntorch", "norse", "spikingjelly"])
def test_spikes_of_a_lif_are_those_of_the_reference(framework: str, tmp_path: Path) -> None:
    if not installed(framework):
        pytest.skip(f"{framework} is not installed")
    path, inputs = tmp_path / "lif.nir", spikes(3, 60, 3)
    graph = lif_graph(r=1.0, v_threshold=0.2) if framework == "norse" else lif_graph()
    write_graph(path, graph)
    expected = reference.run(discretised(read_graph(path), dt_s=DT_S), inputs, record=True).layers["lif"].spikes_BTN
    for given in (path, graph):
        found = run_graph(framework, given, inputs, dt_s=DT_S, batch_size=2)
        assert found.spikes["lif"].shape == (3, 60, 2)
        np.testing.assert_array_equal(found.spikes["lif"], expected)
        np.testing.assert_array_equal(found.output_BTN, expected)
    assert 0.05 < expected.mean() < 0.95


@pytest.mark.parametrize("framework", ["snntorch", "norse", "spikingjelly"])
def test_a_second_run_starts_from_rest(framework: str) -> None:
    if not installed(framework):
        pytest.skip(f"{framework} is not installed")
    inputs = spikes(1, 20, 3)
    twice = run_graph(framework, lif_graph(), np.repeat(inputs, 2, axis=0), dt_s=DT_S, batch_size=1)
    np.testing.assert_array_equal(twice.output_BTN[0], twice.output_BTN[1])


def test_nirtorch_alone_says_which_node_it_does_not_know() -> None:
    pytest.importorskip("nirtorch")
    with pytest.raises(FrameworkError, match=r"^nirtorch: node lif: .*Unknown node type"):
        run_graph("nirtorch", lif_graph(), spikes(1, 4, 3), dt_s=DT_S)


def test_a_value_that_an_importer_refuses_is_one_line_with_its_node() -> None:
    pytest.importorskip("spikingjelly")
    with pytest.raises(FrameworkError, match=r"^spikingjelly: node lif: .*v_leak must equal v_reset") as found:
        run_graph("spikingjelly", lif_graph(v_leak=0.5), spikes(1, 4, 3), dt_s=DT_S)
    assert "\n" not in str(found.value)


def test_inputs_that_do_not_fit_and_unknown_names_are_refused() -> None:
    with pytest.raises(FrameworkError, match="did you mean 'snntorch'"):
        run_graph("sntorch", lif_graph(), spikes(1, 4, 3), dt_s=DT_S)
    with pytest.raises(DataError, match=r"takes \(samples, steps, 3\)"):
        run_graph("norse", lif_graph(), spikes(1, 4, 2), dt_s=DT_S)


def test_what_nirs_own_reader_refuses_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "no.nir"
    path.write_bytes(b"no HDF5")
    with pytest.raises(
        GraphError, match=r"NIR's own reader refuses it .*inspect writes a file that it takes, with repair="
    ):
        run_graph("norse", path, spikes(1, 4, 3), dt_s=DT_S)


def test_a_framework_that_is_absent_is_told_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for framework in FRAMEWORKS:
        assert not installed(framework)
        with pytest.raises(FrameworkError, match="which is not installed; run: neurodeploy frameworks setup"):
            run_graph(framework, lif_graph(), spikes(1, 4, 3), dt_s=DT_S)
