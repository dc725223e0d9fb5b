"""What a spiking transformer does for a sample, layer by layer, under each convention of counting.

Hooks see what arrives at every weight, product and gate of the float network. Of layers with weights the rules are
`accounting.conventions`; of a sum of spikes each spike counts, as each has a synapse of its own on a chip. Products of
spikes, x y, are one accumulate for each coincidence; of counts with spikes, one for each count that is not zero and
each spike that meets it, of whatever size.

Axes: B sample, T step, I input of a layer (flattened). Operands x and y are (..., rows, inner), (..., inner, columns).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from neurodeploy.accounting.conventions import Sent, by_convention, wires
from neurodeploy.accounting.counts import Weights
from neurodeploy.networks.blocks.maps import And, AnyOf, by_heads
from neurodeploy.networks.blocks.qk import QKAttention
from neurodeploy.networks.blocks.sdsa import SpikeDrivenAttention
from neurodeploy.networks.blocks.ssa import SpikeProducts
from neurodeploy.networks.map_rules import population_name
from neurodeploy.neurons.plif import LIFNode
from neurodeploy.program.window import Window

EMBEDDING, MAPS, PRODUCTS, GATES, MLP, HEAD = "embedding", "maps of attention", "products", "gates", "MLP", "head"
PARTS = (EMBEDDING, MAPS, PRODUCTS, GATES, MLP, HEAD)
COUNTED = ("macs", "synops", "multiplications", "by_rate", "by_spikingjelly", "logic")
WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Linear)


@dataclass(frozen=True)
class Work:
    """What one layer does for a sample, over all of its steps; means over the samples.

    Attributes:
        part: Of `PARTS`.
        rate: Mean of what arrives, per channel and step.
        values: Numbers arrive, neither spikes nor sums of such.
        macs: Multiply-adds, were all of them made.
        synops: Ours: accumulates that spikes cause.
        multiplications: Ours: of numbers that are not zero with weights that are not.
        by_rate: The papers': rate times `macs`; of gates, what the spikes of q, k and v would accumulate one by one.
        by_spikingjelly: By the rule of SpikingJelly 2.0's `SynOpCounter`.
        logic: AND and OR of one bit, were all of them made; an OR of n spikes is n.
        stored_bits: Spikes of a step that all places must wait for.
        count_bits: Width of the counts that products of spikes give.
        weights, outputs: Distinct weights, and numbers that leave at a step.
    """

    name: str
    part: str
    rate: float = 0.0
    values: bool = False
    macs: float = 0.0
    synops: float = 0.0
    multiplications: float = 0.0
    by_rate: float = 0.0
    by_spikingjelly: float = 0.0
    logic: float = 0.0
    stored_bits: int = 0
    count_bits: int = 0
    weights: int = 0
    outputs: float = 0.0


class Counted(NamedTuple):
    """The layers of a network in the order in which they ran first, and its neurons.

    Attributes:
        updates, spikes: Of all neurons but those inside TIM, per sample.
    """

    rows: list[Work]
    steps: int
    updates: float
    spikes: float

    def total(self, key: str, part: str | None = None) -> float:
        """Return the sum of a field over the layers, or over those of a part."""
        return math.fsum(getattr(row, key) for row in self.rows if part in (None, row.part))


@torch.no_grad()
def counted(network: Any, x_BTI: torch.Tensor) -> Counted:
    """Return what a `SpikingTransformer` in evaluation does for samples (B, T, I)."""
    n_samples, n_steps = x_BTI.shape[:2]
    calls = dict[str, list[Work]]()
    neurons = {"updates": 0.0, "spikes": 0.0}
    first = next(name for name, one in network.named_modules() if isinstance(one, WEIGHTED)) if network.once else ""

    def note(name: str, of: Callable[..., Work]) -> Callable[..., None]:
        def hook(module: nn.Module, arrives: tuple[torch.Tensor, ...], leaves: torch.Tensor) -> None:
            calls.setdefault(name, []).append(of(module, population_name(name), arrives, leaves))

        return hook

    def weighted(module: Any, name: str, arrives: tuple[torch.Tensor, ...], leaves: torch.Tensor) -> Work:
        return _weighted(module, name, arrives[0], leaves, n_samples * n_steps, picture=name == population_name(first))

    def spiked(module: nn.Module, arrives: tuple[torch.Tensor, ...], leaves: torch.Tensor) -> None:
        neurons["updates"] += leaves.numel() / n_samples
        neurons["spikes"] += float(leaves.sum(dtype=torch.float64)) / n_samples

    def operand(module: nn.Module, name: str, arrives: Any, leaves: torch.Tensor) -> Work:
        return Work(name, GATES, _rate(leaves), by_rate=float(leaves.sum(dtype=torch.float64)))

    kinds: dict[Any, Callable[..., Work]] = {SpikeProducts: _products, And: _and, AnyOf: _any}
    hooks = []
    for name, module in network.named_modules():
        of = weighted if isinstance(module, WEIGHTED) else kinds.get(type(module))
        if of:
            hooks.append(module.register_forward_hook(note(name, of)))
        if isinstance(module, LIFNode):
            hooks.append(module.register_forward_hook(spiked))
        if isinstance(module, QKAttention | SpikeDrivenAttention):
            for part in (one for one in "qkv" if hasattr(module, one)):
                hook = note(f"{name}.{part} gated", operand)
                hooks.append(getattr(module, part).register_forward_hook(hook))
    try:
        network(x_BTI)
    finally:
        for hook in hooks:
            hook.remove()
    return Counted([_mean(some, n_samples, n_steps) for some in calls.values()], n_steps, **neurons)


def _mean(calls: list[Work], n_samples: int, n_steps: int) -> Work:
    """Return the calls of a layer, each of all samples, as one row for a sample."""
    found = {name: math.fsum(getattr(one, name) for one in calls) / n_samples for name in COUNTED}
    rate = math.fsum(one.rate for one in calls) / len(calls)
    outputs = math.fsum(one.outputs for one in calls) / n_samples / n_steps
    return Work(**vars(calls[0]) | found | {"rate": rate, "outputs": outputs})


def _part(name: str) -> str:
    if name.startswith("patch_embed"):
        return EMBEDDING
    return MLP if ".mlp." in name else HEAD if name == "head" else MAPS


def _weighted(module: Any, name: str, x: torch.Tensor, leaves: torch.Tensor, n_pictures: int, *, picture: bool) -> Work:
    weight, window = module.weight.detach(), None
    if not isinstance(module, nn.Linear):
        rows = (1, *x.shape[-1:]) if x.ndim == 3 else tuple(x.shape[2:])
        kernel, stride, padding = ((1,) * (2 - len(one)) + one for one in (module.kernel_size, module.stride, (0,)))
        padding = (0,) * (2 - len(module.padding)) + module.padding
        window = Window((x.shape[1], *rows), len(weight), kernel, stride, padding)  # type: ignore[arg-type]
        weight = weight.reshape(window.weight_shape)
    x_BI = x.reshape(-1, weight.shape[1] if window is None else window.n_inputs)
    sums_I = x_BI.sum(0, dtype=torch.float64).numpy()
    events_I, binary = (x_BI != 0).sum(0).numpy(), _binary(x)
    values = picture or bool((x < 0).any() or (x != x.round()).any())
    to, sent = wires(Weights(weight.numpy(), window)), Sent(events_I, sums_I, binary)
    found, rate = by_convention(sent, to), _rate(x)
    macs = to.macs * len(x_BI)
    return Work(
        name,
        _part(name),
        rate,
        values,
        macs=macs,
        synops=0.0 if values else float(sums_I @ to.nonzero_I),
        multiplications=float(found["nonzero_weights"] or 0) if values else 0.0,
        by_rate=0.0 if values else float(found["rate_times_macs"] or 0),
        by_spikingjelly=float(found["binary_only"] or 0),
        weights=module.weight.numel(),
        outputs=leaves.numel(),
    )


def _rate(x: torch.Tensor) -> float:
    return float(x.mean(dtype=torch.float64))


def _binary(x: torch.Tensor) -> bool:
    return bool(((x == 0) | (x == 1)).all())


def _by_spikingjelly(x: torch.Tensor, y: torch.Tensor) -> float:
    """Return what SpikingJelly 2.0 counts for x y: coincidences, or the spikes of one times the other's size."""
    if _binary(x) and _binary(y):
        return _coincidences(x, y)
    if _binary(x):
        return float(x.sum(dtype=torch.float64)) * y.shape[-1]
    return float(y.sum(dtype=torch.float64)) * x.shape[-2] if _binary(y) else 0.0


