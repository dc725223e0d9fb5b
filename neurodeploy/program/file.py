"""Programs on disk: one .npz without pickle, the same bytes for the same Program."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.errors import ProgramError
from neurodeploy.files import check_fetched, written_whole
from neurodeploy.memory import Claims, array_head, compact, elementwise
from neurodeploy.program.connection import PLAIN, Connection
from neurodeploy.program.decode import Decode
from neurodeploy.program.dynamics import type_called
from neurodeploy.program.fields import as_integers, read_fields
from neurodeploy.program.host import Host
from neurodeploy.program.plan import Plan
from neurodeploy.program.program import KEPT, SYNAPSE_INTEGERS, Program, definitions
from neurodeploy.program.window import Window

FORMAT, OLDEST = 3, 2
LATER = {"encoding": (1, 0), "settings": {}}
"""Of a Program's plain values those that older files have not."""
MAGIC = b"PK\x03\x04"


def write_program(path: str | Path, program: Program) -> None:
    """Write `program`, whole or not at all."""
    arrays: dict[str, np.ndarray] = {}
    for index, layer in enumerate(program.layers):
        for key in layer.integers + layer.units:
            arrays[f"layer{index}.{key}"] = getattr(layer, key)
    for index, one in enumerate(program.connections):
        for key in SYNAPSE_INTEGERS:
            arrays[f"connection{index}.{key}"] = np.asarray(getattr(one, key)).astype(np.int16, copy=False)
    header = json.dumps(_header(program), sort_keys=True)
    arrays["header"] = np.frombuffer(header.encode(), dtype=np.uint8)
    with written_whole(path) as beside, beside.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def read_program(path: str | Path) -> Program:
    """Return the Program in a file that `write_program` wrote.

    Args:
        path: The Program file (.npz) that `compile` wrote.

    Raises:
        ProgramError: the file is absent, damaged, of a newer format, no Program, or claims more numbers than fit in it.
    """
    path = Path(path)
    check_fetched(path, ProgramError)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            _check_sizes(path, stored.zip)
            arrays = {key: compact(stored[key]) for key in stored.files}
        header = json.loads(arrays.pop("header").tobytes().decode())
        found = header.get("format")
    except ProgramError:
        raise
    except OSError as error:
        raise ProgramError(f"{path}: cannot be read ({error.strerror or error})") from None
    except Exception:  # numpy, zipfile, zlib and json raise many kinds for damaged files; each means the same here
        raise ProgramError(f"{path}: is not an integer Program (.npz written by neurodeploy compile)") from None
    if isinstance(found, int) and found > FORMAT:
        newer = f"{path}: Program format {found} is newer than {FORMAT}, the newest known; update neurodeploy"
        raise ProgramError(newer)
    if not isinstance(found, int) or found < OLDEST:
        raise ProgramError(f"{path}: Program format {found} is older than {OLDEST}; compile the .nir again")
    try:
        return _assemble(header, arrays)
    except KeyError as error:
        raise ProgramError(f"{path}: the Program lacks {error}; compile the .nir again") from None
    except (TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        raise ProgramError(f"{path}: the Program is damaged or lacks parts ({error}); compile the .nir again") from None
    except ProgramError as error:
        raise error.inside(path) from None


def _check_sizes(path: Path, stored: zipfile.ZipFile) -> None:
    """Check what the arrays claim before any is read: a few kilobytes of zeros can be packed to fill the memory."""
    claims = Claims(path, ProgramError, "compile the .nir again")
    for member in stored.namelist():
        with stored.open(member) as stream:
            shape, _, dtype = array_head(stream)
        claims.add(shape, dtype.itemsize)


def _header(program: Program) -> dict[str, Any]:
    layers = [{"kind": la.kind} | la.plain_values for la in program.layers]
    connections = [
        {key: getattr(one, key) for key in PLAIN} | {"window": one.window and vars(one.window)}
        for one in program.connections
    ]
    defined: dict[str, Any] = {"dynamics": definitions(program)} if definitions(program) else {}
    ends = {"decode": program.decode, "host": program.host}
    defined |= {key: one.plain for key, one in ends.items() if one is not None}
    kept = {key: one for key in KEPT if (one := getattr(program, key)) or key != "settings"}
    return {"format": FORMAT, "layers": layers, "connections": connections, **defined, **kept}


def _assemble(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Program:
    tables = ("format", "layers", "connections", "dynamics", "decode", "host")
    own = {key: value for key, value in header.items() if key not in tables}
    rest = LATER | read_fields("header", own, [key for key in KEPT if key not in LATER], LATER)
    defined = _table("dynamics", header.get("dynamics", {}))
    layers = []
    for index, stored in enumerate(_list("layers", header["layers"])):
        where, named = f"layer {index}", dict(_table(f"layer {index}", stored))
        called = named.pop("kind", None)
        if not isinstance(called, str):
            raise ProgramError(f"kind {repr(called)[:40]} is no name of neurons", where=where)
        kind = type_called(called, _table(called, defined.get(called, {})))
        plain = read_fields(where, named, [key for key in kind.plain if key not in kind.later], kind.later)
        values: dict[str, Any] = {key: _integers(arrays, f"layer{index}.{key}", 1) for key in kind.integers}
        values |= {
            key: elementwise(lambda one: one.astype(np.float64), _numbers(arrays, f"layer{index}.{key}", 1))
            for key in kind.units
        }
        layers.append(kind(**plain, **values))
    connections = []
    for index, stored in enumerate(_list("connections", header["connections"])):
        where, named = f"connection {index}", dict(_table(f"connection {index}", stored))
        window = Window.read(where, named.pop("window", None))
        integers: dict[str, Any] = {key: _integers(arrays, f"connection{index}.{key}") for key in SYNAPSE_INTEGERS}
        connections.append(Connection(**read_fields(where, named, PLAIN), **integers, window=window))
    if rest["plan"]:
        Plan.from_dict(rest["plan"])
    ends: dict[str, Any] = {"decode": Decode.read(header.get("decode")), "host": Host.read(header.get("host"))}
    return Program(layers=tuple(layers), connections=tuple(connections), **ends, **rest)


def _table(where: str, stored: Any) -> dict[str, Any]:
    if not isinstance(stored, dict):
        raise ProgramError(f"is {repr(stored)[:40]}, a table is needed", where=where)
    return stored


def _list(where: str, stored: Any) -> list[Any]:
    if not isinstance(stored, list):
        raise ProgramError(f"are {repr(stored)[:40]}, a list is needed", where=where)
    return stored


def _integers(arrays: dict[str, np.ndarray], name: str, axes: int | None = None) -> np.ndarray:
    """Return an array as int64, or int16 where it was so; numbers with a fraction, NaN and words are refused."""
    return as_integers(name, _numbers(arrays, name, axes))


def _numbers(arrays: dict[str, np.ndarray], name: str, axes: int | None = None) -> np.ndarray:
    value = arrays[name]
    if axes not in (None, value.ndim):
        raise ProgramError(f"{name}: has shape {value.shape}, {axes} axis is needed")
    if value.dtype.kind not in "iuf":
        raise ProgramError(f"{name}: holds {value.dtype} values that are not whole numbers")
    return value
