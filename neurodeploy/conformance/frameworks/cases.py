"""The graphs that are run in every framework: each node in the values all take, then each value that some do not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from neurodeploy.conformance.frameworks.nodes import DT_S, Maker, chain, ends, looped, nested
from neurodeploy.fixedpoint import rules
from neurodeploy.graph.metadata import wrapped

N = 6
N_IN = 4
SLOW = 10 * DT_S
"""Norse's own time step."""


@dataclass(frozen=True, eq=False)
class Case:
    """One graph, and how it is meant.

    Attributes:
        name: NIR type that the case is about, and what is special.
        values: It has no neurons: what it gives is compared, by a readout in its place here.
        unchecked: NIR's own type check refuses it.
        alone: Importers are also given the graph alone, without its time step and the like.
    """

    name: str
    graph: nir.NIRGraph
    dt_s: float = DT_S
    reset: str = rules.RESET_ZERO
    values: bool = False
    unchecked: bool = False
    alone: bool = False

    @property
    def about(self) -> str:
        """NIR type that the case is about."""
        return self.name.replace(",", " ").split()[0]


def all_cases() -> list[Case]:
    """Return every case; the same each time."""
    groups = (_weights, _windows, _plain_neurons, _other_values, _steps, _meeting, _wiring, _rest)
    found = [case for group in groups for case in group()]
    assert len({one.name for one in found}) == len(found)
    return found


def _flat(*nodes: nir.NIRNode) -> nir.NIRGraph:
    """Return a graph of nodes in a row, from `N_IN` values to `N`."""
    return chain((N_IN,), (N,), *nodes)


def _weights() -> Iterator[Case]:
    make = Maker(1)
    yield Case("Linear", _flat(make.linear(N, N_IN)), values=True)
    yield Case("Affine", _flat(make.affine(N, N_IN)), values=True)
    yield Case("Affine, bias 0", _flat(make.affine(N, N_IN, bias=0.0)), values=True)
    scaled = nir.Scale(np.linspace(0.5, 1.5, N_IN).astype(np.float32))
    yield Case("Scale", _flat(scaled, make.linear(N, N_IN)), values=True)
    late = nir.Delay(np.full(N_IN, 3 * DT_S, np.float32))
    yield Case("Delay", _flat(late, make.linear(N, N_IN)), values=True)


