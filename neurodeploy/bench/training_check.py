"""Whether two ways to train compute the same: spikes and gradients of one step, with the same dropout and start.

Both float32 ways are held against the readable network in float64, a few samples at a time.
Axes: B sample, T step, N neuron, C class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurodeploy.bench.gradients import Pass, compared
from neurodeploy.bench.training_work import TrainingWork, with_engine

if TYPE_CHECKING:
    import torch

    from neurodeploy.networks.families.silif import FamilyNetwork

CHECKS, SAMPLES = 4, 2
"""Parts of the work's batches, and samples in each."""


def checked(work: TrainingWork) -> dict[str, Any]:
    """Return what `gradients.compared` tells of some `samples`."""
    parts = []
    for part in range(CHECKS):
        x_BTI, labels_B = work.batches[part % len(work.batches)]
        first = part * SAMPLES % max(1, len(x_BTI) - SAMPLES + 1)
        some = slice(first, first + SAMPLES)
        parts.append(_passes(work, x_BTI[some], labels_B[some], part))
    return {"samples": CHECKS * min(SAMPLES, len(x_BTI))} | compared(parts)


def _passes(work: TrainingWork, x_BTI: torch.Tensor, labels_B: torch.Tensor, seed: int) -> tuple[Pass, Pass, Pass]:
    """Return the same step in float64 and in float32 by the readable network, and by ours."""
    import torch
    from torch.nn import functional

    from neurodeploy.networks import fused_forward as whole

    mine = with_engine(work.network, "fused")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        empty = [x_BTI.new_empty(len(x_BTI), 1, layer.n_neurons) for layer in mine.layers]
        starts = [layer.random_start(one) for layer, one in zip(mine.layers, empty, strict=True)]
        start_BC = torch.rand(len(x_BTI), len(mine.readout.alpha))
        fed: Any = x_BTI
        sent = []
        for layer, start in zip(mine.layers, starts, strict=True):
            fed = whole.hidden(layer, fed, start)
            sent.append(fed)
    functional.cross_entropy(whole.summed_softmax(mine.readout, fed, start_BC), labels_B).backward()
    ours = [one for each in sent for one in (each.before_dropout().detach(), each.surrogates())]
    masks = [one.kept() * one.dropout.gain for one in sent]
    exact, eager = (
        _readable(with_engine(work.network, "reference").to(kind), x_BTI, labels_B, starts, start_BC, masks)
        for kind in (torch.float64, torch.float32)
    )
    return exact, eager, Pass(_grads(mine), ours)


def _readable(
    network: FamilyNetwork,
    x_BTI: torch.Tensor,
    labels_B: torch.Tensor,
    starts: list[Any],
    start_BC: torch.Tensor,
    masks: list[torch.Tensor],
) -> Pass:
    from torch.nn import functional

    from neurodeploy.neurons.ssm.layer import ResonatorLayer
    from neurodeploy.neurons.surrogate import boxcar

    kind = network.readout.alpha.dtype
    fed, decisions = x_BTI.to(kind), []
    for layer, start, mask_BTN in zip(network.layers, starts, masks, strict=True):
        traced = layer.trace(layer.drive(fed), _as(start, kind))
        read = layer.coefficients().read * traced.u_BTN.re if isinstance(layer, ResonatorLayer) else traced.u_BTN
        decisions += [traced.s_BTN.detach(), boxcar(read.detach() - 1)]
        fed = traced.s_BTN * mask_BTN.to(kind)
    functional.cross_entropy(network.readout(fed, start_BC.to(kind)), labels_B).backward()
    return Pass(_grads(network), decisions)


def _as(state: Any, kind: torch.dtype) -> Any:
    """Return a state before the first step in another precision."""
    if state is None or hasattr(state, "dtype"):
        return state if state is None else state.to(kind)
    return type(state)(*(_as(one, kind) for one in state))


def _grads(network: FamilyNetwork) -> list[torch.Tensor]:
    return [one.grad for one in network.parameters() if one.grad is not None]
