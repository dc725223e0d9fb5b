"""From report.json to what each section of the page says, in plain words and rows.

No HTML here: the template lays out and escapes.
"""

from typing import Any

from markupsafe import Markup

from neurodeploy.backends.table import FIXED, is_integer
from neurodeploy.report import figures, marked, words

MOST_NEURONS = 128
"""Neurons of a layer that report.json holds a raster of, from the first."""

MEANINGS = {
    "float": "The trained network in PyTorch, full precision.",
    "read": "The graph that was read from the trained network, run in float64.",
    "ptq": "Its weights rounded to the chip's grid, before fine-tuning; not a stage of the certificate.",
    "quantised": "The network with weights on the chip's grid, in PyTorch.",
    "reference": "The exported .nir file, read back and run in float64.",
    "fixed": "The integer Program, as the chip computes it.",
    "lava": "The same Program on Lava 0.10.0 itself.",
}


def chip_stage(stages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the stage whose accuracy the chip would have: the integer run on all samples."""
    return next((stage for stage in stages if stage["name"] == FIXED), stages[-1])


def stages(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the accuracy table and picture, in the order of the pipeline."""
    certificate = report["certificate"]
    # Numbers stay numbers for the picture.
    rows: list[dict[str, Any]] = [
        {
            "name": stage["name"],
            "meaning": MEANINGS.get(stage["name"], ""),
            "accuracy": stage["accuracy"],
            "samples": stage["samples"],
            "fewer": stage["samples"] < certificate["samples"],
            "drop": stage["accuracy_drop"],
            "against": stage["against"],
            "spike_agreement": stage["spike_agreement"],
            "prediction_agreement": stage.get("prediction_agreement"),
            "first": first_difference(stage),
        }
        for stage in certificate["stages"]
    ]
    ptq = report["accuracy"]["ptq"]
    chained = report["accuracy"]["quantised"]
    if ptq is not None and (ptq != chained or report["quantisation"]["fine_tuning"]):
        row = dict.fromkeys(rows[0]) | {
            "name": "ptq",
            "meaning": MEANINGS["ptq"],
            "accuracy": ptq,
            "samples": certificate["samples"],
            "first": "",
        }
        rows.insert(next((index for index, one in enumerate(rows) if one["name"] == "quantised"), 1), row)
    return rows


def first_difference(stage: dict[str, Any]) -> Markup:
    """Return where a stage first differs from the one before; empty for the first stage."""
    if stage["against"] is None:
        return Markup("")
    found = stage["first_difference"]
    return Markup("no difference") if found is None else marked.difference(found, chip_steps=in_chip_steps(stage))


def in_chip_steps(stage: dict[str, Any]) -> bool:
    """True where a comparison counts the chip's steps: between two integer runs."""
    return is_integer(stage["name"]) and stage["against"] is not None and is_integer(stage["against"])


def checks(stage: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what else the certificate found about a stage: equations and overflows, as lines."""
    lines = []
    equations = stage.get("equations")
    if equations is not None:
        violation = equations["first_violation"]
        text = (
            Markup("every step is exactly what the graph's equations give")
            if violation is None
            else marked.say("the graph's equations do not allow {}", marked.difference(violation, chip_steps=True))
        )
        lines.append({"good": violation is None, "text": marked.say("Equations: {}", text)})
    if "overflows" in stage:
        found = [
            marked.say("{} {} {}", marked.count(layer[key]), what, name)
            for name, layer in stage["overflows"].items()
            for key, what in (("wrapped", "currents wrapped in"), ("saturated", "potentials saturated in"))
            if layer[key]
        ]
        wrapped = any(layer["wrapped"] for layer in stage["overflows"].values())
        text = marked.joined(found) if found else Markup("none")
        lines.append({"good": not wrapped, "text": marked.say("Overflows: {}", text)})
    return lines


def training(report: dict[str, Any]) -> dict[str, Any] | None:
    """Return epochs of both phases, the kept ones, and a sentence on each phase; None without epochs."""
    first, second = report["training"], report["quantisation"]["fine_tuning"] or {"epochs": []}
    trained, tuned = first["epochs"], second["epochs"]
    if not trained and not tuned:
        return None
    phases: list[dict[str, Any]] = []
    for name, history, start in (
        ("Training", first, 0),
        ("Fine-tuning on the chip's grid", second, len(trained)),
    ):
        n_epochs = len(history["epochs"])
        if not n_epochs:
            continue
        kept = history["best_epoch"]
        which = (
            Markup("the weights it began with")
            if kept < 0
            else marked.say(
                "epoch {} of {}",
                marked.mark(f"{kept + 1}", kept, "ordinal"),
                marked.mark(str(n_epochs), n_epochs, "length"),
            )
        )
        score = marked.percent(history["best_validation"])
        # What a phase began with lies between its first epoch and the phase before.
        at = start + (kept + 1 if kept >= 0 else 0.5)
        data = "test data" if report["recipe"]["data"].get("selection") == "test" else "validation data"
        phases.append({"text": marked.say("{}: kept {}, {} on {}.", name, which, score, data), "at": at})
    svg = figures.training(trained + tuned, len(trained), [phase["at"] for phase in phases])
    if taus := first.get("time_constants"):
        found = marked.joined([marked.mark(f"{one:.2f}", one) for one in taus])
        phases.append({"text": marked.say("Time constants of the layers, steps: {}.", found)})
    return {"epochs": trained + tuned, "n_trained": len(trained), "phases": phases, "svg": svg}


def raster(plot: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the title of a sample's raster and its layers; `names` are those of the classes."""
    told = [(words.class_name(plot[key], names), plot[key]) for key in ("label", "prediction")]
    label, prediction = (marked.plain(index) if name == str(index) else name for name, index in told)
    rows = [
        {
            "name": layer["name"],
            "neurons": layer["neurons"],
            "drawn": min(layer["neurons"], MOST_NEURONS),
            "start": layer["start"],
            "spikes": marked.mark(words.count(len(layer["indices"])), len(layer["indices"]), "length"),
        }
        for layer in plot["layers"]
    ]
    right = plot["label"] == plot["prediction"]
    return {
        "title": marked.say("Test sample {}: label {}, prediction {}", marked.plain(plot["sample"]), label, prediction),
        "sample": marked.plain(plot["sample"]),
        "right": right,
        "layers": rows,
    }


def connections(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each connection's histogram and what to say under it."""
    plan = report["quantisation"].get("plan", {}).get("connections", {})
    rows = []
    for one in report["plots"]["weights"]:
        text = marked.say("{} used, {} zeros", marked.plural(one["levels"], "level"), marked.percent(one["zeros"]))
        if one["name"] in plan:
            settings = plan[one["name"]]
            text += marked.say(
                "; {} bits, exponent {}",
                marked.plain(settings["weight_bits"]),
                marked.exponents(settings["weight_exp"]),
            )
        rows.append({"name": one["name"], "text": text, "svg": figures.weights(one)})
    return rows


def states(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the fixed point of each layer whose neurons are equations, and how far it moves their poles."""
    plan, poles = report["quantisation"].get("plan", {}), report["quantisation"].get("poles") or {}
    return [
        {
            "name": name,
            "fraction_bits": marked.plain(found["fraction_bits"]),
            "unit": marked.plain(plan["vth_mant"][name]),
            "largest": marked.say("{} (neuron {})", marked.two_digits(found["largest"]), marked.plain(found["neuron"])),
            "rms": marked.two_digits(found["rms"]),
            "outside": marked.say(
                "{} as trained, {} on the chip", marked.plain(found["outside_trained"]), marked.plain(found["outside"])
            ),
        }
        for name, found in poles.items()
    ]
