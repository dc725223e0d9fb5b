"""Whether two ways to train compute the same: spikes and gradients of one step, with the same dropout and start.

Spikes and the surrogate's window are decisions, and rounding turns a few of millions; each changes what comes after
it. So both float32 ways are held against the readable network in float64, a few samples at a time: decisions are
counted, and gradients compared where all decisions agree. Axes: B sample, T step, N neuron, C class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from neurodeploy.bench.training_work import TrainingWork, with_engine

if TYPE_CHECKING:
    import torch

    from neurodeploy.networks.families.silif import FamilyNetwork

CHECKS, SAMPLES = 4, 2
"""Parts of the work's batches, and samples in each."""


class _Step(NamedTuple):
    """Gradients of a training step, and its decisions, each (B, T, N): spikes, and surrogate derivatives."""

    grads: list[torch.Tensor]
    decisions: list[torch.Tensor]

    def differing(self, other: _Step) -> int:
        pairs = zip(self.decisions, other.decisions, strict=True)
        return sum(int((one.double() != two.double()).sum()) for one, two in pairs)

    def furthest(self, exact: _Step) -> float:
        """Return the largest difference of any parameter's gradient, over that parameter's largest gradient."""
        pairs = zip(self.grads, exact.grads, strict=True)
        return max(float((one.double() - two).abs().max() / two.abs().max().clamp(min=1e-300)) for one, two in pairs)


def checked(work: TrainingWork) -> dict[str, Any]:
    """Return how far ours, and torch's own float32, are from float64 in training steps.

    Keys: `samples`, `decisions` taken by each, `differing` and `eager_differing` of these;
    `largest_relative_difference` and `eager_largest_relative_difference` of gradients, over the parts of the samples
    where all decisions agree (`agreeing`, `eager_agreeing` many), or over all where none do.
    """
    told: dict[str, Any] = {"samples": 0, "decisions": 0}
    found: dict[str, list[tuple[int, float]]] = {"": [], "eager_": []}
    for part in range(CHECKS):
        x_BTI, labels_B = work.batches[part % len(work.batches)]
        first = part * SAMPLES % max(1, len(x_BTI) - SAMPLES + 1)
        some = slice(first, first + SAMPLES)
        exact, eager, mine = _steps(work, x_BTI[some], labels_B[some], part)
        told["samples"] += len(labels_B[some])
        told["decisions"] += sum(one.numel() for one in exact.decisions)
        for name, step in (("", mine), ("eager_", eager)):
            found[name].append((step.differing(exact), step.furthest(exact)))
    for name, steps in found.items():
        agreeing = [furthest for differing, furthest in steps if not differing]
        told[f"{name}differing"] = sum(differing for differing, _ in steps)
        told[f"{name}agreeing"] = len(agreeing)
        told[f"{name}largest_relative_difference"] = max(agreeing or [furthest for _, furthest in steps])
    return told


def _steps(work: TrainingWork, x_BTI: torch.Tensor, labels_B: torch.Tensor, seed: int) -> tuple[_Step, _Step, _Step]:
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
    return exact, eager, _Step(_grads(mine), ours)


def _readable(
    network: FamilyNetwork,
    x_BTI: torch.Tensor,
    labels_B: torch.Tensor,
    starts: list[Any],
    start_BC: torch.Tensor,
    masks: list[torch.Tensor],
) -> _Step:
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
    return _Step(_grads(network), decisions)


def _as(state: Any, kind: torch.dtype) -> Any:
    """Return a state before the first step in another precision."""
    if state is None or hasattr(state, "dtype"):
        return state if state is None else state.to(kind)
    return type(state)(*(_as(one, kind) for one in state))


def _grads(network: FamilyNetwork) -> list[torch.Tensor]:
    return [one.grad for one in network.parameters() if one.grad is not None]
