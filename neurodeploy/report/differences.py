"""What differs between finished runs beside their results: settings, and what makes results hard to compare."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from neurodeploy.accounting.recorded import Recorded
from neurodeploy.errors import plain
from neurodeploy.phrases import Phrase

NAMES = ("name", "description")
"""Of a recipe: no settings."""
LATER = ("fit", "latency", "devices")
"""What reports of earlier versions lack, or a run has not made."""
LONGEST = 40


def settings(runs: Sequence[Recorded]) -> list[dict[str, Any]]:
    """Return the settings that differ: `key`, `values` for each run (None where it has none), and `cells`."""
    flats = [_flat(run.table("recipe")) for run in runs]
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
    found += _constants(runs, names)
    for run, name in zip(runs, names, strict=True):
        lacking = [table for table in LATER[:2] if not run.table(table)]
        # Only where another run has it: what nobody has is no difference.
        lacking = [table for table in lacking if any(other.table(table) for other in runs)]
        if lacking:
            text = "{name} has no {lacking}; make them with {again}"
            found.append(Phrase(text, name=name, lacking=" and no ".join(lacking), again=run.again))
    return found


def _data(runs: Sequence[Recorded], names: Sequence[str]) -> list[str]:
    flats = [_flat(run.table("recipe", "data")) for run in runs]
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
    """Return a line for each chip that runs were priced on with different numbers."""
    found = []
    for chip in dict.fromkeys(run.text("energy", "chip") for run in runs):
        on = [(run, name) for run, name in zip(runs, names, strict=True) if run.text("energy", "chip") == chip]
        if chip is not None and len({_prices(run) for run, _ in on}) > 1:
            found.append(f"energies on {chip} are priced with different numbers in {', '.join(name for _, name in on)}")
    return found


def _prices(run: Recorded) -> str:
    """Return what tells a chip's numbers from others': the digest of its file, or an earlier version's models.

    Not the constants that a run made use of: another network makes use of others.
    """
    keys = ("synop_j", "neuron_update_j", "read_j")
    models = [[model.number(key) for key in keys] for model in run.rows("energy", "models")]
    return run.text("energy", "chip_digest") or json.dumps(models)


def _groups(values: Sequence[str | None], names: Sequence[str]) -> dict[str, list[str]]:
    """Return the names by value; a run without one says nothing."""
    found: dict[str, list[str]] = {}
    for value, name in zip(values, names, strict=True):
        if value is not None:
            found.setdefault(value, []).append(name)
    return found


def _listed(groups: dict[str, list[str]]) -> str:
    return "; ".join(f"{', '.join(names)}: {value}" for value, names in groups.items())


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return found


def _text(value: Any) -> str:
    return "-" if value is None else plain(json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
