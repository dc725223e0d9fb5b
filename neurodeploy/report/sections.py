"""From report.json to what each section of the page says, in plain words and rows.

No pictures and no HTML here: `page` draws, the template lays out and escapes.
"""

from __future__ import annotations

from typing import Any

import tomli_w

from neurodeploy.report import words

FLOAT, FIXED, LAVA = "float", "fixed", "lava"
INTEGER = (FIXED, LAVA)
MOST_NEURONS = 128
"""Neurons of a layer that report.json holds a raster of, from the first."""

MEANINGS = {
    "float": "The trained network in PyTorch, full precision.",
    "ptq": "Its weights rounded to the chip's grid, before fine-tuning; not a stage of the certificate.",
    "quantised": "The network with weights on the chip's grid, in PyTorch.",
    "reference": "The exported .nir file, read back and run in float64.",
    "fixed": "The integer Program, as the chip computes it.",
    "lava": "The same Program on Lava 0.10.0 itself.",
}


def verdict(report: dict[str, Any]) -> dict[str, Any]:
    """Return the lines that decide: passed or not and why, and four numbers with where they come from."""
    certificate, counts, energy = report["certificate"], report["counts"], report["energy"]
    stage = chip_stage(certificate["stages"])
    drop = stage.get("accuracy_drop", 0.0)
    samples = words.plural(stage["samples"], "sample")
    low, high = energy["energy_j"]["low"], energy["energy_j"]["high"]
    models = words.plural(len(energy["models"]), "model")
    tiles = [
        {
            "title": "Accuracy in integers",
            "value": words.percent(stage["accuracy"]),
            "detail": f"{words.points(drop)} against float ({words.percent(stage['accuracy'] + drop)})",
            "source": f"test part, {samples}",
            "state": "",
        },
        bit_exact(certificate),
        {
            "title": "Synops per sample",
            "value": words.count(counts["synops_per_sample"]),
            "detail": f"and {words.count(counts['neuron_updates_per_sample'])} neuron updates in "
            f"{words.plural(counts['steps'], 'chip step')}",
            "source": f"counted in the integer run, test part, {words.plural(counts['samples'], 'sample')}",
            "state": "",
        },
        {
            "title": "Energy per sample",
            "value": words.energy_band(low, high),
            "detail": "dynamic only",
            "source": f"these counts, priced by {models} of {energy['chip']}",
            "state": "",
        },
    ]
    return {"passed": certificate["passed"], "failures": certificate["failures"], "tiles": tiles}


