"""A forward pass of the SiLIF family with every layer in one piece, where spikes stay lists between layers.

Axes: B sample, T step, I input, N neuron.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import torch
from torch import nn

from neurodeploy.networks.sequence import Answer
from neurodeploy.neurons import engine
from neurodeploy.neurons.ssm.layer import NormalisedLinear, Readout, StateSpaceLayer, drawn_like

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


def suits(layers: list[StateSpaceLayer], readout: Readout, x_BTI: torch.Tensor) -> bool:
    """Return whether layers can run in one piece each: plain ones, one way only, on a CPU where the fused engine runs.

    Raises:
        NetworkError: the engine that is set is unknown, or it is `fused` and cannot run this.
    """
    if x_BTI.device.type != "cpu" or torch.is_autocast_enabled("cpu") or not layers:
        return False
    parts: list[Any] = [*layers, readout]
    if not all(engine.runs_fused(part.settings.scan_engine, x_BTI, None) for part in parts):
        return False
    from neurodeploy.neurons.fused.kernel_table import KERNELS

    if not all(layer.dynamics.name in KERNELS for layer in layers):
        return False
    return all(_is_plain(part) for part in parts) and not any(layer.settings.bidirectional for layer in layers)


def _is_plain(layer: NormalisedLinear) -> bool:
    from neurodeploy.neurons.fused.norms import suits as norm_suits

    watched = layer._forward_hooks or layer._forward_pre_hooks  # in one piece, layers are not called
    return type(layer.W) is nn.Linear and layer.W.bias is None and norm_suits(layer.norm) and not watched


def hidden(layer: StateSpaceLayer, fed: Any, start: Any = None, dropout: Any = None) -> Any:
    """Return what a layer sends, as `fused.layer.Spikes`.

    Args:
        fed: Input (B, T, I), or what the layer before sends.
        start: As in `StateSpaceLayer.forward`.
        dropout: A `fused.layer.Dropout` instead of one that is drawn.
    """
    from neurodeploy.neurons.fused import layer as fused
    from neurodeploy.neurons.fused.kernel_table import given_to_kernels

    n_samples = fed.extent.n_samples if isinstance(fed, fused.Spikes) else len(fed)
    if start is None:
        start = layer.start(layer.W.weight.new_empty(n_samples, 1, layer.n_neurons))
    if dropout is None:
        dropout = layer.drop.p if layer.drop.training else 0.0
    return fused.hidden(fed, layer.W.weight, layer.norm, given_to_kernels(layer.coefficients(), start), dropout)


def summed_softmax(readout: Readout, fed: Any, start_BC: torch.Tensor | None = None) -> torch.Tensor:
    """Return what a readout gives, (B, C), for an input (B, T, I) or what the layer before sends."""
    from neurodeploy.neurons.fused.layer import Spikes
    from neurodeploy.neurons.fused.readout import summed_softmax as fused

    if start_BC is None and readout.settings.initial_state == "random":
        n_samples = fed.extent.n_samples if isinstance(fed, Spikes) else len(fed)
        start_BC = drawn_like(readout.W.weight.new_empty(n_samples, 1, len(readout.alpha)))
    return fused(fed, readout.W.weight, readout.norm, readout.coefficients(), start_BC)


def whole_answer(layers: list[StateSpaceLayer], readout: Readout, x_BTI: torch.Tensor) -> Answer | None:
    """Return a network's answer with its layers in one piece each; None where they have to run step by step.

    Raises:
        NetworkError: the engine that is set is unknown, or it is `fused` and cannot run this.
    """
    if not suits(layers, readout, x_BTI):
        return None
    fed: Any = x_BTI
    spikes = []
    for layer in layers:
        fed = hidden(layer, fed)
        spikes.append(fed)
    scores_BC = summed_softmax(readout, fed)
    sent = SpikeLists(spikes, lambda one: one.before_dropout())
    return Answer(scores_BC, sent, SpikeLists(spikes, lambda one: one.dense(), first=x_BTI))


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
