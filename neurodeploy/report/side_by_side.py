"""Finished runs side by side: a row for each thing measured, the best of it, and the change from the first run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from neurodeploy.accounting.recorded import Recorded
from neurodeploy.report.amounts import amount, apart, points

Value = float | int | bool | str | None
Read = Callable[[Recorded], Value]
STAGES = ("float", "ptq", "quantised", "reference", "fixed", "lava")
BAND = ("low", "mid", "high")
BIT_EXACT = ("certificate", "bit_exact", "fixed/lava")


@dataclass(frozen=True)
class Measure:
    """One row: what it is, its unit, which way is better ("more", "less" or "" for neither), how it is read.

    Attributes:
        compared: False where the runs' numbers must not be put against each other.
    """

    key: str
    title: str
    unit: str
    better: str
    read: Read
    compared: bool = True


def side_by_side(runs: Sequence[Recorded]) -> list[dict[str, Any]]:
    """Return the rows that at least one run has a value in.

    Returns:
        Rows of `key`, `title`, `unit`, `better`, and for each run `values`, `difference` and `change`
        (value against the first run's, and relative to it; None where there is no such number), `best`
        (runs with the best value, by position; empty where all are equal or none can be called best) and
        `cells` (text to show).

    Raises:
        RunError: a report is damaged.
    """
    rows = []
    for measure in _measures(runs):
        values = [measure.read(run) for run in runs]
        if any(value is not None for value in values):
            rows.append(_row(measure, values))
    return rows


def _measures(runs: Sequence[Recorded]) -> list[Measure]:
    one_scope = len({run.text("energy", "scope") for run in runs} - {None}) < 2
    return [
        *[_accuracy(stage) for stage in STAGES],
        Measure("certificate", "certificate passed", "", "more", lambda run: run.truth("certificate", "passed")),
        Measure("bit_exact", "bit-exact with Lava", "", "more", lambda run: run.truth(*BIT_EXACT)),
        _count("synops", "synops per sample", "synops_per_sample"),
        _count("macs", "MACs per sample", "macs_per_sample"),
        _count("neuron_updates", "neuron updates per sample", "neuron_updates_per_sample"),
        _count("spikes", "spikes per sample", "spikes_per_sample"),
        _count("messages", "messages per sample", "messages_per_sample"),
        Measure("energy_chip", "energy on", "", "", lambda run: run.text("energy", "chip")),
        Measure("energy_scope", "energy scope", "", "", lambda run: run.text("energy", "scope")),
        # A number of single operations and one of a whole board are never put against each other.
        *[_band(end, "energy", "energy_j", "J", compared=one_scope) for end in BAND],
        _band("mid", "static energy", "static_j", "J", within="energy"),
        *[_band(end, "latency", "latency_band_s", "s") for end in BAND],
        Measure("fit_chip", "placed on", "", "", lambda run: run.text("fit", "chip")),
        Measure("fits", "fits", "", "more", lambda run: run.truth("fit", "fits")),
        Measure("cores", "cores", "cores", "less", lambda run: run.number("fit", "cores")),
        Measure("chips", "chips", "chips", "less", lambda run: run.number("fit", "chips")),
        Measure("binding_limit", "binding limit", "", "", lambda run: run.text("fit", "binding_limit", "name")),
        Measure("weight_bits", "weight bits", "bits", "", _weight_bits),
        Measure("synapses", "synapses, not zero", "synapses", "", lambda run: _sum(run, "nonzero_synapses")),
        Measure("steps", "chip steps", "steps", "", lambda run: run.number("counts", "steps")),
        Measure("samples", "test samples", "samples", "", lambda run: run.number("samples", "test")),
    ]


def _accuracy(stage: str) -> Measure:
    return Measure(f"accuracy.{stage}", f"accuracy {stage}", "share", "more", lambda run: run.share("accuracy", stage))


def _count(key: str, title: str, name: str) -> Measure:
    return Measure(key, title, title.split(" ")[0], "less", lambda run: run.number("counts", name))


def _band(end: str, what: str, name: str, unit: str, *, within: str = "", compared: bool = True) -> Measure:
    table = within or what
    return Measure(f"{name}.{end}", f"{what}, {end}", unit, "less", lambda run: run.number(table, name, end), compared)


def _weight_bits(run: Recorded) -> float | None:
    own = run.number("quantisation", "weight_bits")
    return own if own is not None else run.number("recipe", "quantize", "weight_bits")


def _sum(run: Recorded, key: str) -> float | None:
    found = [one.number(key) for one in run.rows("counts", "connections")]
    known = [one for one in found if one is not None]
    return sum(known) if known and len(known) == len(found) else None


def _row(measure: Measure, values: list[Value]) -> dict[str, Any]:
    numbers: list[Any] = [value if _is_number(value) else None for value in values]
    against = numbers[0] if measure.compared else None
    differences = [None if None in (one, against) else one - against for one in numbers]
    changes = [None if one is None or not against else one / against for one in differences]
    best = _best(values, measure.better) if measure.compared else []
    told = zip(_texts(values, measure.unit), differences, changes, strict=True)
    return {
        "key": measure.key,
        "title": measure.title,
        "unit": measure.unit,
        "better": measure.better,
        "values": values,
        "difference": differences,
        "change": changes,
        "best": best,
        "cells": [
            {"text": text, "change": _change(measure.unit, difference, change), "best": index in best}
            for index, (text, difference, change) in enumerate(told)
        ],
    }


def _best(values: list[Value], better: str) -> list[int]:
    """Return where the best values are; nowhere while there is only one, or one and the same."""
    known = [float(value) for value in values if isinstance(value, bool | int | float)]
    if not better or len(known) < 2 or len(set(known)) < 2:
        return []
    best = max(known) if better == "more" else min(known)
    return [index for index, value in enumerate(values) if value is not None and value == best]


def _texts(values: list[Value], unit: str) -> list[str]:
    numbers = [float(value) for value in values if _is_number(value)]  # type: ignore[arg-type]
    told = iter(apart(numbers, unit))
    words = {None: "-", True: "yes", False: "NO"}
    return [
        next(told) if _is_number(value) else value if isinstance(value, str) else words[value]  # type: ignore[index]
        for value in values
    ]


def _change(unit: str, difference: float | None, change: float | None) -> str:
    """Return what changed against the first run: points of a share, else per cent; empty where nothing did."""
    if not difference:
        return ""
    sign = "+" if difference > 0 else "-"
    if unit == "share":
        return f"{sign}{points(abs(difference))}"
    if change is None:
        return f"{sign}{amount(abs(difference), unit)}"
    return f"{sign}{100 * abs(change):,.3g} %" if abs(change) < 10 else f"{sign}{abs(change):,.0f} times"


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
