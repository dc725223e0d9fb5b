"""The GPU, the CPU and the quantised network beside this one: rows for the table and the picture."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from neurodeploy.report import marked
from neurodeploy.report.sources import Sources

FLOOR = "datasheet floor"
MEASURED = {"nvml": "measured, NVML", "rapl": "measured, RAPL"}
WHAT = {"snn": "this network", "ann": "quantised ANN"}


def records(devices: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every recorded measurement as a row of the table."""
    return [_record(one) for one in devices.get("records") or []]


def _record(one: dict[str, Any]) -> dict[str, Any]:
    energy, source = one.get("energy_per_sample_j"), one.get("energy_source")
    return {
        "what": WHAT.get(one["what"], one["what"]),
        "device": one["device"],
        "detail": ", ".join(str(part) for part in (one.get("driver"), one.get("date")) if part),
        "batch": marked.count(one["batch"]),
        "latency": marked.seconds(one["latency_s"]) if one.get("latency_s") is not None else Markup("-"),
        "rate": marked.count(one.get("samples_per_second")),
        "energy": marked.energy(energy) if energy is not None else Markup("not measured"),
        "subtracted": marked.energy(one["energy_idle_subtracted_j"])
        if one.get("energy_idle_subtracted_j") is not None
        else "",
        "idle": marked.quantity(one["idle_w"], "W") if one.get("idle_w") is not None else "",
        "grade": ""
        if energy is None
        else MEASURED.get(str(source), "floor, not measured" if source == FLOOR else source),
        "floor": energy is not None and source not in MEASURED,
        "accuracy": marked.percent(one["accuracy"]) if one.get("accuracy") is not None else "",
    }


def picture_rows(devices: dict[str, Any], energy: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the picture: the chip's band, then every record that has an energy."""
    band = energy.get("energy_j")
    rows: list[dict[str, Any]] = []
    if band and band["low"] > 0:
        rows.append({"name": f"SNN, {energy['chip']}", "band": band})
    for one in devices.get("records") or []:
        spent = one.get("energy_per_sample_j")
        if spent is None or spent <= 0:
            continue
        rows.append(
            {
                "name": f"{one['what'].upper()}, {one['kind'].upper()}, batch {one['batch']}",
                "energy_j": spent,
                "subtracted_j": one.get("energy_idle_subtracted_j"),
                "floor": one.get("energy_source") not in MEASURED,
            }
        )
    return rows


def crossover(devices: dict[str, Any], sources: Sources) -> dict[str, Any] | None:
    """Return what the crossover says; None where none is known."""
    found = devices.get("crossover") or {}
    if found.get("rate") is None or found.get("rate_here") is None:
        return None
    model = found.get("model") or ""
    return {
        "rate": found["rate"],
        "here": found["rate_here"],
        "wins": bool(found["wins"]),
        "model": model if isinstance(model, str) else model.get("name", ""),
        "text": marked.say(
            "This network wins below {} and stands at {}: it {}.",
            marked.percent(found["rate"]),
            marked.percent(found["rate_here"]),
            "wins" if found["wins"] else "does not win",
        ),
        "references": sources.references(_constants(found.get("constants"))),
    }


def _constants(found: Any) -> dict[str, dict[str, Any]]:
    """Return constants by name, whether they were kept as a table or as a list."""
    if isinstance(found, list):
        return {str(one.get("key", index)): one for index, one in enumerate(found)}
    return {key: one for key, one in (found or {}).items() if isinstance(one, dict)}


def ann(devices: dict[str, Any]) -> Markup | None:
    """Return one sentence on the quantised network beside this one; None where none was trained."""
    found = devices.get("ann") or {}
    if not found:
        return None
    accuracy = found.get("accuracy") or {}
    parts = []
    if accuracy.get("quantised") is not None:
        text = marked.say("{} accurate", marked.percent(accuracy["quantised"]))
        if accuracy.get("float") is not None:
            text += marked.say(" ({} in float)", marked.percent(accuracy["float"]))
        parts.append(text)
    if found.get("weight_bits") is not None:
        bits = marked.say("weights of {} bits", marked.plain(found["weight_bits"]))
        if found.get("activation_bits") is not None:
            bits += marked.say(", activations of {}", marked.plain(found["activation_bits"]))
        parts.append(bits)
    if found.get("macs_per_sample") is not None:
        parts.append(marked.say("{} MACs per sample", marked.count(found["macs_per_sample"])))
    if found.get("parameters") is not None:
        parts.append(marked.say("{} parameters", marked.count(found["parameters"])))
    return marked.say("The quantised ANN of the same shape: {}.", marked.joined(parts, "; "))
