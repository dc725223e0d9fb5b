"""Any neuron of `fixedpoint.dynamics` in torch, to be trained: its equations, and a surrogate for the spike.

Axes: B sample, T step, N neuron.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from neurodeploy.fixedpoint.dynamics.equations import SPIKES, Dynamics
from neurodeploy.fixedpoint.dynamics.step import advanced
from neurodeploy.neurons.surrogate import spike


class DynamicsNeurons(nn.Module):
    """A population that starts at zero. It is the readable form; compiled kernels are registered in `neurons.fused`.

    Args:
        dynamics: The neuron.
        numbers: Where its coefficients and jumps start, by name (N,).
        v_threshold: Of the potential.
    """

    def __init__(self, dynamics: Dynamics, numbers: Mapping[str, torch.Tensor], v_threshold: float = 1.0) -> None:
        super().__init__()
        self.dynamics, self.v_threshold = dynamics, v_threshold
        self.numbers = nn.ParameterDict({key: nn.Parameter(numbers[key].clone()) for key in dynamics.numbers})

    def forward(self, drive_BTN: torch.Tensor) -> torch.Tensor:
        """Return the spikes (B, T, N), 0.0 or 1.0, or the values, for an input current."""
        numbers = dict(self.numbers.items())
        sent = torch.zeros_like(drive_BTN[:, 0])
        states = dict.fromkeys(self.dynamics.states, sent)
        every = []
        for drive_BN in drive_BTN.unbind(dim=1):
            states = advanced(self.dynamics, states, sent, drive_BN, numbers)
            potential = states[self.dynamics.potential]
            sent = spike(potential - self.v_threshold) if self.dynamics.sends == SPIKES else potential
            every.append(sent)
        return torch.stack(every, dim=1)
