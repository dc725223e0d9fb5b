"""What every network of the SiLIF family and its baselines shares: a stack of layers, then a readout over time.

Axes: B sample, T step, I input, N neuron, C class.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn


class Answer(NamedTuple):
    """What a network makes of its input.

    Attributes:
        output_BC: Score of each class; the largest is the class, and the loss is cross-entropy on it.
        hidden: What each hidden layer sends, (B, T, N), before dropout: spikes 0.0 or 1.0 in spiking networks.
        fed: What each layer, the readout last, is fed, (B, T, N): the input, then `hidden` after dropout.
        logits: The probability of the classes is the softmax of the scores; else it is their share of the sum.
        sent: Spikes of the output, (B, T, N), where it has any.
        steps: Scores of each step, (B, T, C), where `output_BC` is their mean.
    """

    output_BC: torch.Tensor
    hidden: Sequence[torch.Tensor]
    fed: Sequence[torch.Tensor]
    logits: bool = False
    sent: torch.Tensor | None = None
    steps: torch.Tensor | None = None


class SequenceNetwork(nn.Module):
    """Hidden layers and a readout, kept under one name, so that arrays are called `<name>.<number>.…`.

    Args:
        name: First part of the names of all arrays.
        layers: Each gives a pair of what it sends and that after dropout, and knows its `n_outputs`.
        readout: Gives (B, C) for what the last layer sends.
        n_inputs: Channels of the input.
        n_classes: Scores of the readout.
    """

    def __init__(
        self, name: str, layers: Sequence[nn.Module], readout: nn.Module, *, n_inputs: int, n_classes: int
    ) -> None:
        super().__init__()
        self.stack_name = name
        self.n_inputs = n_inputs
        self.input_shape: tuple[int, ...] = (n_inputs,)
        self.n_classes = n_classes
        self.add_module(name, nn.ModuleList([*layers, readout]))

    @property
    def stack(self) -> list[nn.Module]:
        """Hidden layers in their order, the readout last."""
        return list(self.get_submodule(self.stack_name).children())

    @property
    def widths(self) -> tuple[int, ...]:
        """Outputs of each layer, the readout last: what one input event of that layer reaches."""
        return (*(int(layer.n_outputs) for layer in self.stack[:-1]), self.n_classes)  # type: ignore[arg-type]

    def forward(self, x_BTI: torch.Tensor) -> Answer:
        """Return the scores for inputs of any real type, and what went through the layers."""
        *layers, readout = self.stack
        fed = [x_BTI.to(next(self.parameters()).dtype)]
        hidden = []
        for layer in layers:
            sent_BTN, after_BTN = layer(fed[-1])
            hidden.append(sent_BTN)
            fed.append(after_BTN)
        return Answer(readout(fed[-1]), tuple(hidden), tuple(fed))
