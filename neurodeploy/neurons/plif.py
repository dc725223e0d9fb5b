"""Parametric LIF: a layer learns one time constant, and spikes where the potential reaches the threshold.

    h = v + k (x - (v - v_reset))   or, without decay of the input,   h = v - k (v - v_reset) + x
    s = h >= v_threshold;   v = v_reset where s, else h;   or v = h - s v_threshold, with v_reset 0 in the lines above

k = sigmoid(w) = 1 / tau. Axes: B sample, T step, N neuron, of any axes.

Source: Fang et al., ICCV 2021, and its code (Parametric-Leaky-Integrate-and-Fire-Spiking-Neuron, f644ff65).
"""

import importlib
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import nn

from neurodeploy.errors import NetworkError
from neurodeploy.neurons import engine
from neurodeploy.neurons.surrogate import SURROGATES


class PlifRule(NamedTuple):
    """What does not change during training.

    Attributes:
        v_reset: Potential after a spike and before the first step; None subtracts the threshold.
        decay_input: The leak multiplies the input too.
        detach_reset: No gradient through the spike into the reset.
        surrogate, slope: Of `surrogate.SURROGATES`.
    """

    v_threshold: float = 1.0
    v_reset: float | None = 0.0
    decay_input: bool = True
    detach_reset: bool = True
    surrogate: str = "arctan"
    slope: float = 2.0


USUAL = PlifRule()
"""The paper's."""


class Sent(NamedTuple):
    """What a layer sends, 0.0 or 1.0, (B, T, N), of its maximum pool where it has one; its neurons' mean rate (1,)."""

    spikes: torch.Tensor
    rates_N: torch.Tensor


def plif_trace(x_BTN: torch.Tensor, k: torch.Tensor, rule: PlifRule) -> tuple[torch.Tensor, torch.Tensor]:
    """Return spikes and potentials after the reset (B, T, N), readably; what is compiled is held against this."""
    v = torch.full_like(x_BTN[:, 0], rule.v_reset or 0.0)
    spikes, potentials = [], []
    for x in x_BTN.unbind(1):
        s, v = plif_step(x, v, k, rule)
        spikes.append(s)
        potentials.append(v)
    return torch.stack(spikes, 1), torch.stack(potentials, 1)