def chip_stage(stages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the stage whose accuracy the chip would have: the integer run on all samples."""
    return next((stage for stage in stages if stage["name"] == FIXED), stages[-1])


def bit_exact(certificate: dict[str, Any]) -> dict[str, Any]:
    """Return whether the integer run equals Lava's, as a tile."""
    tile = {"title": "Bit-exact with Lava 0.10.0"}
    exact = certificate["bit_exact"].get("fixed/lava")
    if exact is None:
        return tile | {
            "value": "not run",
            "detail": "nothing is claimed",
            "source": "Lava was not ready, or the recipe says never",
            "state": "open",
        }
    lava = next(stage for stage in certificate["stages"] if stage["name"] == LAVA)
    source = f"test part, the first {words.plural(lava['compared_samples'], 'sample')}"
    if exact:
        return tile | {
            "value": "yes",
            "detail": "every spike, current and potential is equal",
            "source": source,
            "state": "good",
        }
    detail = words.difference(lava["first_difference"], chip_steps=True)
    return tile | {"value": "no", "detail": detail, "source": source, "state": "bad"}


def stages(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the accuracy table and picture, in the order of the pipeline."""
    certificate = report["certificate"]
    rows = [stage_row(stage, certificate["samples"]) for stage in certificate["stages"]]
    ptq = report["accuracy"].get("ptq")
    chained = report["accuracy"].get("quantised")
    if ptq is not None and (ptq != chained or report["quantisation"].get("fine_tuning")):
        row = dict.fromkeys(rows[0]) | {
            "name": "ptq",
            "meaning": MEANINGS["ptq"],
            "accuracy": ptq,
            "samples": certificate["samples"],
            "first": "",
        }
        rows.insert(1, row)
    return rows


def stage_row(stage: dict[str, Any], n_samples: int) -> dict[str, Any]:
    """Return one stage of a certificate on `n_samples` as a row; numbers stay numbers for the picture."""
    return {
        "name": stage["name"],
        "meaning": MEANINGS.get(stage["name"], ""),
        "accuracy": stage["accuracy"],
        "samples": stage["samples"],
        "fewer": stage["samples"] < n_samples,
        "drop": stage.get("accuracy_drop", 0.0),
        "against": stage["against"],
        "spike_agreement": stage["spike_agreement"],
        "prediction_agreement": stage.get("prediction_agreement"),
        "first": first_difference(stage),
    }


def first_difference(stage: dict[str, Any]) -> str:
    """Return where a stage first differs from the one before; empty for the first stage."""
    if stage["against"] is None:
        return ""
    found = stage["first_difference"]
    return "no difference" if found is None else words.difference(found, chip_steps=in_chip_steps(stage))


def in_chip_steps(stage: dict[str, Any]) -> bool:
    """True where a comparison counts the chip's steps: between two integer runs."""
    return stage["name"] in INTEGER and stage["against"] in INTEGER


def checks(stage: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what else the certificate found about a stage: equations and overflows, as lines."""
    lines = []
    equations = stage.get("equations")
    if equations is not None:
        violation = equations["first_violation"]
        text = (
            "every step obeys the graph's equations to within the rounding"
            if violation is None
            else "the graph's equations do not allow " + words.difference(violation, chip_steps=True)
        )
        lines.append({"good": violation is None, "text": "Equations: " + text})
    if "overflows" in stage:
        wrapped = sum(layer["wrapped"] for layer in stage["overflows"].values())
        saturated = sum(layer["saturated"] for layer in stage["overflows"].values())
        found = f"{words.count(wrapped)} currents wrapped, {words.count(saturated)} potentials saturated"
        text = found if wrapped or saturated else "none"
        lines.append({"good": not wrapped, "text": "Overflows: " + text})
    return lines


def training(report: dict[str, Any]) -> dict[str, Any] | None:
    """Return epochs of both phases, the kept ones, and a sentence on each phase; None without epochs."""
    first, second = report.get("training") or {}, report["quantisation"].get("fine_tuning") or {}
    trained, tuned = first.get("epochs", []), second.get("epochs", [])
    if not trained and not tuned:
        return None
    phases = []
    for name, history, start in (
        ("Training", first, 0),
        ("Fine-tuning on the chip's grid", second, len(trained)),
    ):
        n_epochs = len(history.get("epochs", []))
        if not n_epochs:
            continue
        kept = history["best_epoch"]
        which = "the weights it began with" if kept < 0 else f"epoch {kept + 1} of {n_epochs}"
        score = words.percent(history["best_validation"])
        # What a phase began with lies between its first epoch and the phase before.
        at = start + (kept + 1 if kept >= 0 else 0.5)
        phases.append({"text": f"{name}: kept {which}, {score} on validation data.", "at": at})
    return {"epochs": trained + tuned, "n_trained": len(trained), "phases": phases}


def raster(report: dict[str, Any]) -> dict[str, Any]:
    """Return the title and the rows beside the raster."""
    plot, names = report["plots"]["raster"], report.get("class_names") or []
    label, prediction = (words.class_name(plot[key], names) for key in ("label", "prediction"))
    rows = [
        {
            "name": layer["name"],
            "neurons": layer["neurons"],
            "drawn": min(layer["neurons"], MOST_NEURONS),
            "start": layer["start"],
            "spikes": len(layer["indices"]),
        }
        for layer in plot["layers"]
    ]
    right = plot["label"] == plot["prediction"]
    return {
        "title": f"Test sample {plot['sample']}: label {label}, prediction {prediction}",
        "right": right,
        "layers": rows,
    }


def connections(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what to say under each connection's histogram."""
    plan = report["quantisation"].get("plan", {}).get("connections", {})
    rows = []
    for one in report["plots"]["weights"]:
        text = f"{words.plural(one['levels'], 'level')} used, {words.percent(one['zeros'])} zeros"
        if one["name"] in plan:
            settings = plan[one["name"]]
            text += f"; {settings['weight_bits']} bits, exponent {words.exponents(settings['weight_exp'])}"
        rows.append({"name": one["name"], "text": text, "histogram": one})
    return rows


def states(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the fixed point of each layer whose neurons have two states, and how far it moves their poles."""
    plan, poles = report["quantisation"].get("plan", {}), report["quantisation"].get("poles") or {}
    return [
        {
            "name": name,
            "fraction_bits": found["fraction_bits"],
            "unit": plan["vth_mant"][name],
            "largest": f"{found['largest']:.2g} (neuron {found['neuron']})",
            "rms": f"{found['rms']:.2g}",
            "outside": f"{found['outside_trained']} as trained, {found['outside']} on the chip",
        }
        for name, found in poles.items()
    ]


def toml(recipe: dict[str, Any]) -> str:
    """Return a recipe as TOML; a setting without a value is left out, as TOML has none.

    >>> print(toml({"name": "a", "data": {"n_steps": None, "dataset": "digits"}}))
    name = "a"
    <BLANKLINE>
    [data]
    dataset = "digits"
    """
    return tomli_w.dumps(_without_none(recipe)).strip()


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_none(inner) for inner in value if inner is not None]
    return value
