"""What counts, energy, fit, latency and other devices say, in rows.

No pictures and no HTML beyond marked numbers: `page` draws, the template lays out.
"""

import string
from typing import Any

from markupsafe import Markup

from neurodeploy.report import marked
from neurodeploy.report.sources import Sources

BOUNDS = ("memory", "compute", "traffic")
OURS = "nonzero_weights"
CONVENTIONS = {
    OURS: "ours: one synop per spike and synapse whose weight is not zero",
    "all_weights": "ours with synapses of weight zero counted too",
}
TERMS = {
    "synop": "synops",
    "synop_dense": "synops, dense",
    "synop_sparse": "synops, sparse",
    "synop_conv": "synops, convolution",
    "neuron_update": "neuron updates",
    "neuron_active": "neurons, active",
    "neuron_idle": "neurons, idle",
    "spike": "spikes",
    "message": "messages",
    "message_in": "messages received",
    "hop": "hops",
    "hop_ew": "hops, east or west",
    "hop_ns": "hops, north or south",
    "host_read": "host reads",
    "mac": "MACs",
    "memory_bit": "memory bits",
    "second": "seconds",
}
MOST_TERMS = 4
"""Parts of a stacked bar that keep a shade of their own; the smallest share the last one."""
OTHER = "other"
NETWORK = "network"
"""Row of events that belong to no layer."""
MEASURED = {"nvml": "measured, NVML", "rapl": "measured, RAPL"}
WHAT = {"snn": "this network", "ann": "quantised ANN"}


