"""Nodes that every importer takes, and graphs put together from them.

Gains of 1 (r = tau / dt, w_in = tau_syn / dt) are what snnTorch and SpikingJelly ask for; Norse takes them of
CubaLIF and IF, and r = 1 of LIF.
"""

from itertools import pairwise
from typing import Any

import nir
import numpy as np

DT_S = 1e-4
"""snnTorch's own time step."""
Shape = tuple[int, ...]


class Maker:
    """Nodes with random weights; the same seed gives the same nodes."""

    def __init__(self, seed: int = 0, dt_s: float = DT_S) -> None:
        self.rng, self.dt_s = np.random.default_rng(seed), dt_s

    def weights(self, *shape: int, spread: float = 0.4, mean: float = 0.1) -> np.ndarray:
        return self.rng.normal(mean, spread, shape).astype(np.float32)

    def linear(self, n_out: int, n_in: int) -> nir.Linear:
        return nir.Linear(self.weights(n_out, n_in))

    def affine(self, n_out: int, n_in: int, bias: float = 0.1) -> nir.Affine:
        return nir.Affine(self.weights(n_out, n_in), np.full(n_out, bias, np.float32))

    def cuba(self, *shape: int, **changed: Any) -> nir.CubaLIF:
        values = {"tau_mem": 8 * self.dt_s, "tau_syn": 4 * self.dt_s, "r": 8.0, "w_in": 4.0, "v_leak": 0.0}
        return nir.CubaLIF(**_full(shape, values | {"v_threshold": 1.0, "v_reset": 0.0} | changed))

    def lif(self, *shape: int, **changed: Any) -> nir.LIF:
        values = {"tau": 8 * self.dt_s, "r": 8.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
        return nir.LIF(**_full(shape, values | changed))

    def lif_of_1(self, *shape: int, **changed: Any) -> nir.LIF:
        """Return LIF neurons with r = 1, which all three importers take, and a threshold to go with it."""
        return self.lif(*shape, **{"r": 1.0, "v_threshold": 0.125} | changed)

    def integrate(self, *shape: int, **changed: Any) -> nir.IF:
        return nir.IF(**_full(shape, {"r": 1 / self.dt_s, "v_threshold": 2.0, "v_reset": 0.0} | changed))


def _full(shape: tuple[int, ...], values: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return every value in a shape, float32 as in most files."""
    return {key: np.broadcast_to(np.asarray(one, np.float32), shape).copy() for key, one in values.items()}


def ends(shape_in: Shape, shape_out: Shape) -> dict[str, nir.NIRNode]:
    return {"input": nir.Input({"input": np.array(shape_in)}), "output": nir.Output({"output": np.array(shape_out)})}


def chain(shape_in: Shape, shape_out: Shape, *nodes: nir.NIRNode) -> nir.NIRGraph:
    """Return a graph of nodes in a row, called `a_...`, `b_...` by their types."""
    names = [f"{chr(97 + at)}_{type(node).__name__.lower()}" for at, node in enumerate(nodes)]
    row = ["input", *names, "output"]
    made = ends(shape_in, shape_out) | dict(zip(names, nodes, strict=True))
    return nir.NIRGraph(made, list(pairwise(row)), type_check=False)


def looped(maker: Maker, neurons: nir.NIRNode, n: int, *, bias: float | None = None) -> nir.NIRGraph:
    """Return a layer whose neurons and recurrent weights lie side by side in one graph."""
    back = maker.linear(n, n) if bias is None else maker.affine(n, n, bias)
    lif, w_rec = "b_rec.lif", "b_rec.w_rec"
    nodes = ends((4,), (n,)) | {"a_fc": maker.affine(n, 4), lif: neurons, w_rec: back}
    edges = [("input", "a_fc"), ("a_fc", lif), (lif, w_rec), (w_rec, lif), (lif, "output")]
    return nir.NIRGraph(nodes, edges)


def nested(
    maker: Maker, neurons: nir.NIRNode, n: int, *, bias: float | None = None, in_order: bool = True
) -> nir.NIRGraph:
    """Return a layer whose neurons and recurrent weights are a graph of their own, named in the flow's order or not."""
    back = maker.linear(n, n) if bias is None else maker.affine(n, n, bias)
    edge = np.array([n])
    inner = {"a_in": nir.Input({"input": edge}), "b_lif": neurons, "c_rec": back, "d_out": nir.Output({"output": edge})}
    sub = nir.NIRGraph(inner, [("a_in", "b_lif"), ("b_lif", "c_rec"), ("c_rec", "b_lif"), ("b_lif", "d_out")])
    first, weights = ("a_input", "b_fc") if in_order else ("b_input", "d_fc")
    around = ends((4,), (n,))
    nodes = {first: around["input"], weights: maker.affine(n, 4), "c_layer": sub, "d_output": around["output"]}
    return nir.NIRGraph(nodes, [(first, weights), (weights, "c_layer"), ("c_layer", "d_output")])
