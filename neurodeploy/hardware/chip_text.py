"""A Chip as the text of a chip file: what `chip_file` reads back is the same chip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomli_w

from neurodeploy.hardware.chip import Chip
from neurodeploy.hardware.constants import Constant
from neurodeploy.hardware.units import FACTORS, PREFIXES

DIGITS = 6


def written(value: float, base: str) -> tuple[float, str]:
    """Return a number and its unit as they read best, with six digits.

    >>> written(2.25e-11, "J"), written(0.0, "J"), written(0.104, "W")
    ((22.5, 'pJ'), (0.0, 'pJ'), (104.0, 'mW'))
    """
    if not value:
        return 0.0, f"p{base}"
    fits = [prefix for prefix, power in PREFIXES.items() if value >= 0.99999 * 10.0**power]
    unit = (fits[0] if fits else "f") + base
    return float(f"{value / FACTORS[base][unit]:.{DIGITS}g}"), unit


def to_toml(chip: Chip, comments: tuple[str, ...] = ()) -> str:
    """Return the text of a chip file.

    Args:
        comments: Lines that it begins with.
    """
    parts = [f"# {line}\n" for line in comments] + (["\n"] if comments else [])
    top: dict[str, Any] = {"name": chip.name, "title": chip.title}
    flags = {"program": chip.program, "zero_weights": chip.zero_weights, "dense": chip.dense}
    parts.append(tomli_w.dumps(top | flags | {"unpriced": list(chip.unpriced), "notes": list(chip.notes)}))
    for model in chip.energy:
        parts.append(f"\n[energy.{model.name if model.name.isidentifier() else _inline(model.name)}]\n")
        if model.includes:
            parts.append(f"includes = [{', '.join(_inline(one) for one in model.includes)}]\n")
        parts += _rows(model.terms)
    tables = {"times": chip.times, "power": chip.power, "limits": chip.limits, "traffic": chip.traffic}
    for name, constants in tables.items():
        if constants:
            parts += [f"\n[{name}]\n", *_rows(constants)]
    return "".join(parts)


def _rows(constants: Mapping[str, Constant]) -> list[str]:
    return [f"{key} = {{ {', '.join(_fields(one))} }}\n" for key, one in constants.items()]


def _fields(one: Constant) -> list[str]:
    numbers, _, unit = one.written.rpartition(" ")
    factor = FACTORS[one.unit][unit]
    found: dict[str, Any] = {"value": [_plain(float(number)) for number in numbers.split(", ")]}
    if len(found["value"]) == 1:
        found["value"] = found["value"][0]
    found |= {"unit": unit, "source": one.source, "evidence": one.evidence}
    if one.scope:
        found["scope"] = one.scope
    if one.operating_point:
        found["operating_point"] = one.operating_point
    for end in ("low", "high"):
        if getattr(one, end) is not None:
            found[end] = _plain(float(f"{getattr(one, end) / factor:.12g}"))
    return [f"{key} = {_inline(value)}" for key, value in found.items()]


def _plain(value: float) -> float:
    """Return whole numbers without a point, as people write them."""
    return int(value) if value == int(value) else value


def _inline(value: Any) -> str:
    """Return one value as TOML on one line."""
    if isinstance(value, list):
        return f"[{', '.join(_inline(one) for one in value)}]"
    return tomli_w.dumps({"x": value}).removeprefix("x = ").strip()
