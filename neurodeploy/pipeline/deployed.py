"""What report.json says of a module that was deployed: as of a run, without its training."""

import platform
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

import numpy as np

from neurodeploy import __version__
from neurodeploy.backends.table import FIXED
from neurodeploy.certificate.certify import FLOAT
from neurodeploy.data.stream import SampleSource
from neurodeploy.graph.network import Network
from neurodeploy.hardware.chips import chip_named
from neurodeploy.mapping.compile import Compiled
from neurodeploy.mapping.discretize_dynamics import pole_errors
from neurodeploy.pipeline.costs import measured, recorded
from neurodeploy.pipeline.plots import classes, plots
from neurodeploy.pipeline.samples import TEST_FILE

FILES = ("model.nir", "program.npz", "certificate.json", "report.json", TEST_FILE)
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
