"""Counts and real values go through files, batches and simulations as they are, and not where they do not belong."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch

from neurodeploy import Events
from neurodeploy.backends.trace import check_spikes
from neurodeploy.data.binning import Binning
from neurodeploy.data.files import open_file
from neurodeploy.data.frames import events_to_frames
from neurodeploy.data.spikes import SpikeData
from neurodeploy.data.stream import SampleSource, from_memory
from neurodeploy.errors import DataError
from neurodeploy.formats.lava_dl.read import read_net
from neurodeploy.graph.files import write_graph
from neurodeploy.graph.metadata import wrapped
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.inputs import read_network
from neurodeploy.pipeline.samples import samples_for
from neurodeploy.program.file import write_program
from neurodeploy.training.batches import loader
from neurodeploy.verbs.certify import certify
from neurodeploy.verbs.compile import compile
from neurodeploy.verbs.convert import convert
from neurodeploy.verbs.profile import profile
from neurodeploy.verbs.simulate import simulate
from tests.cli.graphs import lif
from tests.data import cameras
from tests.data.official import events, write_part
from tests.mapping import nets

BINNING = Binning(40, 1.0, 5)
LABELS = np.arange(6) % 2


def batch_of(data: SampleSource, size: int = 10) -> torch.Tensor:
    return next(iter(loader(data, size)))[0]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_values_reach_training_as_they_are(kind: Any) -> None:
    values = np.random.default_rng(0).integers(0, 200, (6, 4, 3)).astype(kind)
    values[0, 0, 0] = np.iinfo(np.uint16).max if kind == np.uint16 else 255
    if kind == np.float32:
        values -= 100.5
    found = batch_of(from_memory(SpikeData("test", values, LABELS)))
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found.numpy(), values.astype(np.float64))


def test_a_batch_is_as_long_as_its_longest_sample() -> None:
    values = np.ones((6, 9, 2), np.float32)
    data = from_memory(SpikeData("test", values, LABELS, kind="real", lengths_B=np.array([2, 5, 3, 9, 1, 4])))
    assert [one.shape[1] for one, _ in loader(data, 2)] == [5, 9, 4]
    source = data.take([1, 2, 4])
    assert batch_of(source).shape == (3, 5, 2)
    assert source.kind == "real"
    assert [one.lengths_B.tolist() for one in source.batches(2)] == [[5, 3], [1]]  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int64, np.float64])
def test_dense_files_may_hold_counts_where_the_network_takes_them(tmp_path: Path, kind: Any) -> None:
    counts = np.random.default_rng(0).integers(0, 9, (6, 40, 140)).astype(kind)
    np.savez(tmp_path / "data.npz", spikes=counts, labels=LABELS)
    found = open_file(tmp_path / "data.npz", dt_s=None, n_channels=140, binning=BINNING)
    np.testing.assert_array_equal(found.whole().spikes_BTI, counts)
    assert found.kind == "counts"
    for binning in (None, Binning(40, 1.0, 5, counts=False)):
        with pytest.raises(DataError, match=r"sample 0 holds values from 0.* to 8.*, only 0 and 1 are allowed"):
            open_file(tmp_path / "data.npz", dt_s=None, n_channels=140, binning=binning).whole()


@pytest.mark.parametrize("value", [-1, 70_000, 1 - (1 << 23), (1 << 23) - 1])
def test_dense_files_hold_what_arrays_may(tmp_path: Path, value: int) -> None:
    """Values of images are whole numbers of 24 signed bits, as `check_spikes` takes them."""
    values = np.zeros((2, 4, 3), np.float32)
    values[1, 0, 0] = value
    np.savez(tmp_path / "data.npz", spikes=values, labels=[0, 1])
    found = open_file(tmp_path / "data.npz", dt_s=None, n_channels=3, counts=True).whole().spikes_BTI
    np.testing.assert_array_equal(found, check_spikes(values, 3, "array", graded=True))


@pytest.mark.parametrize("value", [-(1 << 23) - 1.0, 0.5, float(1 << 23), np.nan])
def test_what_is_no_count_is_told(tmp_path: Path, value: float) -> None:
    counts = np.zeros((6, 4, 3))
    counts[4, 0, 0] = value
    np.savez(tmp_path / "data.npz", spikes=counts, labels=LABELS)
    with pytest.raises(DataError, match=r"data.npz: sample 4 holds values .*, whole numbers from -8388608 to 8388607"):
        open_file(tmp_path / "data.npz", dt_s=None, n_channels=3, binning=BINNING).whole()


def graph(path: Path, n_classes: int = 3, dt_s: float = BINNING.dt_s, n_inputs: int = 140, **metadata: Any) -> Path:
    """Write channels -> LIF neurons that carries the metadata."""
    neurons = lif(n_classes, tau=10 * dt_s * np.ones(n_classes), v_threshold=3 * np.ones(n_classes))
    weight = np.random.default_rng(3).normal(0.1, 0.3, (n_classes, n_inputs)).astype(np.float32)
    nodes = {
        "input": nir.Input({"input": np.array([n_inputs])}),
        "fc1": nir.Linear(weight=weight),
        "lif1": neurons,
        "output": nir.Output({"output": np.array([n_classes])}),
    }
    entries = wrapped(format=1, dt_s=dt_s, time_unit="s", integration="forward_euler", **metadata)
    write_graph(path, nir.NIRGraph(nodes, list(itertools.pairwise(nodes)), metadata=entries, type_check=False))
    return path


CARRIED: dict[str, Any] = {"binning": "paper", "n_steps": 40, "max_time_s": 1.0, "spatial_bin": 5, "counts": True}


@pytest.mark.parametrize("backend", ["reference", "fixed"])
def test_files_and_events_are_binned_as_the_graph_says(tmp_path: Path, backend: str) -> None:
    times, units = events(12, 5, n_events=400)
    path = write_part(tmp_path / "mine.h5", 12, 3, seed=0, times=times, units=units)
    file = graph(tmp_path / "counts.nir", **CARRIED)
    network = read_network(file, GraphOptions(reset="zero"))
    counts = samples_for(str(path), network).whole().spikes_BTI
    assert (counts.shape, counts.max() > 1) == ((12, 40, 140), True)
    dense = simulate(file, counts, backend=backend, reset="zero", record=True)
    timed = simulate(file, Events(times_s=times, units=units), backend=backend, reset="zero", record=True)
    np.testing.assert_array_equal(timed.layers["lif1"].v_BTN, dense.layers["lif1"].v_BTN)
    assert dense.counts["lif1"].sum() > 20
    found = simulate(file, str(path), backend=backend, reset="zero")
    assert found["accuracy"] == (dense.predictions_B == np.arange(12) % 3).mean()
    cut = simulate(file, np.minimum(counts, 1), backend=backend, reset="zero", record=True)
    assert (cut.layers["lif1"].v_BTN != dense.layers["lif1"].v_BTN).any()


def test_a_program_bins_as_the_graph_that_it_was_compiled_from(tmp_path: Path) -> None:
    """From its file, and through a .nir file and back; whatever the data are."""
    times, units = events(12, 5, n_events=400)
    path = write_part(tmp_path / "mine.h5", 12, 3, seed=0, times=times, units=units)
    file = graph(tmp_path / "counts.nir", **CARRIED)
    compile(file, out=tmp_path / "p.npz", reset="zero")
    convert(tmp_path / "p.npz", out=tmp_path / "p.nir")
    convert(tmp_path / "p.nir", out=tmp_path / "again.npz")
    counts = samples_for(str(path), read_network(file, GraphOptions(reset="zero"))).whole()
    np.savez(tmp_path / "dense.npz", spikes=counts.spikes_BTI, labels=counts.labels_B)
    wanted = simulate(file, str(path), reset="zero")
    for program in ("p.npz", "again.npz"):
        for data in (path, tmp_path / "dense.npz"):
            found = simulate(tmp_path / program, data)
            assert [found[key] for key in ("accuracy", "synops_per_sample", "steps")] == [
                wanted[key] for key in ("accuracy", "synops_per_sample", "steps")
            ]
            assert profile(tmp_path / program, data)["synops_per_sample"] == wanted["synops_per_sample"]
    dense = simulate(file, counts.spikes_BTI, reset="zero", record=True)
    timed = simulate(tmp_path / "p.npz", Events(times_s=times, units=units), record=True)
    np.testing.assert_array_equal(timed.layers["lif1"].v_BTN, dense.layers["lif1"].v_BTN)


def test_pictures_are_taken_from_files_as_from_python(tmp_path: Path) -> None:
    """A lava-dl network whose input layer takes whole numbers of either sign, in (samples, steps, C, Y, X)."""
    program = read_net(nets.write(tmp_path / "n.net", *nets.image()))
    write_program(tmp_path / "p.npz", program)
    pictures = np.random.default_rng(0).integers(-300, 300, (3, 5, *program.input_shape))
    np.savez(tmp_path / "pictures.npz", spikes=pictures, labels=[0, 1, 0])
    trace = simulate(tmp_path / "p.npz", pictures, record=True)
    found = simulate(tmp_path / "p.npz", tmp_path / "pictures.npz", traces=tmp_path / "t.npz")
    assert found["accuracy"] == (trace.predictions_B == [0, 1, 0]).mean()
    with np.load(tmp_path / "t.npz") as stored:
        np.testing.assert_array_equal(stored["conv1/v"], trace.layers["conv1"].v_BTN)
    both = [profile(tmp_path / "p.npz", one)["synops_per_sample"] for one in (pictures, tmp_path / "pictures.npz")]
    assert both[0] == both[1] > 0


def test_a_program_of_counts_without_a_binning_counts_events(tmp_path: Path) -> None:
    times, units = events(4, 1, n_events=400)
    path = write_part(tmp_path / "mine.h5", 4, 3, seed=0, times=times, units=units)
    binary, counts = (open_file(path, dt_s=0.05, n_channels=700, counts=one).whole() for one in (False, True))
    assert (binary.kind, counts.kind) == ("binary", "counts")
    np.testing.assert_array_equal(np.minimum(counts.spikes_BTI, 1), binary.spikes_BTI)
    assert counts.spikes_BTI.sum() == sum(map(len, times))


def test_events_in_steps_are_counted_where_the_network_takes_counts(tmp_path: Path) -> None:
    file = graph(tmp_path / "counts.nir", **CARRIED)
    twice = Events(steps=[[3, 3, 4]], units=[[7, 7, 139]], n_steps=40)
    counts = np.zeros((1, 40, 140), np.uint8)
    counts[0, 3, 7], counts[0, 4, 139] = 2, 1
    found, dense = (simulate(file, one, backend="reference", reset="zero", record=True) for one in (twice, counts))
    np.testing.assert_array_equal(found.layers["lif1"].v_BTN, dense.layers["lif1"].v_BTN)


EVENTS: dict[str, tuple[dict[str, Any], str]] = {
    "other steps": ({"n_steps": 41}, "events: n_steps is 41, the network was made for 40; leave it out"),
    "other channels": ({"n_channels": 140}, "events: n_channels is 140, the network was made for 700"),
    "backwards": ({"times_s": [[0.2, 0.1]]}, "events: sample 0 has times that go backwards"),
    "late unit": ({"units": [[1, 700]]}, r"events: sample 0 has units 1\.\.700, 0\.\.699 are allowed"),
}


@pytest.mark.parametrize("case", EVENTS, ids=lambda name: name.replace(" ", "-"))
def test_events_that_the_binning_does_not_take_are_told(tmp_path: Path, case: str) -> None:
    changed, says = EVENTS[case]
    given: dict[str, Any] = {"times_s": [[0.1, 0.2]], "units": [[1, 2]]} | changed
    with pytest.raises(DataError, match=f"^{says}"):
        simulate(graph(tmp_path / "counts.nir", **CARRIED), Events(**given), backend="reference", reset="zero")


@pytest.mark.data
def test_counts_are_refused_where_the_network_takes_spikes(tmp_path: Path) -> None:
    options = GraphOptions(reset="zero")
    with pytest.raises(DataError, match=r"its steps last 4.016 ms, those of .* 25.64 ms; name the .nir file"):
        samples_for("fsdd_spikes", read_network(graph(tmp_path / "binary.nir", 10), options))
    with pytest.raises(DataError, match=r"fsdd_spikes \(test\): channels hold counts of events, .* takes 0 or 1"):
        samples_for("fsdd_spikes", read_network(graph(tmp_path / "binary.nir", 10, 1 / 249), options))


@pytest.mark.data
def test_a_graph_is_tested_on_the_part_that_its_own_partition_leaves(tmp_path: Path) -> None:
    entries = CARRIED | {"n_steps": 300, "max_time_s": 1.2, "dataset": "speech_commands_spikes"}
    for partition, n_samples in (("ssc", 291), ("official", 200), ("speakers", 361)):
        file = graph(tmp_path / "some.nir", 35, 1.2 / 299, **entries, partition=partition)
        assert len(samples_for("speech_commands_spikes", read_network(file, GraphOptions(reset="zero")))) == n_samples


def test_a_folder_of_recordings_is_cut_as_the_graph_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path / "cache"))
    folder = cameras.write(tmp_path / "digits", cameras.nmnist())
    carried = CARRIED | {"binning": "time", "n_steps": 6, "max_time_s": 0.3, "spatial_bin": 1}
    file = graph(tmp_path / "counts.nir", 10, 0.05, 2312, **carried)
    found = samples_for(str(folder), read_network(file, GraphOptions(reset="zero")))
    files = list(cameras.nmnist())
    for digit in (0, 7):
        events = cameras.events(files.index(f"Test/{digit}/00001.bin"))
        expected = events_to_frames(events, 6, "time", shape=(34, 34)).reshape(6, -1)
        np.testing.assert_array_equal(found.at([digit]).spikes_BTI[0], expected)
    with pytest.raises(DataError, match=r"its steps last 30 ms, those of .* 1 ms; name the .nir file of a run"):
        samples_for(str(folder), read_network(graph(tmp_path / "ms.nir", 10, 1e-3, 2312), GraphOptions(reset="zero")))
    result = simulate(file, str(folder), backend="reference", reset="zero")
    assert result["samples"] == 10
    assert "parts: official (the folders Train and Test)" in result["data_notes"]


def test_results_name_what_is_to_be_said_of_their_data(tmp_path: Path) -> None:
    times, units = events(12, 5)
    path = write_part(tmp_path / "mine.h5", 12, 3, seed=0, times=times, units=units)
    file = graph(tmp_path / "counts.nir", **CARRIED)
    dropped = sum(int((one >= 1.0).sum()) for one in times)
    note = f"mine.h5: dropped {dropped:,} events after the last step"
    assert simulate(file, str(path), backend="reference", reset="zero")["data_notes"][0] == note
    assert note in certify(file, str(path), backends=("reference", "fixed"), reset="zero")["notes"]
