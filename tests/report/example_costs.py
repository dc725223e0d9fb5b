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
        "energy.published.synop": constant("23.6 pJ", 2.36e-11, "J", DAVIES, low=2.36e-11, high=3.55e-11),
        "energy.published.neuron_update": constant("52 pJ", 5.2e-11, "J", DAVIES),
        "energy.fitted.synop_dense": constant("35.5 pJ", 3.55e-11, "J", FITTED, **fitted),
        "energy.fitted.neuron_update": constant("72.8 pJ", 7.28e-11, "J", FITTED, **fitted),
        "energy.fitted.spike": constant("69.3 pJ", 6.93e-11, "J", FITTED, **fitted),
        "energy.board.synop": constant("26 pJ", 2.6e-11, "J", "A board", evidence="measured", scope="all-in"),
    }
    models = [
        model("published", constants, {"synop": 1.4868e-6, "neuron_update": 2.912e-9}),
        model("fitted", constants, {"synop_dense": 2.2365e-6, "neuron_update": 4.0768e-9, "spike": 9.8e-10}),
        model("board", constants, {"synop": 9.9e-5}),
    ]
    totals = [one["total_j"] for one in models]
    models[0] |= {"low_j": totals[0], "high_j": 1.9e-6, "includes": ["hop"]}
    return {
        "chip": "loihi2",
        "title": "Loihi 2 (Intel 4)",
        "scope": "per-op",
        "energy_j": {"low": totals[0], "mid": sum(totals[:2]) / 2, "high": totals[1]},
        "all_in_j": {"low": totals[2], "mid": totals[2], "high": totals[2]},
        "static_j": {"low": 1.21e-5, "mid": 1.4e-5, "high": 1.6e-5},
        "whole_j": {"low": totals[0] + 1.21e-5, "mid": sum(totals[:2]) / 2 + 1.4e-5, "high": totals[1] + 1.6e-5},
        "models": models,
        "by_layer": [
            {"name": "lif1", "low": 1.45e-6, "mid": 1.84e-6, "high": 2.21e-6},
            {"name": "lif2", "low": 1.61e-8, "mid": 2.3e-8, "high": 3.1e-8},
            {"name": "network", "low": 1.49e-8, "mid": 1.87e-8, "high": 2.24e-8},
        ],
        "unpriced": ["static (leakage) power"],
        "constants": constants,
        "notes": ["an anchor with a wide band"],
    }


def model(name: str, constants: dict[str, Any], totals: dict[str, float]) -> dict[str, Any]:
    """Return a model whose energy lies in the first of two layers for the most part, a little in no layer."""
    terms = []
    for term, total in totals.items():
        each = constants[f"energy.{name}.{term}"]["value"]
        for layer, share in (("lif1", 0.97), ("lif2", 0.02), (None, 0.01)):
            spent = share * total
            terms.append(
                {
                    "term": term,
                    "layer": layer,
                    "count": spent / each,
                    "energy_per_event_j": each,
                    "energy_j": spent,
                    "constant": f"energy.{name}.{term}",
                }
            )
    first = constants[terms[0]["constant"]]
    total_j = sum(one["energy_j"] for one in terms)
    ends = {"total_j": total_j, "low_j": total_j, "high_j": total_j}
    told = {key: first[key] for key in ("scope", "evidence", "source")}
    return {"name": name, **told, "includes": [], **ends, "terms": terms}


def fit() -> dict[str, Any]:
    """Return a placement on three cores, bound by synapse memory, with a fix."""
    source = "nengo-loihi, hardware/allocators.py"
    used = {
        "neurons_per_core": (700, 1024, "neurons"),
        "input_axons_per_core": (64, 4096, "axons"),
        "synapse_memory_bits_per_core": (1009254, 1048576, "bits of synapse memory"),
    }
    limits = [
        {"name": name, "used": here, "limit": most, "unit": unit, "source": source}
        for name, (here, most, unit) in used.items()
    ]
    shares = {name: here / most for name, (here, most, _) in used.items()}
    return {
        "fits": True,
        "problems": [],
        "chip": "loihi2",
        "cores": 3,
        "chips": 1,
        "binding_limit": limits[2] | {"used": 2018508, "layer": "lif1", "message": "lif1: too much for one core"},
        "limits": limits,
        "layers": [
            {
                "name": name,
                "cores": n_cores,
                "neurons": neurons,
                "utilisation": shares,
                "binding": "synapse_memory_bits_per_core",
                "encoding": {"fc1": "dense", "rec1": "sparse"},
            }
            for name, n_cores, neurons in (("lif1", 2, 1400), ("lif2", 1, 35))
        ],
        "core_list": [
            {"core": core, "chip": 0, "layer": layer, "first": first, "last": last, "utilisation": shares}
            for core, layer, first, last in ((0, "lif1", 0, 699), (1, "lif1", 700, 1399), (2, "lif2", 0, 34))
        ],
        "advice": [
            {
                "change": "6-bit weights",
                "kind": "bits",
                "cores": 2,
                "chips": 1,
                "saved": 1,
                "exact": False,
                "effect": "6-bit weights: 3 -> 2 cores",
            }
        ],
        "notes": ["A core holds one layer."],
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
            "memory_s": 2.3e-6,
            "compute_s": 1.1e-6,
            "traffic_s": 0.0,
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
        "between_s": 4.65e-7,
        "measured_step_s": constant(
            "5.8 us", 5.8e-6, "s", "Frady et al., 2020", evidence="measured", low=5.8e-6, high=1.3e-5
        ),
        "assumptions": ["in a core, memory and compute overlap"],
        "constants": {"times.synop_s": constant("3.5 ns", 3.5e-9, "s", DAVIES, scope="")},
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
                "driver": "570.1" if kind == "gpu" else "Linux 6.8",
                "date": "2026-11-22T16:51:14+00:00",
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
            "rate_band": {"low": 0.04, "mid": 0.057, "high": 0.08},
            "rate_here": 0.031,
            "wins": True,
            "verdict": "wins",
            "model": "int8_on_chip",
            "definition": "rate: synops per synapse and step",
            "against": [
                against("int8 MACs, weights on chip", 2.7e-6, (0.04, 0.057, 0.08), "wins", "model"),
                against("ANN on NVIDIA H100, batch 1: datasheet floor", 3.1e-2, (2.0, 3.1, 4.2), "wins", "datasheet"),
            ],
            "same_technology": [against("both: int8 MACs", 2.7e-6, (0.0, 0.0, 0.0), "loses", "model")],
            "published": [
                {"rate": 0.064, "per": "neuron and step", "source": "Yan et al., v3"},
                {"rate": [0.15, 1.38], "per": "synapse and inference", "source": "Dampfhoffer et al., 2023"},
            ],
            "constants": {"mac": constant("0.23 pJ", 2.3e-13, "J", "Horowitz, ISSCC 2014", evidence="model")},
        },
        "notes": ["The CPU has no energy meter that may be read here."],
    }


def against(title: str, ann_j: float, rate: tuple[float, float, float], verdict: str, evidence: str) -> dict[str, Any]:
    """Return one comparison of a crossover."""
    return {
        "model": title.split()[0],
        "title": title,
        "ann_energy_j": ann_j,
        "chip_energy_j": energy()["energy_j"],
        "rate": dict(zip(("low", "mid", "high"), rate, strict=True)),
        "wins": verdict == "wins",
        "verdict": verdict,
        "evidence": evidence,
    }
