"""The S4D baseline: diagonal state space layers, as one causal convolution over time each.

Axes: B sample, T step, I input, H channel, M mode (half the states: the others are conjugate twins).
The initial state is zero.

Source: Maxtimer97/SSM-inspired-LIF (MIT); S4D: Gu et al., NeurIPS 2022, arXiv:2206.11893.
"""

import math
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from neurodeploy.networks.families.settings import LARGEST_LAYER, Hidden, NetworkSettings
from neurodeploy.networks.sequence import SequenceNetwork
from neurodeploy.neurons.ssm.layer import LayerOutput, batch_norm, over_steps

DT_MIN = 0.001
REAL = 0.5
"""Minus the real part of every mode at the start (S4D-Lin)."""


class S4DSettings(NetworkSettings):
    """The defaults are those of the SiLIF paper's baseline."""

    family: Literal["s4d"] = "s4d"
    hidden: Hidden = Field((512, 512), min_length=1, description="Channels in each layer.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share of channels dropped in training.")
    dt_max: float = Field(0.5, gt=0, description="Largest time step drawn at the start; the smallest is 0.001.")
    state_size: int = Field(64, ge=2, le=LARGEST_LAYER, multiple_of=2, description="States of a channel.")


class S4DKernel(nn.Module):
    """Impulse response of each channel: K[l] = 2 Re sum_M C (e^(A dt) - 1) / A e^(A dt l)."""

    def __init__(self, n_channels: int, n_modes: int, dt_max: float) -> None:
        super().__init__()
        self.C = nn.Parameter(torch.view_as_real(torch.randn(n_channels, n_modes, dtype=torch.complex64)))
        self.log_dt = nn.Parameter(torch.empty(n_channels).uniform_(math.log(DT_MIN), math.log(dt_max)))
        self.log_A_real = nn.Parameter(torch.full((n_channels, n_modes), math.log(REAL)))
        self.A_imag = nn.Parameter(math.pi * torch.arange(n_modes).repeat(n_channels, 1))

    def forward(self, n_steps: int) -> torch.Tensor:
        """Return the response (H, T)."""
        rate_HM = torch.complex(-self.log_A_real.exp(), self.A_imag)
        step_HM = rate_HM * self.log_dt.exp()[:, None]
        gain_HM = torch.view_as_complex(self.C.contiguous()) * (step_HM.exp() - 1) / rate_HM
        powers_HMT = (step_HM[..., None] * torch.arange(n_steps, device=step_HM.device)).exp()
        return 2 * torch.einsum("hm,hmt->ht", gain_HM, powers_HMT).real


class S4D(nn.Module):
    """Convolution with the kernel, a direct path, GELU, and a gated mix of the channels."""

    def __init__(self, n_channels: int, n_modes: int, dropout: float, dt_max: float) -> None:
        super().__init__()
        self.D = nn.Parameter(torch.randn(n_channels))
        self.kernel = S4DKernel(n_channels, n_modes, dt_max)
        self.drop = nn.Dropout1d(dropout)  # whole channels, at all steps alike
        self.output_linear = nn.Sequential(nn.Conv1d(n_channels, 2 * n_channels, kernel_size=1), nn.GLU(dim=-2))

    def forward(self, x_BHT: torch.Tensor) -> torch.Tensor:
        """Return the layer's values, (B, H, T)."""
        n_steps = x_BHT.shape[-1]
        spectrum = torch.fft.rfft(x_BHT, n=2 * n_steps) * torch.fft.rfft(self.kernel(n_steps), n=2 * n_steps)
        y_BHT = torch.fft.irfft(spectrum, n=2 * n_steps)[..., :n_steps] + self.D[:, None] * x_BHT
        return self.output_linear(self.drop(nn.functional.gelu(y_BHT)))  # type: ignore[no-any-return]


class S4DLayer(nn.Module):
    """An encoder where the sizes differ, batch norm, `S4D`, dropout, and the path around them.

    `out_norm` is in the published parameter count, but nothing goes through it: it has no gradient.
    """

    def __init__(self, n_inputs: int, n_channels: int, n_modes: int, dropout: float, dt_max: float) -> None:
        super().__init__()
        self.n_outputs = n_channels
        self.encoder = None if n_inputs == n_channels else nn.Linear(n_inputs, n_channels, bias=False)
        self.norm = batch_norm(n_channels)
        self.S4D = S4D(n_channels, n_modes, dropout, dt_max)
        self.drop = nn.Dropout1d(dropout)
        self.out_norm = nn.LayerNorm(n_channels)

    def forward(self, x_BTI: torch.Tensor) -> LayerOutput:
        """Return the layer's values, (B, T, H); dropout lies inside, so both are the same."""
        z_BTH = x_BTI if self.encoder is None else self.encoder(x_BTI)
        y_BHT = self.S4D(over_steps(self.norm, z_BTH).transpose(1, 2))
        values_BTH = self.drop(y_BHT).transpose(1, 2) + z_BTH
        return LayerOutput(values_BTH, values_BTH)


class S4DReadout(nn.Module):
    """Weights and bias, then the mean over time."""

    def __init__(self, n_inputs: int, n_classes: int) -> None:
        super().__init__()
        self.W = nn.Linear(n_inputs, n_classes)

    def forward(self, x_BTI: torch.Tensor) -> torch.Tensor:
        """Return the scores, (B, C)."""
        return self.W(x_BTI).mean(dim=1)  # type: ignore[no-any-return]


def build(settings: S4DSettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float) -> SequenceNetwork:
    """Return a new S4D network; its initial weights come from torch's global generator."""
    sizes = (n_inputs := math.prod(input_shape), *settings.hidden)
    layers = [
        S4DLayer(before, size, settings.state_size // 2, settings.dropout, settings.dt_max)
        for before, size in zip(sizes, settings.hidden, strict=False)
    ]
    return SequenceNetwork("snn", layers, S4DReadout(sizes[-1], n_classes), n_inputs=n_inputs, n_classes=n_classes)


def slow_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Return the kernels' dynamics, which S4's training gives at most a rate of 0.001 and no weight decay."""
    kernels = [module for module in network.modules() if isinstance(module, S4DKernel)]
    return [parameter for one in kernels for parameter in (one.log_dt, one.log_A_real, one.A_imag)]