def _windows() -> Iterator[Case]:
    make = Maker(2)
    sizes: tuple[tuple[Any, Any, tuple[int, ...]], ...] = ((nir.Conv1d, 9, (9,)), (nir.Conv2d, (8, 8), (8, 8)))
    for kind, size, sides in sizes:
        for name, n_out, n_in, stride, padding, dilation, groups in (
            ("", 3, 2, 1, 0, 1, 1),
            (", stride and padding", 3, 2, 2, 1, 1, 1),
            (", dilation", 3, 2, 1, 0, 2, 1),
            (", grouped", 4, 2, 1, 0, 1, 2),
            (", grouped, 2 channels each", 4, 4, 1, 0, 1, 2),
        ):
            weight = make.weights(n_out, n_in // groups, *[3] * len(sides))
            one = kind(size, weight, stride, padding, dilation, groups, make.weights(n_out))
            after = [(n + 2 * padding - 2 * dilation - 1) // stride + 1 for n in sides]
            graph = chain((n_in, *sides), (n_out, *after), one)
            yield Case(kind.__name__ + name, graph, values=True, unchecked=groups > 1)
    pools = {"": (2, 2, 0, 4), ", overlapping": (3, 1, 0, 6), ", padded": (2, 2, 1, 5)}
    for kind in (nir.SumPool2d, nir.AvgPool2d):
        for name, (*values, width) in pools.items():
            pool = kind(*(np.array([one, one]) for one in values))
            yield Case(kind.__name__ + name, chain((2, 8, 8), (2, width, width), pool), values=True)
    for first in (0, -3):
        flat = nir.Flatten({"input": np.array([2, 3, 3])}, first, -1)
        graph = chain((2, 3, 3), (N,), flat, make.linear(N, 18))
        yield Case(f"Flatten, from axis {first}", graph, values=True, alone=True)


def _plain_neurons() -> Iterator[Case]:
    make = Maker(3)
    yield Case("IF", _flat(make.affine(N, N_IN), make.integrate(N)))
    yield Case("IF, r = 1, dt = 1 s", _flat(make.affine(N, N_IN), make.integrate(N, r=1)), dt_s=1.0)
    row = (make.affine(N, N_IN), make.integrate(N, r=1), make.affine(N, N, 0.2), make.integrate(N, r=1))
    yield Case("IF, two layers, dt = 1 s", _flat(*row), dt_s=1.0)
    yield Case("LIF, r = tau / dt", _flat(make.affine(N, N_IN), make.lif(N)))
    yield Case("LIF, r = 1", _flat(make.affine(N, N_IN), make.lif_of_1(N)))
    row = (make.affine(N, N_IN), make.lif_of_1(N), make.affine(N, N), make.lif_of_1(N))
    yield Case("LIF, two layers", _flat(*row))
    yield Case("CubaLIF", _flat(make.affine(N, N_IN), make.cuba(N)))
    row = (make.affine(N, N_IN), make.cuba(N, v_threshold=4), make.affine(N, N), make.cuba(N, v_threshold=2))
    yield Case("CubaLIF, two layers", _flat(*row))
    image = nir.Conv2d((8, 8), make.weights(3, 2, 3, 3), 1, 0, 1, 1, make.weights(3, spread=0.1))
    pool = nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    flat = nir.Flatten({"input": np.array([3, 3, 3])}, -3, -1)
    row2d = (image, make.cuba(3, 6, 6, v_threshold=6.0), pool, flat, make.affine(N, 27), make.cuba(N, v_threshold=20))
    yield Case("CubaLIF in an image network", chain((2, 8, 8), (N,), *row2d))


def _other_values() -> Iterator[Case]:
    make = Maker(4)
    spread = np.linspace(0.6, 1.4, N)
    of_each = {"tau_mem": 8 * DT_S * spread, "r": 8 * spread, "tau_syn": 4 * DT_S * spread, "w_in": 4 * spread}
    neurons: dict[str, nir.NIRNode] = {
        "LIF, r of each": make.lif(N, r=8 * spread),
        "LIF, tau of each": make.lif(N, tau=8 * DT_S * spread, r=8 * spread),
        "LIF, thresholds differ": make.lif_of_1(N, v_threshold=0.1 * spread),
        "LIF, v_leak": make.lif_of_1(N, v_leak=0.05),
        "LIF, v_reset": make.lif_of_1(N, v_reset=-0.1),
        "LIF, v_leak and v_reset": make.lif_of_1(N, v_leak=0.05, v_reset=0.05),
        "LIF, r = 2": make.lif(N, r=2.0, v_threshold=0.25),
        "LIF, tau = dt": make.lif(N, tau=DT_S, r=1.0, v_threshold=0.5),
        "CubaLIF, taus of each": make.cuba(N, **of_each),
        "CubaLIF, thresholds differ": make.cuba(N, v_threshold=spread),
        "CubaLIF, r = 5": make.cuba(N, r=5.0),
        "CubaLIF, w_in = 1": make.cuba(N, w_in=1.0, v_threshold=0.3),
        "CubaLIF, v_leak": make.cuba(N, v_leak=0.5),
        "CubaLIF, v_reset": make.cuba(N, v_reset=-0.5),
        "IF, r = 1": make.integrate(N, r=1.0, v_threshold=2e-4),
        "IF, thresholds differ": make.integrate(N, v_threshold=2 * spread),
        "IF, v_reset": make.integrate(N, v_reset=-0.5),
    }
    for name, node in neurons.items():
        yield Case(name, _flat(make.affine(N, N_IN), node))
    yield Case("LIF, r = -8", _flat(make.affine(N, N_IN, bias=-0.5), make.lif(N, r=-8.0)))
    for about, node in (("LIF", make.lif_of_1(N)), ("CubaLIF", make.cuba(N)), ("IF", make.integrate(N))):
        graph = _flat(make.affine(N, N_IN, bias=0.3), node)
        yield Case(f"{about}, reset by subtraction", graph, reset=rules.RESET_SUBTRACT)
    differing = _flat(make.affine(N, N_IN), make.integrate(N, r=1, v_threshold=2 * spread))
    yield Case("IF, thresholds differ, dt = 1 s", differing, dt_s=1.0)


def _steps() -> Iterator[Case]:
    """Yield the plain neurons at Norse's time step, which is no other importer's own."""
    make = Maker(5, dt_s=SLOW)
    neurons: dict[str, nir.NIRNode] = {
        "LIF, r = tau / dt, dt = 1e-3 s": make.lif(N),
        "LIF, r = 1, dt = 1e-3 s": make.lif_of_1(N),
        "CubaLIF, dt = 1e-3 s": make.cuba(N),
        "IF, dt = 1e-3 s": make.integrate(N),
    }
    for name, node in neurons.items():
        yield Case(name, _flat(make.affine(N, N_IN), node), dt_s=SLOW, alone=True)
    graph = _flat(make.affine(N, N_IN, bias=0.3), make.cuba(N))
    name = "CubaLIF, reset by subtraction, dt = 1e-3 s"
    yield Case(name, graph, dt_s=SLOW, reset=rules.RESET_SUBTRACT, alone=True)


def _meeting() -> Iterator[Case]:
    """Yield neurons whose potentials are multiples of a power of 2, so that they meet the threshold exactly."""
    make = Maker(6)
    weight = make.rng.integers(-1, 3, (N, N_IN)).astype(np.float32) / 4
    neurons: dict[str, nir.NIRNode] = {
        "IF": make.integrate(N, r=1, v_threshold=1.0),
        "LIF": make.lif(N, tau=2.0, r=2.0, v_threshold=1.0),
        "CubaLIF": make.cuba(N, tau_mem=2.0, r=2.0, tau_syn=2.0, w_in=2.0, v_threshold=1.0),
    }
    for about, node in neurons.items():
        yield Case(f"{about} at the threshold exactly", _flat(nir.Linear(weight), node), dt_s=1.0, alone=True)
    said = make.lif(N, tau=DT_S, r=1.0, v_threshold=1.0)  # no decay, so that nothing is rounded
    said.metadata = wrapped(at_threshold=True)
    yield Case("LIF that spikes at its threshold", _flat(nir.Linear(weight), said))


def _wiring() -> Iterator[Case]:
    make = Maker(7)
    yield Case("LIF, recurrent", looped(make, make.lif_of_1(N), N))
    yield Case("CubaLIF, recurrent", looped(make, make.cuba(N), N))
    yield Case("CubaLIF, recurrent, bias", looped(make, make.cuba(N), N, bias=0.3))
    yield Case("LIF, recurrent sub-graph", nested(make, make.lif_of_1(N), N))
    yield Case("CubaLIF, recurrent sub-graph", nested(make, make.cuba(N), N))
    yield Case("CubaLIF, recurrent sub-graph, bias", nested(make, make.cuba(N), N, bias=0.3))
    mixed = nested(make, make.cuba(N), N, in_order=False)
    yield Case("CubaLIF, recurrent sub-graph, names out of order", mixed)
    around = {
        "a_fc": make.linear(N, N_IN),
        "b_lif": make.cuba(N),
        "c_fc": make.linear(N, N),
        "d_lif": make.cuba(N),
        "e_back": make.linear(N, N),
    }
    edges = [("input", "a_fc"), ("a_fc", "b_lif"), ("b_lif", "c_fc"), ("c_fc", "d_lif"), ("d_lif", "output")]
    graph = nir.NIRGraph(ends((N_IN,), (N,)) | around, [*edges, ("d_lif", "e_back"), ("e_back", "b_lif")])
    yield Case("CubaLIF, a loop of two layers", graph)
    around["e_skip"] = make.linear(N, N_IN)
    del around["e_back"]
    graph = nir.NIRGraph(ends((N_IN,), (N,)) | around, [*edges, ("input", "e_skip"), ("e_skip", "d_lif")])
    yield Case("CubaLIF, two ways from the input", graph)


def _rest() -> Iterator[Case]:
    """Yield the nodes that no importer has."""
    make = Maker(8)
    full = np.ones(N, np.float32)
    slow = np.full(N, 8 * DT_S, np.float32)
    nodes: dict[str, nir.NIRNode] = {
        "Threshold": nir.Threshold(0.5 * full),
        "LI": nir.LI(tau=slow, r=full, v_leak=0 * full),
        "CubaLI": nir.CubaLI(tau_mem=slow, tau_syn=slow, r=full, v_leak=0 * full, w_in=full),
        "I": nir.I(r=full / np.float32(DT_S)),
    }
    for about, node in nodes.items():
        yield Case(about, _flat(make.affine(N, N_IN), node))


def as_run_here(case: Case) -> Case:
    """Return a case without neurons with a readout at its end, whose potential is what the graph gives."""
    if not case.values:
        return case
    graph = case.graph
    shape = np.asarray(graph.nodes["output"].output_type["output"])
    ones = np.ones(tuple(int(one) for one in shape), np.float32)
    readout = nir.LI(tau=np.float32(case.dt_s) * ones, r=ones, v_leak=0 * ones)
    edges = [(source, "readout" if target == "output" else target) for source, target in graph.edges]
    nodes = dict(graph.nodes) | {"readout": readout}
    return replace(case, graph=nir.NIRGraph(nodes, [*edges, ("readout", "output")], type_check=False))