def conventions(counts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return how this and other tools would count the same run; those that agree share a row.

    `share`: of the largest, in percent.
    """
    sentences = CONVENTIONS | counts["conventions"]
    found: dict[float, list[str]] = {}
    for name, value in counts["by_convention"].items():
        if value is not None:
            found.setdefault(value, []).append(name)
    most = max([*found, 1e-9])
    return [
        {
            "rules": [
                {"name": name.replace("_", " "), "sentence": sentences.get(name, ""), "ours": name == OURS}
                for name in names
            ],
            "value": marked.count(value),
            "share": 100 * value / most,
            "ours": OURS in names,
        }
        for value, names in found.items()
    ]


def events(counts: dict[str, Any]) -> Markup:
    """Return the other events of a sample that a chip pays for, as a sentence; empty where none is counted."""
    names = {
        "messages_per_sample": "spike messages",
        "macs_per_sample": "multiplications by values that were sent",
        "logic_per_sample": "synops that are AND or OR of spikes, logic of one bit",
        "host_reads_per_sample": "potentials read by the host",
        "dense_macs_per_sample": "multiplications in a network that skips nothing",
    }
    return marked.joined(
        [marked.say("{} {}", marked.count(counts[key]), name) for key, name in names.items() if counts.get(key)]
    )


def limits(fit: dict[str, Any], sources: Sources) -> list[dict[str, Any]]:
    """Return the limits of a chip with what the busiest core uses of each, the binding one marked."""
    binding = (fit["binding_limit"] or {}).get("name")
    return [
        {
            "name": limit_name(one),
            "used": marked.count(one["used"]),
            "limit": marked.count(one["limit"]),
            "share": min(100.0, 100 * one["used"] / one["limit"]) if one["limit"] else 100.0,
            "over": one["used"] > one["limit"],
            "binding": one["name"] == binding,
            "reference": sources.reference(one["name"], fit["constants"]),
        }
        for one in fit["limits"]
    ]


def limit_name(one: dict[str, str]) -> str:
    """Return what a limit counts, as people say it.

    >>> limit_name({"name": "groups_per_core", "unit": "groups"}), limit_name({"name": "groups_per_core", "unit": "1"})
    ('groups', 'groups per core')
    """
    return one["unit"] if len(one["unit"]) > 4 else one["name"].replace("_", " ")


def placed_layers(fit: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the layers of a placement."""
    names = {one["name"]: limit_name(one) for one in fit["limits"]}
    return [
        {
            "name": one["name"],
            "cores": marked.plain(one["cores"]),
            "neurons": marked.count(one["neurons"]),
            "encoding": ", ".join(f"{name}: {encoding}" for name, encoding in one["encoding"].items()),
            "binding": names[one["binding"]],
            "share": marked.percent(one["utilisation"][one["binding"]]),
        }
        for one in fit["layers"]
    ]


def slow_layers(latency: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each layer's busiest core, what binds it, and what all three bounds take."""
    return [
        {
            "name": one["layer"],
            "core": marked.plain(one["core"]),
            "bound": one["bound"],
            "parts": [marked.seconds(one[f"{bound}_s"]) for bound in BOUNDS],
        }
        for one in latency["by_layer"]
    ]


def measured_step(latency: dict[str, Any], sources: Sources) -> Markup | None:
    """Return what a step took of some network that was measured on this chip; None where none is known."""
    found = latency["measured_step_s"]
    if not found:
        return None
    value = marked.band(found["low"], found["high"], "s") if "low" in found else marked.seconds(found["value"])
    point, note = found["operating_point"], sources.references({"measured step": found})
    return marked.say(
        "Measured on this chip, with another network: {} a step{} {}", value, f", {point}" if point else "", note
    )


def advice(one: dict[str, Any]) -> dict[str, Any]:
    """Return one change, what it would bring, and whether the network stays as it is."""
    sizes = [marked.plural(one[key], key[:-1]) for key in ("cores", "chips")]
    kept = "the same network" if one["exact"] else "changes the network: train and certify again"
    return {"change": one["change"], "sizes": marked.joined(sizes), "kept": kept}


def term(key: str) -> str:
    """Return what a term prices.

    >>> term("neuron_update"), term("axon_walk")
    ('neuron updates', 'axon walk')
    """
    return TERMS.get(key, key.replace("_", " "))


def energy_models(energy: dict[str, Any], sources: Sources) -> list[dict[str, Any]]:
    """Return each model of the chip with its terms; those of one price stand together, over all layers.

    `shown`: its scope is that of the band, so that it may be drawn beside the others.
    """
    found = []
    for model in energy["models"]:
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for one in model["terms"]:
            new = {
                "name": term(one["term"]),
                "price": marked.energy(one["energy_per_event_j"]),
                "reference": sources.reference(one["constant"], energy["constants"]),
                "parts": [],
                "energy_j": 0.0,
            }
            row = rows.setdefault((one["term"], one["energy_per_event_j"], one["constant"]), new)
            row["energy_j"] += one["energy_j"]
            told = {"count": marked.count(one["count"]), "energy": marked.energy(one["energy_j"])}
            row["parts"].append({"layer": one["layer"]} | told)
        low, high = model["low_j"], model["high_j"]
        found.append(
            {
                "name": model["name"].replace("_", " "),
                "evidence": model["evidence"],
                "scope": model["scope"],
                "shown": model["scope"] == energy["scope"],
                "total_j": model["total_j"],
                "low_j": low,
                "high_j": high,
                "total": marked.energy(model["total_j"]),
                "band": Markup("") if low == high else marked.band(low, high, "J"),
                "includes": ", ".join(term(key) for key in model["includes"]),
                "terms": sorted(rows.values(), key=lambda row: -row["energy_j"]),
            }
        )
    return found


def term_names(found: list[dict[str, Any]]) -> list[str]:
    """Return the names of terms, the most expensive first; what is beyond the shades is called other."""
    totals: dict[str, float] = {}
    for model in found:
        for one in model["terms"]:
            totals[one["name"]] = totals.get(one["name"], 0.0) + one["energy_j"]
    names = sorted(totals, key=lambda name: -totals[name])
    return names if len(names) <= MOST_TERMS + 1 else [*names[:MOST_TERMS], OTHER]


def energy_layers(energy: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each layer's band, with the terms of the model nearest to the middle of all."""
    rows, band = energy["by_layer"], energy["energy_j"]
    shown = [model for model in energy["models"] if model["scope"] == energy["scope"]]
    if not rows or not band or not shown:
        return []
    middle = min(shown, key=lambda model: abs(model["total_j"] - band["mid"]))
    found = []
    for row in rows:
        parts: dict[str, float] = {}
        for one in middle["terms"]:
            if (one["layer"] or NETWORK) == row["name"]:
                parts[term(one["term"])] = parts.get(term(one["term"]), 0.0) + one["energy_j"]
        found.append({key: row[key] for key in ("name", "low", "mid", "high")} | {"parts": parts})
    return found


def records(devices: dict[str, Any], sources: Sources) -> list[dict[str, Any]]:
    """Return every recorded measurement as a row of the table, the spiking network's first."""
    return [_record(one, sources) for one in sorted(devices["records"], key=lambda one: one["what"] != "snn")]


def _record(one: dict[str, Any], sources: Sources) -> dict[str, Any]:
    source, floor = one["energy_source"], one.get("floor")
    energy, rest, idle = (one[key] for key in ("energy_per_sample_j", "energy_idle_subtracted_j", "idle_w"))
    return {
        "what": WHAT.get(one["what"], one["what"]),
        "device": one["device"],
        "detail": ", ".join(part for part in (one["driver"], one["date"][:10]) if part),
        "batch": marked.count(one["batch"]),
        "latency": marked.seconds(one["latency_s"]),
        "rate": marked.count(one["samples_per_second"]),
        "energy": "not measured" if energy is None else marked.energy(energy),
        "subtracted": "" if rest is None else marked.energy(rest),
        "idle": "" if idle is None else marked.quantity(idle, "W"),
        "grade": "" if energy is None else MEASURED.get(source, "floor, not measured"),
        "floor": energy is not None and source not in MEASURED,
        "reference": sources.references({f"{floor['chip']}, MAC": floor}) if floor else "",
        "accuracy": marked.percent(one["accuracy"]),
    }


def picture_rows(devices: dict[str, Any], energy: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the picture: the chip's band, then every record that has an energy."""
    band = energy["energy_j"]
    rows: list[dict[str, Any]] = []
    if band and band["low"] > 0:
        rows.append({"name": f"SNN, {energy['chip']}", "band": band})
    for one in sorted(devices["records"], key=lambda one: one["what"] != "snn"):
        spent = one["energy_per_sample_j"]
        if spent is None or spent <= 0:
            continue
        rows.append(
            {
                "name": f"{one['what'].upper()}, {one['kind'].upper()}, batch {one['batch']}",
                "energy_j": spent,
                "subtracted_j": one["energy_idle_subtracted_j"],
                "floor": one["energy_source"] not in MEASURED,
            }
        )
    return rows


def crossover(devices: dict[str, Any], sources: Sources) -> dict[str, Any] | None:
    """Return what the crossover says, against each way to run the ANN; None where none is known."""
    found = devices["crossover"]
    if not found:
        return None
    rows = [*found["against"], *found["same_technology"]]
    return {
        "here": found["rate_here"],
        "text": standing(found),
        "definition": found["definition"],
        "rows": [_row(one, letter) for one, letter in zip(rows, string.ascii_lowercase, strict=False)],
        "published": [
            one | {"rate": marked.joined([marked.mark(f"{end:g}", end) for end in one["rate"]], " to ")}
            if isinstance(one["rate"], list)
            else one | {"rate": marked.percent(one["rate"])}
            for one in found["published"]
        ],
        "references": sources.references(found["constants"]),
    }


def standing(found: dict[str, Any]) -> Markup:
    """Return where the network stands against the crossover, in one sentence without its stop."""
    words = {"wins": "less energy than", "loses": "more energy than"}.get(found["verdict"], "about as much energy as")
    here = marked.percent(found["rate_here"])
    rest = (
        marked.say("it pays below a spike rate of {}, its own is {}", marked.percent(found["rate"]), here)
        if found["rate"] > 0
        else marked.say("the ANN needs less energy at every spike rate; this network's rate is {}", here)
    )
    return marked.say("It takes {} a quantised ANN of its shape, by {}: {}", words, found["against"][0]["title"], rest)


def _row(one: dict[str, Any], letter: str) -> dict[str, Any]:
    ours, rate = one["chip_energy_j"], one["rate"]
    return {
        "letter": letter,
        "title": one["title"],
        "band": rate,
        "theirs": marked.energy(one["ann_energy_j"]),
        "ours": marked.band(ours["low"], ours["high"], "J"),
        "rate": _rates(rate),
        "verdict": one["verdict"],
        "state": {"wins": "good", "loses": "bad"}.get(one["verdict"], "open"),
    }


def _rates(rate: dict[str, float]) -> Markup:
    """Return a band of crossover rates; a rate above one spike per synapse and step there is not."""
    if rate["high"] <= 0:
        return Markup("no rate")
    if rate["low"] > 1:
        return Markup("any rate")
    return marked.say("{} to {}", marked.percent(rate["low"]), marked.percent(rate["high"]))


def ann(devices: dict[str, Any]) -> Markup | None:
    """Return one sentence on the quantised network beside this one; None where none was trained."""
    found = devices["ann"]
    if not found:
        return None
    return marked.say(
        "The quantised ANN of the same shape: {} accurate ({} in float); weights of {} bits, activations of {}; "
        "{} MACs per sample; {} parameters.",
        *(marked.percent(found["accuracy"][key]) for key in ("quantised", "float")),
        *(marked.plain(found[key]) for key in ("weight_bits", "activation_bits")),
        *(marked.count(found[key]) for key in ("macs_per_sample", "parameters")),
    )
