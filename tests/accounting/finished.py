"""A small report.json of a finished run, written by hand, and run folders that hold one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BAND = {"low": 1e-6, "mid": 2e-6, "high": 4e-6}
LATENCY = {"low": 1e-4, "mid": 2e-4, "high": 8e-4}


def finished(**changes: Any) -> dict[str, Any]:
    """Return a fresh report of a run that passed, with everything a budget can ask about.

    Args:
        changes: Top-level keys to take the place of.
    """
    return {
        "neurodeploy": "0.1.0",
        "recipe": {
            "name": "small",
            "chip": "loihi2",
            "data": {"dataset": "digits", "n_steps": None},
            "network": {"hidden": [128]},
            "training": {"epochs": 40, "seed": 0},
            "quantize": {"weight_bits": 8},
            "certificate": {"lava": "auto"},
        },
        "lava": {"ran": True, "reason": ""},
        "accuracy": {"float": 0.975, "ptq": 0.9, "quantised": 0.9625, "reference": 0.9625, "fixed": 0.95, "lava": 1.0},
        "samples": {"train": 100, "validation": 20, "test": 80},
        "certificate": {
            "passed": True,
            "failures": [],
            "samples": 80,
            "bit_exact": {"fixed/lava": True},
            "stages": [
                {"name": "float", "accuracy": 0.975, "accuracy_drop": 0.0, "samples": 80},
                {"name": "fixed", "accuracy": 0.95, "accuracy_drop": 0.025, "samples": 80},
                {"name": "lava", "accuracy": 1.0, "accuracy_drop": -0.0125, "samples": 8},
            ],
        },
        "counts": {
            "convention": "one synop per spike and synapse",
            "samples": 80,
            "steps": 26,
            "synops_per_sample": 1000.0,
            "spikes_per_sample": 60.0,
            "neuron_updates_per_sample": 3588,
            "macs_per_sample": 0,
            "connections": [
                {"name": "fc1", "source": "input", "target": "hidden", "synops_per_sample": 700.0},
                {"name": "loop", "source": "hidden", "target": "hidden", "synops_per_sample": 200.0},
                {"name": "fc2", "source": "hidden", "target": "out", "synops_per_sample": 100.0},
            ],
            "layers": [{"name": "hidden", "spikes_per_sample": 50.0}, {"name": "out", "spikes_per_sample": 10.0}],
        },
        "energy": {"chip": "loihi2", "scope": "per-op", "energy_j": dict(BAND), "unpriced": ["static power"]},
        "latency": {"chip": "loihi2", "latency_s": 2e-4, "latency_band_s": dict(LATENCY), "unpriced": []},
        "fit": {
            "fits": True,
            "chip": "loihi2",
            "cores": 3,
            "chips": 1,
            "binding_limit": {"name": "neurons_per_core", "used": 128, "limit": 8192, "unit": "neurons"},
        },
        "devices": None,
    } | changes


def unplaced(**changes: Any) -> dict[str, Any]:
    """Return the same of a chip on which nothing can be placed, so that no time is known."""
    return finished(**{"fit": None, "latency": None} | changes)


def write_run(folder: Path, report: Any = None) -> Path:
    """Write a run folder that holds a report.json, and return it."""
    folder.mkdir()
    (folder / "report.json").write_text(json.dumps(finished() if report is None else report))
    return folder
