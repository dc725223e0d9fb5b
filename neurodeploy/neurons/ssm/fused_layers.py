"""The family's layers in one piece, where the compiled kernels can run them; see `neurons.fused`.

Axes: B sample, T step, I input, N neuron, C class.
"""

from typing import Any

import torch
from torch import nn

from neurodeploy.neurons import engine
from neurodeploy.neurons.ssm.layer import NormalisedLinear, Readout, StateSpaceLayer, drawn_like


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
