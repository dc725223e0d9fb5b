"""What every layer of the family shares: weights, batch norm over samples and steps, recurrence, dropout.

Axes: B sample, T step, I input, O and N neurons.

The parameters of a neuron lie beside `W` and `norm` in its layer, so that the arrays of published checkpoints fit
by name. Source: Maxtimer97/SSM-inspired-LIF (MIT), after idiap/sparch.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import nn

from neurodeploy.fixedpoint.dynamics.adaptive import ADAPTIVE
from neurodeploy.fixedpoint.dynamics.equations import Dynamics
from neurodeploy.fixedpoint.dynamics.resonator import RESONATOR
from neurodeploy.neurons import engine
from neurodeploy.neurons.adaptive import AdaptiveState, leaky_scan
from neurodeploy.neurons.engine import ScanEngine
from neurodeploy.neurons.resonator import Complex, ResonatorState

NORM_EPS = 1e-5
NORM_MOMENTUM = 0.05

ALPHA = (math.exp(-1 / 5), math.exp(-1 / 25))
"""Part of a leaky potential kept in a step: time constants of 5 to 25 steps."""
InitialState = Literal["zero", "random"]


@dataclass(frozen=True)
class LayerSettings:
    """What the layers of a network have in common, apart from their parameters.

    Attributes:
        dropout: Share of spikes dropped in training, 0..1.
        initial_state: `random` draws every state, the spikes too, from U[0, 1) at the start of each forward pass,
            in training and in evaluation, as the published networks do; results then depend on the seed.
        bidirectional: Run the sequence backwards as well and join both outputs: 2 N outputs.
        scan_engine: Code that runs the recurrence; see `neurons.engine`.
        dt_min, dt_max: Bounds of C-SiLIF's and S4D's time steps at the start of training.
    """

    dropout: float = 0.0
    initial_state: InitialState = "zero"
    bidirectional: bool = False
    scan_engine: ScanEngine = "auto"
    dt_min: float = 0.01
    dt_max: float = 0.5


class LayerOutput(NamedTuple):
    """Spikes of a layer, 0.0 or 1.0, and what the next layer is fed: the same after dropout; each (B, T, N)."""

    spikes_BTN: torch.Tensor
    fed_BTN: torch.Tensor


class NormalisedLinear(nn.Module):
    """Weights without bias, then batch norm over all samples and steps."""

    def __init__(self, n_inputs: int, n_neurons: int) -> None:
        super().__init__()
        self.W = nn.Linear(n_inputs, n_neurons, bias=False)
        self.norm = batch_norm(n_neurons)

    def drive(self, x_BTI: torch.Tensor) -> torch.Tensor:
        """Return the input current (B, T, N)."""
        return over_steps(self.norm, self.W(x_BTI))


class StateSpaceLayer(NormalisedLinear, ABC):
    """One layer of spiking neurons; the neuron is chosen by subclass."""

    can_be_bidirectional: ClassVar[bool] = True
    dynamics: ClassVar[Dynamics]
    """What the neurons are on a chip; where kernels are compiled for it, see `neurons.fused`, they run in one piece."""

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons)
        self.settings = settings
        self.n_neurons = n_neurons
        self.n_outputs = n_neurons * (1 + settings.bidirectional)
        self.drop = nn.Dropout(settings.dropout)

    def forward(self, x_BTI: torch.Tensor, start: Any = None) -> LayerOutput:
        """Return the spikes for an input; `start`, when given, is the state instead of `initial_state`."""
        two_way = self.settings.bidirectional
        drive_BTN = self.drive(torch.cat([x_BTI, x_BTI.flip(1)]) if two_way else x_BTI)
        spikes_BTN = self.scan(drive_BTN, self.start(drive_BTN) if start is None else start)
        if two_way:
            onward_BTN, backward_BTN = spikes_BTN.chunk(2)
            spikes_BTN = torch.cat([onward_BTN, backward_BTN.flip(1)], dim=2)
        return LayerOutput(spikes_BTN, self.drop(spikes_BTN))

    def start(self, drive_BTN: torch.Tensor) -> Any:
        """Return the state before the first step; None is zero."""
        return self.random_start(drive_BTN) if self.settings.initial_state == "random" else None

    @abstractmethod
    def coefficients(self) -> Any:
        """Return what the recurrence computes with: parameters clipped, exponentials taken."""

    def scan(self, drive_BTN: torch.Tensor, start: Any) -> torch.Tensor:
        """Return the spikes (B, T, N) for an input current."""
        return engine.scan(self.settings.scan_engine, drive_BTN, self.coefficients(), start)

    def trace(self, drive_BTN: torch.Tensor, start: Any) -> Any:
        """Return the spikes and the state after each step, by the readable code."""
        return engine.trace(drive_BTN, self.coefficients(), start)

    @abstractmethod
    def random_start(self, drive_BTN: torch.Tensor) -> Any:
        """Return a state drawn from torch's global generator."""


