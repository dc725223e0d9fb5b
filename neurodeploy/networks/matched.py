"""An ANN of a spiking network's layer shapes: linear maps and ReLU on spike counts, in time windows.

Where a spiking layer has weights to itself, the ANN's has too: y_k = relu(W x_k + V y_(k-1) + b), y_0 = 0, from window
to window. Without such weights, windows meet in the sum of their outputs alone. The output layer has no ReLU.

Axes: B sample, T step, K window, I input, O output, N neuron, C class.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from neurodeploy.networks.spiking_layer import drawn


class LayerShape(NamedTuple):
    """One layer's weights: `n_outputs` x `n_inputs`, and `n_outputs` squared where it is recurrent."""

    n_inputs: int
    n_outputs: int
    recurrent: bool

    @property
    def forward_weights(self) -> int:
        return self.n_inputs * self.n_outputs

    @property
    def recurrent_weights(self) -> int:
        return self.n_outputs * self.n_outputs if self.recurrent else 0


class MatchedLayer(nn.Module):
    """A linear map, recurrent where the shape says so, and its quantiser where there is one.

    Attributes:
        quantiser: Maps weights to the grid; see `quantize.uniform`.
    """

    def __init__(self, shape: LayerShape) -> None:
        super().__init__()
        self.weight = nn.Parameter(drawn(shape.n_outputs, shape.n_inputs))
        self.bias = nn.Parameter(torch.zeros(shape.n_outputs))
        self.recurrent = nn.Parameter(drawn(shape.n_outputs, shape.n_outputs)) if shape.recurrent else None
        self.quantiser: nn.Module | None = None
        self.activation: nn.Module = nn.ReLU()

    def on_grid(self, weight: torch.Tensor) -> torch.Tensor:
        """Return weights as they are computed with."""
        return weight if self.quantiser is None else self.quantiser(weight)

    def forward(self, x_BKI: torch.Tensor) -> torch.Tensor:
        """Return the layer's values (B, K, O)."""
        drive_BKO = nn.functional.linear(x_BKI, self.on_grid(self.weight), self.bias)
        if self.recurrent is None:
            return self.activation(drive_BKO)  # type: ignore[no-any-return]
        between_OO = self.on_grid(self.recurrent)
        first, *rest = drive_BKO.unbind(dim=1)
        found = [self.activation(first)]
        for drive_BO in rest:
            found.append(self.activation(drive_BO + nn.functional.linear(found[-1], between_OO)))
        return torch.stack(found, dim=1)


class MatchedANN(nn.Module):
    """The layers, the number of time windows, and what one unit of a count is worth to the first layer.

    Args:
        shapes: Of the layers, the output's last.
        windows: Equal parts of the sample's time in which spikes are counted.
        gain: Counts are multiplied by it; of the size of 1 / mean count, so that any learning rate fits any data.
            On integers it belongs to the first layer's scale.
    """

    def __init__(self, shapes: Sequence[LayerShape], windows: int, gain: float = 1.0) -> None:
        super().__init__()
        self.shapes, self.windows, self.gain = tuple(shapes), windows, gain
        self.layers = nn.ModuleList(MatchedLayer(shape) for shape in shapes)
        self.layers[-1].activation = nn.Identity()
        self.of_input: nn.Module = nn.Identity()

    def forward(self, spikes_BTI: torch.Tensor) -> list[torch.Tensor]:
        """Return the outputs (B, K, C) in a list, as `training.reading` takes them; scores are their sums over k."""
        return [self.outputs(counted(spikes_BTI, self.windows))]

    def outputs(self, counts_BKI: torch.Tensor) -> torch.Tensor:
        """Return the outputs (B, K, C) for spike counts."""
        values = self.of_input(counts_BKI) * self.gain
        for layer in self.layers:
            values = layer(values)
        return values  # type: ignore[no-any-return]

    @property
    def parameters_of_shape(self) -> int:
        """Weights and biases."""
        return self.weights_of_shape + sum(one.n_outputs for one in self.shapes)

    @property
    def weights_of_shape(self) -> int:
        return sum(one.forward_weights + one.recurrent_weights for one in self.shapes)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one sample, all of them: no zero is skipped but the state before the first window."""
        return sum(
            self.windows * one.forward_weights + (self.windows - 1) * one.recurrent_weights for one in self.shapes
        )

    @property
    def activations(self) -> int:
        """Values that one sample writes: the counts, and what every layer gives, window by window."""
        return self.windows * (self.shapes[0].n_inputs + sum(one.n_outputs for one in self.shapes))


def counted(spikes_BTI: torch.Tensor, windows: int) -> torch.Tensor:
    """Return the sums (B, K, I) over equal parts of time; window k holds steps k T // K to (k + 1) T // K.

    >>> counted(torch.ones(1, 5, 1), 2).flatten().tolist()
    [2.0, 3.0]
    """
    n_steps = spikes_BTI.shape[1]
    ends = [index * n_steps // windows for index in range(windows + 1)]
    return torch.stack([spikes_BTI[:, a:b].sum(dim=1) for a, b in itertools.pairwise(ends)], dim=1)
