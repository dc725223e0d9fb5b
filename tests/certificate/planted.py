"""Faults planted in Programs, one number each, over every field of every kind of layer and connection."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from neurodeploy.backends import fixed
from neurodeploy.backends.trace import Trace
from neurodeploy.certificate.equations import first_violation
from neurodeploy.certificate.fields import different_fields
from neurodeploy.errors import ProgramError
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.table import ADAPTIVE, RESONATOR
from neurodeploy.graph.dynamics import subgraph
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import Compiled, compile_network
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import Program
from tests.graph.images import conv2d, network, pool

STEPS = 25


@dataclass(frozen=True, eq=False)
class Subject:
    """A network with its Program, an input, and the run of the intact Program."""

    name: str
    made: Compiled
    spikes: np.ndarray
    intact: Trace


@dataclass(frozen=True, eq=False)
class Fault:
    """A Program with one number changed.

    Attributes:
        field: What was changed: "weight", "du", "start" ...
        layer: Where it acts.
    """

    field: str
    layer: str
    program: Program


@dataclass(frozen=True)
class Outcome:
    """What became of a fault.

    Attributes:
        changes: It changed a state, a count or a score.
        by_fields, by_equations: Layer that the comparison of fields, and the equations, blame first; empty for none.
    """

    field: str
    layer: str
    changes: bool
    by_fields: str
    by_equations: str


def subject(name: str, graph: Network, spikes: np.ndarray) -> Subject:
    made = compile_network(graph)
    return Subject(name, made, spikes, fixed.run(made.program, spikes, record=True))


def outcome(one: Subject, fault: Fault) -> Outcome:
    trace = fixed.run(fault.program, one.spikes, record=True, engine="plain")
    fields = different_fields(fault.program, one.made.program)
    found = first_violation(one.made.quantised, one.made.plan, trace, one.spikes)
    changes = not same(trace, one.intact)
    return Outcome(fault.field, fault.layer, changes, fields[0].part if fields else "", found.layer if found else "")


def same(one: Trace, other: Trace) -> bool:
    """Return whether two runs have every state, count and score in common."""
    pairs = [(one.output_BN, other.output_BN)]
    for name, states in one.layers.items():
        pairs.append((one.counts[name], other.counts[name]))
        pairs += [(getattr(states, key), getattr(other.layers[name], key)) for key in ("u_BTN", "v_BTN", "spikes_BTN")]
    return all(np.array_equal(a, b) for a, b in pairs)


def faults(program: Program, rng: np.random.Generator) -> Iterator[Fault]:
    """Yield faults without end, every field of every part as likely as any other."""
    places = [*_places(program)]
    while True:
        part, key, layer = places[rng.integers(len(places))]
        changed = {key: _other(getattr(part, key), key, program, rng)}
        try:
            if part is program:
                yield Fault(key, layer, replace(program, **changed))
                continue
            field = "layers" if part in program.layers else "connections"
            parts = tuple(replace(one, **changed) if one is part else one for one in getattr(program, field))
            values: dict[str, Any] = {field: parts}
            yield Fault(key, layer, replace(program, **values))
        except ProgramError:  # the number does not fit its field: no Program can hold it
            continue


def _places(program: Program) -> Iterator[tuple[Any, str, str]]:
    """Yield every part and field in which a fault can be, and the layer where it acts."""
    output = program.layer(program.output)
    if not (isinstance(output, Layer) and output.vth[0] < rules.NEVER):
        yield program, "readout", program.output
    for layer in program.layers:
        own = (
            ("reset", "bias_exp", "start", "refractory", "rest_init", "clear_every", "at_threshold")
            if isinstance(layer, Layer)
            else ("start",)
        )
        sent = ("message_exp",) if layer.graded else ()
        for key in (*own, *layer.integers, *(() if isinstance(layer, Layer) else ("fraction_bits",)), *sent):
            yield layer, key, layer.name
    for one in program.connections:
        for key in ("weight", "weight_exp", "delay"):
            yield one, key, one.target


def _other(value: Any, key: str, program: Program, rng: np.random.Generator) -> Any:
    """Return another value of a field: one number is moved, a little or far, doubled, turned over or made 0."""
    names = {"readout": ("spikes", "v_last", "v_max", "v_sum"), "reset": rules.RESETS}
    if key in names:
        return str(rng.choice([one for one in names[key] if one != value]))
    if key == "at_threshold":
        return not value
    changed = np.array(value, np.int64)
    at = tuple(int(rng.integers(size)) for size in changed.shape)
    moves: list[Callable[[int], int]] = [
        lambda old: old + 1,
        lambda old: old - 1,
        lambda old: old + int(rng.integers(-300, 300)),
        lambda old: 2 * old,
        lambda old: -old,
        lambda old: 0,
    ]
    changed[at] = moves[rng.integers(len(moves))](int(changed[at]))
    if int(changed[at]) == int(np.asarray(value)[at]):
        changed[at] += 2
    return changed if np.ndim(value) or isinstance(value, np.ndarray) else int(changed)


def subjects() -> Iterator[Subject]:
    """Yield networks that hold every neuron kind, reset, readout and kind of connection that a graph can become."""
    rng = np.random.default_rng(7)
    ones: Callable[..., np.ndarray] = np.ones

    def weights(*shape: int, size: float = 1.0) -> np.ndarray:
        return rng.normal(size=shape) * size

    def uniform(low: float, high: float, n: int) -> np.ndarray:
        return rng.uniform(low, high, n)

    def IF(n: int) -> nir.IF:
        return nir.IF(r=1000 * ones(n), v_threshold=uniform(0.8, 1.2, n), v_reset=0 * ones(n))

    def LIF(n: int, v_reset: float = 0.0) -> nir.LIF:
        tau = uniform(0.004, 0.03, n)
        return nir.LIF(
            tau=tau, r=tau / 1e-3, v_leak=uniform(-0.1, 0.1, n), v_threshold=ones(n), v_reset=v_reset * ones(n)
        )

    def cuba(n: int) -> nir.CubaLIF:
        tau = uniform(0.004, 0.03, n)
        return nir.CubaLIF(
            tau_syn=uniform(0.002, 0.01, n),
            tau_mem=tau,
            r=tau / 1e-3,
            v_leak=0 * ones(n),
            v_threshold=ones(n),
            v_reset=0 * ones(n),
            w_in=ones(n),
        )

    def adaptive(n: int) -> nir.NIRGraph:
        numbers = {"alpha": uniform(0.7, 0.95, n), "beta": uniform(0.8, 0.98, n), "a": uniform(-0.1, 0.2, n)}
        numbers |= {key: uniform(0.2, 0.9, n) for key in ADAPTIVE.numbers if key not in numbers}
        return subgraph(ADAPTIVE, {key: numbers[key] for key in ADAPTIVE.numbers}, ones(n), 1e-3, {})

    def resonator(n: int) -> nir.NIRGraph:
        angle, size = uniform(0.1, 0.8, n), uniform(0.85, 0.97, n)
        numbers = {
            "re": size * np.cos(angle),
            "im": size * np.sin(angle),
            "drop": ones(n),
            "drop_y": uniform(0, 0.3, n),
        }
        return subgraph(RESONATOR, {key: numbers[key] for key in RESONATOR.numbers}, ones(n), 1e-3, {})

    def chain(shape: tuple[int, ...], n_out: int, nodes: dict[str, Any], *more: tuple[str, str]) -> nir.NIRGraph:
        every = {"in": nir.Input({"input": np.array(shape)}), **nodes, "out": nir.Output({"output": np.array([n_out])})}
        line = [name for name in every if not name.startswith("rec")]
        return nir.NIRGraph(every, [*itertools.pairwise(line), *more], type_check=False)

    def spikes(n: int) -> np.ndarray:
        return (rng.random((3, STEPS, n)) < 0.3).astype(np.uint8)

    def made(name: str, graph: nir.NIRGraph, **options: Any) -> Subject:
        return subject(name, network(graph, **options), spikes(int(np.prod(graph.nodes["in"].input_type["input"]))))

    yield made(
        "IF", chain((6,), 4, {"a": nir.Linear(weights(8, 6)), "n": IF(8), "b": nir.Linear(weights(4, 8)), "m": IF(4)})
    )
    yield made(
        "LIF with leak, reset and bias",
        chain(
            (6,),
            4,
            {
                "a": nir.Affine(weights(8, 6), uniform(-0.1, 0.2, 8)),
                "n": LIF(8, -0.2),
                "b": nir.Linear(weights(4, 8)),
                "m": LIF(4, 0.1),
            },
        ),
    )
    recurrent = {
        "a": nir.Affine(weights(8, 6), uniform(0, 0.1, 8)),
        "n": cuba(8),
        "rec": nir.Linear(weights(8, 8, size=0.4)),
        "recd": nir.Delay(2e-3 * ones(8)),
        "d": nir.Delay(1e-3 * rng.integers(0, 3, 8)),
        "b": nir.Linear(weights(4, 8)),
        "m": cuba(4),
    }
    loop = (("n", "rec"), ("rec", "recd"), ("recd", "n"))
    yield made("CubaLIF, recurrent, delays, subtract", chain((6,), 4, recurrent, *loop), reset="subtract")
    images = {
        "a": conv2d(weights(3, 2, 3, 3)),
        "n": nir.LIF(**_lif((3, 4, 4))),
        "p": pool(nir.SumPool2d, 2),
        "f": nir.Flatten(np.array([3, 2, 2]), 0, -1),
        "b": nir.Linear(weights(4, 12)),
        "m": LIF(4),
    }
    yield made("convolution and sum pool", chain((2, 6, 6), 4, images))
    averaged = {
        "a": conv2d(weights(3, 2, 3, 3)),
        "n": nir.IF(1000 * ones((3, 4, 4)), ones((3, 4, 4)), 0 * ones((3, 4, 4))),
        "p": pool(nir.AvgPool2d, 2),
        "q": nir.IF(1000 * ones((3, 2, 2)), 0.3 * ones((3, 2, 2)), 0 * ones((3, 2, 2))),
        "f": nir.Flatten(np.array([3, 2, 2]), 0, -1),
        "b": nir.Linear(weights(4, 12)),
        "m": LIF(4),
    }
    yield made("average pool", chain((2, 6, 6), 4, averaged))
    yield made(
        "many small weights",
        chain(
            (60,),
            4,
            {"a": nir.Linear(weights(8, 60, size=0.004)), "n": IF(8), "b": nir.Linear(weights(4, 8)), "m": IF(4)},
        ),
    )
    for readout in ("v_last", "v_max", "v_sum", "softmax"):
        tau = uniform(0.004, 0.03, 4)
        nodes = {
            "a": nir.Linear(weights(8, 6)),
            "n": LIF(8),
            "b": nir.Affine(weights(4, 8), uniform(-0.1, 0.1, 4)),
            "m": nir.LI(tau, tau / 1e-3, 0 * ones(4)),
        }
        yield made(f"LI, {readout}", chain((6,), 4, nodes), readout=readout)
    for name, neurons in (("adaptive", adaptive), ("resonator", resonator)):
        nodes = {
            "a": nir.Affine(weights(8, 6), uniform(-0.05, 0.1, 8)),
            "n": neurons(8),
            "rec": nir.Linear(weights(8, 8, size=0.4)),
            "b": nir.Linear(weights(4, 8)),
            "m": neurons(4),
        }
        yield made(name, chain((6,), 4, nodes, ("n", "rec"), ("rec", "n")))
    tau = uniform(0.004, 0.03, 4)
    memory = {
        "a": nir.Affine(weights(8, 6), uniform(-0.05, 0.1, 8)),
        "n": nir.I(1000 * ones(8)),
        "rec": nir.Linear(weights(8, 8, size=0.1) - 0.3 * np.eye(8)),
        "b": nir.Linear(weights(4, 8)),
        "m": nir.LI(tau, tau / 1e-3, 0 * ones(4)),
    }
    yield made("linear memory", chain((6,), 4, memory, ("n", "rec"), ("rec", "n")), readout="v_sum")


def _lif(shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    full = np.ones(shape)
    return {"tau": 0.01 * full, "r": 10 * full, "v_leak": 0 * full, "v_threshold": full, "v_reset": 0 * full}
