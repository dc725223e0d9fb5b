"""The integer Program that a NIR graph carries in its metadata, see `formats.program_to_nir`.

Weights are read from the nodes themselves. Everything else is in the metadata, and checked against the
nodes: they are made once more from the Program, and must be the file's.
"""

import json
import math
from operator import itemgetter
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError, NeurodeployError, ProgramError
from neurodeploy.formats.program_to_nir import INTEGERS, KEPT, PLAIN, PROGRAM, PROGRAM_FORMAT, SYNAPSES, program_graph
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.linear import MOST_ENTRIES
from neurodeploy.graph.metadata import ours
from neurodeploy.program.connection import PLAIN as ENDS
from neurodeploy.program.connection import Connection
from neurodeploy.program.decode import Decode
from neurodeploy.program.dynamics import AnyLayer, type_called
from neurodeploy.program.fields import as_integers, read_fields
from neurodeploy.program.host import Host
from neurodeploy.program.plan import LOW_HALF, Plan
from neurodeploy.program.program import DATA_SETTINGS, Program
from neurodeploy.program.window import Window
from neurodeploy.quantize import grid

DAMAGED = (NeurodeployError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError)
SAME = 1e-6
"""By how much of itself a real number of a node may differ: files hold float32."""


def carried_program(file: GraphFile) -> Program | None:
    """Return the Program in a graph's metadata, or None where it carries none.

    Raises:
        GraphError: it is damaged, of a newer format, or no longer what the nodes say.
    """
    where = str(file.path)
    try:
        entries = ours(file.graph.metadata)
        if PROGRAM not in entries:
            return None
        header = _table("the graph", entries, PROGRAM)
        found = header.pop("format")
        if found != PROGRAM_FORMAT:
            raise GraphError(f"carries a Program of format {found!r}, {PROGRAM_FORMAT} is known; convert again")
        program = _program(file.graph, header, entries)
        changed = _changed(file.graph, program_graph(program))
    except GraphError as error:
        raise error.inside(where) from None
    except DAMAGED as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise GraphError(f"{where}: the Program in its metadata is damaged ({reason}); convert it again") from None
    if changed:
        raise GraphError(
            f"{where}: {changed} is not what the Program in its metadata says, so it was changed afterwards; "
            "change the network before it is converted"
        )
    return program


def _program(graph: nir.NIRGraph, header: dict[str, Any], entries: dict[str, Any]) -> Program:
    layers: list[tuple[int, AnyLayer]] = []
    connections: list[tuple[int, Connection]] = []
    for node in graph.nodes.values():
        carried = ours(node.metadata).get(INTEGERS)
        if carried is None:
            continue
        plain = _table("a node", carried, PLAIN)
        place = plain.pop("place", None)
        if not isinstance(place, int):
            raise ProgramError(f"place of a node is {place!r}, a whole number is needed")
        if "kind" in plain:
            layers.append((place, _layer(node, plain, carried)))
        else:
            connections += _connections(node, plain, carried, place)
    if header["plan"]:
        Plan.from_dict(header["plan"])
    rest = read_fields("the Program", header, KEPT)
    return Program(
        layers=tuple(one for _, one in sorted(layers, key=itemgetter(0))),
        connections=tuple(one for _, one in sorted(connections, key=itemgetter(0))),
        dt_s=float(entries["dt_s"]),
        readout=str(entries["readout"]),
        decode=Decode.read(entries.get("decode")),
        host=Host.read(entries.get("host")),
        settings={key: one for key, one in entries.items() if key in DATA_SETTINGS},
        **rest,
    )


def _table(where: str, entries: Any, key: str) -> dict[str, Any]:
    """Return the JSON object under a key of our metadata."""
    text = entries.get(key) if isinstance(entries, dict) else None
    found = json.loads(text) if isinstance(text, str) else None
    if not isinstance(found, dict):
        raise ProgramError(f"{key} of {where} is no JSON of a table")
    return found


