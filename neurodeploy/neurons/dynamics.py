"""Any neuron of `fixedpoint.dynamics` in torch, to be trained: its equations, and a surrogate for the spike.

Axes: B sample, T step, N neuron.
"""

from collections.abc import Mapping

import torch

from neurodeploy.fixedpoint.dynamics.equations import SPIKES, Dynamics
from neurodeploy.fixedpoint.dynamics.step import advanced
from neurodeploy.neurons.population import PlainNumbers
from neurodeploy.neurons.surrogate import spike


class DynamicsNeurons(PlainNumbers):
    """A population that starts at zero. It is the readable form; compiled kernels are registered in `neurons.fused`.

    Args:
        dynamics: The neuron.
        numbers: Where its coefficients and jumps start, by name (N,).
        v_threshold: Of the potential.
        model: What the neurons are called where they come from, for people.
    """

    def __init__(
        self, dynamics: Dynamics, numbers: Mapping[str, torch.Tensor], v_threshold: float = 1.0, model: str = ""
    ) -> None:
        super().__init__(numbers)
        self.dynamics, self.v_threshold, self.model = dynamics, v_threshold, model

    def forward(self, drive_BTN: torch.Tensor, recurrent_NN: torch.Tensor | None = None) -> torch.Tensor:
        """Return the spikes (B, T, N), 0.0 or 1.0, or the values, for an input current."""
        numbers = self.numbers()
        sent = torch.zeros_like(drive_BTN[:, 0])
        states = dict.fromkeys(self.dynamics.states, sent)
        every = []
        for drive_BN in drive_BTN.unbind(dim=1):
            between_BN = 0.0 if recurrent_NN is None else sent @ recurrent_NN.t()
            states = advanced(self.dynamics, states, sent, drive_BN + between_BN, numbers)
            potential = states[self.dynamics.potential]
            sent = spike(potential - self.v_threshold) if self.dynamics.sends == SPIKES else potential
            every.append(sent)
        return torch.stack(every, dim=1)
