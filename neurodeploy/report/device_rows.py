"""The GPU, the CPU and the quantised network beside this one: rows for the tables and the picture."""

import string
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from neurodeploy.report import marked
from neurodeploy.report.sources import Sources

MEASURED = {"nvml": "measured, NVML", "rapl": "measured, RAPL"}
WHAT = {"snn": "this network", "ann": "quantised ANN"}


def records(devices: dict[str, Any], sources: Sources) -> list[dict[str, Any]]:
    """Return every recorded measurement as a row of the table."""
    found = sorted(devices["records"], key=lambda one: one["what"] != "snn")
    return [_record(one, sources) for one in found]


def _record(one: dict[str, Any], sources: Sources) -> dict[str, Any]:
    energy, source, floor = one["energy_per_sample_j"], one["energy_source"], one.get("floor")
    return {
        "what": WHAT.get(one["what"], one["what"]),
        "device": one["device"],
        "detail": ", ".join(part for part in (one["driver"], one["date"][:10]) if part),
        "batch": marked.count(one["batch"]),
        "latency": marked.seconds(one["latency_s"]),
        "rate": marked.count(one["samples_per_second"]),
        "energy": _shown(energy, marked.energy, Markup("not measured")),
        "subtracted": _shown(one["energy_idle_subtracted_j"], marked.energy),
        "idle": _shown(one["idle_w"], lambda watts: marked.quantity(watts, "W")),
        "grade": "" if energy is None else MEASURED.get(source, "floor, not measured"),
        "floor": energy is not None and source not in MEASURED,
        "reference": sources.references({f"{floor['chip']}, MAC": floor}) if floor else "",
        "accuracy": marked.percent(one["accuracy"]),
    }


def _shown(value: float | None, words: Callable[[float], Markup], otherwise: Any = "") -> Any:
    return otherwise if value is None else words(value)


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
            {"rate": _published(one["rate"]), "per": one["per"], "source": one["source"]} for one in found["published"]
        ],
        "references": sources.references(found["constants"]),
    }


def standing(found: dict[str, Any]) -> Markup:
    """Return where the network stands against the crossover, in one sentence without its stop."""
    words = {"wins": "takes less energy than", "loses": "takes more energy than"}.get(
        found["verdict"], "takes about as much energy as"
    )
    here = marked.percent(found["rate_here"])
    rest = (
        marked.say("it pays below a spike rate of {}, its own is {}", marked.percent(found["rate"]), here)
        if found["rate"] > 0
        else marked.say("the ANN needs less energy at every spike rate; this network's rate is {}", here)
    )
    return marked.say("It {} a quantised ANN of its shape, by {}: {}", words, found["against"][0]["title"], rest)


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