def _layer(node: nir.NIRNode, plain: dict[str, Any], carried: dict[str, Any]) -> AnyLayer:
    kind = type_called(str(plain.pop("kind")))
    plain = read_fields(plain.get("name"), plain, [key for key in kind.plain if key not in kind.later], kind.later)
    n_neurons = math.prod(plain["shape"])
    held: Any = node
    if isinstance(node, nir.NIRGraph):
        held = node.nodes["minus" if "minus" in node.nodes else "sigma"]
    sizes = {np.size(value) for key, value in vars(held).items() if key in ("r", "scale")}
    if sizes != {n_neurons}:
        raise ValueError(f"{plain['name']}: its metadata say {n_neurons} neurons, its node has {sorted(sizes)}")
    values: dict[str, Any] = {key: as_integers(key, _spread(carried[key], n_neurons)) for key in kind.integers}
    values |= {key: _spread(carried[key], n_neurons).astype(np.float64) for key in kind.units}
    return kind(**plain, **values)


def _spread(value: Any, n_neurons: int) -> np.ndarray:
    found = np.asarray(value)
    if found.dtype.kind not in "iuf" or found.shape not in ((), (n_neurons,)):
        raise ValueError(f"{found.dtype} of shape {found.shape} for {n_neurons} neurons")
    return np.broadcast_to(found, n_neurons).copy()


def _connections(node: Any, plain: dict[str, Any], carried: dict[str, Any], place: int) -> list[tuple[int, Connection]]:
    """Return the connection of a node with its place, of wide weights one for each half."""
    where, shared, unit, low = (plain.get("name"), *(plain.pop(key, None) for key in ("weight", "unit", "low")))
    window = Window.read(where, plain.pop("window", None))
    plain = read_fields(where, plain, ENDS)
    integers: dict[str, Any] = {key: np.asarray(carried[key]) for key in SYNAPSES}
    if shared is not None:
        if window is None or math.prod(window.weight_shape) > MOST_ENTRIES:
            raise ValueError(f"{plain['name']}: has one weight for {window}")
        weight = np.full(window.weight_shape, int(shared))
        return [(place, Connection(weight=weight, window=window, **plain, **integers))]
    weight, exponent = (
        np.asarray(node.weight, np.float64) / (1 if unit is None else unit),
        integers["weight_exp"].astype(int),
    )
    exponent = exponent if low is None else exponent - grid.HIGH_EXPONENT
    whole = np.ldexp(weight, -exponent.reshape(exponent.shape + (1,) * (weight.ndim - exponent.ndim)))
    if not (np.isfinite(whole) & (whole == np.rint(whole)) & (np.abs(whole) < 1 << 30)).all():
        raise ValueError(f"{plain['name']}: weights are no whole numbers times 2 to its exponent")
    if low is None:
        return [(place, Connection(weight=whole.astype(np.int64), window=window, **plain, **integers))]
    halves, name = grid.halves(whole.astype(np.int64)), plain.pop("name")
    below = integers | {"weight_exp": integers["weight_exp"] - grid.HIGH_EXPONENT + grid.LOW_EXPONENT}
    return [
        (place, Connection(name=name, weight=halves[0], **plain, **integers)),
        (int(low), Connection(name=name + LOW_HALF, weight=halves[1], **plain, **below)),
    ]


def _changed(found: nir.NIRGraph, expected: nir.NIRGraph) -> str:
    """Return the first node, or edge, in which two graphs differ; empty where there is none."""
    if set(found.nodes) != set(expected.nodes):
        odd = sorted(set(found.nodes) ^ set(expected.nodes))[0]
        return f"node {odd} ({'added' if odd in found.nodes else 'missing'})"
    if set(map(tuple, found.edges)) != set(map(tuple, expected.edges)):
        source, target = sorted(set(map(tuple, found.edges)) ^ set(map(tuple, expected.edges)))[0]
        return f"edge {source} -> {target}"
    for name, node in expected.nodes.items():
        other = found.nodes[name]
        if type(other) is not type(node):
            return f"node {name} (a {type(other).__name__})"
        if isinstance(node, nir.NIRGraph):
            inner = _changed(other, node)
            if inner:
                return f"{name}: {inner}"
            continue
        for key, value in vars(node).items():
            if key not in ("metadata", "type_check") and not _same(value, getattr(other, key)):
                return f"{key} of node {name}"
    return ""


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return isinstance(other, dict) and all(key in other and _same(value, other[key]) for key, value in one.items())
    if one is None or other is None:
        return one is other
    a, b = np.asarray(one), np.asarray(other)
    # The reader of graphs puts neurons in the shape of what arrives.
    return a.size == b.size and bool(np.allclose(a.ravel(), b.ravel(), rtol=SAME, atol=0))
