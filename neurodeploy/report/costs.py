"""What counts, fit and latency say, in rows.

No pictures and no HTML beyond marked numbers: `page` draws, the template lays out.
"""

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
