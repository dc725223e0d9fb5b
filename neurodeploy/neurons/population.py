"""What every population of our neurons has: numbers by name, and perhaps their form on the chip."""

from collections.abc import Mapping

import torch
from torch import nn

Numbers = dict[str, torch.Tensor]


class Population(nn.Module):
    """Neurons of one layer: from an input current (B, T, N) to what they send, (B, T, N).

    Attributes:
        rounding: Where set, maps all numbers that the neurons compute with, by name, to those that the chip will
            hold: neurons round some of them together, so this is one module and no parametrisation of each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rounding: nn.Module | None = None

    def trained(self) -> Numbers:
        """Return the numbers as they were trained, clipped to what the neurons can have; (N,) or for all neurons."""
        raise NotImplementedError

    def numbers(self) -> Numbers:
        """Return the numbers in use."""
        found = self.trained()
        return found if self.rounding is None else self.rounding(found)

    def forward(self, drive_BTN: torch.Tensor, recurrent_NN: torch.Tensor | None = None) -> torch.Tensor:
        """Return what the neurons send.

        Args:
            drive_BTN: Weighted input plus bias.
            recurrent_NN: Weights from the neurons to themselves (target, source), one step later; or None.
        """
        raise NotImplementedError


class PlainNumbers(Population):
    """Neurons with one parameter (N,) for each number, as the chip has them: no clips, exponentials or gains."""

    def __init__(self, numbers: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        for name, value in numbers.items():
            self.register_parameter(name, nn.Parameter(value.clone()))

    def trained(self) -> Numbers:
        return dict(self.named_parameters(recurse=False))
