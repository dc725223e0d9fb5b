"""A forward pass of the SiLIF family with every layer in one piece, where spikes stay lists between layers.

Axes: B sample, T step, I input, N neuron.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import torch

from neurodeploy.networks.sequence import Answer
from neurodeploy.neurons.ssm import fused_layers as whole
from neurodeploy.neurons.ssm.layer import Readout, StateSpaceLayer

if TYPE_CHECKING:
    from neurodeploy.neurons.fused.layer import Spikes


class SpikeLists(Sequence[torch.Tensor]):
    """What layers send, as tensors that are made when they are asked for.

    Args:
        spikes: Of each layer.
        dense: Makes a tensor (B, T, N) of a layer's spikes.
        first: A tensor that goes before them.
    """

    def __init__(
        self, spikes: Sequence[Spikes], dense: Callable[[Spikes], torch.Tensor], first: torch.Tensor | None = None
    ) -> None:
        self.spikes = spikes
        self._makers: list[Callable[[], torch.Tensor]] = [] if first is None else [lambda: first]
        self._makers += [lambda one=one: dense(one) for one in spikes]  # type: ignore[misc]

    def __len__(self) -> int:
        return len(self._makers)

    @overload
    def __getitem__(self, index: int) -> torch.Tensor: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[torch.Tensor, ...]: ...

    def __getitem__(self, index: int | slice) -> torch.Tensor | tuple[torch.Tensor, ...]:
        if isinstance(index, slice):
            return tuple(make() for make in self._makers[index])
        return self._makers[index]()

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (make() for make in self._makers)


def whole_answer(layers: list[StateSpaceLayer], readout: Readout, x_BTI: torch.Tensor) -> Answer | None:
    """Return a network's answer with its layers in one piece each; None where they have to run step by step.

    Raises:
        NetworkError: the engine that is set is unknown, or it is `fused` and cannot run this.
    """
    if not whole.suits(layers, readout, x_BTI):
        return None
    fed: Any = x_BTI
    spikes = []
    for layer in layers:
        fed = whole.hidden(layer, fed)
        spikes.append(fed)
    scores_BC = whole.summed_softmax(readout, fed)
    hidden = SpikeLists(spikes, lambda one: one.before_dropout())
    return Answer(scores_BC, hidden, SpikeLists(spikes, lambda one: one.dense(), first=x_BTI))


def rates(hidden: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return the mean spikes in a step of each layer's neurons, (N,); they have a gradient.

    Args:
        hidden: An answer's.
    """
    if isinstance(hidden, SpikeLists):
        return [one.rates_N for one in hidden.spikes]
    return [spikes_BTN.mean(dim=(0, 1)) for spikes_BTN in hidden]


def rate_penalty(hidden: Sequence[torch.Tensor], lowest: float = 0.01, highest: float = 0.5) -> torch.Tensor:
    """Return by how much hidden neurons fire below or above bounds, summed over neurons; it has a gradient.

    Args:
        hidden: A spiking network's answer's.
        lowest, highest: Firing rates allowed, in spikes per step.

    Source: idiap/sparch (BSD-3-Clause), whose penalty has no gradient and includes the input's channels.
    """
    rates_N = torch.cat(rates(hidden))
    return ((lowest - rates_N).relu() + (rates_N - highest).relu()).sum()