class AdaptiveLayer(StateSpaceLayer):
    """A layer whose neurons have a potential and perhaps an adaptation: `neurons.adaptive`."""

    adapts = True
    dynamics = ADAPTIVE

    def random_start(self, drive_BTN: torch.Tensor) -> AdaptiveState:
        # The order of these draws is the reference implementation's.
        u_BN = drawn_like(drive_BTN)
        w_BN = drawn_like(drive_BTN) if self.adapts else None
        return AdaptiveState(u_BN, w_BN, drawn_like(drive_BTN))


class ResonatorLayer(StateSpaceLayer):
    """A layer whose neurons have one complex state: `neurons.resonator`."""

    dynamics = RESONATOR

    def random_start(self, drive_BTN: torch.Tensor) -> ResonatorState:
        # One complex draw, real and imaginary parts in turn, then the spikes: the reference implementation's order.
        pairs_BN2 = torch.rand(drive_BTN.shape[0], drive_BTN.shape[2], 2).to(drive_BTN)
        return ResonatorState(Complex(pairs_BN2[..., 0], pairs_BN2[..., 1]), drawn_like(drive_BTN))


class Readout(NormalisedLinear):
    """u <- alpha u + (1 - alpha) x, with `alpha` (C,) clipped to `ALPHA`; no spikes, no dropout.

    Axes: B sample, T step, I input, C class.
    """

    def __init__(self, n_inputs: int, n_classes: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_classes)
        self.settings = settings
        self.alpha = uniform(n_classes, ALPHA)

    def coefficients(self) -> torch.Tensor:
        """Return the part of the potential kept in a step, (C,)."""
        return self.alpha.clamp(*ALPHA)

    def potentials(self, x_BTI: torch.Tensor, start_BC: torch.Tensor | None = None) -> torch.Tensor:
        """Return the potentials (B, T, C); `start_BC`, when given, is the state instead of `initial_state`."""
        drive_BTC = self.drive(x_BTI)
        if start_BC is None and self.settings.initial_state == "random":
            start_BC = drawn_like(drive_BTC)
        return leaky_scan(drive_BTC, self.coefficients(), start_BC)

    def forward(self, x_BTI: torch.Tensor, start_BC: torch.Tensor | None = None) -> torch.Tensor:
        """Return the sum over time of the softmax over classes, (B, C): every row sums to the number of steps."""
        return self.scores(self.potentials(x_BTI, start_BC))

    @staticmethod
    def scores(potentials_BTC: torch.Tensor) -> torch.Tensor:
        """Return what `forward` makes of potentials, (B, C)."""
        return potentials_BTC.softmax(dim=2).sum(dim=1)


@contextmanager
def zero_start(network: nn.Module) -> Iterator[None]:
    """Let the layers in a network start from zero, whatever their `initial_state`."""
    layers: list[Any] = [one for one in network.modules() if isinstance(getattr(one, "settings", None), LayerSettings)]
    before = [one.settings for one in layers]
    for one in layers:
        one.settings = replace(one.settings, initial_state="zero")
    try:
        yield
    finally:
        for one, settings in zip(layers, before, strict=True):
            one.settings = settings


def batch_norm(n_neurons: int) -> nn.BatchNorm1d:
    """Return the family's batch norm, over rows of `n_neurons`."""
    return nn.BatchNorm1d(n_neurons, eps=NORM_EPS, momentum=NORM_MOMENTUM)


def over_steps(norm: nn.Module, product_BTN: torch.Tensor) -> torch.Tensor:
    """Return `norm` of all samples and steps as one batch, (B, T, N)."""
    return norm(product_BTN.flatten(0, 1)).unflatten(0, product_BTN.shape[:2])  # type: ignore[no-any-return]


def uniform(n_neurons: int, bounds: Iterable[float]) -> nn.Parameter:
    """Return a parameter (N,) drawn evenly between two bounds."""
    return nn.Parameter(torch.empty(n_neurons).uniform_(*bounds))


def drawn_like(drive_BTN: torch.Tensor) -> torch.Tensor:
    """Return U[0, 1) numbers (B, N), the same on every device and in every precision."""
    return torch.rand(drive_BTN.shape[0], drive_BTN.shape[2]).to(drive_BTN)
