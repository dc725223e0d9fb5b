"""What differs between the frameworks: how their neurons are made, start and decay.

Both are called alike, `sent, state = cell(input, state)`. Thresholds are 1, resets to zero. `hidden` and `last` make
the neurons of a layer, which keep a part of their potential in a step; `start` is the state before the first step, and
`forget` drops what they hold after the last. `prefix` is of the names of hidden layers and the last; where the network
`spikes`, the class is the output neuron with most spikes, otherwise the largest potential.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from neurodeploy.installed import imported


class SnnTorch:
    """`snn.Leaky`: mem = beta mem + input, and a potential above the threshold is set to zero before the next step.

    snnTorch subtracts the threshold by default, in the step after the spike and so after a decay: no other target
    does that, so recipes reset to zero.
    """

    prefix = ("lif", "lif")
    spikes = True

    def hidden(self, kept: float, slope: float, dt_s: float) -> nn.Module:
        surrogate = imported("snntorch", "snntorch.surrogate").fast_sigmoid(slope=slope)
        leaky: nn.Module = imported("snntorch", "snntorch").Leaky(
            beta=kept, spike_grad=surrogate, reset_mechanism="zero"
        )
        return leaky

    last = hidden

    def start(self, cell: Any) -> torch.Tensor:
        state: torch.Tensor = cell.reset_mem()
        return state

    def forget(self, cell: Any) -> None:
        # Its state is a buffer: left there, weights could not be averaged over networks that saw other batch sizes.
        cell.mem = cell.mem.new_zeros(0)


class Norse:
    """`LIFBoxCell` and `LIBoxCell`: v = v + dt / tau (input - v), and a potential above the threshold is set to zero.

    Its parameters are float64 here: they are single numbers, so states stay float32, but dt / tau is not rounded.
    """

    prefix = ("lif", "li")
    spikes = False

    def hidden(self, kept: float, slope: float, dt_s: float) -> nn.Module:
        norse = imported("norse", "norse.torch")
        p = norse.LIFBoxParameters(
            tau_mem_inv=_inverse(kept, dt_s),
            v_leak=torch.as_tensor(0.0),
            v_th=torch.as_tensor(1.0),
            v_reset=torch.as_tensor(0.0),
            method="super",
            alpha=torch.as_tensor(slope),
        )
        cell: nn.Module = norse.LIFBoxCell(p, dt=dt_s)
        return cell

    def last(self, kept: float, slope: float, dt_s: float) -> nn.Module:
        norse = imported("norse", "norse.torch")
        p = norse.LIBoxParameters(tau_mem_inv=_inverse(kept, dt_s), v_leak=torch.as_tensor(0.0))
        cell: nn.Module = norse.LIBoxCell(p, dt=dt_s)
        return cell

    def start(self, cell: nn.Module) -> None:
        return None

    def forget(self, cell: nn.Module) -> None:
        return None


def _inverse(kept: float, dt_s: float) -> torch.Tensor:
    """Return 1 / tau, in 1/s, of neurons that keep a part of their potential in a step."""
    return torch.tensor((1 - kept) / dt_s, dtype=torch.float64)


Cells = SnnTorch | Norse
CELLS: dict[str, Cells] = {"snntorch": SnnTorch(), "norse": Norse()}
