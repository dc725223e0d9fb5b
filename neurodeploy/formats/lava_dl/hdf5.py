"""The contents of a `.net` file as plain values, checked before anything is made of them.

A file holds `layer/0`, `layer/1`, ... with a `type` each, and may hold `simulation/Ts`, the length of a
step in milliseconds. What lava-dl's own reader takes: lava-dl 0.6.0, `lib/dl/netx/utils.py`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.files import check_fetched
from neurodeploy.graph.stored import read_groups

MOST_LAYERS = 1000
LARGEST = 1 << 31
"""No whole number of such a file is near it."""
Values = Mapping[str, Any]


def read_values(path: str | Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the layers of a `.net` file in their order, and what it says of the simulation.

    Groups are dictionaries, text is str, and numbers are arrays.

    Raises:
        GraphError: the file is absent, no HDF5, damaged, points outside itself, or holds no layers.
    """
    path = Path(path)
    if not os.path.isfile(path):
        problem = "is a folder; name a .net file inside it" if os.path.isdir(path) else "no such file; check the path"
        raise GraphError(f"{path}: {problem}")
    check_fetched(path, GraphError)
    try:
        if not h5py.is_hdf5(path):
            raise GraphError(f"{path}: is not a .net file (HDF5 was expected); export it again with lava-dl")
        found = read_groups(path, "layer", "simulation")
    except GraphError:
        raise
    except Exception as error:  # h5py raises many kinds for damaged files; each means the same here
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GraphError(f"{path}: is damaged or not a lava-dl network ({reason}); export it again") from None
    if "layer" not in found:
        raise GraphError(f"{path}: is HDF5 but holds no lava-dl network (group layer is missing)")
    layers = _plain(found["layer"])
    numbered = [str(index) for index in range(len(layers))]
    if not layers or set(layers) != set(numbered) or len(layers) > MOST_LAYERS:
        names = ", ".join(sorted(layers)[:4]) or "none"
        raise GraphError(f"{path}: layers are {names}; 0, 1, ... up to {MOST_LAYERS} are needed; export it again")
    ordered = [layers[key] for key in numbered]
    if not all(isinstance(one, dict) for one in ordered):
        raise GraphError(f"{path}: a layer is no group; export it again")
    return ordered, _plain(found.get("simulation", {}))


def is_net(path: str | Path) -> bool:
    """True where a file is HDF5 with lava-dl's layers in it, or is called `.net`."""
    path = Path(path)
    try:
        if not os.path.isfile(path) or not h5py.is_hdf5(path):
            return path.suffix == ".net"
        with h5py.File(path, "r") as stored:
            return "layer" in stored and "node" not in stored
    except Exception:  # damaged: the reader of its kind says how
        return path.suffix == ".net"


def word(where: str, values: Values, key: str) -> str:
    """Return an entry that must be text."""
    found = values.get(key)
    if not isinstance(found, str):
        raise GraphError(f"{where}: {key} is {_shown(found)}, a word is needed; export it again")
    return found


def whole(where: str, values: Values, key: str, low: int, high: int, default: int | None = None) -> int:
    """Return an entry that must be one whole number from `low` to `high`."""
    if key not in values and default is not None:
        return default
    found = integers(where, values, key)[0]
    if found.size != 1 or not low <= int(found.item()) <= high:
        raise GraphError(f"{where}: {key} is {_shown(values[key])}, one whole number from {low} to {high} is needed")
    return int(found.item())


def pair(where: str, values: Values, key: str, low: int, default: int | None = None) -> tuple[int, int]:
    """Return an entry of one or two whole numbers, for rows and columns."""
    if key not in values and default is not None:
        return default, default
    found = integers(where, values, key)[0].ravel()
    if found.size not in (1, 2) or found.min() < low or found.max() > 1 << 16:
        raise GraphError(f"{where}: {key} is {_shown(values[key])}, one or two whole numbers from {low} are needed")
    return int(found[0]), int(found[-1])


def integers(where: str, values: Values, key: str) -> tuple[np.ndarray, bool]:
    """Return an array of numbers as int64, fractions cut off as lava-dl's reader does, and whether any had one."""
    found = values.get(key)
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "biuf" or not found.size:
        raise GraphError(f"{where}: {key} is {_shown(found)}, numbers are needed; export it again")
    if not np.isfinite(found).all() or np.abs(found.astype(np.float64)).max() > LARGEST:
        raise GraphError(f"{where}: {key} holds NaN, infinity or a number beyond {LARGEST}; export it again")
    cut = np.trunc(found) if found.dtype.kind == "f" else found
    return cut.astype(np.int64), bool((cut != found).any())


def shape(where: str, values: Values) -> tuple[int, int, int]:
    """Return channels, rows and columns."""
    sizes = integers(where, values, "shape")[0].ravel().tolist()
    if len(sizes) > 3 or min(sizes) < 1 or max(sizes) > 1 << 24:
        raise GraphError(f"{where}: shape is {sizes}, one to three whole numbers from 1 are needed; export it again")
    channels, rows, columns = (*sizes, 1, 1)[:3]
    return channels, rows, columns


def _plain(values: Values) -> dict[str, Any]:
    """Return groups as dictionaries, numbers as arrays, and text as str where it is a single one."""
    found: dict[str, Any] = {}
    for key, one in values.items():
        array = np.asarray(one)
        if isinstance(one, dict):
            found[key] = _plain(one)
        else:
            found[key] = array if array.dtype.kind not in "OU" else str(array.item()) if array.size == 1 else None
    return found


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}" if value.size > 4 else str(value.tolist())
    return "missing" if value is None else repr(value)[:40]
