"""Neurons in other numbers that mean the same: potentials in another unit, integrators as neurons that do not leak.

A potential divided by k, with its threshold, reset, leak and input, spikes as before: r, v_threshold, v_reset and
v_leak are divided by k. A current divided by m is w_in divided and r multiplied by m.
"""

from collections.abc import Callable
from typing import Any

import nir
import numpy as np

from neurodeploy.frameworks.write.draft import Draft, numbers
from neurodeploy.graph.metadata import KEY, ours
from neurodeploy.graph.node_table import RESET

NO_LEAK = 2.0**60
"""Steps of a time constant, so long that 1 - dt / tau is 1 in float64: an integrator, to the last bit."""
POTENTIALS = ("r", "v_leak", "v_threshold", "v_reset")


def same(found: Any, wanted: Any) -> bool:
    return bool(np.allclose(found, wanted, rtol=1e-6, atol=1e-12))


def uniform(*values: Any) -> bool:
    return all(np.unique(one).size == 1 for one in values)


def divided(node: nir.NIRNode, k: np.ndarray) -> dict[str, np.ndarray]:
    """Return the values of neurons whose potentials are divided by `k`."""
    return {key: numbers(getattr(node, key)) / k for key in POTENTIALS if hasattr(node, key)}


def with_gain_1(draft: Draft, needed: Callable[[Any, float], bool]) -> None:
    """Choose the units of potentials and currents so that r = tau / dt, w_in = tau_syn / dt, where that is needed."""
    done = []
    for name in draft.of(*RESET):
        node: Any = draft.nodes[name]
        if not needed(node, draft.dt_s):
            continue
        steps = 1.0 if isinstance(node, nir.IF) else numbers(getattr(node, "tau_mem", getattr(node, "tau", None)))
        k = numbers(node.r) * draft.dt_s / steps
        values = {}
        if isinstance(node, nir.CubaLIF):
            m = numbers(node.w_in) * draft.dt_s / numbers(node.tau_syn)
            k = k * m
            values = {"w_in": numbers(node.tau_syn) / draft.dt_s}
        if not (k > 0).all():
            continue
        values = divided(node, k) | values | {"r": steps / draft.dt_s * np.ones_like(k)}
        draft.change(name, **values)
        done.append(name)
    draft.say(done, "gain made 1 (r = tau / dt, w_in = tau_syn / dt) by the unit of the potential: thresholds changed")


def with_r_1(draft: Draft) -> None:
    """Choose the unit of LIF neurons' potentials so that r = 1."""
    done = []
    for name in draft.of(nir.LIF):
        node: Any = draft.nodes[name]
        if not same(node.r, 1) and (numbers(node.r) > 0).all():
            draft.change(name, **divided(node, numbers(node.r)))
            done.append(name)
    draft.say(done, "r made 1 by the unit of the potential: thresholds changed")


def integrators_as_lif(draft: Draft) -> None:
    """Write IF neurons as LIF neurons with a time constant so long that nothing leaks."""
    done = draft.of(nir.IF)
    for name in done:
        node: Any = draft.nodes[name]
        tau = draft.dt_s * NO_LEAK * np.ones_like(numbers(node.r))
        values = {"v_threshold": numbers(node.v_threshold), "v_reset": numbers(node.v_reset)}
        r = numbers(node.r) * draft.dt_s * NO_LEAK
        draft.nodes[name] = nir.LIF(tau=tau, r=r, v_leak=0 * tau, metadata=node.metadata, **values)
    draft.say(done, "IF written as LIF with tau = 2^60 steps: its decay is 1 to the last bit")


def thresholds_as_lif(draft: Draft) -> None:
    """Write Threshold nodes as LIF neurons that forget in one step."""
    done = draft.of(nir.Threshold)
    for name in done:
        node: Any = draft.nodes[name]
        threshold = numbers(node.threshold)
        ones = np.ones_like(threshold)
        values = {"v_leak": 0 * ones, "v_threshold": threshold, "v_reset": 0 * ones, "metadata": node.metadata}
        draft.nodes[name] = nir.LIF(tau=draft.dt_s * ones, r=ones, **values)
    draft.say(done, "Threshold written as LIF with tau = dt")


