"""Whether two ways to train compute the same: spikes and gradients of one step, with the same dropout and start.

Spikes are decisions, and rounding turns a few of millions; each changes what comes after it. So both float32 ways are
held against the readable network in float64. Axes: B sample, T step, N neuron, C class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurodeploy.bench.training_work import TrainingWork, with_engine

if TYPE_CHECKING:
    import torch

    from neurodeploy.networks.family import FamilyNetwork

SAMPLES = 8
"""Of the work's batch; float64 through autograd takes its memory."""


def checked(work: TrainingWork) -> dict[str, Any]:
    """Return how far ours, and torch's own float32, are from float64 in one training step.

    Keys: `largest_relative_difference` (of ours; the largest difference in any parameter's gradient over its largest
    gradient), `eager_largest_relative_difference`, `spikes` decided, and of these `differing` and `eager_differing`.
    """
    import torch
    from torch.nn import functional

    from neurodeploy.neurons.ssm import whole

    x_BTI, labels_B = (one[:SAMPLES] for one in work.batches[0])
    mine = with_engine(work.network, "fused")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        empty = [x_BTI.new_empty(len(x_BTI), 1, layer.n_neurons) for layer in mine.layers]
        starts = [layer.random_start(one) for layer, one in zip(mine.layers, empty, strict=True)]
        start_BC = torch.rand(len(x_BTI), len(mine.readout.alpha))
        fed: Any = x_BTI
        sent = []
        for layer, start in zip(mine.layers, starts, strict=True):
            fed = whole.hidden(layer, fed, start)
            sent.append(fed)
    functional.cross_entropy(whole.summed_softmax(mine.readout, fed, start_BC), labels_B).backward()
    masks = [one.kept() * one.dropout.gain for one in sent]
    ours = [one.before_dropout() for one in sent]
    found = {}
    for kind in (torch.float64, torch.float32):
        network = with_engine(work.network, "reference").to(kind)
        spikes = _stepped(network, x_BTI, labels_B, starts, start_BC, masks)
        found[kind] = network, spikes
    exact, exact_spikes = found[torch.float64]
    eager, eager_spikes = found[torch.float32]
    return {
        "samples": len(x_BTI),
        "largest_relative_difference": _furthest(mine, exact),
        "eager_largest_relative_difference": _furthest(eager, exact),
        "spikes": sum(one.numel() for one in ours),
        "differing": _differing(ours, exact_spikes),
        "eager_differing": _differing(eager_spikes, exact_spikes),
    }


def _stepped(
    network: FamilyNetwork,
    x_BTI: torch.Tensor,
    labels_B: torch.Tensor,
    starts: list[Any],
    start_BC: torch.Tensor,
    masks: list[torch.Tensor],
) -> list[torch.Tensor]:
    """Leave in a readable network its gradients with given starts and dropout, and return its spikes."""
    from torch.nn import functional

    kind = network.readout.alpha.dtype
    fed, spikes = x_BTI.to(kind), []
    for layer, start, mask_BTN in zip(network.layers, starts, masks, strict=True):
        spikes.append(layer.scan(layer.drive(fed), _as(start, kind)))
        fed = spikes[-1] * mask_BTN.to(kind)
    functional.cross_entropy(network.readout(fed, start_BC.to(kind)), labels_B).backward()
    return [one.detach() for one in spikes]


def _as(state: Any, kind: torch.dtype) -> Any:
    """Return a state before the first step in another precision."""
    if state is None or hasattr(state, "dtype"):
        return state if state is None else state.to(kind)
    return type(state)(*(_as(one, kind) for one in state))


def _furthest(one: FamilyNetwork, exact: FamilyNetwork) -> float:
    found = 0.0
    for mine, other in zip(one.parameters(), exact.parameters(), strict=True):
        assert mine.grad is not None
        assert other.grad is not None
        away = (mine.grad.double() - other.grad).abs().max()
        found = max(found, float(away / other.grad.abs().max().clamp(min=1e-300)))
    return found


def _differing(some: list[torch.Tensor], others: list[torch.Tensor]) -> int:
    return sum(int((one.double() != other).sum()) for one, other in zip(some, others, strict=True))
