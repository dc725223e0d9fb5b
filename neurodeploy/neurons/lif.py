"""Leaky integrate-and-fire neurons, with a synaptic current or without, and their pass over time.

Axes: B sample, T step, N neuron. Thresholds are 1: weights carry the scale.

    u[t] = alpha u[t-1] + x[t] + W_rec s[t-1]        (alpha = 0: no synaptic filter)
    v[t] = beta  v[t-1] + u[t]
    s[t] = v[t] > 1, then v[t] = 0 or v[t] - 1

This is the forward-Euler form of NIR's CubaLIF (and LIF) with w_in dt / tau_syn = r dt / tau_mem = 1.
The backward pass is written by hand: it keeps three arrays instead of a graph of T steps, which
makes small recurrent networks several times faster on CPU. The tests hold it against autograd.
"""

from typing import Any, NamedTuple

import torch
from torch import nn

from neurodeploy.neurons.population import Numbers, Population
from neurodeploy.neurons.surrogate import SURROGATES

THRESHOLD = 1.0


class ScanSettings(NamedTuple):
    """What does not change during training."""

    reset: str
    surrogate: str
    slope: float


class LeakyScan(torch.autograd.Function):
    """The spikes (B, T, N), 0.0 or 1.0, of a layer for its input over all steps; called by `apply`.

    Args:
        drive_BTN: Weighted input plus bias, in units of the threshold.
        recurrent_NN: Weights from the layer to itself (target, source), one step delayed; or None.
        alpha: Part of the current kept in a step, 0..1, scalar or (N,).
        beta: Part of the potential kept in a step, 0..1, scalar or (N,).
        settings: Reset rule and surrogate gradient.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        drive_BTN: torch.Tensor,
        recurrent_NN: torch.Tensor | None,
        alpha: torch.Tensor,
        beta: torch.Tensor,
        settings: ScanSettings,
    ) -> torch.Tensor:
        drive_TBN = drive_BTN.transpose(0, 1).contiguous()
        u_TBN = torch.empty_like(drive_TBN)
        v_TBN = torch.empty_like(drive_TBN)  # before the reset
        s_TBN = torch.empty_like(drive_TBN)
        u = torch.zeros_like(drive_TBN[0])
        kept = torch.zeros_like(u)
        weight_IO = None if recurrent_NN is None else recurrent_NN.t()
        for t in range(len(drive_TBN)):
            u = torch.addcmul(drive_TBN[t], u, alpha, out=u_TBN[t])
            if weight_IO is not None and t:
                u.addmm_(s_TBN[t - 1], weight_IO)
            v = torch.addcmul(u, kept, beta, out=v_TBN[t])
            spikes = torch.gt(v, THRESHOLD, out=s_TBN[t])
            kept = _after_reset(v, spikes, settings.reset)
        ctx.save_for_backward(u_TBN, v_TBN, s_TBN, recurrent_NN, alpha, beta)
        ctx.settings = settings
        return s_TBN.transpose(0, 1)

    @staticmethod
    def backward(ctx: Any, grad_BTN: torch.Tensor) -> Any:  # type: ignore[override]
        u_TBN, v_TBN, s_TBN, recurrent_NN, alpha, beta = ctx.saved_tensors
        settings: ScanSettings = ctx.settings
        grad_TBN = grad_BTN.transpose(0, 1)
        slopes_TBN = SURROGATES[settings.surrogate](v_TBN - THRESHOLD, settings.slope)
        kept_TBN = _after_reset(v_TBN, s_TBN, settings.reset)
        grad_drive_TBN = torch.empty_like(u_TBN)
        grad_beta = torch.zeros_like(beta.expand_as(u_TBN[0]))
        grad_u = torch.zeros_like(u_TBN[0])
        grad_kept = torch.zeros_like(grad_u)
        survives_TBN = 1 - s_TBN if settings.reset == "zero" else None
        for t in range(len(u_TBN) - 1, -1, -1):
            grad_s = grad_TBN[t]
            if recurrent_NN is not None:
                grad_s = torch.addmm(grad_s, grad_u, recurrent_NN)  # grad_u is still step t+1's
            # The reset's own dependence on the spike is left out, the usual choice (detached reset).
            grad_v = grad_kept if survives_TBN is None else grad_kept * survives_TBN[t]
            grad_v = torch.addcmul(grad_v, grad_s, slopes_TBN[t])
            if t:
                grad_beta.addcmul_(grad_v, kept_TBN[t - 1])
            grad_u = torch.addcmul(grad_v, grad_u, alpha, out=grad_drive_TBN[t])
            grad_kept = grad_v * beta
        grad_alpha = (grad_drive_TBN[1:] * u_TBN[:-1]).sum(dim=0)
        grad_recurrent = None
        if recurrent_NN is not None:
            grad_recurrent = grad_drive_TBN[1:].flatten(0, 1).t() @ s_TBN[:-1].flatten(0, 1)
        return (
            grad_drive_TBN.transpose(0, 1),
            grad_recurrent,
            grad_alpha.sum_to_size(alpha.shape),
            grad_beta.sum_to_size(beta.shape),
            None,
        )


def _after_reset(v: torch.Tensor, spikes: torch.Tensor, reset: str) -> torch.Tensor:
    return v - spikes * THRESHOLD if reset == "subtract" else v * (1 - spikes)


class LIF(Population):
    """LIF neurons (NIR `LIF`) that share `beta`, the part of the potential kept in a step; input acts on it directly.

    Args:
        beta: Between 0 and 1, exclusive.
        train_decays: Let training move `beta`.
        settings: Reset rule and surrogate gradient.

    Attributes:
        at_threshold: They spike where the potential reaches the threshold, not only above it.
    """

    at_threshold = False

    def __init__(self, beta: float, *, train_decays: bool, settings: ScanSettings) -> None:
        super().__init__()
        self.settings = settings
        self.beta_logit = logit_parameter(beta, train_decays)

    def trained(self) -> Numbers:
        return {"beta": torch.sigmoid(self.beta_logit)}

    def forward(self, drive_BTN: torch.Tensor, recurrent_NN: torch.Tensor | None = None) -> torch.Tensor:
        used = self.numbers()
        beta = used["beta"]
        alpha = used.get("alpha", torch.zeros_like(beta))
        return LeakyScan.apply(drive_BTN, recurrent_NN, alpha, beta, self.settings)  # type: ignore[no-any-return]


class CubaLIF(LIF):
    """Current-based LIF: a first-order synaptic filter before the potential (NIR `CubaLIF`).

    Args:
        alpha: Part of the current kept in a step, between 0 and 1, exclusive.
    """

    def __init__(self, alpha: float, beta: float, *, train_decays: bool, settings: ScanSettings) -> None:
        super().__init__(beta, train_decays=train_decays, settings=settings)
        self.alpha_logit = logit_parameter(alpha, train_decays)

    def trained(self) -> Numbers:
        return {"alpha": torch.sigmoid(self.alpha_logit), "beta": torch.sigmoid(self.beta_logit)}


def logit_parameter(kept: float, trainable: bool) -> nn.Parameter:
    """Return a parameter whose sigmoid is `kept`, so that training cannot leave 0..1."""
    return nn.Parameter(torch.logit(torch.tensor(kept, dtype=torch.float64)).float(), requires_grad=trainable)
