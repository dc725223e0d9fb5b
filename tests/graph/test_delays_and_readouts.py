"""nir.Delay counts in whole steps, and leaky integrators at the end are read by their potentials."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

from neurodeploy.backends import reference
from neurodeploy.errors import GraphError
from neurodeploy.graph.metadata import wrapped
from neurodeploy.graph.network import Network
from tests.graph.images import chained, conv2d, network, neurons

MS = 1e-3
RNG = np.random.default_rng(8)


def delay(*steps: float) -> nir.Delay:
    return nir.Delay(np.array(steps) * MS)


def relay(*shape: int) -> nir.LIF:
    """Return neurons that keep nothing: each spikes exactly when its input is above 1."""
    ones = np.ones(shape)
    return neurons(*shape, tau=MS * ones, r=ones)


def sent_at(found: Network, steps: int, *events: tuple[int, int]) -> np.ndarray:
    """Return the output's spikes (T, N) for single input events (step, channel)."""
    spikes = np.zeros((1, steps, found.n_inputs), np.uint8)
    for step, channel in events:
        spikes[0, step, channel] = 1
    return reference.run(found, spikes, record=True).layers[found.output].spikes_BTN[0]


def test_a_spike_arrives_its_delay_later_channel_by_channel() -> None:
    found = network(chained((3,), d=delay(0, 2, 5), w=nir.Linear(2 * np.eye(3)), n=relay(3)))
    sent = sent_at(found, 10, (1, 0), (1, 1), (1, 2))
    assert np.argwhere(sent).tolist() == [[1, 0], [3, 1], [6, 2]]


def test_delays_before_and_after_weights_add_up() -> None:
    graph = chained((2,), d=delay(1, 3), w=nir.Linear(2 * np.ones((2, 2))), e=delay(0, 4), n=relay(2))
    sent = sent_at(network(graph), 12, (0, 0))
    assert np.argwhere(sent).tolist() == [[1, 0], [5, 1]]
    sent = sent_at(network(graph), 12, (0, 1))
    assert np.argwhere(sent).tolist() == [[3, 0], [7, 1]]


def test_one_delay_of_an_image_stays_a_convolution() -> None:
    found = network(chained((1, 4, 4), d=delay(3), w=conv2d(2 * np.ones((2, 1, 1, 1))), n=relay(2, 4, 4)))
    assert found.synapses[0].window is not None
    assert found.synapses[0].delay.shape == ()
    assert np.argwhere(sent_at(found, 6, (0, 5))).tolist() == [[3, 5], [3, 21]]


def test_delays_that_differ_in_an_image_make_a_matrix() -> None:
    found = network(chained((2, 2, 2), d=delay(0, 3), w=conv2d(2 * np.ones((1, 2, 1, 1))), n=relay(1, 2, 2)))
    assert found.synapses[0].window is None
    assert np.argwhere(sent_at(found, 6, (0, 1), (0, 6))).tolist() == [[0, 1], [3, 2]]


def looped(*steps: float) -> Network:
    nodes: dict[str, nir.NIRNode] = {
        "in": nir.Input({"input": np.array([1])}),
        "w": nir.Linear(np.array([[2.0]])),
        "n": relay(1),
        "back": nir.Linear(np.array([[2.0]])),
        "out": nir.Output({"output": np.array([1])}),
    }
    edges = [("in", "w"), ("w", "n"), ("n", "back"), ("n", "out")]
    if steps:
        nodes["d"] = delay(*steps)
        edges += [("back", "d"), ("d", "n")]
    else:
        edges += [("back", "n")]
    return network(nir.NIRGraph(nodes, edges, type_check=False))


@pytest.mark.parametrize(("steps", "period"), [((), 1), ((0,), 1), ((1,), 1), ((3,), 3)])
def test_a_loop_takes_its_delay_or_at_least_one_step(steps: tuple[float, ...], period: int) -> None:
    assert np.flatnonzero(sent_at(looped(*steps), 10, (2, 0))).tolist() == list(range(2, 10, period))


BAD: dict[str, tuple[nir.NIRNode, dict[str, Any], str]] = {
    "half a step": (delay(1.5, 1), {}, "a delay of 0.0015 s is 1.5 steps of 0.001 s, whole steps are needed"),
    "too long": (delay(64, 1), {}, "delays of 1 to 64 steps, 0 to 63 are allowed; give a larger dt_s="),
    "negative": (delay(-1, 1), {}, "delays of -1 to 1 steps, 0 to 63"),
    "too many": (delay(1, 1, 1), {}, "3 delays, 2 values arrive"),
    "no time step": (delay(1, 1), {"dt_s": None}, "carries no time step, and NIR has no field for it; give dt_s="),
}


