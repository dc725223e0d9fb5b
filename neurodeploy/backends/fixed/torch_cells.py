"""Adaptive neurons and resonators in torch, for `torch_engine`; the rules are those of `fixedpoint.cells`.

Axes: B sample, N neuron of a layer.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neurodeploy.fixedpoint import rules
from neurodeploy.program.cells import Cells


class CellNeurons:
    """States of one layer of either kind (B, N), int32."""

    def __init__(self, layer: Cells, n_samples: int, device: torch.device) -> None:
        self.layer = layer
        self.u, self.v = torch.zeros((2, n_samples, layer.n_neurons), dtype=torch.int32, device=device)
        self.spikes = torch.zeros_like(self.v, dtype=torch.bool)
        self.numbers = {
            key: torch.tensor(getattr(layer, key), dtype=torch.int64, device=device) for key in layer.integers
        }

    def advance(self, activation: Tensor, now: int, overflows: Tensor) -> Tensor:
        """Return the spikes of step `now`, and add to the number of states saturated; before `start` nothing moves."""
        if now >= self.layer.start:
            wide = (one.to(torch.int64) for one in (self.u, self.v, activation, self.spikes))
            self.u, self.v = (saturated(state).to(torch.int32) for state in self.moved(*wide))
            self.spikes = self.v > self.numbers["vth"]
        for state in (self.u, self.v):
            overflows[1] += (state.abs() == rules.STATE_LIMIT - 1).sum()
        return self.spikes

    def moved(self, u: Tensor, v: Tensor, activation: Tensor, spiked: Tensor) -> tuple[Tensor, Tensor]:
        """Return both states after a step, before they saturate, all int64."""
        raise NotImplementedError

    def over_one(self, product: Tensor) -> Tensor:
        """Return a sum of products over what stands for 1, rounded toward zero."""
        return product.sign() * (product.abs() >> self.layer.fraction_bits)


class AdaptiveNeurons(CellNeurons):
    """Adaptive neurons; `u` is the adaptation."""

    def moved(self, u: Tensor, v: Tensor, activation: Tensor, spiked: Tensor) -> tuple[Tensor, Tensor]:
        n = self.numbers
        u = saturated(self.over_one(n["beta"] * u + n["a"] * v) + n["jump"] * spiked)
        return u, self.over_one(n["alpha"] * v - n["gain"] * u) + activation + n["bias"] - n["drop"] * spiked


class ResonatorNeurons(CellNeurons):
    """Resonators; `v` is the real part, `u` the imaginary one."""

    def moved(self, u: Tensor, v: Tensor, activation: Tensor, spiked: Tensor) -> tuple[Tensor, Tensor]:
        n = self.numbers
        y = self.over_one(n["im"] * v + n["re"] * u) - n["drop_y"] * spiked
        return y, self.over_one(n["re"] * v - n["im"] * u) + activation + n["bias"] - n["drop"] * spiked


def saturated(state: Tensor) -> Tensor:
    """Return the state clipped to plus and minus (2^23 - 1)."""
    return state.clamp(1 - rules.STATE_LIMIT, rules.STATE_LIMIT - 1)
