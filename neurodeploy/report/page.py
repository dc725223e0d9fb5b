"""The report of a run: one HTML page that needs nothing but itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from neurodeploy.report import figures, rasters, sections, words

TEMPLATE = "page.html.j2"


def render(report: dict[str, Any]) -> str:
    """Return the page of a run as HTML: no script, nothing loaded from elsewhere.

    Args:
        report: What a run's report.json holds. Names in it may be anybody's: all text is escaped.

    The same report gives the same bytes.
    """
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            report=report,
            verdict=sections.verdict(report),
            accuracy=_accuracy(report),
            training=_training(report),
            raster=_raster(report),
            connections=_connections(report),
            states=sections.states(report),
            counts=_counts(report["counts"]),
            comparisons=[_comparison(stage) for stage in report["certificate"]["stages"] if stage["against"]],
            opacities=rasters.OPACITIES,
            energy=_energy(report["energy"]),
            recipe=sections.toml(report["recipe"]),
        )
    )


def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        name: getattr(words, name) for name in ("percent", "agreement", "points", "count", "energy", "plural")
    }
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


def _raster(report: dict[str, Any]) -> dict[str, Any]:
    plot = report["plots"]["raster"]
    svg = Markup(rasters.raster(plot["layers"], plot["steps"]))
    return sections.raster(report) | {"svg": svg, "every": rasters.kept_neurons(plot["layers"])}


def _connections(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [one | {"svg": Markup(figures.weights(one["histogram"]))} for one in sections.connections(report)]


def _counts(counts: dict[str, Any]) -> dict[str, Any]:
    spikes = [("input", counts["input_spikes_per_sample"])]
    spikes += [(layer["name"], layer["spikes_per_sample"]) for layer in counts["layers"]]
    synops = [(one["name"], one["synops_per_sample"]) for one in counts["connections"]]
    return counts | {
        "spikes_svg": Markup(figures.bars(spikes, "spikes per sample")),
        "synops_svg": Markup(figures.bars(synops, "synops per sample")),
    }


def _comparison(stage: dict[str, Any]) -> dict[str, Any]:
    """Return what the certificate says of a stage; a strip only where there is something in it."""
    first, chip_steps = stage["first_difference"], sections.in_chip_steps(stage)
    layers = stage.get("layers") or []
    svg = None
    if first is not None and layers:
        svg = Markup(rasters.difference_strip(layers, first, "chip step" if chip_steps else "input step"))
    return {
        "stage": stage,
        "first": sections.first_difference(stage),
        "checks": sections.checks(stage),
        "svg": svg,
    }


def _energy(energy: dict[str, Any]) -> dict[str, Any]:
    low, high = energy["energy_j"]["low"], energy["energy_j"]["high"]
    svg = Markup(figures.energy(energy["models"], low, high))
    return energy | {"svg": svg, "band": words.energy_band(low, high)}
