"""Any neuron of `fixedpoint.dynamics` in torch, to be trained: its equations, and a surrogate for the spike.

The SiLIF family's neurons as the chip has them go by the compiled scans; a readout goes with them:

    adaptive    w <- beta w + a v + jump s             resonator   x <- re x - im y + I - drop s
                v <- alpha v - (1 - alpha) w + I - alpha s         y <- im x + re y - drop_y s
    readout     v <- beta v + I

Axes: B sample, T step, N neuron.
"""

from collections.abc import Mapping

import torch

from neurodeploy.fixedpoint.dynamics.adaptive import ADAPTIVE
from neurodeploy.fixedpoint.dynamics.equations import SPIKES, Dynamics
from neurodeploy.fixedpoint.dynamics.resonator import RESONATOR
from neurodeploy.fixedpoint.dynamics.step import advanced
from neurodeploy.neurons import engine
from neurodeploy.neurons.adaptive import AdaptiveCoefficients, leaky_scan
from neurodeploy.neurons.population import Numbers, PlainNumbers
from neurodeploy.neurons.resonator import Complex, ResonatorCoefficients
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


LEAST_INPUT = 2.0**-20
"""Of 1 - alpha, which the scans multiply the input by: a neuron that keeps everything would take none."""


class Adaptive(DynamicsNeurons):
    """Adaptive neurons, whose gain and drop follow from `alpha`.

    Args:
        numbers: `alpha`, `beta`, `a` and `jump` (N,).
        adapts: False where the adaptation is zero and stays it.
    """

    def __init__(self, numbers: Mapping[str, torch.Tensor], model: str, *, adapts: bool) -> None:
        super().__init__(ADAPTIVE, numbers, model=model)
        self.adapts = adapts

    def trained(self) -> Numbers:
        found = super().trained()
        alpha, beta = found["alpha"].clamp(0, 1), found["beta"].clamp(0, 1)
        return found | {"alpha": alpha, "gain": 1 - alpha, "beta": beta, "drop": alpha}

    def forward(self, drive_BTN: torch.Tensor, recurrent_NN: torch.Tensor | None = None) -> torch.Tensor:
        n = self.numbers()
        gain = (1 - n["alpha"]).clamp(min=LEAST_INPUT)
        between_NN = None if recurrent_NN is None else (recurrent_NN / gain[:, None]).t()
        rest = (n["beta"], n["a"], n["jump"]) if self.adapts else (None, None, None)
        return engine.scan("auto", drive_BTN / gain, AdaptiveCoefficients(between_NN, n["alpha"], *rest))


class Resonator(DynamicsNeurons):
    """Damped oscillators: `re`, `im`, `drop` and `drop_y` (N,)."""

    def __init__(self, numbers: Mapping[str, torch.Tensor], model: str, v_threshold: float) -> None:
        super().__init__(RESONATOR, numbers, v_threshold, model)

    def forward(self, drive_BTN: torch.Tensor, recurrent_NN: torch.Tensor | None = None) -> torch.Tensor:
        if recurrent_NN is not None:
            return super().forward(drive_BTN, recurrent_NN)
        n = self.numbers()
        decay, drop = Complex(n["re"], n["im"]), Complex(n["drop"], n["drop_y"])
        ones_N = torch.ones_like(n["re"])
        return engine.scan("auto", drive_BTN, ResonatorCoefficients(decay, ones_N, drop, 1 / self.v_threshold))


class LeakyReadout(PlainNumbers):
    """Leaky integrators that never spike: they send their potential; `beta` (N,)."""

    def trained(self) -> Numbers:
        return {"beta": super().trained()["beta"].clamp(0, 1)}

    def forward(self, drive_BTN: torch.Tensor, recurrent_NN: torch.Tensor | None = None) -> torch.Tensor:
        assert recurrent_NN is None
        beta = self.numbers()["beta"]
        return leaky_scan(drive_BTN / (1 - beta).clamp(min=LEAST_INPUT), beta)
