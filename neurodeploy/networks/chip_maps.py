"""A spiking transformer as a chip holds it: populations of spikes, and synapses of each from all that it listens to.

`networks.map_rules` makes one of a trained network. Axes: B sample, T step, I input (channels, rows, columns in one), O
output.
"""

import functools
from collections.abc import Mapping

import torch
from torch import nn

from neurodeploy.fixedpoint import spike_products
from neurodeploy.networks.blocks.ssa import SpikeProducts
from neurodeploy.networks.sequence import Answer
from neurodeploy.program.host import Host

INPUT, HEAD = "input", "head"


class Scores(nn.Module):
    """Neurons that add up what arrives, and never spike."""

    def forward(self, x_BTOHW: torch.Tensor) -> torch.Tensor:
        return x_BTOHW.cumsum(1)


class Heard(nn.Module):
    """Neurons, and what makes a current of each source's spikes: the current is the sum.

    Args:
        taps: Convolutions.
    """

    def __init__(self, taps: list[nn.Module], neurons: nn.Module) -> None:
        super().__init__()
        self.taps, self.neurons = nn.ModuleList(taps), neurons

    def forward(self, *spikes: torch.Tensor) -> torch.Tensor:
        found = [tap(one.flatten(0, 1)).unflatten(0, one.shape[:2]) for tap, one in zip(self.taps, spikes, strict=True)]
        return self.neurons(functools.reduce(torch.add, found))  # type: ignore[no-any-return]


class CountsOnHost(nn.Module):
    """Counts (q k') v by heads, of spikes that arrive as one number, q + 2 k + 4 v."""

    def __init__(self, n_heads: int) -> None:
        super().__init__()
        self.products = SpikeProducts(n_heads, 1.0)

    def forward(self, x_BTCHW: torch.Tensor) -> torch.Tensor:
        spikes = spike_products.apart(x_BTCHW.round().long())
        return self.products(*(one.to(x_BTCHW.dtype) for one in spikes))  # type: ignore[no-any-return]


class Multiplied(Heard):
    """Products of three populations' spikes, through which gradients go."""

    def __init__(self, n_channels: int, n_heads: int) -> None:
        units = (spike_products.Q, spike_products.K, spike_products.V)
        weights = (one * torch.eye(n_channels)[:, :, None, None] for one in units)
        super().__init__([fixed(one) for one in weights], CountsOnHost(n_heads))

    def forward(self, *spikes: torch.Tensor) -> torch.Tensor:
        return self.neurons.products(*spikes) if torch.is_grad_enabled() else super().forward(*spikes)  # type: ignore


def fixed(weight: torch.Tensor, padding: tuple[int, int] = (0, 0)) -> nn.Conv2d:
    """Return a convolution (O, C, rows, columns) that nothing trains; without groups, whose channels NIR miscounts."""
    size = weight.shape[2], weight.shape[3]
    made = nn.Conv2d(weight.shape[1], len(weight), size, padding=padding, bias=False)
    made.weight.data.copy_(weight)
    return made.requires_grad_(False)


class ChipMaps(nn.Module):
    """Populations in the order of the flow, the one that scores are read from last.

    Args:
        steps: By name of a population its module, and the names of the sources that it takes.
        image: Channels, rows and columns of the input.
        host: What makes currents of data; None where they are the input.

    Attributes:
        layer_names: Of the populations.
    """

    def __init__(
        self, steps: Mapping[str, tuple[nn.Module, list[str]]], image: tuple[int, ...], host: Host | None
    ) -> None:
        super().__init__()
        self.layer_names, self.sources = [*steps], [sources for _, sources in steps.values()]
        self.steps, self.host = nn.ModuleList(module for module, _ in steps.values()), host
        self.input_shape = self.image = image
        self.node_names: dict[str, dict[str, str]] = {}
        for number, (name, sources) in enumerate(zip(self.layer_names, self.sources, strict=True)):
            at = f"steps.{number}"
            self.node_names |= {f"{at}.taps.{n}": {"": f"{one}>{name}"} for n, one in enumerate(sources)}
            self.node_names |= {f"{at}{end}": {"": name, "sum": f"{name}.sum"} for end in (".neurons", ".pool")}

    def forward(self, x_BTI: torch.Tensor) -> Answer:
        """Return the mean scores of all steps, and what all populations but the last send."""
        given = {INPUT: x_BTI.to(next(self.parameters()).dtype).unflatten(2, self.image)}
        for name, sources, step in zip(self.layer_names, self.sources, self.steps, strict=True):
            given[name] = step(*(given[one] for one in sources))
        hidden = [given[name].flatten(2) for name in self.layer_names[:-1]]
        return Answer(given[HEAD].flatten(2)[:, -1] / x_BTI.shape[1], hidden, (), logits=True)
