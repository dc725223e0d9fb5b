"""The graphs that are run in every framework: each node in the values all take, then each value that some do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import nir
import numpy as np

from neurodeploy.conformance.frameworks.nodes import DT_S, Maker, chain, ends, looped, nested
from neurodeploy.fixedpoint import rules

N = 6
N_IN = 4
SLOW = 10 * DT_S
"""Norse's own time step."""


@dataclass(frozen=True, eq=False)
class Case:
    """One graph, and how it is meant.

    Attributes:
        about: NIR type that the case is about.
        values: It has no neurons: what it gives is compared, by a readout in its place here.
        unchecked: NIR's own type check refuses it.
        alone: Importers are also given the graph alone, without its time step and the like.
    """

    name: str
    about: str
    graph: nir.NIRGraph
    dt_s: float = DT_S
    reset: str = rules.RESET_ZERO
    values: bool = False
    unchecked: bool = False
    alone: bool = False


def all_cases() -> list[Case]:
    """Return every case; the same each time."""
    found = [
        *_weights(),
        *_windows(),
        *_plain_neurons(),
        *_other_values(),
        *_steps(),
        *_meeting(),
        *_wiring(),
        *_rest(),
    ]
    assert len({one.name for one in found}) == len(found)
    return found


def _weights() -> Iterator[Case]:
    make = Maker(1)
    yield Case("Linear", "Linear", chain((N_IN,), (N,), make.linear(N, N_IN)), values=True)
    yield Case("Affine", "Affine", chain((N_IN,), (N,), make.affine(N, N_IN)), values=True)
    bare = make.affine(N, N_IN, bias=0.0)
    yield Case("Affine, bias 0", "Affine", chain((N_IN,), (N,), bare), values=True)
    scaled = nir.Scale(np.linspace(0.5, 1.5, N_IN).astype(np.float32))
    yield Case("Scale", "Scale", chain((N_IN,), (N,), scaled, make.linear(N, N_IN)), values=True)
    late = nir.Delay(np.full(N_IN, 3 * DT_S, np.float32))
    yield Case("Delay", "Delay", chain((N_IN,), (N,), late, make.linear(N, N_IN)), values=True)


