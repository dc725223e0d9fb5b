"""The neurons of `fixedpoint.dynamics` in torch, for `torch_engine`: the same equations, in tensors.

Axes: B sample, N neuron of a layer.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.step import advanced
from neurodeploy.program.dynamics import DynamicsLayer


class DynamicsNeurons:
    """States of one layer (B, N), int32, by name."""

    def __init__(self, layer: DynamicsLayer, n_samples: int, device: torch.device) -> None:
        self.layer = layer
        self.zero = torch.zeros((n_samples, layer.n_neurons), dtype=torch.int32, device=device)
        self.states = dict.fromkeys(layer.dynamics.states, self.zero)
        self.sent = self.zero if layer.graded else self.zero.to(torch.bool)
        self.numbers = {
            key: torch.tensor(getattr(layer, key), dtype=torch.int64, device=device) for key in layer.integers
        }

    @property
    def u(self) -> Tensor:
        others = [self.states[one] for one in self.layer.dynamics.others]
        return torch.cat(others, dim=-1) if others else self.zero

    @property
    def v(self) -> Tensor:
        return self.states[self.layer.dynamics.potential]

    def advance(self, activation: Tensor, now: int, overflows: Tensor) -> Tensor:
        """Return what is sent in step `now`, and count the states saturated; before `start` nothing moves."""
        if now >= self.layer.start:
            after = advanced(
                self.layer.dynamics,
                {key: state.to(torch.int64) for key, state in self.states.items()},
                self.sent.to(torch.int64),
                activation.to(torch.int64) + self.numbers["bias"],
                self.numbers,
                rounded=self._over_one,
                saturated=saturated,
            )
            self.states = {key: state.to(torch.int32) for key, state in after.items()}
            self.sent = self.v >> self.layer.message_exp if self.layer.graded else self.v > self.numbers["vth"]
        for state in self.states.values():
            overflows[1] += (state.abs() == rules.STATE_LIMIT - 1).sum()
        return self.sent

    def _over_one(self, product: Tensor) -> Tensor:
        """Return a sum of products over what stands for 1, rounded toward zero."""
        return product.sign() * (product.abs() >> self.layer.fraction_bits)


def saturated(state: Tensor) -> Tensor:
    """Return the state clipped to plus and minus (2^23 - 1)."""
    return state.clamp(1 - rules.STATE_LIMIT, rules.STATE_LIMIT - 1)
