"""A small report.json, written by hand: two layers, one of them recurrent, and every optional part."""

from __future__ import annotations

from typing import Any

from tests.report.example_costs import devices, energy, fit, latency

STEPS, DELAY, SAMPLES, LAVA_SAMPLES = 6, 2, 40, 8
SPIKE = {
    "what": "spikes",
    "layer": "lif1",
    "step": 3,
    "sample": 16,
    "neuron": 5,
    "found": 0.0,
    "expected": 1.0,
}
POTENTIAL = SPIKE | {"what": "v", "step": 4, "found": 1200.0, "expected": 1201.0}


def example() -> dict[str, Any]:
    """Return a fresh report of a run that passed, with fine-tuning and Lava."""
    stages = [
        stage("float", 0.975, None),
        stage("quantised", 0.95, "float", SPIKE),
        stage("reference", 0.95, "quantised"),
        stage("fixed", 0.925, "reference", SPIKE),
        stage("lava", 0.875, "fixed", n_samples=LAVA_SAMPLES),
    ]
    stages[3]["overflows"] = {name: {"wrapped": 0, "saturated": 0} for name in ("lif1", "lif2")}
    stages[3]["equations"] = {"holds": True, "first_violation": None}
    accuracy = {one["name"]: one["accuracy"] for one in stages}
    return {
        "neurodeploy": "0.1.0",
        "recipe": {
            "name": "small",
            "description": "An example",
            "chip": "loihi2",
            "data": {"dataset": "digits", "n_steps": None, "selection": "validation"},
            "network": {"hidden": [4], "bias": True, "recurrent": True},
        },
        "accuracy": accuracy | {"ptq": 0.9125},
        "samples": {"train": 100, "validation": 20, "test": SAMPLES},
        "class_names": ["zero", "one", "two"],
        "versions": {"numpy": "2.3.5"},
        "initial_state": {"float": "zero", "integer": "zero"},
        "made": "2026-11-30 04:00 UTC",
        "data": {"name": "digits (test)", "sha256": "682aac633ec27f1932c33ccf2a85117f304894971878ba1522954929be1e8949"},
        "classes": classes(),
        "certificate": {
            "passed": True,
            "failures": [],
            "warnings": [],
            "rule": "fixed may lose at most 6 points of float's accuracy",
            "stages": stages,
            "bit_exact": {"fixed/lava": True},
            "program": "ae597bdf",
            "samples": SAMPLES,
            "steps": STEPS,
            "max_accuracy_drop": 0.06,
        },
        "counts": counts(),
        "energy": energy(),
        "fit": fit(),
        "latency": latency(),
        "devices": devices(),
        "synops_per_sample": 63686.63,
        "energy_j": energy()["energy_j"],
        "training": history(5, best=4),
        "quantisation": {
            "method": "qat",
            "weight_bits": 8,
            "plan": {"connections": {"fc1": {"weight_bits": 8, "weight_exp": 2}}, "vth_mant": {"lif1": 2811}},
            "fine_tuning": history(2, best=-1),
        },
        "notes": ["lif1: a bias of 0.3 was rounded to 0.25"],
        "plots": {
            "rasters": [raster(), raster() | {"sample": 7, "prediction": 1}],
            "weights": [weights("fc1"), weights("rec1"), weights("fc2")],
        },
    }


def stage(
    name: str,
    accuracy: float,
    against: str | None,
    first: dict[str, Any] | None = None,
    n_samples: int = SAMPLES,
) -> dict[str, Any]:
    """Return a stage of the certificate, as the certificate writes it."""
    found: dict[str, Any] = {
        "name": name,
        "accuracy": accuracy,
        "accuracy_drop": (0.975 if n_samples == SAMPLES else 0.875) - accuracy,
        "samples": n_samples,
        "seconds": 0.1,
        "against": against,
        "spike_agreement": None,
        "first_difference": first,
    }
    if against is not None:
        found |= {
            "spike_agreement": 1.0 if first is None else 0.99997,
            "prediction_agreement": 1.0,
            "compared_samples": n_samples,
            "layers": [compared("lif1", first), compared("lif2", None)],
        }
    return found