@pytest.mark.parametrize("case", BAD)
def test_delays_without_meaning_are_refused(case: str) -> None:
    node, options, says = BAD[case]
    with pytest.raises(GraphError, match=says):
        network(chained((2,), d=node, w=nir.Linear(np.eye(2)), n=relay(2)), **options)


def test_a_bias_that_would_begin_late_is_refused() -> None:
    graph = chained((2,), w=nir.Affine(np.eye(2), np.ones(2)), d=delay(3, 3), n=relay(2))
    with pytest.raises(GraphError, match="node w: its bias passes a delay"):
        network(graph)


def test_different_delays_between_weights_are_refused() -> None:
    graph = chained((2,), a=nir.Linear(np.eye(2)), d=delay(1, 3), b=nir.Linear(np.eye(2)), n=relay(2))
    with pytest.raises(GraphError, match="delays of 1 to 3 steps lie between two sets of weights"):
        network(graph)


def li(size: int) -> nir.LI:
    ones = np.ones(size)
    return nir.LI(tau=0.01 * ones, r=10 * ones, v_leak=0 * ones)


def cuba_li(size: int) -> nir.CubaLI:
    ones = np.ones(size)
    return nir.CubaLI(tau_syn=0.002 * ones, tau_mem=0.01 * ones, r=10 * ones, v_leak=0 * ones, w_in=2 * ones)


def integrator(size: int) -> nir.I:
    return nir.I(r=np.full(size, 1 / MS))


@pytest.mark.parametrize(("readout", "kept_u", "kept_v"), [(li, 0.0, 0.9), (cuba_li, 0.5, 0.9), (integrator, 0.0, 1.0)])
@pytest.mark.parametrize("read", [None, "v_last", "v_max", "v_sum"])
def test_readouts_integrate_and_never_spike(readout: Any, kept_u: float, kept_v: float, read: str | None) -> None:
    weight = RNG.normal(size=(3, 4))
    graph = chained((4,), w=nir.Linear(weight), out_layer=readout(3))
    graph.metadata = wrapped(readout=read)
    found = network(graph)
    spikes = (RNG.random((5, 15, 4)) < 0.5).astype(np.uint8)
    trace = reference.run(found, spikes, record=True)
    u, v, seen = np.zeros((5, 3)), np.zeros((5, 3)), []
    for now in range(15):
        u = kept_u * u + spikes[:, now] @ weight.T
        v = kept_v * v + u
        seen.append(v)
    np.testing.assert_allclose(trace.layers["out_layer"].v_BTN, np.stack(seen, axis=1), atol=1e-12)
    assert not trace.counts["out_layer"].any()
    expected = {"v_last": seen[-1], "v_sum": np.sum(seen, axis=0)}.get(read or "v_max", np.max(seen, axis=0))
    assert trace.scores_BN is not None
    np.testing.assert_allclose(trace.scores_BN, expected, atol=1e-12)
    assert trace.predictions_B.tolist() == expected.argmax(axis=1).tolist()
    assert any("never spikes; the class is its largest potential (v_max)" in note for note in found.notes) == (
        read is None
    )


def test_a_readout_inside_the_graph_is_refused() -> None:
    graph = chained((2,), w=nir.Linear(np.eye(2)), a=li(2), b=nir.Linear(np.eye(2)), n=relay(2))
    with pytest.raises(GraphError, match="a is a LI, which sends its potential, only spikes can feed a population"):
        network(graph)


def test_an_option_says_how_to_read_where_the_file_does_not() -> None:
    graph = chained((2,), w=nir.Linear(np.eye(2)), a=li(2))
    assert network(graph, readout="v_sum").readout == "v_sum"
    with pytest.raises(GraphError, match="a never spikes; read it by v_last, v_max, v_sum or softmax"):
        network(graph, readout="spikes")
    graph.metadata = wrapped(readout="v_last")
    assert network(graph).readout == "v_last"
    with pytest.raises(GraphError, match="carries readout 'v_last', readout= says 'v_sum'"):
        network(graph, readout="v_sum")


def test_a_readout_of_unknown_meaning_is_refused() -> None:
    graph = chained((2,), w=nir.Linear(np.eye(2)), a=li(2))
    graph.metadata = wrapped(readout="v_mean")
    with pytest.raises(GraphError, match="readout = 'v_mean', spikes or v_last or v_max or v_sum or softmax is"):
        network(graph)
