"""devices.json: what was measured of a run's network and its ANN on processors and GPUs, here and elsewhere."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from neurodeploy.errors import RunError, nearest
from neurodeploy.files import read_json

FILE = "devices.json"
WHAT, KINDS = ("snn", "ann"), ("cpu", "gpu")
MEASURED = ("nvml", "rapl")
FLOOR = "datasheet floor"
TEXT, TABLE, COUNT, NUMBER = "text", "a table", "a whole number from 1", "a number above 0"
OPTIONAL, SHARE, SOURCE = "a finite number or null", "a number from 0 to 1", "nvml, rapl, datasheet floor or null"
SUITS: dict[str, Callable[[Any], bool]] = {
    TEXT: lambda value: isinstance(value, str),
    TABLE: lambda value: isinstance(value, dict),
    COUNT: lambda value: _finite(value) and isinstance(value, int) and value >= 1,
    NUMBER: lambda value: _finite(value) and value > 0,
    OPTIONAL: lambda value: value is None or _finite(value),
    SHARE: lambda value: _finite(value) and 0 <= value <= 1,
    SOURCE: lambda value: value in (None, *MEASURED, FLOOR),
}
RECORD = {
    TEXT: ("what", "device", "kind", "driver", "date"),
    TABLE: ("versions",),
    COUNT: ("threads", "batch"),
    NUMBER: ("latency_s", "samples_per_second"),
    OPTIONAL: ("energy_per_sample_j", "energy_idle_subtracted_j", "idle_w"),
    SOURCE: ("energy_source",),
    SHARE: ("accuracy",),
}
"""Keys that every record has, by what they hold; more are kept as they are."""
ANN = {
    TABLE: ("accuracy",),
    COUNT: ("weight_bits", "activation_bits", "macs_per_sample", "weights", "activations_per_sample", "parameters"),
    TEXT: ("digest",),
}


def read_devices(folder: str | Path) -> dict[str, Any] | None:
    """Return what a run folder's devices.json holds; None where there is none.

    Raises:
        RunError: it is damaged, or belongs to another Program than the run's certificate.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return None
    found = checked(read_json(path), str(path))
    certificate = Path(folder) / "certificate.json"
    if certificate.exists() and (wanted := read_json(certificate).get("program")) != found["program"]:
        raise RunError(
            f"{path}: was measured for Program {found['program'][:12]}, the run holds {str(wanted)[:12]}; remove it, "
            "then measure again"
        )
    return found


def checked(value: Any, where: str) -> dict[str, Any]:
    """Return a file's value after looking at every key that is read of it.

    Raises:
        RunError: one line with the key, what was found and what is needed.
    """
    if not isinstance(value, dict):
        raise RunError(f"{where}: holds {type(value).__name__}, a table with records was expected; name a devices.json")
    for key, kind in {"program": str, "records": list, "notes": list}.items():
        if not isinstance(value.get(key), kind):
            raise RunError(
                f"{where}: {key} is absent or of another kind; name a devices.json of neurodeploy bench devices"
            )
    for index, one in enumerate(value["records"]):
        _record(one, f"{where}: records[{index}]")
    if value.get("ann") is not None:
        _keys(value["ann"], ANN, f"{where}: ann")
    if value.get("crossover") is not None and not isinstance(value["crossover"], dict):
        raise RunError(f"{where}: crossover is no table; make the file again")
    return value


def merged(mine: dict[str, Any], other: dict[str, Any], where: str) -> dict[str, Any]:
    """Return my file with another machine's records in it; the other's replace mine of one device, network and batch.

    The crossover is left for the caller to work out again.

    Args:
        where: The other file, for messages.

    Raises:
        RunError: the other was measured for another Program, or with another ANN.
    """
    if other["program"] != mine["program"]:
        raise RunError(
            f"{where}: was measured for Program {other['program'][:12]}, this run's is {mine['program'][:12]}; measure "
            "with a copy of this run folder"
        )
    anns = [one.get("ann") for one in (mine, other)]
    if anns[0] and anns[1] and anns[0]["digest"] != anns[1]["digest"]:
        raise RunError(
            f"{where}: was measured with another ANN ({anns[1]['digest'][:12]}, here {anns[0]['digest'][:12]}); copy "
            "this run's ann.safetensors and devices.json there, and measure again"
        )
    return {
        **mine,
        "ann": anns[0] or anns[1],
        "records": together(mine["records"], other["records"]),
        "notes": list(dict.fromkeys([*mine["notes"], *other["notes"]])),
    }


def together(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return all records, sorted; a new one replaces an old one of the same device, network and batch."""
    kept = {(one["device"], one["what"], one["batch"]): one for one in [*old, *new]}
    return [kept[key] for key in sorted(kept)]


def _record(value: Any, where: str) -> None:
    _keys(value, RECORD, where)
    source = value["energy_source"]
    for key, allowed in (("what", WHAT), ("kind", KINDS)):
        if value[key] not in allowed:
            raise RunError(f"{where}.{key}: found {value[key]!r}, {nearest(value[key], allowed)}")
    if (source is None) != (value["energy_per_sample_j"] is None):
        raise RunError(
            f"{where}: an energy and its source come together; found {value['energy_per_sample_j']} and {source}"
        )
    if source == FLOOR and value["idle_w"] is not None:
        raise RunError(f"{where}.idle_w: a floor is not measured and has no idle power; leave it null")


def _keys(value: Any, wanted: Mapping[str, tuple[str, ...]], where: str) -> None:
    if not isinstance(value, dict):
        raise RunError(f"{where}: is {type(value).__name__}, a table was expected; make the file again")
    for kind, key in ((kind, key) for kind, keys in wanted.items() for key in keys):
        if key not in value:
            raise RunError(f"{where}.{key}: is absent, {kind} is needed; make the file again with this version")
        if not SUITS[kind](value[key]):
            raise RunError(f"{where}.{key}: found {value[key]!r}, {kind} is needed")


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
