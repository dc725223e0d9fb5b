"""Neurons of the SiLIF family with one complex state: C-SiLIF, and resonate-and-fire."""

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

    One complex mode per neuron, in the diagonal state space parametrisation (S4D-Lin with one mode).
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


DT_S = 0.004
"""Not learnt, and the same whatever the step of the data."""
LARGEST_REAL = -0.1
"""At least some damping, in 1/s."""


class RF(ResonatorLayer):
    """u <- u + dt ((alpha_real + i alpha_im) u + x) - s, read as Re(u); `alpha_real` (N,) is clipped from above.

    A damped oscillator, advanced by forward Euler, whose step is unstable where |1 + dt alpha| > 1, which some trained
    neurons are. Source of the neuron: Izhikevich, Neural Networks 14, 2001; of this form: Maxtimer97/SSM-inspired-LIF
    (MIT).

    A new network must start from random states to learn: the input enters by a factor of 0.004, so that from zero the
    potentials of new neurons stay further below the threshold than the surrogate reaches, and every gradient is zero.
    """

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        self.alpha_real = uniform(n_neurons, (-10.0, -1.0))
        self.alpha_im = uniform(n_neurons, (5.0, 10.0))

    def coefficients(self) -> ResonatorCoefficients:
        decay = Complex(1 + DT_S * self.alpha_real.clamp(max=LARGEST_REAL), DT_S * self.alpha_im)
        ones_N = torch.ones_like(self.alpha_real)
        return ResonatorCoefficients(decay, DT_S * ones_N, Complex(ones_N, torch.zeros_like(ones_N)), 1.0)
