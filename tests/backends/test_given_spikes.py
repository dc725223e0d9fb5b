"""Populations whose spikes are known need not run again; the others do what they did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from neurodeploy.backends import reference
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.network import Network, discretised

N_INPUTS, N_STEPS = 12, 40


def network(*, recurrent: bool = False, back: bool = False) -> Network:
    """Return three layers of LIF neurons; the second may hear itself, the first may hear the third."""
    rng = np.random.default_rng(5)

    def weights(n_out: int, n_in: int) -> nir.Linear:
        return nir.Linear(rng.normal(0.4, 0.6, (n_out, n_in)).astype(np.float32))

    def neurons(n: int) -> nir.LIF:
        one = np.ones(n)
        return nir.LIF(tau=5e-3 * one, r=5 * one, v_leak=0 * one, v_threshold=one, v_reset=0 * one)

    sizes = (N_INPUTS, 10, 8, 4)
    nodes: dict[str, Any] = {"input": nir.Input(np.array([N_INPUTS])), "output": nir.Output(np.array([4]))}
    edges = [("input", "w1"), ("n3", "output")]
    for at in (1, 2, 3):
        nodes |= {f"w{at}": weights(sizes[at], sizes[at - 1]), f"n{at}": neurons(sizes[at])}
        edges += [(f"w{at}", f"n{at}")] + ([(f"n{at}", f"w{at + 1}")] if at < 3 else [])
    if recurrent:
        nodes["r"] = weights(8, 8)
        edges += [("n2", "r"), ("r", "n2")]
    if back:
        nodes["b"] = weights(10, 4)
        edges += [("n3", "b"), ("b", "n1")]
    return discretised(GraphFile(Path("net.nir"), "net", nir.NIRGraph(nodes, edges), False), dt_s=1e-3, reset="zero")


def spikes(n_samples: int) -> np.ndarray:
    return (np.random.default_rng(2).random((n_samples, N_STEPS, N_INPUTS)) < 0.3).astype(np.uint8)


@pytest.mark.parametrize("names", [("n1",), ("n1", "n2"), ("n2",)])
@pytest.mark.parametrize("batch_size", [3, 128])
def test_the_others_do_what_they_did(names: tuple[str, ...], batch_size: int) -> None:
    found, data = network(recurrent=True), spikes(7)
    whole = reference.run(found, data, record=True)
    given = {name: whole.layers[name].spikes_BTN for name in names}
    again = reference.run(found, data, record=True, given=given, batch_size=batch_size)
    assert set(again.layers) == {"n1", "n2", "n3"} - set(names)
    for name, layer in again.layers.items():
        assert layer.spikes_BTN.any()
        for key in ("spikes_BTN", "u_BTN", "v_BTN"):
            np.testing.assert_array_equal(getattr(layer, key), getattr(whole.layers[name], key))
    for name, counts in whole.counts.items():
        np.testing.assert_array_equal(again.counts[name], counts)


def test_other_spikes_change_what_follows() -> None:
    found, data = network(), spikes(7)
    whole = reference.run(found, data, record=True)
    silent = {"n1": np.zeros_like(whole.layers["n1"].spikes_BTN)}
    assert not reference.run(found, data, given=silent).counts["n3"].any()