def plif_step(
    x: torch.Tensor, v: torch.Tensor, k: torch.Tensor | float, rule: PlifRule
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return spikes of a step and the potentials after it, from its input and the potentials before; of any axes."""
    rest = rule.v_reset or 0.0
    above = v - rest if rest else v
    h = v + k * (x - above) if rule.decay_input else v - k * above + x
    if not torch.is_grad_enabled() and rule.v_reset is not None:  # the same in fewer calls: streams run it every frame
        fired = h >= rule.v_threshold
        return fired.to(h.dtype), h.masked_fill(fired, rest)
    s = _Step.apply(h - rule.v_threshold, rule)
    taken = s.detach() if rule.detach_reset else s
    if rule.v_reset is None:
        return s, h - taken * rule.v_threshold
    v = (1 - taken) * h
    return s, v + taken * rest if rest else v


class _Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, distance: torch.Tensor, rule: PlifRule) -> torch.Tensor:  # type: ignore[override]
        ctx.save_for_backward(distance)
        ctx.rule = rule
        return (distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:  # type: ignore[override]
        return grad * SURROGATES[ctx.rule.surrogate](ctx.saved_tensors[0], ctx.rule.slope), None


def plif(x_BTN: torch.Tensor, k: torch.Tensor, rule: PlifRule, *, n_steps: int = 0, pooled: bool = False) -> Sent:
    """Return what a layer sends for an input current, in one piece where that can be, else by `plif_trace`.

    Args:
        x_BTN: Where T is 1 and `n_steps` more, the current is the same at every step.
        k: One number, 1 / tau.
        n_steps: Steps to run; as many as there are for 0.
        pooled: (B, T, channels, rows, columns) are pooled 2 by 2: a spike where any neuron of four spikes.

    Raises:
        NetworkError: there is no step.
    """
    n_steps = n_steps or x_BTN.shape[1]
    if n_steps < 1:
        raise NetworkError(f"PLIF: found an input of shape {tuple(x_BTN.shape)}, at least one step (axis 1) is needed")
    if x_BTN.is_cpu and not engine.missing(x_BTN[:1, :1].flatten(2)[:, :, :1]):
        kernels = importlib.import_module("neurodeploy.neurons.fused.plif")
        return Sent(*kernels.scan(x_BTN, k, rule, n_steps, pooled))
    spikes = plif_trace(x_BTN.expand(-1, n_steps, *x_BTN.shape[2:]), k, rule)[0]
    rate = spikes.mean().reshape(1)
    if pooled:
        spikes = nn.functional.max_pool2d(spikes.flatten(0, 1), 2).unflatten(0, spikes.shape[:2])
    return Sent(spikes, rate)


class PLIF(nn.Module):
    """Neurons that share one time constant.

    Args:
        tau0: Time constant at the start, in steps, above 1.
        learned: Training moves it; else these are LIF neurons.

    Raises:
        NetworkError: there is no such time constant.
    """

    def __init__(self, tau0: float = 2.0, rule: PlifRule = USUAL, *, learned: bool = True) -> None:
        super().__init__()
        if not tau0 > 1:
            raise NetworkError(
                f"PLIF: found tau0={tau0}, more than 1 step is needed: 1 / tau0 of the input is taken in"
            )
        self.rule = rule
        self.w = nn.Parameter(torch.tensor(-math.log(tau0 - 1)), requires_grad=learned)

    def forward(self, x_BTN: torch.Tensor) -> torch.Tensor:
        """Return spikes (B, T, N) for an input current."""
        return self.sent(x_BTN).spikes

    def sent(self, x_BTN: torch.Tensor, **how: Any) -> Sent:
        """Return what `plif` gives."""
        return plif(x_BTN, self.w.sigmoid(), self.rule, **how)


class LIFNode(nn.Module):
    """Neurons of one time constant, which is not learned: a module without parameters.

    Args:
        k: 1 / tau, in 1/steps; 0, without decay of the input, does not leak.

    Attributes:
        sent: What the last call gave, until somebody takes it away.
    """

    def __init__(self, k: float, rule: PlifRule) -> None:
        super().__init__()
        self.k, self.rule = k, rule
        self.sent: Sent | None = None

    def part(self) -> torch.Tensor:
        """Return k."""
        return torch.tensor(self.k)

    def forward(self, x_BTN: torch.Tensor, n_steps: int = 0) -> torch.Tensor:
        """Return spikes (B, T, N) for an input current; `n_steps` is as for `plif`."""
        self.sent = plif(x_BTN, self.part(), self.rule, n_steps=n_steps)
        return self.sent.spikes

    def takes_norm(self, norm: nn.Module, x_BTCHW: torch.Tensor) -> bool:
        """Return whether these neurons and a batch norm of their current are trained in one piece, of such pictures."""
        return (
            type(self).forward is LIFNode.forward
            and type(norm) is nn.BatchNorm2d
            and norm.training
            and norm.affine
            and norm.track_running_stats
            and norm.momentum is not None
            and torch.is_grad_enabled()
            and x_BTCHW.is_cpu
            and x_BTCHW[:, :, 0, 0, 0].numel() > 1
            and not torch.is_autocast_enabled("cpu")
            and not engine.missing(x_BTCHW[:1, :1, :1, 0, 0])
        )

    def normed(self, x_BTCHW: torch.Tensor, norm: nn.Module) -> torch.Tensor:
        """Return the spikes for the norm of a current, in one piece; see `takes_norm`."""
        kernels = importlib.import_module("neurodeploy.neurons.fused.normed_plif")
        self.sent = Sent(*kernels.scan(x_BTCHW, norm, self.part(), self.rule))
        return self.sent.spikes

    def step(self, x: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, Any]:
        """Return spikes of a step and the state after it, from its input and the state before; None is the start."""
        v = torch.full_like(x, self.rule.v_reset or 0.0) if state is None else state
        return plif_step(x, v, self.part().to(x), self.rule)


def taken(network: nn.Module) -> Iterator[Sent]:
    """Yield what all `LIFNode`s of a network sent, and leave nothing with them."""
    for one in network.modules():
        if isinstance(one, LIFNode) and one.sent is not None:
            yield one.sent
            one.sent = None


class PLIFNode(LIFNode):
    """`PLIF` of any axes, which keeps what it sent."""

    def __init__(self, k: float, rule: PlifRule) -> None:
        super().__init__(k, rule)
        self.w = nn.Parameter(torch.logit(torch.tensor(k)))

    def part(self) -> torch.Tensor:
        return self.w.sigmoid()


class CubaLIFNode(LIFNode):
    """LIF of a synaptic current: u[t] = alpha u[t-1] + (1 - alpha) x[t] drives the potential.

    Args:
        alpha: Part of the current kept in a step.
    """

    def __init__(self, k: float, rule: PlifRule, alpha: float) -> None:
        super().__init__(k, rule)
        self.alpha = alpha

    def forward(self, x_BTN: torch.Tensor, n_steps: int = 0) -> torch.Tensor:
        u, currents = torch.zeros_like(x_BTN[:, 0]), []
        for x in x_BTN.expand(-1, n_steps or -1, *x_BTN.shape[2:]).unbind(1):
            u = torch.lerp(x, u, self.alpha)
            currents.append(u)
        return super().forward(torch.stack(currents, 1))

    def step(self, x: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, Any]:
        u, v = (torch.zeros_like(x), None) if state is None else state
        u = torch.lerp(x, u, self.alpha)
        s, v = super().step(u, v)
        return s, (u, v)
