"""The report of a run: one HTML page that needs nothing but itself."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from neurodeploy.accounting.energy import ALL_IN
from neurodeploy.report import cost_figures, costs, energy_rows, figures, marked, rasters, sections
from neurodeploy.report import device_rows as beside
from neurodeploy.report.classes import classes
from neurodeploy.report.sources import Sources
from neurodeploy.report.utilisation import utilisation_map
from neurodeploy.report.verdict import verdict

TEMPLATE = "page.html.j2"
FILTERS = ("percent", "agreement", "points", "limit_points", "count", "plain", "energy", "seconds", "plural")


def render(report: dict[str, Any]) -> str:
    """Return the page of a run as HTML: nothing is loaded from elsewhere, and only the sorting of tables is a script.

    Args:
        report: What a run's report.json holds. Names in it may be anybody's: all text is escaped.
            `fit`, `latency` and `devices` may be null or missing.

    The same report gives the same bytes.
    """
    sources = Sources()
    # In the order of the page, so that footnotes are numbered as they are met.
    parts = {
        "verdict": verdict(report),
        "accuracy": _accuracy(report),
        "comparisons": [_comparison(stage) for stage in report["certificate"]["stages"] if stage["against"]],
        "counts": _counts(report["counts"]),
        "energy": _energy(report, sources),
        "fit": _fit(report.get("fit"), sources),
        "latency": _latency(report.get("latency"), sources),
        "devices": _devices(report, sources),
        "training": _training(report),
        "classes": classes(report),
        "rasters": [_raster(report, plot) for plot in report["plots"]["rasters"]],
        "connections": [
            one | {"svg": Markup(figures.weights(one["histogram"]))} for one in sections.connections(report)
        ],
        "states": sections.states(report),
        "opacities": rasters.OPACITIES,
        "recipe": sections.toml(report["recipe"]),
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
    found.filters |= filters
    return found


def _accuracy(report: dict[str, Any]) -> dict[str, Any]:
    rows, limit = sections.stages(report), report["certificate"]["max_accuracy_drop"]
    return {"rows": rows, "limit": limit, "svg": Markup(figures.accuracy(rows, limit))}


def _training(report: dict[str, Any]) -> dict[str, Any] | None:
    found = sections.training(report)
    if found is None:
        return None
    best = [phase["at"] for phase in found["phases"]]
    return found | {"svg": Markup(figures.training(found["epochs"], found["n_trained"], best))}


def _raster(report: dict[str, Any], plot: dict[str, Any]) -> dict[str, Any]:
    svg = Markup(rasters.raster(plot["layers"], plot["steps"]))
    return sections.raster(plot, report.get("class_names") or []) | {
        "svg": svg,
        "every": rasters.kept_neurons(plot["layers"]),
    }


def _counts(counts: dict[str, Any]) -> dict[str, Any]:
    spikes = [("input", counts["input_spikes_per_sample"])]
    spikes += [(layer["name"], layer["spikes_per_sample"]) for layer in counts["layers"]]
    synops = [(one["name"], one["synops_per_sample"]) for one in counts["connections"]]
    return counts | {
        "spikes_svg": Markup(figures.bars(spikes, "spikes per sample")),
        "synops_svg": Markup(figures.bars(synops, "synops per sample")),
        "by_others": costs.conventions(counts),
        "events": costs.events(counts),
    }


def _comparison(stage: dict[str, Any]) -> dict[str, Any]:
    """Return what the certificate says of a stage; a strip only where there is something in it."""
    first, chip_steps = stage["first_difference"], sections.in_chip_steps(stage)
    layers = stage.get("layers") or []
    svg = None
    if first is not None and layers:
        svg = Markup(rasters.difference_strip(layers, first, "chip step" if chip_steps else "input step"))
    return {"stage": stage, "first": sections.first_difference(stage), "checks": sections.checks(stage), "svg": svg}


def _energy(report: dict[str, Any], sources: Sources) -> dict[str, Any]:
    energy = report["energy"]
    models, rows, band = energy_rows.models(energy, sources), energy_rows.layers(energy), energy.get("energy_j")
    shown = [model for model in models if model["shown"]]
    names = energy_rows.term_names(shown)
    return {
        "chip": energy["chip"],
        "title": energy.get("title") or energy["chip"],
        "scope": energy["scope"],
        "band": _band(band, "J"),
        "mid": marked.energy(band["mid"]) if band and band["low"] < band["high"] else None,
        "static": _band(energy.get("static_j"), "J"),
        "all_in": _band(energy.get("all_in_j"), "J") if energy["scope"] != ALL_IN else None,
        "models": models,
        "terms": names,
        "unpriced": energy["unpriced"],
        "notes": energy.get("notes") or [],
        "models_svg": Markup(cost_figures.energy_models(shown, names, band)) if shown and band else "",
        "layers_svg": Markup(cost_figures.energy_layers(rows, names)) if rows else "",
    }


def _band(found: dict[str, float] | None, unit: str) -> Markup | None:
    return marked.band(found["low"], found["high"], unit) if found else None


def _fit(fit: dict[str, Any] | None, sources: Sources) -> dict[str, Any] | None:
    if not fit:
        return None
    rows = costs.limits(fit, sources)
    return fit | {
        "binding_name": costs.limit_name(fit["binding_limit"]) if fit.get("binding_limit") else "",
        "rows": rows,
        "references": sources.references(fit.get("constants") or {}),
        "layer_rows": costs.placed_layers(fit),
        "svg": Markup(utilisation_map(fit)) if fit.get("core_list") else "",
        "advice": [costs.advice(one) for one in fit.get("advice") or []],
        "problems": fit.get("problems") or [],
        "notes": fit.get("notes") or [],
    }


def _latency(latency: dict[str, Any] | None, sources: Sources) -> dict[str, Any] | None:
    if not latency:
        return None
    cores = latency.get("by_core") or []
    return {
        "priced": latency.get("latency_s") is not None,
        "mid": marked.seconds(latency.get("latency_s")),
        "band": _band(latency.get("latency_band_s"), "s"),
        "step": latency.get("step_s") or {},
        "bounds": [
            {"name": name, "share": marked.percent(share)}
            for name, share in sorted((latency.get("bound") or {}).items(), key=lambda one: -one[1])
            if share
        ],
        "between": marked.seconds(latency["between_s"]) if latency.get("between_s") else None,
        "layers": costs.slow_layers(latency),
        "measured": costs.measured_step(latency, sources),
        "assumptions": latency.get("assumptions") or [],
        "unpriced": latency.get("unpriced") or [],
        "references": sources.references(latency.get("constants") or {}),
        "cores_svg": Markup(cost_figures.cores(cores)) if cores else "",
        "shown": [name for name in costs.BOUNDS if any(one.get("bound") == name for one in cores)],
    }


def _devices(report: dict[str, Any], sources: Sources) -> dict[str, Any] | None:
    devices = report.get("devices")
    if not devices:
        return None
    rows, records = beside.picture_rows(devices, report["energy"]), beside.records(devices, sources)
    crossover = beside.crossover(devices, sources)
    if crossover:
        drawn = crossover["rows"] and crossover["here"] > 0
        crossover["svg"] = Markup(cost_figures.crossovers(crossover["rows"], crossover["here"])) if drawn else ""
    return {
        "records": records,
        "svg": Markup(cost_figures.devices(rows)) if len(rows) > 1 else "",
        "floors": any(one["floor"] for one in records),
        "subtracted": any(one["subtracted"] for one in records),
        "ann": beside.ann(devices),
        "crossover": crossover,
        "notes": devices.get("notes") or [],
    }
