"""devices.json: what was measured of a run's network and its ANN on processors and GPUs, here and elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurodeploy.errors import RunError, nearest
from neurodeploy.files import read_json

FILE = "devices.json"
WHAT, KINDS = ("snn", "ann"), ("cpu", "gpu")
MEASURED = ("nvml", "rapl")
FLOOR = "datasheet floor"
NUMBER, OPTIONAL, COUNT, TEXT, TABLE = (
    "a number above 0",
    "a finite number or null",
    "a whole number from 1",
    "text",
    "a table",
)
SHARE, SOURCE = "a number from 0 to 1", "nvml, rapl, datasheet floor or null"
RECORD = {
    "what": TEXT,
    "device": TEXT,
    "kind": TEXT,
    "driver": TEXT,
    "date": TEXT,
    "versions": TABLE,
    "threads": COUNT,
    "batch": COUNT,
    "latency_s": NUMBER,
    "samples_per_second": NUMBER,
    "energy_per_sample_j": OPTIONAL,
    "energy_idle_subtracted_j": OPTIONAL,
    "idle_w": OPTIONAL,
    "energy_source": SOURCE,
    "accuracy": SHARE,
}
"""Keys that every record has; more are kept as they are."""
ANN = {
    "accuracy": TABLE,
    "weight_bits": COUNT,
    "activation_bits": COUNT,
    "macs_per_sample": COUNT,
    "weights": COUNT,
    "activations_per_sample": COUNT,
    "parameters": COUNT,
    "digest": TEXT,
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
            "or measure again"
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
    kept = {_identity(one): one for one in [*old, *new]}
    return [kept[key] for key in sorted(kept)]


def _identity(record: Mapping[str, Any]) -> tuple[str, str, int]:
    return record["device"], record["what"], record["batch"]


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


def _keys(value: Any, wanted: Mapping[str, str], where: str) -> None:
    if not isinstance(value, dict):
        raise RunError(f"{where}: is {type(value).__name__}, a table was expected; make the file again")
    for key, kind in wanted.items():
        if key not in value:
            raise RunError(f"{where}.{key}: is absent, {kind} is needed; make the file again with this version")
        if not _suits(value[key], kind):
            raise RunError(f"{where}.{key}: found {value[key]!r}, {kind} is needed")


def _suits(value: Any, kind: str) -> bool:
    if kind in (TEXT, TABLE):
        return isinstance(value, str if kind == TEXT else dict)
    if kind == SOURCE:
        return value is None or value in (*MEASURED, FLOOR)
    if value is None:
        return kind == OPTIONAL
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    if kind == COUNT:
        return isinstance(value, int) and value >= 1
    return kind == OPTIONAL or (0 <= value <= 1 if kind == SHARE else value > 0)
