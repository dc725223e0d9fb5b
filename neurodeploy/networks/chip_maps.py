"""A spiking transformer as a chip holds it: populations of spikes, and synapses of each from all that it listens to.

`networks.map_rules` makes one of a trained network. Axes: B sample, T step, I input (channels, rows, columns in one), O
output.
"""

import functools
from collections.abc import Mapping

import torch
from torch import nn

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
