"""A chip file: TOML in, Chip out, every slip refused in one line that names the file and the key; and back to TOML."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from neurodeploy import toml
from neurodeploy.errors import ChipError, nearest
from neurodeploy.hardware.chip import Chip, EnergyModel
from neurodeploy.hardware.constants import FACTORS, PREFIXES, Constant, constant, text
from neurodeploy.hardware.vocabulary import ENERGY, LIMITS, POWER, TABLES, TIMES, TRAFFIC, WIDTHS

TOP = ("name", "title", "program", "zero_weights", "dense", "unpriced", "notes", "sources", *TABLES)
LARGEST_BYTES = 1 << 20


def read_chip(path: Path) -> Chip:
    """Return the chip that a file describes.

    Raises:
        ChipError: the file is absent, not TOML, or a key in it is wrong.
    """
    if os.path.isfile(path) and path.stat().st_size > LARGEST_BYTES:
        raise ChipError(f"{path}: is larger than {LARGEST_BYTES} bytes, so it is no chip file")
    values, content = toml.read(path, ChipError)
    try:
        return chip_of(values, hashlib.sha256(content).hexdigest())
    except ChipError as error:
        raise error.inside(path) from None


def chip_of(values: Mapping[str, Any], digest: str = "") -> Chip:
    """Return the chip that the values of a file describe.

    Raises:
        ChipError: one line with the first key that is wrong.
    """
    for key in values:
        if key not in TOP:
            raise ChipError(f"{key}: is no key of a chip file; {nearest(key, TOP)}")
    if "name" not in values:
        raise ChipError('name: is missing; write name = "my_chip"')
    name = text("name", values["name"])
    sources = citations(values.get("sources"))
    models = tuple(
        _model(model, _table(f"energy.{model}", entries), sources)
        for model, entries in _table("energy", values.get("energy")).items()
    )
    traffic = constants("traffic", values.get("traffic"), TRAFFIC, sources)
    power = constants("power", values.get("power"), POWER, sources)
    if not models and not power:
        raise ChipError("energy: is missing; a chip needs at least one [energy.NAME] table, or a [power] table")
    if not traffic and any("memory_bit" in model.terms for model in models):
        raise ChipError("traffic: is missing; memory_bit needs to know how many bits each operation moves")
    program = _flag("program", values.get("program", False))
    limits = constants("limits", values.get("limits"), LIMITS, sources)
    for key in WIDTHS:
        if program and key not in limits:
            raise ChipError(f"limits.{key}: is missing; a chip with program = true says {', '.join(WIDTHS)}")
    return Chip(
        name=name,
        title=text("title", values.get("title", name)),
        program=program,
        energy=models,
        times=constants("times", values.get("times"), TIMES, sources),
        power=power,
        limits=limits,
        traffic=traffic,
        unpriced=lines("unpriced", values.get("unpriced", [])),
        zero_weights=_flag("zero_weights", values.get("zero_weights", False)),
        dense=_flag("dense", values.get("dense", False)),
        notes=lines("notes", values.get("notes", [])),
        digest=digest,
    )


def citations(entries: Any) -> dict[str, str]:
    """Return the citations of a [sources] table by their short names."""
    found = {short: text(f"sources.{short}", one) for short, one in _table("sources", entries).items()}
    for short, value in found.items():
        if " " not in value:
            raise ChipError(f"sources.{short}: {value!r} is no citation; say who, where and when")
    return found


def _model(name: str, entries: Mapping[str, Any], sources: Mapping[str, str]) -> EnergyModel:
    where = f"energy.{name}"
    includes = lines(f"{where}.includes", entries.get("includes", []))
    for event in includes:
        if event not in ENERGY:
            raise ChipError(f"{where}.includes: {event!r} is no event; {nearest(event, ENERGY)}")
    terms = constants("energy", {key: one for key, one in entries.items() if key != "includes"}, ENERGY, sources, name)
    if not terms:
        raise ChipError(f"{where}: has no term; name at least one of {', '.join(ENERGY)}")
    scopes = sorted({one.scope for one in terms.values()})
    if len(scopes) > 1:
        raise ChipError(f"{where}: holds per-op and all-in terms, which are never added; make two models of them")
    if scopes == ["all-in"] and len(terms) > 1:
        raise ChipError(
            f"{where}: an all-in number holds everything already, so it stands alone; found {', '.join(terms)}; "
            "make one model of each"
        )
    twice = [event for event in includes if event in terms]
    if twice:
        raise ChipError(f"{where}.includes: {twice[0]} has a term of its own, so it is not in another's; remove one")
    return EnergyModel(name, scopes[0], terms, includes)


def constants(
    table: str, entries: Any, known: Mapping[str, str], sources: Mapping[str, str], model: str = ""
) -> dict[str, Constant]:
    """Return the constants of a table; `known` are the keys it may have, `model` its second name."""
    where = f"{table}.{model}" if model else table
    found = {}
    for key, entry in _table(where, entries).items():
        if key not in known:
            raise ChipError(f"{where}.{key}: is no key of [{where}]; {nearest(key, known)}")
        found[key] = constant(table, key, f"{where}.{key}", entry, sources)
    return found


def _table(where: str, value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ChipError(f"{where}: is {value!r}, a table was expected")
    return value


def lines(where: str, value: Any) -> tuple[str, ...]:
    """Return a list of texts."""
    if not isinstance(value, list):
        raise ChipError(f"{where}: is {value!r}, a list of texts was expected")
    return tuple(text(where, one) for one in value)


def _flag(where: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ChipError(f"{where}: is {value!r}, true or false was expected")
    return value


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
    values = [_plain(float(number)) for number in numbers.split(", ")]
    found: dict[str, Any] = {"value": values if len(values) > 1 else values[0], "unit": unit}
    found |= {"source": one.source, "evidence": one.evidence}
    found |= {key: told for key in ("scope", "operating_point") if (told := getattr(one, key))}
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
