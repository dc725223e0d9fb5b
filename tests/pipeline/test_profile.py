"""`profile` puts together what its parts say of one run, from data or from recorded traces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import neurodeploy
from neurodeploy.backends import fixed
from neurodeploy.errors import DataError
from neurodeploy.pipeline import batches, costs
from neurodeploy.program.file import write_program
from neurodeploy.program.program import Program
from tests.backends.lava_support import random_spikes, small_network
from tests.cli import graphs

SPIKES = random_spikes(3, n_samples=23, n_steps=14, n_inputs=5).astype(np.uint8)
LABELS = np.arange(23) % 3


@pytest.fixture
def program() -> Program:
    return small_network(4)


@pytest.fixture
def file(program: Program, tmp_path: Path) -> Path:
    write_program(tmp_path / "program.npz", program)
    np.savez(tmp_path / "data.npz", spikes=SPIKES, labels=LABELS)
    return tmp_path / "program.npz"


def data(file: Path) -> Path:
    return file.parent / "data.npz"


def test_counts_are_those_of_every_spike(program: Program, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = neurodeploy.profile(file, data(file))
    trace = fixed.run(program, SPIKES, record=True, engine="plain")
    sent = {"input": SPIKES, **{name: one.spikes_BTN for name, one in trace.layers.items()}}
    synops_B = sum((sent[one.source] != 0).sum(axis=1) @ (one.weight != 0).sum(axis=0) for one in program.connections)
    assert whole["synops_per_sample"] == np.mean(synops_B) > 0
    assert whole["synops"]["min"] == np.min(synops_B)
    assert whole["accuracy"] == trace.accuracy(LABELS)
    monkeypatch.setattr(batches, "BATCH_BYTES", 4 * 14 * 5)
    assert neurodeploy.profile(file, data(file)) == whole


def test_headlines_are_those_of_the_parts(file: Path) -> None:
    found = neurodeploy.profile(file, data(file))
    assert found["energy_j"] == found["energy"]["energy_j"]
    assert found["unpriced"] == found["energy"]["unpriced"]
    assert found["latency_s"] == found["latency"]["latency_s"] > 0
    assert found["latency"]["exact"]
    assert found["fit"]["program"] == found["program"]
    assert found["energy"]["static_j"] is not None  # the latency reached the energy
    terms = {term["term"] for model in found["energy"]["models"] for term in model["terms"]}
    assert "synop" in terms


def test_recorded_traces_cost_what_their_run_costs(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traces = file.parent / "traces.npz"
    neurodeploy.simulate(file, data(file), traces=traces)
    monkeypatch.setattr(costs, "SAMPLES", 23)
    run, again = neurodeploy.profile(file, data(file)), neurodeploy.profile(file, traces=traces)
    other = {"accuracy", "data", "notes"}
    assert {key: again[key] for key in again.keys() - other} == {key: run[key] for key in run.keys() - other}


def test_traces_of_another_program_are_refused(file: Path) -> None:
    traces = file.parent / "traces.npz"
    neurodeploy.simulate(file, data(file), traces=traces)
    other = file.parent / "other.npz"
    write_program(other, small_network(5))
    with pytest.raises(DataError, match=r"^[^\n]*traces.npz: is a run of another Program \([^\n]*; record it with"):
        neurodeploy.profile(other, traces=traces)
    neurodeploy.simulate(file, data(file), traces=traces, overwrite=True, probes=["readout"])
    with pytest.raises(DataError, match=r"holds no whole run of a Program \(input/spikes is absent\)"):
        neurodeploy.profile(file, traces=traces)
    traces.write_bytes(traces.read_bytes()[:200])
    with pytest.raises(DataError, match=r"is a damaged \.npz"):
        neurodeploy.profile(file, traces=traces)


def test_a_lost_or_cut_layer_is_named(file: Path) -> None:
    traces = file.parent / "traces.npz"
    neurodeploy.simulate(file, data(file), traces=traces)
    with np.load(traces) as stored:
        arrays = dict(stored)
    np.savez(traces, **{key: one for key, one in arrays.items() if key != "readout/v"})
    with pytest.raises(DataError, match="readout/v is absent"):
        neurodeploy.profile(file, traces=traces)
    np.savez(traces, **arrays | {"readout/u": arrays["readout/u"][:, :3]})
    with pytest.raises(DataError, match=r"readout/u is of shape \(23, 3"):
        neurodeploy.profile(file, traces=traces)


def test_a_chip_that_takes_no_program_has_energies_only(file: Path) -> None:
    found = neurodeploy.profile(file, data(file), chip="truenorth")
    assert found["fit"] is found["latency"] is found["latency_s"] is None
    assert found["energy_j"]["low"] > 0


def test_a_network_that_does_not_fit_is_still_counted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = Path(neurodeploy.__file__).parent / "hardware" / "chips" / "loihi1.toml"
    chip = file.parent / "small.toml"
    text = shipped.read_text().replace('name = "loihi1"', 'name = "small"')
    assert "input_axons_per_core = { value = 4096" in text
    chip.write_text(text.replace("input_axons_per_core = { value = 4096", "input_axons_per_core = { value = 1"))
    found = neurodeploy.profile(file, data(file), chip=chip)
    assert not found["fit"]["fits"]
    assert "input axons" in found["fit"]["problems"][0]
    assert found["latency"] is None
    assert found["energy_j"]["low"] > 0


def test_a_graph_and_a_run_folder_are_taken_too(tmp_path: Path) -> None:
    graph = graphs.write_good(tmp_path / "model.nir")
    samples = graphs.write_data(tmp_path / "data.npz")
    one = neurodeploy.profile(graph, samples, dt_s=1e-3)
    other = neurodeploy.profile(tmp_path, samples, dt_s=1e-3)
    assert {**one, "file": ""} == {**other, "file": ""}


def test_data_and_traces_exclude_each_other(file: Path) -> None:
    with pytest.raises(DataError, match="profile: found no data; name a dataset or a file with data="):
        neurodeploy.profile(file)
    with pytest.raises(DataError, match="found both data= and traces="):
        neurodeploy.profile(file, data(file), traces=file)
    with pytest.raises(DataError, match="limit=, threads= and engine= are for data="):
        neurodeploy.profile(file, traces=file, limit=3)
