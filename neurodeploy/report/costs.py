"""What counts, energy, fit and latency say, in rows; reports of earlier versions are read too.

No pictures and no HTML beyond marked numbers: `page` draws, the template lays out.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from neurodeploy.report import marked
from neurodeploy.report.sources import Sources

CONVENTIONS = {
    "nonzero_weights": "One synop per spike and synapse whose weight is not zero.",
    "all_weights": "The same, and zero weights count too.",
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
    "hop": "hops",
    "host_read": "host reads",
    "mac": "MACs",
    "memory_bit": "memory bits",
}
MOST_TERMS = 4
"""Parts of a stacked bar that keep a shade of their own; the smallest share the last one."""
OTHER = "other"


def conventions(counts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return how this and other tools would count the same run, each with its share of the largest."""
    sentences = CONVENTIONS | (counts.get("conventions") or {})
    found = {name: value for name, value in counts["by_convention"].items() if value is not None}
    most = max([*found.values(), 1e-9])
    return [
        {
            "name": name.replace("_", " "),
            "sentence": sentences.get(name, ""),
            "value": marked.count(value),
            "share": 100 * value / most,
            "ours": value == counts["synops_per_sample"],
        }
        for name, value in found.items()
    ]


def events(counts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the other events of a sample that a price can be put on, as far as they are counted."""
    names = {
        "spikes_per_sample": "spikes",
        "neuron_updates_per_sample": "neuron updates",
        "messages_per_sample": "messages between cores",
        "macs_per_sample": "MACs of real-valued input",
        "host_reads_per_sample": "potentials read by the host",
    }
    return [{"name": name, "value": marked.count(counts[key])} for key, name in names.items() if counts.get(key)]


def energy_of(report: dict[str, Any]) -> dict[str, Any]:
    """Return `energy` as it is written today; one of an earlier report is put into the same words."""
    energy = report["energy"]
    if all("terms" in model for model in energy["models"]):
        return energy
    counts, constants = report["counts"], {}
    models = []
    for index, model in enumerate(energy["models"]):
        terms, name = [], f"model {chr(ord('A') + index)}"
        for term, count, each, spent in (
            ("synop", counts["synops_per_sample"], model["synop_j"], model["synops_j"]),
            ("neuron_update", counts["neuron_updates_per_sample"], model["neuron_update_j"], model["neuron_updates_j"]),
            ("host_read", counts.get("host_reads_per_sample"), model.get("read_j"), model.get("host_reads_j")),
        ):
            if not count or not spent:
                continue
            key = f"{term}, {name}"
            constants[key] = {
                "value": each,
                "unit": "J",
                "source": model["source"],
                "evidence": model["evidence"],
                "scope": "per-op",
            }
            terms.append(
                {
                    "term": term,
                    "layer": None,
                    "count": count,
                    "energy_per_event_j": each,
                    "energy_j": spent,
                    "constant": key,
                }
            )
        models.append(
            {
                "name": name,
                "scope": "per-op",
                "evidence": model["evidence"],
                "total_j": model["total_j"],
                "terms": terms,
                "source": model["source"],
            }
        )
    return energy | {"scope": "per-op", "models": models, "constants": constants}


def models(energy: dict[str, Any], sources: Sources) -> list[dict[str, Any]]:
    """Return each model of the chip with its terms, those of one price in all layers added up for the picture."""
    constants = energy.get("constants") or {}
    found = []
    for model in energy["models"]:
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for term in model["terms"]:
            price = (term["term"], term["energy_per_event_j"], _key(term))
            row = rows.setdefault(
                price,
                {
                    "name": TERMS.get(term["term"], str(term["term"]).replace("_", " ")),
                    "price": marked.energy(term["energy_per_event_j"]),
                    "reference": _reference(term, model, constants, sources),
                    "parts": [],
                    "energy_j": 0.0,
                },
            )
            row["energy_j"] += term["energy_j"]
            row["parts"].append(
                {
                    "layer": term.get("layer"),
                    "count": marked.count(term["count"]),
                    "energy": marked.energy(term["energy_j"]),
                }
            )
        found.append(
            {
                "name": model["name"],
                "evidence": model["evidence"],
                "scope": model["scope"],
                "total_j": model["total_j"],
                "total": marked.energy(model["total_j"]),
                "terms": sorted(rows.values(), key=lambda row: -row["energy_j"]),
            }
        )
    return found


def _key(term: dict[str, Any]) -> str:
    constant = term.get("constant")
    return str(constant.get("key", "")) if isinstance(constant, dict) else str(constant)


def _reference(term: dict[str, Any], model: dict[str, Any], constants: dict[str, Any], sources: Sources) -> Markup:
    constant = term.get("constant")
    if isinstance(constant, dict):
        return sources.reference(constant.get("key", term["term"]), {constant.get("key", term["term"]): constant})
    for key in (constant, f"{model['name']}.{constant}", f"{model['name']}.{term['term']}", term["term"]):
        if key in constants:
            return sources.reference(key, constants)
    return Markup("")


def limits(fit: dict[str, Any], sources: Sources) -> list[dict[str, Any]]:
    """Return the limits of a chip with what the busiest core uses of each, the binding one marked."""
    binding = (fit.get("binding_limit") or {}).get("name")
    return [
        {
            "name": str(one["name"]).replace("_", " "),
            "used": marked.count(one["used"]),
            "limit": marked.count(one["limit"]),
            "unit": one.get("unit") or "",
            "share": min(100.0, 100 * one["used"] / one["limit"]) if one["limit"] else 100.0,
            "over": one["used"] > one["limit"],
            "binding": one["name"] == binding,
            "reference": sources.references({one["name"]: _limit(one, fit)}),
        }
        for one in fit.get("limits") or []
        if one.get("used") is not None and one.get("limit") is not None
    ]


def _limit(one: dict[str, Any], fit: dict[str, Any]) -> dict[str, Any]:
    """Return a limit as a constant: from the constants where it is there, from its own row otherwise."""
    constants = fit.get("constants") or {}
    return constants.get(one["name"]) or {
        "value": one["limit"],
        "unit": one.get("unit"),
        "source": one.get("source"),
        "evidence": one.get("evidence"),
    }


def placed_layers(fit: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the layers of a placement."""
    return [
        {
            "name": one["name"],
            "cores": marked.plain(one["cores"]),
            "neurons": marked.count(one["neurons"]),
            "encoding": _encoding(one.get("encoding")),
            "binding": str(one.get("binding") or "").replace("_", " "),
            "share": marked.percent(share) if (share := _binding_share(one)) is not None else "",
        }
        for one in fit.get("layers") or []
    ]


def _encoding(encoding: Any) -> str:
    if isinstance(encoding, dict):
        return ", ".join(f"{name}: {one}" for name, one in encoding.items())
    return str(encoding or "").replace("_", " ")


def _binding_share(layer: dict[str, Any]) -> float | None:
    return (layer.get("utilisation") or {}).get(layer.get("binding"))


def slow_layers(latency: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each layer's busiest core, what a step takes there and what binds it."""
    return [
        {
            "name": one["layer"],
            "core": marked.plain(one["core"]) if one.get("core") is not None else "",
            "step": marked.seconds(one["step_s"]),
            "bound": one.get("bound") or "",
        }
        for one in latency.get("by_layer") or []
    ]


def term_names(found: list[dict[str, Any]]) -> list[str]:
    """Return the names of terms, the most expensive first; what is beyond the shades is called other."""
    totals: dict[str, float] = {}
    for model in found:
        for term in model["terms"]:
            totals[term["name"]] = totals.get(term["name"], 0.0) + term["energy_j"]
    names = sorted(totals, key=lambda name: -totals[name])
    return names if len(names) <= MOST_TERMS + 1 else [*names[:MOST_TERMS], OTHER]


def energy_layers(energy: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each layer's band, with the terms of the model nearest to the middle of all."""
    rows, band = energy.get("by_layer") or [], energy.get("energy_j")
    if not rows or not band:
        return []
    middle = min(energy["models"], key=lambda model: abs(model["total_j"] - band["mid"]))
    found = []
    for row in rows:
        parts: dict[str, float] = {}
        for term in middle["terms"]:
            if term.get("layer") == row["name"]:
                name = TERMS.get(term["term"], str(term["term"]).replace("_", " "))
                parts[name] = parts.get(name, 0.0) + term["energy_j"]
        found.append({key: row[key] for key in ("name", "low", "mid", "high")} | {"parts": parts})
    return found


def advice(one: dict[str, Any]) -> dict[str, Any]:
    """Return one change and what it would bring."""
    sizes = [
        marked.plural(one[key], word)
        for key, word in (("cores", "core"), ("chips", "chip"))
        if isinstance(one.get(key), int)
    ]
    return {"change": one["change"], "sizes": marked.joined(sizes), "effect": one.get("effect") or ""}
