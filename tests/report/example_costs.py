"""What the example costs, written by hand: energy with its constants, fit, latency, other devices."""

from __future__ import annotations

from typing import Any

DAVIES = "Davies et al., IEEE Micro 38(1), 2018, Table 2"
FITTED = "SANA-FE arch/loihi.yaml, Boyle et al., IEEE TCAD 44(8), 2025"


def constant(written: str, value: float, unit: str, source: str, **rest: Any) -> dict[str, Any]:
    """Return a constant as reports hold it."""
    return {
        "written": written,
        "value": value,
        "unit": unit,
        "source": source,
        "evidence": "simulated",
        "scope": "per-op",
        "operating_point": "0.75 V",
    } | rest


def energy() -> dict[str, Any]:
    """Return a band of two models: each has a price for synops and one for neuron updates, in two layers."""
    fitted = {"evidence": "fitted", "operating_point": "Nahuku boards"}
    constants = {
        "published.synop": constant("23.6 pJ", 2.36e-11, "J", DAVIES, low=2.36e-11, high=3.55e-11),
        "published.neuron_update": constant("52 pJ", 5.2e-11, "J", DAVIES),
        "fitted.synop": constant("35.5 pJ", 3.55e-11, "J", FITTED, **fitted),
        "fitted.neuron_update": constant("72.8 pJ", 7.28e-11, "J", FITTED, **fitted),
        "fitted.spike": constant("69.3 pJ", 6.93e-11, "J", FITTED, **fitted),
    }
    models = [
        model("published", "simulated", constants, {"synop": 1.4868e-6, "neuron_update": 2.912e-9}),
        model("fitted", "fitted", constants, {"synop": 2.2365e-6, "neuron_update": 4.0768e-9, "spike": 9.8e-10}),
    ]
    totals = [one["total_j"] for one in models]
    return {
        "chip": "loihi2",
        "scope": "per-op",
        "energy_j": {"low": totals[0], "mid": sum(totals) / 2, "high": totals[1]},
        "all_in_j": None,
        "static_j": {"low": 1.21e-5, "mid": 1.4e-5, "high": 1.6e-5},
        "models": models,
        "by_layer": [
            {"name": "lif1", "low": 1.47e-6, "mid": 1.84e-6, "high": 2.21e-6},
            {"name": "lif2", "low": 1.61e-8, "mid": 2.3e-8, "high": 3.1e-8},
        ],
        "unpriced": ["static (leakage) power"],
        "constants": constants,
    }


def model(name: str, evidence: str, constants: dict[str, Any], totals: dict[str, float]) -> dict[str, Any]:
    """Return a model whose energy lies in the first of two layers for the most part."""
    terms = []
    for term, total in totals.items():
        each = constants[f"{name}.{term}"]["value"]
        for layer, share in (("lif1", 0.98), ("lif2", 0.02)):
            spent = share * total
            terms.append(
                {
                    "term": term,
                    "layer": layer,
                    "count": spent / each,
                    "energy_per_event_j": each,
                    "energy_j": spent,
                    "constant": f"{name}.{term}",
                }
            )
    return {
        "name": name,
        "scope": "per-op",
        "evidence": evidence,
        "total_j": sum(term["energy_j"] for term in terms),
        "terms": terms,
    }


def old_energy() -> dict[str, Any]:
    """Return energy as reports held it before constants had names."""
    totals = [(1.43e-6, 0.0), (1.26e-6, 0.2e-6)]
    models = [
        {
            "synops_j": synops,
            "neuron_updates_j": updates,
            "total_j": synops + updates,
            "synop_j": 2.25e-11,
            "neuron_update_j": 5.2e-11,
            "evidence": "derived",
            "source": f"A benchmark, split {index}",
        }
        for index, (synops, updates) in enumerate(totals)
    ]
    return {
        "chip": "loihi2",
        "energy_j": {"low": 1.43e-6, "mid": 1.445e-6, "high": 1.46e-6},
        "models": models,
        "unpriced": ["static (leakage) power"],
    }


