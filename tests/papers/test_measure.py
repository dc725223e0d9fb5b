"""Measurements behind Figure 3: the counts of the published networks, and the same Program as a run makes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from neurodeploy.backends import reference
from neurodeploy.data.settings import DataSettings
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import compile_network
from neurodeploy.networks.families.silif import SilifModel, SilifSettings, build
from neurodeploy.papers.silif.cases import published_files
from neurodeploy.papers.silif.clips import Clips, calibration_for, clips_named
from neurodeploy.papers.silif.measure import (
    FloatTask,
    IntegerTask,
    PlanTask,
    Subject,
    folded,
    graph_of,
    measure,
    program_of,
)
from neurodeploy.pipeline.conversion import graph_of as run_graph_of
from neurodeploy.pipeline.conversion import put_on_grid
from neurodeploy.pipeline.costs import synops_of
from neurodeploy.progress import silent
from neurodeploy.recipes import Recipe
from tests.networks.synops import synops_per_sample

DIGITS = DataSettings(dataset="digits")
N_INPUTS, N_CLASSES = 64, 10


def made_up(folder: Path, model: SilifModel = "silif", zeros: bool = False) -> Subject:
    """A small untrained network in a file; with `zeros`, half of its weights are."""
    torch.manual_seed(1)
    network = build(SilifSettings(model=model, hidden=(12, 8)), (N_INPUTS,), N_CLASSES, 4e-3)
    with torch.no_grad():
        for layer in network.layers:
            torch.nn.init.normal_(layer.W.weight, std=2.0)  # so that both fire
            layer.W.weight[:, ::2] *= 0 if zeros else 1
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    np.savez(folder / f"{model}.npz", **arrays)
    path = folder / f"{model}.npz"
    return Subject(model, path, hashlib.sha256(path.read_bytes()).hexdigest())


def test_float_counts_are_those_of_every_backend(tmp_path: Path) -> None:
    subject, clips = made_up(tmp_path, zeros=True), Clips("digits", DIGITS, limit=40)
    found = measure(FloatTask(subject, clips, "zero"))
    graph, data = graph_of(folded(subject), clips.dt_s), clips.open().whole()
    counts = synops_of(graph, reference.run(graph, data.spikes_BTI)).to_dict()
    assert found["synops_exact"] == counts["synops_per_sample"]
    assert found["synops_paper"] == counts["by_convention"]["all_weights"]
    network = subject.load().network
    with torch.no_grad():
        answer = network(torch.from_numpy(data.spikes_BTI.astype(np.float32)))
    by_network = synops_per_sample(answer._replace(fed=tuple(answer.fed)), network.widths).numpy()
    assert found["synops_paper"] == by_network.mean()
    assert found["synops_exact"] < 0.6 * found["synops_paper"]
    assert found["samples"] == 40
    assert all(layer["spikes_per_sample"] > 1 for layer in counts["layers"][:2])


def test_random_initial_states_depend_on_their_seed_alone(tmp_path: Path) -> None:
    subject, clips = made_up(tmp_path), Clips("digits", DIGITS, limit=40)
    tasks = [FloatTask(subject, clips, "random", seed) for seed in (3, 4, 3)]
    first, other, again = (measure(task) for task in tasks)
    assert first == again
    assert first["synops_paper"] != other["synops_paper"]


@pytest.mark.parametrize("model", ["cadlif", "csilif"])
def test_the_program_is_the_one_that_a_run_makes(tmp_path: Path, model: SilifModel) -> None:
    subject = made_up(tmp_path, model)
    recipe = Recipe(name="made_up", data=DIGITS, network=SilifSettings(model=model, hidden=(12, 8)))
    on_grid = put_on_grid(subject.load().network, recipe, silent)
    graph = run_graph_of(on_grid.network, recipe, counts=True)
    expected = compile_network(discretised(GraphFile(Path("run"), "run", graph, stores_reset=True)))
    test = Clips("digits", DIGITS)
    plans = measure(PlanTask(subject, calibration_for(test, None, N_INPUTS), test.dt_s, (8,)))["plans"]
    assert program_of(IntegerTask(subject, test, 8, plans["8"])).digest == expected.program.digest


@pytest.mark.data
def test_synops_of_the_published_networks_are_the_recorded_ones() -> None:
    """On SSC's test speakers, by the paper's convention, random initial states of seed 13."""
    clips = clips_named("speech_commands_spikes", "ssc", None, 140)
    assert len(clips.open()) == 291
    assert clips.called(291) == "re-encoded Speech Commands clips, SSC's test speakers, n = 291"
    found = {}
    for name, path in published_files(None, ("cadlif", "silif", "csilif")).items():
        subject = Subject(name, path, hashlib.sha256(path.read_bytes()).hexdigest())
        found[name] = measure(FloatTask(subject, clips, "random", 13))["synops_paper"] / 1e7
    assert found["cadlif"] < found["silif"] < found["csilif"]
    assert found == {
        name: pytest.approx(n, rel=0.01) for name, n in {"cadlif": 0.769, "silif": 0.856, "csilif": 1.146}.items()
    }


@pytest.mark.data
def test_precision_is_chosen_on_training_clips_of_every_word() -> None:
    test = clips_named(None, None, None, 140)
    calibration = calibration_for(test, None, 140)
    assert calibration is not None
    source = calibration.open()
    assert (calibration.where, calibration.split, len(source)) == (test.where, "train", 128)
    assert len(set(source.labels_B.tolist())) >= 20
