"""C-SiLIF: one complex mode per neuron, in the diagonal state space parametrisation (S4D-Lin with one mode)."""

import math

import torch
from torch import nn

from neurodeploy.neurons.resonator import Complex, ResonatorCoefficients
from neurodeploy.neurons.ssm.layer import LayerSettings, ResonatorLayer, uniform

DECAY_RATE = 0.5
RESET = 0.5
"""Half a threshold, because the output reads twice the real part."""
READ = 2.0


class CSiLIF(ResonatorLayer):
    """u <- alpha (u - s / 2) + b x, read as 2 Re(u), with alpha = exp((-e^log_log_alpha + i alpha_img) e^log_dt).

    All four parameters (N,) are learnt and none is clipped; |alpha| < 1 always.
    """

    can_be_bidirectional = False

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        self.log_dt = uniform(n_neurons, (math.log(settings.dt_min), math.log(settings.dt_max)))
        self.log_log_alpha = nn.Parameter(torch.full((n_neurons,), math.log(DECAY_RATE)))
        self.alpha_img = nn.Parameter(torch.full((n_neurons,), math.pi))
        self.b = uniform(n_neurons, (0.0, 1.0))

    def coefficients(self) -> ResonatorCoefficients:
        dt_N = self.log_dt.exp()
        radius_N = (-self.log_log_alpha.exp() * dt_N).exp()
        angle_N = self.alpha_img * dt_N
        decay = Complex(radius_N * angle_N.cos(), radius_N * angle_N.sin())
        return ResonatorCoefficients(decay, self.b, Complex(RESET * decay.re, RESET * decay.im), READ)