def fit() -> dict[str, Any]:
    """Return a placement on three cores, bound by synapse memory, with a fix."""
    source = "nengo-loihi, hardware/allocators.py"
    used = {
        "neurons_per_core": (700, 1024, "neurons"),
        "input_axons_per_core": (64, 4096, "axons"),
        "synapse_memory_bits_per_core": (1009254, 1048576, "bits"),
    }
    limits = [
        {"name": name, "used": here, "limit": most, "unit": unit, "source": source}
        for name, (here, most, unit) in used.items()
    ]
    shares = {name: here / most for name, (here, most, _) in used.items()}
    return {
        "fits": True,
        "chip": "loihi2",
        "cores": 3,
        "chips": 1,
        "binding_limit": limits[2],
        "limits": limits,
        "layers": [
            {
                "name": name,
                "cores": n_cores,
                "neurons": neurons,
                "utilisation": shares,
                "binding": "synapse_memory_bits_per_core",
                "encoding": "dense words of 8 bits",
            }
            for name, n_cores, neurons in (("lif1", 2, 1400), ("lif2", 1, 35))
        ],
        "core_list": [
            {"core": core, "chip": 0, "layer": layer, "first": first, "last": last, "utilisation": shares}
            for core, layer, first, last in ((0, "lif1", 0, 699), (1, "lif1", 700, 1399), (2, "lif2", 0, 34))
        ],
        "advice": [{"change": "6-bit weights", "cores": 2, "chips": 1, "effect": "3 -> 2 cores"}],
        "constants": {
            name: constant(str(most), most, unit, source, evidence="documented", scope="", operating_point="")
            for name, (_, most, unit) in used.items()
        },
    }


def latency(n_cores: int = 3) -> dict[str, Any]:
    """Return the time of a sample: the first core of each layer is the busiest."""
    rows = [
        {
            "core": core,
            "layer": "lif2" if core == n_cores - 1 else "lif1",
            "step_s": 2.4e-6 / (1 + core),
            "bound": ("memory", "compute", "traffic")[core % 3],
        }
        for core in range(n_cores)
    ]
    return {
        "latency_s": 1.92e-5,
        "latency_band_s": {"low": 1.7e-5, "mid": 1.92e-5, "high": 2.6e-5},
        "step_s": {"mean": 2.4e-6, "max": 4.1e-6},
        "bound": {"memory": 0.75, "compute": 0.25, "traffic": 0.0},
        "by_layer": [rows[0], rows[-1]],
        "by_core": rows,
        "constants": {"synop_s": constant("3.5 ns", 3.5e-9, "s", DAVIES, scope="")},
        "unpriced": ["barrier between chips"],
    }


def devices() -> dict[str, Any]:
    """Return measurements: GPU measured, CPU without a meter, ANN by a datasheet."""
    rows: list[tuple[str, str, int, float | None, float | None, str | None]] = [
        ("snn", "gpu", 1, 0.21, 0.066, "nvml"),
        ("snn", "gpu", 1024, 4.4e-4, 2.9e-4, "nvml"),
        ("ann", "gpu", 1024, 1.5e-7, None, "datasheet floor"),
        ("snn", "cpu", 1, None, None, None),
    ]
    return {
        "records": [
            {
                "what": what,
                "device": {"gpu": "NVIDIA H100", "cpu": "a processor"}[kind],
                "kind": kind,
                "driver": "570.1" if kind == "gpu" else None,
                "date": "2026-11-22",
                "versions": {"torch": "2.13.0"},
                "batch": batch,
                "latency_s": 1.9e-3 * batch**0.2,
                "samples_per_second": batch**0.8 / 1.9e-3,
                "energy_per_sample_j": spent,
                "energy_idle_subtracted_j": without,
                "idle_w": 71.4 if source == "nvml" else None,
                "energy_source": source,
                "accuracy": 0.925,
            }
            for what, kind, batch, spent, without, source in rows
        ],
        "ann": {
            "accuracy": {"float": 0.981, "quantised": 0.969},
            "weight_bits": 8,
            "activation_bits": 8,
            "macs_per_sample": 9472,
            "shape": [64, 128, 10],
            "parameters": 9610,
        },
        "crossover": {
            "rate": 0.057,
            "rate_here": 0.031,
            "wins": True,
            "model": "arithmetic and memory reads at 45 nm",
            "constants": {"mac": constant("0.23 pJ", 2.3e-13, "J", "Horowitz, ISSCC 2014", evidence="model")},
        },
        "notes": ["The CPU has no energy meter that may be read here."],
    }