def _windows() -> Iterator[Case]:
    make = Maker(2)

    def conv1d(
        n_out: int = 3, n_in: int = 2, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1
    ) -> nir.Conv1d:
        weight = make.weights(n_out, n_in // groups, 3)
        return nir.Conv1d(9, weight, stride, padding, dilation, groups, make.weights(n_out))

    yield Case("Conv1d", "Conv1d", chain((2, 9), (3, 7), conv1d()), values=True)
    yield Case("Conv1d, stride and padding", "Conv1d", chain((2, 9), (3, 5), conv1d(3, 2, 2, 1)), values=True)
    yield Case("Conv1d, dilation", "Conv1d", chain((2, 9), (3, 5), conv1d(dilation=2)), values=True)
    yield Case("Conv1d, grouped", "Conv1d", chain((2, 9), (4, 7), conv1d(4, groups=2)), values=True, unchecked=True)
    wide = conv1d(4, 4, groups=2)
    yield Case("Conv1d, grouped, 2 channels each", "Conv1d", chain((4, 9), (4, 7), wide), values=True, unchecked=True)

    def conv2d(
        n_out: int = 3, n_in: int = 2, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1
    ) -> nir.Conv2d:
        weight = make.weights(n_out, n_in // groups, 3, 3)
        return nir.Conv2d((8, 8), weight, stride, padding, dilation, groups, make.weights(n_out))

    yield Case("Conv2d", "Conv2d", chain((2, 8, 8), (3, 6, 6), conv2d()), values=True)
    yield Case("Conv2d, stride and padding", "Conv2d", chain((2, 8, 8), (3, 4, 4), conv2d(3, 2, 2, 1)), values=True)
    yield Case("Conv2d, dilation", "Conv2d", chain((2, 8, 8), (3, 4, 4), conv2d(dilation=2)), values=True)
    yield Case(
        "Conv2d, grouped", "Conv2d", chain((2, 8, 8), (4, 6, 6), conv2d(4, groups=2)), values=True, unchecked=True
    )
    wide = conv2d(4, 4, groups=2)
    yield Case(
        "Conv2d, grouped, 2 channels each", "Conv2d", chain((4, 8, 8), (4, 6, 6), wide), values=True, unchecked=True
    )
    for kind in (nir.SumPool2d, nir.AvgPool2d):
        pool = kind(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
        yield Case(kind.__name__, kind.__name__, chain((2, 8, 8), (2, 4, 4), pool), values=True)
        overlapping = kind(np.array([3, 3]), np.array([1, 1]), np.array([0, 0]))
        name = f"{kind.__name__}, overlapping"
        yield Case(name, kind.__name__, chain((2, 8, 8), (2, 6, 6), overlapping), values=True)
        padded = kind(np.array([2, 2]), np.array([2, 2]), np.array([1, 1]))
        yield Case(f"{kind.__name__}, padded", kind.__name__, chain((2, 8, 8), (2, 5, 5), padded), values=True)
    for first, called in ((0, "from axis 0"), (-3, "from axis -3")):
        flat = nir.Flatten({"input": np.array([2, 3, 3])}, first, -1)
        graph = chain((2, 3, 3), (N,), flat, make.linear(N, 18))
        yield Case(f"Flatten, {called}", "Flatten", graph, values=True, alone=True)


def _plain_neurons() -> Iterator[Case]:
    make = Maker(3)
    yield Case("IF", "IF", chain((N_IN,), (N,), make.affine(N, N_IN), make.integrate(N)))
    yield Case(
        "IF, r = 1, dt = 1 s", "IF", chain((N_IN,), (N,), make.affine(N, N_IN), make.integrate(N, r=1)), dt_s=1.0
    )
    row = (make.affine(N, N_IN), make.integrate(N, r=1), make.affine(N, N, 0.2), make.integrate(N, r=1))
    yield Case("IF, two layers, dt = 1 s", "IF", chain((N_IN,), (N,), *row), dt_s=1.0)
    yield Case("LIF, r = tau / dt", "LIF", chain((N_IN,), (N,), make.affine(N, N_IN), make.lif(N)))
    yield Case("LIF, r = 1", "LIF", chain((N_IN,), (N,), make.affine(N, N_IN), make.lif_of_1(N)))
    row = (make.affine(N, N_IN), make.lif_of_1(N), make.affine(N, N), make.lif_of_1(N))
    yield Case("LIF, two layers", "LIF", chain((N_IN,), (N,), *row))
    yield Case("CubaLIF", "CubaLIF", chain((N_IN,), (N,), make.affine(N, N_IN), make.cuba(N)))
    row = (make.affine(N, N_IN), make.cuba(N, v_threshold=4), make.affine(N, N), make.cuba(N, v_threshold=2))
    yield Case("CubaLIF, two layers", "CubaLIF", chain((N_IN,), (N,), *row))
    image = nir.Conv2d((8, 8), make.weights(3, 2, 3, 3), 1, 0, 1, 1, make.weights(3, spread=0.1))
    pool = nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    flat = nir.Flatten({"input": np.array([3, 3, 3])}, -3, -1)
    row2d = (image, make.cuba(3, 6, 6, v_threshold=6.0), pool, flat, make.affine(N, 27), make.cuba(N, v_threshold=20))
    yield Case("CubaLIF in an image network", "CubaLIF", chain((2, 8, 8), (N,), *row2d))


def _other_values() -> Iterator[Case]:
    make = Maker(4)
    spread = np.linspace(0.6, 1.4, N)
    neurons: dict[str, tuple[str, nir.NIRNode]] = {
        "LIF, r of each": ("LIF", make.lif(N, r=8 * spread)),
        "LIF, tau of each": ("LIF", make.lif(N, tau=8 * DT_S * spread, r=8 * spread)),
        "LIF, thresholds differ": ("LIF", make.lif_of_1(N, v_threshold=0.1 * spread)),
        "LIF, v_leak": ("LIF", make.lif_of_1(N, v_leak=0.05)),
        "LIF, v_reset": ("LIF", make.lif_of_1(N, v_reset=-0.1)),
        "LIF, v_leak and v_reset": ("LIF", make.lif_of_1(N, v_leak=0.05, v_reset=0.05)),
        "LIF, r = 2": ("LIF", make.lif(N, r=2.0, v_threshold=0.25)),
        "LIF, tau = dt": ("LIF", make.lif(N, tau=DT_S, r=1.0, v_threshold=0.5)),
        "CubaLIF, taus of each": (
            "CubaLIF",
            make.cuba(N, tau_mem=8 * DT_S * spread, r=8 * spread, tau_syn=4 * DT_S * spread, w_in=4 * spread),
        ),
        "CubaLIF, thresholds differ": ("CubaLIF", make.cuba(N, v_threshold=spread)),
        "CubaLIF, r = 5": ("CubaLIF", make.cuba(N, r=5.0)),
        "CubaLIF, w_in = 1": ("CubaLIF", make.cuba(N, w_in=1.0, v_threshold=0.3)),
        "CubaLIF, v_leak": ("CubaLIF", make.cuba(N, v_leak=0.5)),
        "CubaLIF, v_reset": ("CubaLIF", make.cuba(N, v_reset=-0.5)),
        "IF, r = 1": ("IF", make.integrate(N, r=1.0, v_threshold=2e-4)),
        "IF, thresholds differ": ("IF", make.integrate(N, v_threshold=2 * spread)),
        "IF, v_reset": ("IF", make.integrate(N, v_reset=-0.5)),
    }
    for name, (about, node) in neurons.items():
        yield Case(name, about, chain((N_IN,), (N,), make.affine(N, N_IN), node))
    turned = chain((N_IN,), (N,), make.affine(N, N_IN, bias=-0.5), make.lif(N, r=-8.0))
    yield Case("LIF, r = -8", "LIF", turned)
    for about, node in (("LIF", make.lif_of_1(N)), ("CubaLIF", make.cuba(N)), ("IF", make.integrate(N))):
        graph = chain((N_IN,), (N,), make.affine(N, N_IN, bias=0.3), node)
        yield Case(f"{about}, reset by subtraction", about, graph, reset=rules.RESET_SUBTRACT)
    differing = chain((N_IN,), (N,), make.affine(N, N_IN), make.integrate(N, r=1, v_threshold=2 * spread))
    yield Case("IF, thresholds differ, dt = 1 s", "IF", differing, dt_s=1.0)


def _steps() -> Iterator[Case]:
    """Yield the plain neurons at Norse's time step, which is no other importer's own."""
    make = Maker(5, dt_s=SLOW)
    neurons: dict[str, tuple[str, nir.NIRNode]] = {
        "LIF, r = tau / dt, dt = 1e-3 s": ("LIF", make.lif(N)),
        "LIF, r = 1, dt = 1e-3 s": ("LIF", make.lif_of_1(N)),
        "CubaLIF, dt = 1e-3 s": ("CubaLIF", make.cuba(N)),
        "IF, dt = 1e-3 s": ("IF", make.integrate(N)),
    }
    for name, (about, node) in neurons.items():
        yield Case(name, about, chain((N_IN,), (N,), make.affine(N, N_IN), node), dt_s=SLOW, alone=True)
    graph = chain((N_IN,), (N,), make.affine(N, N_IN, bias=0.3), make.cuba(N))
    name = "CubaLIF, reset by subtraction, dt = 1e-3 s"
    yield Case(name, "CubaLIF", graph, dt_s=SLOW, reset=rules.RESET_SUBTRACT, alone=True)


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
        graph = chain((N_IN,), (N,), nir.Linear(weight), node)
        yield Case(f"{about} at the threshold exactly", about, graph, dt_s=1.0, alone=True)


def _wiring() -> Iterator[Case]:
    make = Maker(7)
    yield Case("LIF, recurrent", "LIF", looped(make, make.lif_of_1(N), N))
    yield Case("CubaLIF, recurrent", "CubaLIF", looped(make, make.cuba(N), N))
    yield Case("CubaLIF, recurrent, bias", "CubaLIF", looped(make, make.cuba(N), N, bias=0.3))
    yield Case("LIF, recurrent sub-graph", "LIF", nested(make, make.lif_of_1(N), N))
    yield Case("CubaLIF, recurrent sub-graph", "CubaLIF", nested(make, make.cuba(N), N))
    yield Case("CubaLIF, recurrent sub-graph, bias", "CubaLIF", nested(make, make.cuba(N), N, bias=0.3))
    mixed = nested(make, make.cuba(N), N, in_order=False)
    yield Case("CubaLIF, recurrent sub-graph, names out of order", "CubaLIF", mixed)
    around = {
        "a_fc": make.linear(N, N_IN),
        "b_lif": make.cuba(N),
        "c_fc": make.linear(N, N),
        "d_lif": make.cuba(N),
        "e_back": make.linear(N, N),
    }
    edges = [("input", "a_fc"), ("a_fc", "b_lif"), ("b_lif", "c_fc"), ("c_fc", "d_lif"), ("d_lif", "output")]
    graph = nir.NIRGraph(ends((N_IN,), (N,)) | around, [*edges, ("d_lif", "e_back"), ("e_back", "b_lif")])
    yield Case("CubaLIF, a loop of two layers", "CubaLIF", graph)
    around["e_skip"] = make.linear(N, N_IN)
    del around["e_back"]
    graph = nir.NIRGraph(ends((N_IN,), (N,)) | around, [*edges, ("input", "e_skip"), ("e_skip", "d_lif")])
    yield Case("CubaLIF, two ways from the input", "CubaLIF", graph)


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
        yield Case(about, about, chain((N_IN,), (N,), make.affine(N, N_IN), node))


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
