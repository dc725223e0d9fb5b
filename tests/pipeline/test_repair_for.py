"""`inspect --repair OUT --for FRAMEWORK`: what is written, what is said of it, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import neurodeploy
from neurodeploy.backends import reference
from neurodeploy.conformance.frameworks.cases import all_cases
from neurodeploy.errors import FrameworkError, GraphError
from neurodeploy.files import check_target
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.installed import installed
from neurodeploy.pipeline import repair
from tests.cli.support import Shell

EXPORT = Path(__file__).parents[2] / "exports" / "digits" / "w8" / "model.nir"


def written(folder: Path, name: str) -> tuple[Path, float, str]:
    case = next(one for one in all_cases() if one.name == name)
    path = check_target(folder / "case.nir")
    write_graph(path, case.graph)
    return path, case.dt_s, case.reset


@pytest.mark.parametrize("framework", ["snntorch", "norse", "spikingjelly"])
def test_an_export_of_ours_is_written_for_each_framework(framework: str, tmp_path: Path) -> None:
    out = tmp_path / "out.nir"
    found = neurodeploy.inspect_graph(EXPORT, repair=out, for_framework=framework)
    assert found["ok"]
    assert found["path"] == str(out)
    text = "\n".join(found["repaired"])
    assert "compared: every spike as in the file on the reference" in text
    assert "still otherwise" not in text
    if installed(framework):
        assert found["repaired"][-1].endswith("by its importer: every spike is the file's")
    again = neurodeploy.inspect_graph(out)
    assert again["ok"]
    before, after = discretised(read_graph(EXPORT)), discretised(read_graph(out))
    inputs = (np.random.default_rng(0).random((2, 20, before.n_inputs)) < 0.3).astype(np.uint8)
    mine, theirs = (reference.run(one, inputs, record=True) for one in (before, after))
    for name, layer in mine.layers.items():
        np.testing.assert_array_equal(layer.spikes_BTN, theirs.layers[name].spikes_BTN)


def test_what_stays_otherwise_is_said_with_the_spikes_that_it_costs(tmp_path: Path) -> None:
    path, dt_s, reset = written(tmp_path, "LIF, reset by subtraction")
    found = neurodeploy.inspect_graph(
        path, repair=tmp_path / "o.nir", for_framework="spikingjelly", dt_s=dt_s, reset=reset
    )
    text = "\n".join(found["repaired"])
    assert "still otherwise there, b_lif: neurons get v_reset as a hard reset" in text
    if installed("spikingjelly"):
        assert "% of the spikes are the file's" in found["repaired"][-1]
    path, dt_s, reset = written(tmp_path, "LI")
    found = neurodeploy.inspect_graph(path, repair=tmp_path / "li.nir", for_framework="snntorch", dt_s=dt_s)
    assert "still otherwise there, b_li: snnTorch 1.0.0 has no importer for LI" in "\n".join(found["repaired"])
    if installed("snntorch"):
        assert found["repaired"][-1].startswith("snnTorch does not run it: ")


def test_a_written_graph_with_other_spikes_is_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, dt_s, _ = written(tmp_path, "CubaLIF")
    monkeypatch.setattr(repair, "_on_reference", lambda made, after, run: 0.9)
    with pytest.raises(GraphError, match=r"the written graph has 90\.0% of the file's spikes"):
        neurodeploy.inspect_graph(path, repair=tmp_path / "o.nir", for_framework="norse", dt_s=dt_s)
    assert not (tmp_path / "o.nir").exists()


def test_a_graph_that_does_not_run_is_not_written(tmp_path: Path) -> None:
    path, _, _ = written(tmp_path, "CubaLIF")
    found = neurodeploy.inspect_graph(path, repair=tmp_path / "o.nir", for_framework="norse")  # no time step
    assert found["path"] is None
    assert not (tmp_path / "o.nir").exists()


def test_bad_usage_is_one_line(tmp_path: Path) -> None:
    path, dt_s, _ = written(tmp_path, "CubaLIF")
    with pytest.raises(FrameworkError, match="did you mean 'snntorch'"):
        neurodeploy.inspect_graph(path, repair=tmp_path / "o.nir", for_framework="snTorch", dt_s=dt_s)
    with pytest.raises(GraphError, match="for_framework: needs repair=OUT"):
        neurodeploy.inspect_graph(path, for_framework="norse", dt_s=dt_s)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shell, out = Shell(tmp_path, capsys), tmp_path / "out.nir"
    path, dt_s, _ = written(tmp_path, "LIF, thresholds differ")
    found = shell.works("inspect", path, "--dt", dt_s, "--repair", out, "--for", "snntorch")
    assert found["repaired"][0].startswith("b_lif: gain made 1")
    said = shell("inspect", path, "--dt", dt_s, "--repair", out, "--overwrite", "--for", "snntorch")
    assert said.status == 0
    assert "the rows of the weights before them divided by the old ones" in said.out
    shell.refuses("inspect", path, "--for", "norse", says="--for: needs --repair OUT")
