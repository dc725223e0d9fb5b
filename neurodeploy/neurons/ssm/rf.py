"""Resonate-and-fire: a damped oscillator, advanced by forward Euler.

The Euler step is unstable where |1 + dt alpha| > 1, which some trained neurons are. Source of the neuron: Izhikevich,
Neural Networks 14, 2001; of this form: Maxtimer97/SSM-inspired-LIF (MIT).

A new network must start from random states to learn: the input enters by a factor of 0.004, so that from zero the
potentials of new neurons stay further below the threshold than the surrogate reaches, and every gradient is zero.
"""

import torch

from neurodeploy.neurons.resonator import Complex, ResonatorCoefficients
from neurodeploy.neurons.ssm.layer import LayerSettings, ResonatorLayer, uniform

DT_S = 0.004
"""Not learnt, and the same whatever the step of the data."""
LARGEST_REAL = -0.1
"""At least some damping, in 1/s."""


class RF(ResonatorLayer):
    """u <- u + dt ((alpha_real + i alpha_im) u + x) - s, read as Re(u); `alpha_real` (N,) is clipped from above."""

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        self.alpha_real = uniform(n_neurons, (-10.0, -1.0))
        self.alpha_im = uniform(n_neurons, (5.0, 10.0))

    def coefficients(self) -> ResonatorCoefficients:
        decay = Complex(1 + DT_S * self.alpha_real.clamp(max=LARGEST_REAL), DT_S * self.alpha_im)
        ones_N = torch.ones_like(self.alpha_real)
        return ResonatorCoefficients(decay, DT_S * ones_N, Complex(ones_N, torch.zeros_like(ones_N)), 1.0)
