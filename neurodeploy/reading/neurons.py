"""NIR's neurons for a step's decays and gains: what forward Euler makes of them is the framework's own step.

u[t] = alpha u[t-1] + x[t],   v[t] = beta v[t-1] + gain u[t],   s[t] = v[t] > threshold
"""

from copy import copy
from dataclasses import replace

import nir
import numpy as np

from neurodeploy.errors import FrameworkError
from neurodeploy.graph.metadata import ours, wrapped
from neurodeploy.reading.leaves import Built, Shape

SLOWEST = 1e-12
"""Part lost in a step of neurons that keep everything, among others that leak."""


def _tau(dt_s: float, kept: np.ndarray) -> np.ndarray:
    return dt_s / np.maximum(1 - kept, SLOWEST)


def spiking(
    dt_s: float,
    alpha: np.ndarray | None,
    beta: np.ndarray,
    gain: np.ndarray,
    threshold: np.ndarray,
    reset: str,
    v_reset: np.ndarray | float = 0.0,
    *,
    at_threshold: bool = False,
) -> nir.NIRNode:
    """Return LIF neurons, with a synaptic current where there is an `alpha`; IF where nothing leaks.

    Args:
        at_threshold: They spike where v[t] >= threshold.
    """
    at = np.broadcast_to(v_reset, threshold.shape).astype(np.float64)
    metadata = wrapped(reset=reset, at_threshold=at_threshold or None)
    fires = {"v_threshold": threshold, "v_reset": at, "metadata": metadata}
    if alpha is None and (beta == 1).all():
        return nir.IF(r=gain / dt_s, **fires)
    tau = _tau(dt_s, beta)
    leaks = {"r": gain * tau / dt_s, "v_leak": 0 * tau}
    if alpha is None:
        return nir.LIF(tau=tau, **leaks, **fires)
    tau_syn = _tau(dt_s, alpha)
    return nir.CubaLIF(tau_syn=tau_syn, tau_mem=tau, w_in=tau_syn / dt_s, **leaks, **fires)


def readout(dt_s: float, alpha: np.ndarray | None, beta: np.ndarray, gain: np.ndarray) -> nir.NIRNode:
    """Return neurons that never spike, read by their potential."""
    tau = _tau(dt_s, beta)
    if alpha is not None:
        tau_syn = _tau(dt_s, alpha)
        return nir.CubaLI(tau_syn=tau_syn, tau_mem=tau, r=gain * tau / dt_s, v_leak=0 * tau, w_in=tau_syn / dt_s)
    if (beta == 1).all():
        return nir.I(r=gain / dt_s)
    return nir.LI(tau=tau, r=gain * tau / dt_s, v_leak=0 * tau)


def begun(built: Built, potential: np.ndarray, dt_s: float) -> Built:
    """Return the nodes of neurons that begin with a potential: NIR's begin at 0, so all potentials are counted from it.

    A reset by subtraction then takes too little away, the rest of which arrives a step later as a connection of each
    neuron to itself: `beta (v - threshold) = beta (v - (threshold - potential)) - beta potential`.

    Raises:
        FrameworkError: they are read by their potential, begin above their threshold, or no connection can do that.
    """
    node = copy(built.nodes[""])
    if not hasattr(node, "v_threshold"):
        raise FrameworkError("its potential is read, and begins with another one than at rest; begin at rest")
    node.v_threshold, node.v_reset = node.v_threshold - potential, node.v_reset - potential
    if (node.v_threshold <= 0).any():
        raise FrameworkError("begins with a potential that is not below its threshold; begin lower")
    if hasattr(node, "v_leak"):
        node.v_leak = node.v_leak - potential
    if ours(node.metadata).get("reset") != "subtract":
        return replace(built, nodes=built.nodes | {"": node})
    if isinstance(node, nir.CubaLIF):
        raise FrameworkError("has a current, resets by subtraction and does not begin at rest; begin at rest")
    node.v_reset = built.nodes[""].v_reset
    beta, gain = (1.0, node.r * dt_s) if isinstance(node, nir.IF) else (1 - dt_s / node.tau, node.r * dt_s / node.tau)
    late, has = -beta * potential / gain, "reset" in built.nodes
    nodes = {"": node, "reset": nir.Scale(scale=late + (built.nodes["reset"].scale if has else 0.0))}
    edges = () if has else (("", "reset"), ("reset", ""))
    return replace(built, nodes=built.nodes | nodes, edges=(*built.edges, *edges))


def reordered(built: Built, places: np.ndarray, shape: Shape, wanted: Shape) -> Built:
    """Return the nodes of neurons of `shape` for a graph that has them in another order and shape.

    Args:
        places: Which neuron comes at each place of the graph.

    Raises:
        FrameworkError: weights of their own connect them.
    """
    nodes = {}
    for suffix, node in built.nodes.items():
        if hasattr(node, "weight"):
            raise FrameworkError("has weights of its own, and its axes are in another order than what arrives")
        made = copy(node)
        for key, value in vars(node).items():
            if isinstance(value, np.ndarray) and value.shape == shape:
                setattr(made, key, value.ravel()[places].reshape(wanted))
        nodes[suffix] = made
    return replace(built, nodes=nodes)
