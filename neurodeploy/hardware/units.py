"""Units as chip files write them, read strictly: a slip of a prefix is a factor of a thousand."""

from __future__ import annotations

from neurodeploy.errors import ChipError, nearest

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
