"""Samples as a file, an array, a tensor, events, a Dataset, a DataLoader or by a run folder: every verb gives the same.

Axes: B sample, T step, I channel.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import neurodeploy
from neurodeploy.errors import DataError, GraphError
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.inputs import read_network
from neurodeploy.pipeline.samples import outputs
from neurodeploy.program.decode import Decode
from neurodeploy.program.file import read_program
from tests.cli import graphs

SPIKES = (np.random.default_rng(6).random((7, 9, graphs.CHANNELS)) < 0.4).astype(np.uint8)
SPIKES[:, -1, 0] = 1
LABELS = np.arange(7) % graphs.CLASSES
DT = {"dt_s": 1e-3}


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    np.savez(tmp_path / "data.npz", spikes=SPIKES, labels=LABELS)
    return graphs.write_good(tmp_path / "model.nir")


def kinds(folder: Path) -> dict[str, Any]:
    dataset = TensorDataset(torch.from_numpy(SPIKES), torch.from_numpy(LABELS))
    steps = [np.nonzero(one) for one in SPIKES]
    events = neurodeploy.Events(steps=[times for times, _ in steps], units=[units for _, units in steps])
    return {
        "file": folder / "data.npz",
        "array": SPIKES,
        "tensor": torch.from_numpy(SPIKES).float(),
        "events": events,
        "dataset": dataset,
        "loader": DataLoader(dataset, batch_size=3),
        "unlabelled": DataLoader(torch.from_numpy(SPIKES), batch_size=2),  # type: ignore[arg-type]
    }


LABELLED = {"file", "dataset", "loader"}


@pytest.mark.parametrize("kind", ["array", "tensor", "events", "dataset", "loader", "unlabelled"])
def test_every_verb_takes_it(graph: Path, kind: str) -> None:
    given, file = kinds(graph.parent)[kind], graph.parent / "data.npz"
    profiled, expected = (neurodeploy.profile(graph, one, calibrate=one, **DT) for one in (given, file))
    assert profiled["program"] == expected["program"]
    assert profiled["synops_per_sample"] == expected["synops_per_sample"]
    assert profiled["accuracy"] == (expected["accuracy"] if kind in LABELLED else None)
    labels = None if kind in LABELLED else LABELS
    found = neurodeploy.certify(graph, given, labels=labels, max_accuracy_drop=1, limit=5, **DT)
    wanted = neurodeploy.certify(graph, file, max_accuracy_drop=1, limit=5, **DT)
    accuracies = [[stage["accuracy"] for stage in one["stages"]] for one in (found, wanted)]
    assert accuracies[0] == accuracies[1]
    trace = neurodeploy.simulate(graph, given, limit=5, **DT)
    assert trace.n_samples == 5
    assert trace.accuracy(LABELS[:5]) == wanted["stages"][1]["accuracy"]


@pytest.mark.parametrize("labels", [np.full(len(SPIKES), 99), LABELS / 2 + 0.25, LABELS - 9, LABELS[1:]], ids=str)
def test_labels_of_no_class_are_no_accuracy_of_0(graph: Path, labels: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"^labels: "):
        neurodeploy.certify(graph, SPIKES, labels=labels, **DT)


def test_the_classes_are_those_that_the_host_makes(graph: Path) -> None:
    network = read_network(graph, GraphOptions(dt_s=1e-3))
    n_neurons = outputs(network)
    for n_classes in (n_neurons - 1, n_neurons + 1):
        decode = Decode(matrix=((1.0,) * n_neurons,) * n_classes)
        assert outputs(replace(network, decode=decode)) == n_classes


def test_without_labels_the_first_stage_has_its_own_classes(graph: Path) -> None:
    found = neurodeploy.certify(graph, SPIKES, **DT)
    assert found["stages"][0]["accuracy"] == 1
    assert any("no labels were given" in note for note in found["notes"])


def test_a_run_folder_is_a_graph_and_a_program_is_none(graph: Path, tmp_path: Path) -> None:
    made = neurodeploy.compile(graph.parent, out=tmp_path / "program.npz", **DT)
    assert neurodeploy.convert(graph.parent, out=tmp_path / "again.npz", **DT)["program"] == made["program"]
    assert neurodeploy.inspect_graph(graph.parent, **DT)["ok"]
    program = read_program(tmp_path / "program.npz")
    by_object, by_file = (neurodeploy.profile(one, SPIKES) for one in (program, tmp_path / "program.npz"))
    assert by_object["synops_per_sample"] == by_file["synops_per_sample"]
    neurodeploy.convert(program, out=tmp_path / "back.nir")
    for verb in (neurodeploy.compile, neurodeploy.inspect_graph):
        options = {"out": tmp_path / "x.npz"} if verb is neurodeploy.compile else {}
        with pytest.raises(GraphError, match="is an integer Program, a graph is needed; make it one: neurodeploy conv"):
            verb(program, **options)
    with pytest.raises(GraphError, match="is an integer Program; name its"):
        neurodeploy.certify(program, SPIKES)


def test_what_is_no_file_in_place_of_a_graph_is_one_line(tmp_path: Path) -> None:
    verbs = [neurodeploy.simulate, neurodeploy.certify, neurodeploy.profile, neurodeploy.fit]
    for verb in (*verbs, neurodeploy.compile, neurodeploy.convert):
        out = {"out": tmp_path / "x.npz"} if verb in (neurodeploy.compile, neurodeploy.convert) else {}
        data = (SPIKES,) if verb in verbs[:3] else ()
        with pytest.raises(
            GraphError, match=r"file: found ReLU, a \.nir file, a Program .* needed; write a graph with"
        ):
            verb(torch.nn.ReLU(), *data, **out)  # type: ignore[operator]


def test_no_data_and_samples_of_other_shapes_are_one_line(graph: Path) -> None:
    with pytest.raises(DataError, match="certify: found no data; name a dataset or a file with data="):
        neurodeploy.certify(graph, **DT)
    uneven = [(torch.zeros(steps, graphs.CHANNELS), 0) for steps in (3, 4)]
    with pytest.raises(DataError, match="samples cannot be put into a batch"):
        neurodeploy.certify(graph, DataLoader(uneven, batch_size=2), **DT)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="data: spikes have 3 channels, the network takes 4"):
        neurodeploy.certify(graph, SPIKES[..., :3], **DT)


@pytest.mark.parametrize("shape", [(0, 5, graphs.CHANNELS), (2, 0, graphs.CHANNELS)], ids=str)
@pytest.mark.parametrize("verb", [neurodeploy.simulate, neurodeploy.profile, neurodeploy.certify])
def test_nothing_to_run_is_one_line(graph: Path, verb: Any, shape: tuple[int, ...]) -> None:
    says = rf"spikes have shape \({shape[0]}, {shape[1]}, 4\), \(samples, steps, channels\) with at least one each"
    with pytest.raises(DataError, match=says):
        verb(graph, np.zeros(shape, np.uint8), **DT)
