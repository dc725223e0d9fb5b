"""One number of a chip with its source and unit, checked key by key: a slip of a prefix is a factor of 1,000."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from neurodeploy.errors import ChipError, nearest
from neurodeploy.hardware.vocabulary import EVIDENCE, SCOPES, base_unit

PREFIXES = {"": 0, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15}
"""Powers of ten. Plain ASCII; larger units than the base are not needed and mostly slips."""
FACTORS: dict[str, dict[str, float]] = {
    base: {f"{prefix}{base}": float(f"1e{power}") for prefix, power in PREFIXES.items()} for base in ("J", "s", "W")
}
FACTORS["bit"] = {"bit": 1.0, "byte": 8.0, "kB": 8e3, "KiB": 8 * 1024.0, "MB": 8e6, "MiB": 8 * 1024.0**2}
COUNTED = ("1", "axon", "chip", "core", "group", "neuron", "set", "slot", "step", "synapse", "tile", "word")
FACTORS["1"] = dict.fromkeys(COUNTED, 1.0)
"""SI or base unit -> what may be written -> what one of it is in the base unit. "1" counts things."""
NAMES = {"J": "an energy", "s": "a time", "W": "a power", "bit": "a number of bits", "1": "a count"}


def in_base(unit: str, base: str) -> float:
    """Return what one `unit` is in `base`.

    Raises:
        ChipError: `unit` is no unit of this kind; the nearest is suggested.

    >>> in_base("pJ", "J"), in_base("KiB", "bit")
    (1e-12, 8192.0)
    """
    known = FACTORS[base]
    if unit not in known:
        plain = unit.strip().replace("µ", "u").replace("μ", "u").lower()
        near = [one for one in known if one.lower() == plain]
        advice = f"did you mean {near[0]!r}?" if near else nearest(unit, known)
        raise ChipError(f"unit {unit!r} is not {NAMES[base]}; {advice}")
    return known[unit]


FIELDS = ("value", "unit", "source", "evidence", "scope", "operating_point", "low", "high")
LARGEST = 1e30
"""Beyond it, sums of products would leave the range of floats."""
REQUIRED = ("value", "unit", "source", "evidence")


@dataclass(frozen=True)
class Constant:
    """A number with its provenance.

    Attributes:
        key: Table and key in the chip file, as "times.synop_s" or "energy.fitted.synop".
        value: In `unit`; of a list, the largest.
        unit: SI or base unit: J, s, W, bit, or 1 for counts.
        written: Value and unit as the source has them, "23.6 pJ".
        source: Citation.
        evidence: A grade of `vocabulary.EVIDENCE`.
        scope: "per-op" or "all-in" for energies, else "".
        operating_point: Voltage, network, board: what the number holds for.
        low, high: What the number may be instead, in `unit`; None where the source gives none.
        values: Every allowed value where the file lists several (weight_bits), else only `value`.
    """

    key: str
    value: float
    unit: str
    written: str
    source: str
    evidence: str
    scope: str = ""
    operating_point: str = ""
    low: float | None = None
    high: float | None = None
    values: tuple[float, ...] = ()

    @property
    def least(self) -> float:
        """The smallest that the number may be."""
        return self.value if self.low is None else self.low

    @property
    def most(self) -> float:
        """The largest that the number may be."""
        return self.value if self.high is None else self.high

    def to_dict(self) -> dict[str, Any]:
        """Return the constant as plain values for JSON."""
        band = {} if self.low is None and self.high is None else {"low": self.least, "high": self.most}
        several = {"values": list(self.values)} if len(self.values) > 1 else {}
        names = ("written", "value", "unit", "source", "evidence", "scope", "operating_point")
        return {name: getattr(self, name) for name in names} | band | several

    @classmethod
    def from_dict(cls, key: str, values: Mapping[str, Any]) -> Constant:
        """Return a constant that `to_dict` wrote, under its key."""
        known = {one.name: values[one.name] for one in fields(cls) if one.name in values}
        return cls(key, **{**known, "values": tuple(known.get("values", ()))})


def constant(table: str, key: str, name: str, entry: Any, sources: Mapping[str, str]) -> Constant:
    """Return the constant that an entry of a chip file describes.

    Args:
        table: Of `vocabulary.TABLES`.
        key: In that table; gives the unit.
        name: Full key, as errors say it.
        entry: The inline table.
        sources: Citations by short name; a source without a space in it is such a name.

    Raises:
        ChipError: one line with the key and what is wrong with it.
    """
    if not isinstance(entry, dict):
        raise ChipError(f"{name}: is {entry!r}, a table was expected; write {{ value, unit, source, evidence, ... }}")
    for field in entry:
        if field not in FIELDS:
            raise ChipError(f"{name}.{field}: is no field of a constant; {nearest(str(field), FIELDS)}")
    for field in REQUIRED:
        if field not in entry:
            raise ChipError(f"{name}: has no {field}; a constant needs {', '.join(REQUIRED)}")
    words = {field: text(f"{name}.{field}", entry[field]) for field in FIELDS[1:6] if field in entry}
    unit = base_unit(table, key)
    try:
        factor = in_base(words["unit"], unit)
    except ChipError as error:
        raise error.inside(name) from None
    least = -math.inf if key == "weight_exponent" else 0.0
    listed = entry["value"] if isinstance(entry["value"], list) and table == "limits" else [entry["value"]]
    if not listed:
        raise ChipError(f"{name}.value: is an empty list; name at least one allowed value")
    values = tuple(number(f"{name}.value", one, least) for one in listed)
    low, high = (number(f"{name}.{end}", entry[end], least) if end in entry else None for end in ("low", "high"))
    if (low is not None and low > max(values)) or (high is not None and high < max(values)):
        raise ChipError(f"{name}: low <= value <= high was expected, found {low} / {max(values)} / {high}")
    scope = _among(f"{name}.scope", words.get("scope"), SCOPES) if table == "energy" else ""
    if table != "energy" and "scope" in words:
        raise ChipError(f"{name}.scope: only energies have a scope; leave it out")
    return Constant(
        key=name,
        value=max(values) * factor,
        unit=unit,
        written=f"{', '.join(f'{one:.12g}' for one in values)} {words['unit']}",
        source=_source(f"{name}.source", words["source"], sources),
        evidence=_among(f"{name}.evidence", words["evidence"], EVIDENCE),
        scope=scope,
        operating_point=words.get("operating_point", ""),
        low=None if low is None else low * factor,
        high=None if high is None else high * factor,
        values=tuple(one * factor for one in values),
    )


def number(where: str, value: Any, least: float = 0.0) -> float:
    """Return a finite number that is not below `least`.

    Raises:
        ChipError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ChipError(f"{where}: is {value!r}, a number was expected")
    if not abs(value) <= LARGEST:  # whole numbers of TOML have no end, so they are compared before they are converted
        found = f"{value:g}" if isinstance(value, float) else "a whole number of too many digits"
        raise ChipError(f"{where}: is {found}, a finite number was expected")
    if value < least:
        raise ChipError(f"found {value}", where=where, allowed="at least 0 is needed")
    return float(value)


def text(where: str, value: Any) -> str:
    """Return one line of text with something in it.

    Raises:
        ChipError: it is none.
    """
    if not isinstance(value, str) or not value.strip():
        raise ChipError(f"{where}: is {value!r}, a text was expected")
    return " ".join(value.split())


def _source(where: str, value: str, sources: Mapping[str, str]) -> str:
    if value in sources:
        return sources[value]
    if " " not in value:
        allowed = nearest(value, sources) if sources else "there is no [sources] table"
        raise ChipError(f"{where}: {value!r} is neither a citation nor a name of [sources]; {allowed}")
    return value


def _among(where: str, value: str | None, allowed: Iterable[str]) -> str:
    if value is None:
        raise ChipError(f"{where}: is missing; choose one of {', '.join(allowed)}")
    if value not in allowed:
        raise ChipError(f"{where}: {value!r} is unknown; {nearest(value, allowed)}")
    return value
