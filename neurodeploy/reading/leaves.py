"""What a framework's module is to the reader: a layer without memory, or neurons; and what NIR nodes it becomes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np
import torch
from torch import nn

from neurodeploy.quantize.on_grid import BiasOnGrid

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Source:
    """Where the weights of a node are: attributes of a module, whose axes are those of the node's.

    Attributes:
        bias: None where there is none.
    """

    module: nn.Module
    weight: str = "weight"
    bias: str | None = None


class ChipNeurons:
    """How a population's module takes on the chip's numbers.

    Attributes:
        exact: It gives the same in the chip's numbers, with the weights before it, whatever they are.
        graded: It sends its potential.
    """

    exact = False
    graded = False

    def gain(self) -> float:
        """Return how far an input of 1 moves the potential, in thresholds."""
        return 1.0

    def keep(self, name: str, vth_mant: int, fraction_bits: int | None) -> None:
        """Make the neurons compute with the chip's decays or coefficients.

        Args:
            name: Of the population, for messages.
            vth_mant, fraction_bits: As in a plan.
        """
        raise NotImplementedError

    def bias(self, vth_mant: int) -> nn.Module:
        """Return the parametrisation of biases that these neurons get."""
        return BiasOnGrid(vth_mant, self.gain())


@dataclass(frozen=True, eq=False)
class Built:
    """The NIR nodes of one module.

    Attributes:
        nodes: By suffix to the module's name; "" is the module's own name.
        edges: Between suffixes.
        entry, exit: Suffixes where edges from before end, and to what follows start.
        notes: What is otherwise than it reads, one sentence each.
        weights: By suffix where the node's weights are, where a parametrisation of them is all that is needed to put
            the node on a grid.
        chip: How the population "" takes on the chip's numbers; None where it cannot.
    """

    nodes: dict[str, nir.NIRNode]
    edges: tuple[tuple[str, str], ...] = ()
    entry: str = ""
    exit: str = ""
    notes: tuple[str, ...] = ()
    weights: dict[str, Source] = field(default_factory=dict)
    chip: ChipNeurons | None = None


@dataclass(frozen=True, eq=False)
class Memoryless:
    """A module without memory.

    Attributes:
        axes: How many of the last axes of its input may be features, given how many there are, the likeliest first.
        build: From the shape of one input and one output to nodes.
        needs_spikes: It is right only where 0 and 1 arrive, one number at each place.
        spikes: It gives spikes, of neurons that have no memory.
        channels_last: The last axis holds the channels; in the graph they are the first.
    """

    axes: Callable[[int], Sequence[int]]
    build: Callable[[Shape, Shape], Built]
    needs_spikes: bool = False
    spikes: bool = False
    channels_last: bool = False


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a module of neurons.

    Attributes:
        current: What arrives, (B, ...) or (T, B, ...).
        given: States that were passed in, without those left out.
        spikes, potential: What it gives, of the same leading axes; None where it has none.
        states: What it gives to be passed in again.
        inside: The module goes on from its own states where none are passed in.
        factor: Of a spike.
        then: What the module makes of the potential and gives, which is followed.
    """

    current: torch.Tensor
    given: list[torch.Tensor]
    spikes: torch.Tensor | None
    potential: torch.Tensor | None
    states: list[torch.Tensor] = field(default_factory=list)
    inside: bool = True
    factor: float = 1.0
    then: Callable[[torch.Tensor], torch.Tensor] | None = None


@dataclass(frozen=True, eq=False)
class Neurons:
    """A module of neurons.

    Attributes:
        call: From positional, keyword arguments and the output of a call to what they are.
        build: From the shape of the neurons, the time step in seconds, and whether only the potential is
            wanted, to nodes.
        sequence: It takes all steps at once, along the first axis.
        rest: State that it begins with.
        samples_first: A sequence is (B, T, ...), not (T, B, ...).
        potential: Which of the states that are passed in is the potential.
    """

    call: Callable[[Any, Any, Any], Call]
    build: Callable[[Shape, float, bool], Built]
    sequence: bool = False
    rest: float = 0.0
    samples_first: bool = False
    potential: int = -1


def numbers(value: Any) -> np.ndarray:
    """Return a parameter as float64, of whatever shape it has."""
    return torch.as_tensor(value).detach().cpu().double().numpy()


def full(value: Any, shape: Shape) -> np.ndarray:
    """Return a parameter for each neuron of a population.

    Raises:
        ValueError: it does not fit.
    """
    return np.broadcast_to(numbers(value), shape).astype(np.float64)
