"""The report of a run: one HTML page that needs nothing but itself."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from neurodeploy import toml
from neurodeploy.accounting.energy import ALL_IN
from neurodeploy.report import costs, figures, marked, rasters, sections, words
from neurodeploy.report.classes import classes
from neurodeploy.report.drawing import short
from neurodeploy.report.sources import Sources
from neurodeploy.report.utilisation import utilisation_map
from neurodeploy.report.verdict import verdict

TEMPLATE = "page.html.j2"
FILTERS = ("percent", "agreement", "points", "limit_points", "count", "plain", "energy", "seconds", "plural")


def render(report: dict[str, Any]) -> str:
    """Return the page of a run as HTML: nothing is loaded from elsewhere, and only the sorting of tables is a script.

    Args:
        report: What a run's report.json holds. Names in it may be anybody's: all text is escaped.
            `fit`, `latency` and `devices` may be null.

    The same report gives the same bytes.
    """
    sources, rows = Sources(), sections.stages(report)
    limit = report["certificate"]["max_accuracy_drop"]
    # In the order of the page, so that footnotes are numbered as they are met.
    parts = {
        "verdict": verdict(report),
        "first": report["certificate"]["stages"][0]["name"],
        "accuracy": {"rows": rows, "limit": limit, "svg": figures.accuracy(rows, limit)},
        "comparisons": [_comparison(stage) for stage in report["certificate"]["stages"] if stage["against"]],
        "counts": _counts(report["counts"]),
        "energy": _energy(report["energy"], sources),
        "fit": _fit(report["fit"], sources),
        "latency": _latency(report["latency"], sources),
        "devices": _devices(report, sources),
        "training": sections.training(report),
        "classes": classes(report),
        "rasters": [
            sections.raster(plot, report["class_names"])
            | {"svg": rasters.raster(plot["layers"], plot["steps"]), "every": rasters.kept_neurons(plot["layers"])}
            for plot in report["plots"]["rasters"]
        ],
        "connections": sections.connections(report),
        "states": sections.states(report),
        "opacities": rasters.OPACITIES,
        "recipe": toml.dumps(report["recipe"]).strip(),
    }
    template = environment({name: getattr(marked, name) for name in FILTERS}).get_template(TEMPLATE)
    return template.render(report=report, sources=sources.notes(), **parts)


def environment(filters: dict[str, Any]) -> Environment:
    """Return what makes a page of a template beside this file; all text is escaped."""
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= filters | {"short": short}
    return found


def _counts(counts: dict[str, Any]) -> dict[str, Any]:
    spikes = [("input", counts["input_spikes_per_sample"])]
    spikes += [(layer["name"], layer["spikes_per_sample"]) for layer in counts["layers"]]
    synops = [(one["name"], one["synops_per_sample"]) for one in counts["connections"]]
    return counts | {
        "spikes_svg": figures.bars(spikes, "spikes per sample"),
        "synops_svg": figures.bars(synops, "synops per sample"),
        "by_others": costs.conventions(counts),
        "events": costs.events(counts),
    }


def _comparison(stage: dict[str, Any]) -> dict[str, Any]:
    """Return what the certificate says of a stage; a strip only where there is something in it."""
    first, layers, svg = stage["first_difference"], stage["layers"], None
    if first is not None and layers:
        steps = "chip step" if sections.in_chip_steps(stage) else "input step"
        svg = rasters.difference_strip(layers, first, steps)
    return {
        "stage": stage,
        "first": sections.first_difference(stage),
        "checks": sections.checks(stage),
        "states": words.states_off(stage),
        "svg": svg,
    }


def _energy(energy: dict[str, Any], sources: Sources) -> dict[str, Any]:
    models, rows, band = costs.energy_models(energy, sources), costs.energy_layers(energy), energy["energy_j"]
    shown = [model for model in models if model["shown"]]
    names = costs.term_names(shown)
    return energy | {
        "band": _band(band, "J"),
        "mid": marked.energy(band["mid"]) if band and band["low"] < band["high"] else None,
        "static": _band(energy["static_j"], "J"),
        "all_in": _band(energy["all_in_j"], "J") if energy["scope"] != ALL_IN else None,
        "models": models,
        "terms": names,
        "models_svg": figures.energy_models(shown, names, band) if shown and band else "",
        "layers_svg": figures.energy_layers(rows, names) if rows else "",
    }


def _band(found: dict[str, float] | None, unit: str) -> Markup | None:
    return marked.band(found["low"], found["high"], unit) if found else None


def _fit(fit: dict[str, Any] | None, sources: Sources) -> dict[str, Any] | None:
    if fit is None:
        return None
    rows = costs.limits(fit, sources)
    return fit | {
        "binding_name": costs.limit_name(fit["binding_limit"]) if fit["binding_limit"] else "",
        "rows": rows,
        "references": sources.references(fit["constants"]),
        "layer_rows": costs.placed_layers(fit),
        "svg": utilisation_map(fit) if fit["core_list"] else "",
        "advice": [costs.advice(one) for one in fit["advice"]],
    }


def _latency(latency: dict[str, Any] | None, sources: Sources) -> dict[str, Any] | None:
    if latency is None:
        return None
    cores = latency["by_core"]
    return latency | {
        "priced": latency["latency_s"] is not None,
        "mid": marked.seconds(latency["latency_s"]),
        "band": _band(latency["latency_band_s"], "s"),
        "bounds": [
            {"name": name, "share": marked.percent(share)}
            for name, share in sorted(latency["bound"].items(), key=lambda one: -one[1])
            if share
        ],
        "between": marked.seconds(latency["between_s"]) if latency["between_s"] else None,
        "layers": costs.slow_layers(latency),
        "measured": costs.measured_step(latency, sources),
        "references": sources.references(latency["constants"]),
        "cores_svg": figures.cores(cores) if cores else "",
        "shown": [name for name in costs.BOUNDS if any(one["bound"] == name for one in cores)],
    }


def _devices(report: dict[str, Any], sources: Sources) -> dict[str, Any] | None:
    devices = report["devices"]
    if devices is None:
        return None
    rows, records = costs.picture_rows(devices, report["energy"]), costs.records(devices, sources)
    crossover = costs.crossover(devices, sources)
    if crossover:
        drawn = crossover["rows"] and crossover["here"] > 0
        crossover["svg"] = figures.crossovers(crossover["rows"], crossover["here"]) if drawn else ""
    return {
        "records": records,
        "svg": figures.devices(rows) if len(rows) > 1 else "",
        "floors": any(one["floor"] for one in records),
        "subtracted": any(one["subtracted"] for one in records),
        "ann": costs.ann(devices),
        "crossover": crossover,
        "notes": devices["notes"],
    }
