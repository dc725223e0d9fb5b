"""Finished runs side by side: what was measured, the best of it, the change from the first; and what else differs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from neurodeploy.accounting.recorded import Recorded
from neurodeploy.certificate.accuracy import differ
from neurodeploy.errors import plain
from neurodeploy.report.amounts import amount, apart, points
from neurodeploy.toml import flat

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
        samples: Of a share: how many samples it was measured on. The best must differ from the others by more than
            so many can leave to chance.
    """

    key: str
    title: str
    unit: str
    better: str
    read: Read
    compared: bool = True
    samples: Callable[[Recorded], float | None] | None = None


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
            samples = [measure.samples(run) for run in runs] if measure.samples else None
            rows.append(_row(measure, values, samples))
    return rows


def _measures(runs: Sequence[Recorded]) -> list[Measure]:
    scopes = {run.text("energy", "scope") for run in runs} - {None}
    kind = {"per-op": "dynamic energy", "all-in": "all-in energy"}.get("".join(map(str, scopes)), "energy")
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
        *[_band(end, f"{kind} per sample", "energy", "energy_j", "J", compared=len(scopes) < 2) for end in BAND],
        _band("mid", "static energy per sample", "energy", "static_j", "J"),
        _band("mid", "dynamic and static energy per sample", "energy", "whole_j", "J"),
        *[_band(end, "latency per sample", "latency", "latency_band_s", "s") for end in BAND],
        Measure("fit_chip", "placed on", "", "", lambda run: run.text("fit", "chip")),
        Measure("fits", "fits", "", "more", lambda run: run.truth("fit", "fits")),
        Measure("cores", "cores", "cores", "less", lambda run: run.number("fit", "cores")),
        Measure("chips", "chips", "chips", "less", lambda run: run.number("fit", "chips")),
        Measure("binding_limit", "binding limit", "", "", lambda run: run.text("fit", "binding_limit", "name")),
        Measure("weight_bits", "weight bits", "bits", "", lambda run: run.number("quantisation", "weight_bits")),
        Measure("synapses", "synapses, not zero", "synapses", "", lambda run: _sum(run, "nonzero_synapses")),
        Measure("steps", "chip steps", "steps", "", lambda run: run.number("counts", "steps")),
        Measure("samples", "test samples", "samples", "", lambda run: run.number("samples", "test")),
    ]


def _accuracy(stage: str) -> Measure:
    return Measure(
        f"accuracy.{stage}",
        f"accuracy {stage}",
        "share",
        "more",
        lambda run: run.share("accuracy", stage),
        samples=lambda run: next(
            (one.number("samples") for one in run.rows("certificate", "stages") if one.text("name") == stage),
            run.number("samples", "test"),
        ),
    )


def _count(key: str, title: str, name: str) -> Measure:
    return Measure(key, title, title.split(" ")[0], "less", lambda run: run.number("counts", name))


def _band(end: str, title: str, table: str, name: str, unit: str, *, compared: bool = True) -> Measure:
    return Measure(f"{name}.{end}", f"{title}, {end}", unit, "less", lambda run: run.number(table, name, end), compared)


def _sum(run: Recorded, key: str) -> float | None:
    found = [one.number(key) for one in run.rows("counts", "connections")]
    known = [one for one in found if one is not None]
    return sum(known) if known and len(known) == len(found) else None


def _row(measure: Measure, values: list[Value], samples: list[float | None] | None) -> dict[str, Any]:
    numbers: list[Any] = [value if _is_number(value) else None for value in values]
    against = numbers[0] if measure.compared else None
    differences = [None if None in (one, against) else one - against for one in numbers]
    changes = [None if one is None or not against else one / against for one in differences]
    best = _best(values, measure.better) if measure.compared else []
    if samples is not None and not _beyond_chance(numbers, samples, best):
        best = []
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


def _beyond_chance(shares: Sequence[float | None], samples: Sequence[float | None], best: Sequence[int]) -> bool:
    """Return whether the best shares are above every other by more than their numbers of samples leave to chance."""
    pairs = [
        (shares[one], samples[one], shares[other], samples[other])
        for one in best
        for other in range(len(shares))
        if other not in best and shares[other] is not None
    ]
    return all(None not in pair and differ(*pair) for pair in pairs)  # type: ignore[arg-type]


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


