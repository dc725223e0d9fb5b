"""What the energy of a run says, in rows: models with their terms, and layers with their bands."""

from typing import Any

from markupsafe import Markup

from neurodeploy.report import marked
from neurodeploy.report.sources import Sources

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


def term(key: str) -> str:
    """Return what a term prices.

    >>> term("neuron_update"), term("axon_walk")
    ('neuron updates', 'axon walk')
    """
    return TERMS.get(key, key.replace("_", " "))


def models(energy: dict[str, Any], sources: Sources) -> list[dict[str, Any]]:
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


def layers(energy: dict[str, Any]) -> list[dict[str, Any]]:
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
