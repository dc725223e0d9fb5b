"""What report.json says of a module that was deployed, as of a run without its training; the numbers of pictures."""

import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

import numpy as np

from neurodeploy import __version__
from neurodeploy.backends.table import FIXED
from neurodeploy.backends.trace import Trace
from neurodeploy.certificate.certify import FLOAT
from neurodeploy.data.stream import SampleSource
from neurodeploy.graph.network import Network
from neurodeploy.hardware.chips import chip_named
from neurodeploy.mapping.compile import Compiled
from neurodeploy.mapping.discretize_dynamics import pole_errors
from neurodeploy.pipeline.costs import measured, recorded
from neurodeploy.pipeline.samples import CALIBRATION_FILE, TEST_FILE
from neurodeploy.program.program import Program
from neurodeploy.report.sections import MOST_NEURONS
from neurodeploy.report.words import class_name

BINS = 60
"""Of the histograms of weights."""

FILES = ("model.nir", "program.npz", "certificate.json", "report.json", TEST_FILE, CALIBRATION_FILE)
"""Of a deployment's folder."""


def made_by(**more: str) -> dict[str, Any]:
    """Return the version that makes a report, when, and with which others.

    Args:
        more: Versions beside our own dependencies'.
    """
    versions = {name: metadata.version(name) for name in ("numpy", "torch", "lightning", "nir")}
    return {
        "neurodeploy": __version__,
        "made": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": versions | {"python": platform.python_version()} | more,
    }


def report_of(
    network: Network,
    made: Compiled,
    certificate: dict[str, Any],
    samples: SampleSource,
    *,
    chip: str,
    own_B: np.ndarray | None,
    n_calibration: int,
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return the report of a deployed network; the integers run once more, to be counted and drawn.

    Args:
        network: As it was read.
        made: What it became.
        samples: Those certified on, with the labels of the certificate.
        own_B: The module's own classes of them; None where it has none.
        n_calibration: Samples that precision was chosen on.
    """
    program = made.program
    done, counts, priced = measured(program, samples, chip_named(chip))
    predictions = ({} if own_B is None else {FLOAT: own_B}) | {FIXED: done.predictions_B}
    accuracy: dict[str, float | None] = {"ptq": None, "quantised": None}  # stages of a run alone
    accuracy |= {stage["name"]: stage["accuracy"] for stage in certificate["stages"]}
    if own_B is not None:
        accuracy[FLOAT] = float((own_B == samples.labels_B).mean())
    plan = made.plan
    return made_by() | {
        "data": {"name": samples.name, "sha256": samples.digest()},
        "lava": {"ran": "lava" in accuracy, "reason": "deploy was not asked for it"},
        "recipe": {"name": network.name, "chip": chip, "description": "A module of PyTorch, deployed"},
        "accuracy": accuracy,
        "samples": {"calibration": n_calibration, "test": len(samples)},
        "class_names": list(samples.class_names),
        "classes": classes(samples.labels_B, predictions, samples.class_names),
        "certificate": certificate,
        "counts": counts.to_dict(),
        **priced.to_dict(),
        "devices": None,
        "synops_per_sample": counts.synops_per_sample,
        "energy_j": priced.energy_j,
        "training": {"epochs": []},
        "initial_state": {"float": "zero", "integer": "zero"},
        "quantisation": {"plan": plan.to_dict(), "fine_tuning": None, "poles": pole_errors(network.populations, plan)},
        "files": FILES,
        "notes": list(notes),
        "plots": plots(
            in_thresholds(network), in_thresholds(made.quantised), program, recorded(program, samples)[0], samples
        ),
    }


def in_thresholds(network: Network) -> dict[str, np.ndarray]:
    """Return the weights of each connection by what they move their target's potential, in thresholds."""
    return {one.name: one.weight * one.per_row(network.population(one.target).weight_gain) for one in network.synapses}


def plots(
    before: Mapping[str, np.ndarray],
    after: Mapping[str, np.ndarray],
    program: Program,
    trace: Trace,
    test: SampleSource,
) -> dict[str, Any]:
    """Return rasters of two samples, and histograms of the weights before and after quantisation.

    Args:
        before, after: Weights in thresholds, by connection.
        trace: The integer run on `test`, recorded.
    """
    shown = _shown(test.labels_B[: trace.n_recorded], trace.predictions_B)
    rasters = [raster(program, trace, test, one) for one in shown]
    weights = [{"name": name} | _histograms(before[name], after[name]) for name in before]
    return {"rasters": rasters, "weights": weights}


def classes(labels_B: np.ndarray, predictions: dict[str, np.ndarray], names: Sequence[str]) -> dict[str, Any]:
    """Return how often each class is recognised.

    Args:
        predictions: Of each stage (B,), by its name; the confusions are the last one's.
        names: Of the classes; empty where they have none.

    Returns:
        `rows` [{name, samples, accuracy by stage (None without samples)}], and `confusion`: rows of labels, columns of
        predictions, how many samples.
    """
    n_classes = 1 + max(int(labels_B.max()), len(names) - 1, *(int(one.max()) for one in predictions.values()))
    confusion = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(confusion, (labels_B, list(predictions.values())[-1]), 1)
    rows = []
    for label in range(n_classes):
        own_B = labels_B == label
        found = {
            stage: float((one[own_B] == label).mean()) if own_B.any() else None for stage, one in predictions.items()
        }
        rows.append({"name": class_name(label, list(names)), "samples": int(own_B.sum()), "accuracy": found})
    return {"rows": rows, "confusion": confusion.tolist()}


def _shown(labels_B: np.ndarray, predictions_B: np.ndarray) -> list[int]:
    """Return the first sample, and the first that is wrong where it is right (or the other way), else of another class.

    >>> _shown(np.array([0, 0, 1, 2]), np.array([0, 0, 1, 1])), _shown(np.array([4, 4, 2]), np.array([4, 4, 2]))
    ([0, 3], [0, 2])
    """
    right_B = predictions_B[: len(labels_B)] == labels_B
    others = [*np.flatnonzero(right_B != right_B[0]), *np.flatnonzero(labels_B != labels_B[0])]
    return [0, *map(int, others[:1])]


def raster(program: Program, trace: Trace, test: SampleSource, sample: int) -> dict[str, Any]:
    """Return one sample's spikes, of the input and of every layer, by their steps and neurons."""
    rows = [{"name": "input", "neurons": test.n_inputs, "start": 0} | _events(test.at([sample]).spikes_BTI[0])]
    for layer in program.layers:
        spikes_TN = trace.layers[layer.name].spikes_BTN[sample]
        rows.append({"name": layer.name, "neurons": layer.n_neurons, "start": layer.start} | _events(spikes_TN))
    return {
        "sample": sample,
        "label": int(test.labels_B[sample]),
        "prediction": int(trace.predictions_B[sample]),
        "steps": program.n_steps(trace.n_input_steps),
        "layers": rows,
    }


def _histograms(before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    most = float(max(np.abs(before).max(), np.abs(after).max(), 1e-9))
    edges = np.linspace(-most, most, BINS + 1)
    return {
        "edges": edges.tolist(),
        "before": np.histogram(before, edges)[0].tolist(),
        "after": np.histogram(after, edges)[0].tolist(),
        "levels": len(np.unique(after)),
        "zeros": float((after == 0).mean()),
    }


def _events(spikes_TN: np.ndarray) -> dict[str, Any]:
    steps, neurons = np.nonzero(spikes_TN[:, :MOST_NEURONS])
    return {"steps": steps.tolist(), "indices": neurons.tolist()}
