"""Norse's neurons as NIR nodes. Source: norse 1.1.0, `torch/functional/{lif,lif_box,leaky_integrator*,iaf}.py`.

    LIF     i[t] = (1 - dt / tau_syn) i[t-1] + x[t],  v[t] = v[t-1] + dt / tau_mem (v_leak - v[t-1] + i[t])
    LIFBox  the same without the current: v[t] = v[t-1] + dt / tau_mem (v_leak - v[t-1] + x[t])
    IAF     v[t] = v[t-1] + x[t]

Spikes where v > v_th; then v_reset. Neurons begin at v_leak (IAF: at v_reset). NIR's begin at 0, so all potentials
are counted from there. Recurrent layers hold both their weights; what they send themselves arrives a step later.
"""

from functools import partial
from typing import Any

import nir
import numpy as np
import torch
from torch.utils import _pytree as pytree

from neurodeploy.errors import FrameworkError
from neurodeploy.quantize.on_grid import kept_of_potential
from neurodeploy.reading.leaves import Built, Call, ChipNeurons, Neurons, Shape, full, numbers
from neurodeploy.reading.neurons import readout, spiking

STEP_TOLERANCE = 1e-6


def _call(spikes: bool) -> Any:
    def call(args: Any, kwargs: Any, output: Any) -> Call:
        values = (*args, *kwargs.values())
        given = [one for one in pytree.tree_leaves(values[1:]) if isinstance(one, torch.Tensor)]
        found, state = output
        states = [one for one in pytree.tree_leaves(state) if isinstance(one, torch.Tensor)]
        return Call(values[0], given, found if spikes else None, None if spikes else found, states, inside=False)

    return call


class ChipBox(ChipNeurons):
    """`LIFBoxCell` and `LIBoxCell`: what an input is worth is dt / tau, and follows the decay."""

    def __init__(self, module: Any) -> None:
        self.module = module

    @staticmethod
    def suits(p: Any, current: bool) -> bool:
        """True for neurons without a synaptic current that leak alike, from and to a potential of zero."""
        numbers_of = (getattr(p, name, 0.0) for name in ("tau_mem_inv", "v_th", "v_leak", "v_reset"))
        alike = all(np.size(numbers(one)) == 1 for one in numbers_of)
        return hasattr(p, "tau_mem_inv") and not current and alike and not numbers(_rest(p)).any()

    def _lost(self) -> float:
        return float(self.module.dt * self.module.p.tau_mem_inv)

    def gain(self) -> float:
        return self._lost() / float(getattr(self.module.p, "v_th", 1.0))

    def keep(self, name: str, vth_mant: int, fraction_bits: int | None) -> None:
        kept = float(kept_of_potential(np.array(1 - self._lost())))
        inverse = torch.tensor((1 - kept) / self.module.dt, dtype=torch.float64)
        self.module.p = self.module.p._replace(tau_mem_inv=inverse)


def _made(
    module: Any, *, sequence: bool = False, spikes: bool = True, current: bool = False, recurrent: bool = False
) -> Neurons:
    def build(shape: Shape, dt_s: float, potential_only: bool) -> Built:
        if abs(module.dt / dt_s - 1) > STEP_TOLERANCE:
            raise FrameworkError(f"has a time step of {module.dt:g} s, {dt_s:g} was given; give them the same")
        if potential_only and spikes:
            raise FrameworkError(
                "the class is read from a spiking neuron's potential; end in LI or LICell, or read its spikes"
            )
        nodes = {"": _node(module.p, shape, dt_s, spikes, current)}
        if not recurrent:
            return Built(nodes, chip=ChipBox(module) if ChipBox.suits(module.p, current) else None)
        nodes["in"] = nir.Linear(numbers(module.input_weights))
        edges: tuple[tuple[str, str], ...] = (("in", ""),)
        if hasattr(module, "recurrent_weights"):
            nodes["rec"] = nir.Linear(numbers(module.recurrent_weights))
            edges += (("", "rec"), ("rec", ""))
        return Built(nodes, edges, entry="in")

    rest = float(numbers(_rest(module.p)).ravel()[0])
    return Neurons(_call(spikes), build, sequence, rest, potential=int(hasattr(module, "recurrent_weights")))


def _rest(p: Any) -> Any:
    return p.v_leak if hasattr(p, "v_leak") else p.v_reset


def _node(p: Any, shape: Shape, dt_s: float, spikes: bool, current: bool) -> nir.NIRNode:
    rest = full(_rest(p), shape)
    lost = dt_s * full(p.tau_mem_inv, shape) if hasattr(p, "tau_mem_inv") else np.zeros(shape)
    gain = lost if hasattr(p, "tau_mem_inv") else np.ones(shape)
    alpha = 1 - dt_s * full(p.tau_syn_inv, shape) if current else None
    for name, kept in (("tau_mem_inv", 1 - lost), ("tau_syn_inv", alpha)):
        if kept is not None and ((kept < 0) | (kept > 1)).any():
            raise FrameworkError(f"{name} is {getattr(p, name)}, 0 to 1 / dt = {1 / dt_s:g} is allowed")
    if not spikes:
        if rest.any():
            raise FrameworkError("has v_leak other than 0 in a readout; take 0")
        return readout(dt_s, alpha, 1 - lost, gain)
    method = getattr(getattr(p, "reset_method", None), "__name__", "reset_value")
    if method not in ("reset_value", "reset_subtract"):
        raise FrameworkError(f"has reset_method {method}; reset_value and reset_subtract are allowed")
    subtracts = method == "reset_subtract"
    if subtracts and rest.any():
        raise FrameworkError("has reset_subtract and v_leak other than 0; take v_leak 0")
    reset_at = 0.0 if subtracts else full(p.v_reset, shape) - rest
    threshold = full(p.v_th, shape) - rest
    return spiking(dt_s, alpha, 1 - lost, gain, threshold, "subtract" if subtracts else "zero", reset_at)


LEAVES = {
    "LIFCell": partial(_made, current=True),
    "LIF": partial(_made, sequence=True, current=True),
    "LIFRecurrentCell": partial(_made, current=True, recurrent=True),
    "LIFRecurrent": partial(_made, sequence=True, current=True, recurrent=True),
    "LIFBoxCell": _made,
    "IAFCell": _made,
    "IAF": partial(_made, sequence=True),
    "LICell": partial(_made, spikes=False, current=True),
    "LI": partial(_made, sequence=True, spikes=False, current=True),
    "LILinearCell": partial(_made, spikes=False, current=True, recurrent=True),
    "LIBoxCell": partial(_made, spikes=False),
}
