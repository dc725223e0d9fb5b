"""The GPU, the CPU and the quantised network beside this one: rows for the tables and the picture."""

import string
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from neurodeploy.report import marked
from neurodeploy.report.sources import Sources

FLOOR = "datasheet floor"
MEASURED = {"nvml": "measured, NVML", "rapl": "measured, RAPL"}
WHAT = {"snn": "this network", "ann": "quantised ANN"}


def records(devices: dict[str, Any], sources: Sources) -> list[dict[str, Any]]:
    """Return every recorded measurement as a row of the table."""
    found = sorted(devices.get("records") or [], key=lambda one: one["what"] != "snn")
    return [_record(one, sources) for one in found]


def _record(one: dict[str, Any], sources: Sources) -> dict[str, Any]:
    energy, source, floor = one.get("energy_per_sample_j"), one.get("energy_source"), one.get("floor") or {}
    grade = MEASURED.get(str(source), "floor, not measured" if source == FLOOR else source)
    return {
        "what": WHAT.get(one["what"], one["what"]),
        "device": one["device"],
        "detail": ", ".join(str(part) for part in (one.get("driver"), str(one.get("date") or "")[:10]) if part),
        "batch": marked.count(one["batch"]),
        "latency": marked.seconds(one.get("latency_s")),
        "rate": marked.count(one.get("samples_per_second")),
        "energy": _shown(energy, marked.energy, Markup("not measured")),
        "subtracted": _shown(one.get("energy_idle_subtracted_j"), marked.energy),
        "idle": _shown(one.get("idle_w"), lambda watts: marked.quantity(watts, "W")),
        "grade": "" if energy is None else grade,
        "floor": energy is not None and source not in MEASURED,
        "reference": sources.references({f"{floor.get('chip', 'floor')}, MAC": floor}) if floor.get("source") else "",
        "accuracy": _shown(one.get("accuracy"), marked.percent),
    }


def _shown(value: float | None, words: Callable[[float], Markup], otherwise: Any = "") -> Any:
    return otherwise if value is None else words(value)


def picture_rows(devices: dict[str, Any], energy: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the picture: the chip's band, then every record that has an energy."""
    band = energy.get("energy_j")
    rows: list[dict[str, Any]] = []
    if band and band["low"] > 0:
        rows.append({"name": f"SNN, {energy['chip']}", "band": band})
    for one in sorted(devices.get("records") or [], key=lambda one: one["what"] != "snn"):
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
    """Return what the crossover says, against each way to run the ANN; None where none is known."""
    found = devices.get("crossover") or {}
    if found.get("rate") is None or found.get("rate_here") is None:
        return None
    rows = [*(found.get("against") or []), *(found.get("same_technology") or [])]
    return {
        "here": found["rate_here"],
        "text": standing(found),
        "definition": found.get("definition") or "",
        "rows": [_row(one, letter) for one, letter in zip(rows, string.ascii_lowercase, strict=False)],
        "published": [
            {"rate": _published(one["rate"]), "per": one["per"], "source": one["source"]}
            for one in found.get("published") or []
        ],
        "references": sources.references(found.get("constants") or {}),
    }


def standing(found: dict[str, Any]) -> Markup:
    """Return where the network stands against the crossover, in one sentence without its stop."""
    verdict = found.get("verdict") or ("wins" if found["wins"] else "loses")
    words = {"wins": "takes less energy than", "loses": "takes more energy than"}.get(
        verdict, "takes about as much energy as"
    )
    here = marked.percent(found["rate_here"])
    rest = (
        marked.say("it pays below a spike rate of {}, its own is {}", marked.percent(found["rate"]), here)
        if found["rate"] > 0
        else marked.say("the ANN needs less energy at every spike rate; this network's rate is {}", here)
    )
    return marked.say("It {} a quantised ANN of its shape, {}: {}", words, _against(found), rest)


def _against(found: dict[str, Any]) -> str:
    rows = found.get("against") or []
    return f"by {rows[0]['title'] if rows else found.get('model') or 'a model of arithmetic and memory'}"


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


def _published(rate: Any) -> Markup:
    if isinstance(rate, list):
        return marked.say("{} to {}", *(marked.mark(f"{one:g}", one) for one in rate))
    return marked.percent(rate)


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