def as_cuba(draft: Draft, which: Callable[[str, Any], bool], why: str) -> None:
    """Write some IF and LIF neurons as CubaLIF with a synapse that forgets in one step."""
    done = []
    for name in draft.of(nir.IF, nir.LIF):
        node: Any = draft.nodes[name]
        if not which(name, node):
            continue
        ones = np.ones_like(numbers(node.r))
        plain = isinstance(node, nir.IF)
        draft.nodes[name] = nir.CubaLIF(
            tau_syn=draft.dt_s * ones,
            w_in=ones,
            tau_mem=draft.dt_s * NO_LEAK * ones if plain else np.maximum(numbers(node.tau), draft.dt_s),
            r=numbers(node.r) * (draft.dt_s * NO_LEAK if plain else 1.0),
            v_leak=0 * ones if plain else numbers(node.v_leak),
            v_threshold=numbers(node.v_threshold),
            v_reset=numbers(node.v_reset),
            metadata=node.metadata,
        )
        done.append(name)
    draft.say(done, f"written as CubaLIF with tau_syn = dt, {why}")


def with_step(draft: Draft, dt_s: float) -> None:
    """Change the unit of time so that a step is `dt_s`; no number of a step changes."""
    if same(draft.dt_s, dt_s):
        return
    factor = dt_s / draft.dt_s
    for name, node in list(draft.nodes.items()):
        times = [key for key in ("tau", "tau_mem", "tau_syn", "delay") if hasattr(node, key)]
        values = {key: numbers(getattr(node, key)) * factor for key in times}
        if isinstance(node, nir.IF | nir.I):
            values["r"] = numbers(node.r) / factor
        if isinstance(node, nir.LIF | nir.CubaLIF):
            values = {
                key: value if not same(value, dt_s) else np.full_like(value, dt_s) for key, value in values.items()
            }
        if values:
            draft.change(name, **values)
    draft.lines.append(
        f"time constants times {factor:g}: the importer's own step is {dt_s:g} s, the file's {draft.dt_s:g}"
    )
    draft.dt_s = dt_s


def raised(draft: Draft) -> None:
    """Raise thresholds to the next float32, so that `>=` spikes where `>` did; not those that are met with `>=` too."""
    done = [name for name in draft.of(*RESET) if not at_threshold(draft.nodes[name])]
    _nudge(draft, done, np.inf)
    draft.say(done, "thresholds raised to the next float32: v >= v_threshold is then v > the one of the file")


def lowered(draft: Draft) -> None:
    """Lower thresholds that are met with `>=` to the float32 before, so that `>` spikes where that did."""
    done = [name for name in draft.of(*RESET) if at_threshold(draft.nodes[name])]
    _nudge(draft, done, -np.inf)
    for name in done:
        entries = {key: one for key, one in ours(draft.nodes[name].metadata).items() if key != "at_threshold"}
        draft.change(name, metadata={**draft.nodes[name].metadata, KEY: entries})
    draft.say(done, "thresholds lowered to the float32 before: v > v_threshold is then v >= the one of the file")


def at_threshold(node: nir.NIRNode) -> bool:
    """True where a node's neurons spike at v >= v_threshold."""
    return bool(ours(node.metadata).get("at_threshold"))


def _nudge(draft: Draft, names: list[str], toward: float) -> None:
    for name in names:
        node: Any = draft.nodes[name]
        threshold = numbers(node.v_threshold)
        near = threshold.astype(np.float32)
        beyond = near > threshold if toward > 0 else near < threshold
        moved = np.where(beyond, near, np.nextafter(near, np.float32(toward)))
        draft.change(name, v_threshold=moved.astype(np.float32))