def _coincidences(x: torch.Tensor, y: torch.Tensor) -> float:
    return float((x.sum(-2, dtype=torch.float64) * y.sum(-1, dtype=torch.float64)).sum())


def _products(module: SpikeProducts, name: str, arrives: tuple[torch.Tensor, ...], leaves: torch.Tensor) -> Work:
    q, k, v = (by_heads(one, module.n_heads) for one in arrives)
    n_places, size = q.shape[3:]
    through_k = n_places > size  # the cheaper order, which the module takes
    x, y = (k.transpose(3, 4), v) if through_k else (q, k.transpose(3, 4))
    counts = x @ y
    there = (counts != 0).to(counts.dtype)
    after, spikes = ((q, there), q) if through_k else ((there, v), v)
    each = q.numel() * min(n_places, size)  # of either product
    return Work(
        name,
        PRODUCTS,
        rate=_rate(q),
        macs=2 * each,
        synops=_coincidences(x, y) + _coincidences(*after),
        by_rate=each * (_rate(x) + _rate(spikes)),
        by_spikingjelly=_by_spikingjelly(x, y) + _by_spikingjelly(*((q, counts) if through_k else (counts, v))),
        stored_bits=2 * math.prod(arrives[0].shape[2:]),
        count_bits=(n_places if through_k else size).bit_length(),
        outputs=counts.numel() + leaves.numel(),
    )


def _and(module: And, name: str, arrives: tuple[torch.Tensor, ...], leaves: torch.Tensor) -> Work:
    return Work(name, GATES, _rate(arrives[1]), logic=leaves.numel())


def _any(module: AnyOf, name: str, arrives: tuple[torch.Tensor, ...], leaves: torch.Tensor) -> Work:
    return Work(name, GATES, _rate(arrives[0]), logic=arrives[0].numel())
