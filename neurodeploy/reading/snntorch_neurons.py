"""snnTorch's neurons as NIR nodes. Source: snntorch 1.0.0, `_neurons/*.py`.

    Leaky      U[t] = beta U[t-1] + I[t] - R[t-1],           S[t] = U[t] > threshold
    Synaptic   I_s[t] = alpha I_s[t-1] + I[t],  U[t] = beta U[t-1] + I_s[t] - R[t-1]

The reset acts one step after the spike (`reset_delay=True`, the default). R = threshold S for "subtract": the
threshold is taken from what beta has already made smaller, beta U - threshold, where NIR takes it before the leak,
beta (U - threshold). The rest, (1 - beta) threshold, is a connection of each neuron to itself, which arrives one
step later as well: that gives exactly snnTorch's potential before every spike.
"""

from functools import partial
from typing import Any

import nir
import numpy as np
import torch

from neurodeploy.errors import FrameworkError
from neurodeploy.quantize.on_grid import kept_of_potential
from neurodeploy.reading.leaves import Built, Call, ChipNeurons, Neurons, Shape, full, numbers
from neurodeploy.reading.neurons import readout, spiking
from neurodeploy.reading.torch_layers import bias_of, convolved, dense


def _neuron(module: Any, *, recurrent: bool = False, synapse: bool = False, rc: bool = False) -> Neurons:
    def call(args: Any, kwargs: Any, output: Any) -> Call:
        """Return how a call reads: (input, *states) in, (spikes, *states) or spikes out."""
        current = args[0] if args else kwargs["input_"]
        given = [one for one in (*args[1:], *kwargs.values()) if isinstance(one, torch.Tensor) and one is not current]
        found = output if isinstance(output, tuple) else (output,)
        potential = found[-1] if len(found) > 1 else None
        factor = float(numbers(module.graded_spikes_factor).ravel()[0])
        return Call(current, given, found[0], potential, list(found), factor=factor)

    def build(shape: Shape, dt_s: float, potential_only: bool) -> Built:
        _check(module, recurrent or synapse or rc)
        alpha = full(np.clip(numbers(module.alpha), 0, 1), shape) if synapse else None
        if rc:
            step, r, c = (numbers(one) for one in (module.time_step, module.R, module.C))
            beta, gains = full(1 - step / (r * c), shape), full(step / c, shape)
            if (beta < 0).any():
                raise FrameworkError("has a time constant R C shorter than its time_step; give a longer one")
        else:
            beta, gains = full(np.clip(numbers(module.beta), 0, 1), shape), np.ones(shape)
        alike = not (rc or recurrent or synapse) and module.beta.numel() == module.threshold.numel() == 1
        chip = ChipLeaky(module) if alike else None
        threshold = full(module.threshold, shape)
        if module.reset_mechanism == "none":
            if not potential_only:
                raise FrameworkError("has reset_mechanism='none' and its spikes are used; take 'subtract' or 'zero'")
            return Built({"": readout(dt_s, alpha, beta, gains)}, chip=chip)
        if potential_only:
            raise FrameworkError(
                "its potential is read, and it resets; take reset_mechanism='none', or read its spikes"
            )
        nodes = {"": spiking(dt_s, alpha, beta, gains, threshold, module.reset_mechanism)}
        edges: list[tuple[str, str]] = []
        notes: list[str] = []
        delayed = getattr(module, "reset_delay", True)
        if module.reset_mechanism == "subtract" and delayed and (beta < 1).any():
            rest = (1 - beta) * threshold / gains
            nodes["reset"] = nir.Scale(scale=-rest)
            edges += [("", "reset"), ("reset", "")]
            if alpha is not None and alpha.any():
                # A current would take it again in each later step: a second connection, a step later, takes it back.
                nodes["reset_late"] = nir.Scale(scale=alpha * rest)
                nodes["reset_wait"] = nir.Delay(delay=np.full(rest.shape, 2 * dt_s))
                edges += [("", "reset_late"), ("reset_late", "reset_wait"), ("reset_wait", "")]
            notes.append(
                "each neuron inhibits itself a little after a spike: snnTorch subtracts the threshold after the leak"
            )
        elif module.reset_mechanism == "subtract" and not delayed:
            notes.append(
                "reset_delay=False: a potential that stays above the threshold after its reset is reset once more"
            )
        if recurrent:
            nodes["rec"] = _recurrent(module, shape)
            edges += [("", "rec"), ("rec", "")]
        return Built(nodes, tuple(edges), notes=tuple(notes), chip=chip)

    return Neurons(call, build)


class ChipLeaky(ChipNeurons):
    """`Leaky`, whose decay is a buffer."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def gain(self) -> float:
        return 1.0 if self.module.reset_mechanism == "none" else 1.0 / float(self.module.threshold)

    def keep(self, name: str, vth_mant: int, fraction_bits: int | None) -> None:
        with torch.no_grad():
            self.module.beta.copy_(torch.as_tensor(kept_of_potential(numbers(self.module.beta))))


def _check(module: Any, drops_input: bool) -> None:
    if module.inhibition:
        raise FrameworkError("has inhibition, where one neuron silences the others at once; leave it out")
    if module.state_quant:
        raise FrameworkError("has state_quant; leave it out, the Program's states are integers anyway")
    if np.size(numbers(module.graded_spikes_factor)) != 1:
        raise FrameworkError("has a graded_spikes_factor for each neuron; one for all is allowed")
    if drops_input and module.reset_mechanism == "zero" and getattr(module, "reset_delay", True):
        raise FrameworkError(
            "has reset_mechanism='zero', which in this neuron also drops the input of the step after a spike; take "
            "'subtract', or reset_delay=False"
        )


def _recurrent(module: Any, shape: Shape) -> nir.NIRNode:
    inner = module.recurrent
    if isinstance(inner, torch.nn.Linear):
        return dense(numbers(inner.weight), bias_of(inner))
    if isinstance(inner, torch.nn.Conv2d):
        return convolved(inner, shape)
    return nir.Scale(scale=full(inner.V, shape))


LEAVES = {
    "Leaky": _neuron,
    "RLeaky": partial(_neuron, recurrent=True),
    "Synaptic": partial(_neuron, synapse=True),
    "RSynaptic": partial(_neuron, recurrent=True, synapse=True),
    "Lapicque": partial(_neuron, rc=True),
}