def compared(name: str, first: dict[str, Any] | None) -> dict[str, Any]:
    """Return one layer of a comparison; spikes differ from the first difference on."""
    differing = [0] * STEPS
    if first is not None:
        differing[first["step"] :] = [10**step for step in range(STEPS - first["step"])]
    return {
        "name": name,
        "spikes": 9,
        "spikes_before": 9,
        "differing_by_step": differing,
        "first_difference": first,
    }


def counts() -> dict[str, Any]:
    """Return the counts of a run: input, two layers, a recurrent connection."""
    connections = [
        ("fc1", "input", "lif1", 60000.0),
        ("rec1", "lif1", "lif1", 3000.0),
        ("fc2", "lif1", "lif2", 686.63),
    ]
    return {
        "convention": "one synop per spike and synapse with a non-zero weight",
        "samples": SAMPLES,
        "steps": STEPS + DELAY,
        "synops_per_sample": 63686.63,
        "by_convention": {
            "nonzero_weights": 63686.63,
            "all_weights": 64306.98,
            "rate_x_macs": 69120.4,
            "silif_paper": 5120.75,
        },
        "conventions": {
            "rate_x_macs": "Mean firing rate times the MACs of a dense layer, as syops-counter counts.",
            "silif_paper": "Spikes that are not zero times the width of the layer they reach.",
        },
        "messages_per_sample": 18.25,
        "macs_per_sample": 0,
        "neuron_updates_per_sample": 56,
        "input_spikes_per_sample": 12.5,
        "spikes_per_sample": 14.8,
        "connections": [
            {
                "name": name,
                "source": source,
                "target": target,
                "synapses": 20,
                "nonzero_synapses": 18,
                "synops_per_sample": synops,
                "dense_synops_per_sample": 1.01 * synops,
            }
            for name, source, target, synops in connections
        ],
        "layers": [
            {
                "name": name,
                "neurons": n,
                "spikes_per_sample": 7.4,
                "rate_per_step": 0.1,
                "updates_per_sample": 8 * n,
            }
            for name, n in (("lif1", 4), ("lif2", 3))
        ],
    }


def history(n_epochs: int, *, best: int) -> dict[str, Any]:
    """Return a history of training."""
    epochs = [
        {
            "loss": 2 / (1 + n),
            "train_accuracy": 1 - 0.5 / (1 + n),
            "hidden_rate": 0.1,
            "validation_accuracy": 0.9,
        }
        for n in range(n_epochs)
    ]
    return {"epochs": epochs, "best_epoch": best, "best_validation": 0.9}


def classes() -> dict[str, Any]:
    """Return how often three classes are recognised: 37 of 40 samples."""
    confusion = [[19, 1, 0], [0, 13, 0], [0, 2, 5]]
    rows = [
        {"name": name, "samples": sum(row), "accuracy": {"float": 1.0, "fixed": row[at] / sum(row)}}
        for at, (name, row) in enumerate(zip(("zero", "one", "two"), confusion, strict=True))
    ]
    return {"rows": rows, "confusion": confusion}


def raster() -> dict[str, Any]:
    """Return the raster of a sample of class 1 that was taken for class 2."""
    layers = [("input", 5, 0, [0, 0, 2], [0, 3, 4]), ("lif1", 4, 1, [2, 3], [1, 2]), ("lif2", 3, 2, [], [])]
    return {
        "sample": 0,
        "label": 1,
        "prediction": 2,
        "steps": STEPS + DELAY,
        "layers": [
            {"name": name, "neurons": n, "start": start, "steps": steps, "indices": indices}
            for name, n, start, steps, indices in layers
        ],
    }


def weights(name: str) -> dict[str, Any]:
    """Return a histogram of four bins."""
    return {
        "name": name,
        "edges": [-1.0, -0.5, 0.0, 0.5, 1.0],
        "before": [1, 5, 4, 0],
        "after": [2, 4, 4, 0],
        "levels": 7,
        "zeros": 0.15,
    }