NAMES = ("name", "description")
"""Of a recipe: no settings."""
LONGEST = 40


def settings(runs: Sequence[Recorded]) -> list[dict[str, Any]]:
    """Return the settings that differ: `key`, `values` for each run (None where it has none), and `cells`."""
    flats = [flat(run.table("recipe")) for run in runs]
    keys = sorted({key for one in flats for key in one if key not in NAMES})
    rows = []
    for key in keys:
        values = [one.get(key) for one in flats]
        texts = [_text(value) for value in values]
        if len(set(texts)) > 1:
            rows.append({"key": plain(key), "values": values, "cells": [_short(text) for text in texts]})
    return rows


def notes(runs: Sequence[Recorded], names: Sequence[str]) -> list[str]:
    """Return a line for each thing that makes the runs' results hard to compare.

    Args:
        runs: Finished runs.
        names: What to call them.
    """
    found: list[str] = []
    said: list[dict[str, list[str]]] = []
    for what, key, then in (
        ("chips", ("recipe", "chip"), "energy, latency and cores are of different chips"),
        ("energies", ("energy", "chip"), "each is of the chip named"),
        ("placements", ("fit", "chip"), "each is on the chip named"),
        ("energy scopes", ("energy", "scope"), "single operations and all-in numbers are not put against each other"),
        ("versions", ("neurodeploy",), "the runs were not made by one neurodeploy"),
    ):
        groups = _groups([run.text(*key) for run in runs], names)
        again = key[-1] == "chip" and groups in said
        if len(groups) > 1 and not again:
            found.append(f"{what} differ ({_listed(groups)}): {then}")
            said.append(groups)
    found += _data(runs, names)
    conventions = _groups([run.text("counts", "convention") for run in runs], names)
    if len(conventions) > 1:
        parts = "; ".join(f"{', '.join(names)}: {text}" for text, names in conventions.items())
        found.append(f"synops are counted by different conventions: {parts}")
    return found + _constants(runs, names)


def _data(runs: Sequence[Recorded], names: Sequence[str]) -> list[str]:
    flats = [flat(run.table("recipe", "data")) for run in runs]
    keys = sorted({key for one in flats for key in one})
    differ = [key for key in keys if len({_text(one.get(key)) for one in flats}) > 1]
    found = []
    if differ:
        sets = _groups([plain(str(one.get("dataset"))) for one in flats], names)
        which = _listed(sets) if len(sets) > 1 else f"settings {', '.join(map(plain, differ))}"
        found.append(f"data differ ({which}): accuracies are not of the same task")
    samples = [run.number("samples", "test") for run in runs]
    groups = _groups([None if one is None else f"{one:,}" for one in samples], names)
    if len(groups) > 1:
        found.append(f"test samples differ ({_listed(groups)})")
    return found


def _constants(runs: Sequence[Recorded], names: Sequence[str]) -> list[str]:
    """Return a line for each chip that runs were priced on with different numbers, which its file's digest tells.

    Not the constants that a run made use of: another network makes use of others.
    """
    found = []
    for chip in dict.fromkeys(run.text("energy", "chip") for run in runs):
        on = [(run, name) for run, name in zip(runs, names, strict=True) if run.text("energy", "chip") == chip]
        if chip is not None and len({run.text("energy", "chip_digest") for run, _ in on}) > 1:
            found.append(f"energies on {chip} are priced with different numbers in {', '.join(name for _, name in on)}")
    return found


def _groups(values: Sequence[str | None], names: Sequence[str]) -> dict[str, list[str]]:
    """Return the names by value; a run without one says nothing."""
    found: dict[str, list[str]] = {}
    for value, name in zip(values, names, strict=True):
        if value is not None:
            found.setdefault(value, []).append(name)
    return found


def _listed(groups: dict[str, list[str]]) -> str:
    return "; ".join(f"{', '.join(names)}: {value}" for value, names in groups.items())


def _text(value: Any) -> str:
    return "-" if value is None else plain(json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
