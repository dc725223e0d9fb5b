"""Layers of a module as its run shows them: what arrived at each, and in which axes and order its numbers are.

Axes: T step, B sample, R applications of a layer (its calls, and in each every sample and step).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.reading.labels import MOST_FEATURES, Arrival, Mixed, Track, arrivals
from neurodeploy.reading.leaves import Call, Memoryless, Neurons, Shape


@dataclass(eq=False)
class Instance:
    """A layer of the network: a module, or one of several uses of it.

    Attributes:
        node: Number in labels; one more stands for the potential of neurons.
        arrived: For every call its arrivals and its number of applications.
        steps: Number of steps so far (neurons); `samples` in each.
        spikes, potentials: (B, ...) of every step (neurons).
        order: Place in the graph of each of the module's neurons, where it is another one.
        shape_own: Of the module's neurons, where the graph has another.
        passed: How often what it gave last has passed each layer without memory since neurons (layers).
        apart: Size of the axis before the features, which may be one of them (layers).
        begins: Potential that neurons begin with, less their own at rest; None where that is 0.
    """

    node: int
    path: str
    module: nn.Module
    leaf: Memoryless | Neurons
    shape_in: Shape
    shape_out: Shape
    arrived: list[tuple[list[Arrival], int]] = field(default_factory=list)
    rows: int = 0
    steps: int = 0
    samples: int = 0
    spikes: list[torch.Tensor] = field(default_factory=list)
    potentials: list[torch.Tensor] = field(default_factory=list)
    order: np.ndarray | None = None
    shape_own: Shape = ()
    apart: int = 0
    begins: np.ndarray | None = None
    passed: dict[int, int] = field(default_factory=dict)


class Changing(FrameworkError):
    """What arrives at a layer is not the same at every step: the module may want to be run otherwise."""


class Unfollowed(FrameworkError):
    """The reader failed on what a module gave, though the module ran: it may want to be run otherwise."""


class Wider(FrameworkError):
    """A layer has one more axis of features than was thought; `layer` is its name."""

    def __init__(self, layer: str) -> None:
        super().__init__(layer)
        self.layer = layer


def feature_axes(leaf: Memoryless, tensor: torch.Tensor, track: Track, wider: int) -> tuple[int, Track]:
    """Return how many axes are features, and the track with the channels first: what fewest senders explain."""
    best: tuple[int, int, Track] | None = None
    options = list(leaf.axes(tensor.dim()))[wider:]
    for axes in options:
        lead = tensor.dim() - axes
        there = track.moved(partial(channels_first, lead=lead)) if leaf.channels_last else track
        if len(options) == 1:
            return axes, there
        try:
            found = arrivals(there, int(np.prod(tensor.shape[:lead], dtype=np.int64)))
        except Mixed:
            continue
        if best is None or len(found) < best[0]:
            best = len(found), axes, there
        if len(found) == len({one.node for one in found}):
            break
    return best[1:] if best is not None else (options[0], track)


def reorder(instance: Instance, found: list[Arrival], instances: list[Instance]) -> None:
    """Give neurons of several axes the order of what arrives first, so that no weights are needed to change it."""
    size = math.prod(instance.shape_out)
    for one in found:
        source = next((other for other in instances if other.node == one.node), None)
        every = np.arange(size)
        if source is None or math.prod(source.shape_out) != size or len(one.features) != size:
            continue
        permuted = (one.columns == every).all() and (np.sort(one.features) == every).all()
        if permuted and (one.features != every).any() and len(instance.shape_out) > 1:
            instance.order, instance.shape_own = one.features, instance.shape_out
            instance.shape_in = instance.shape_out = source.shape_out
        return


def beginning(name: str, leaf: Neurons, call: Call, maker: Callable[[torch.Tensor], str]) -> np.ndarray | None:
    """Return the potential that neurons begin with, less that at rest (their shape); None where it is that.

    Args:
        name: Of the neurons.
        maker: From a state to what made it in the run.

    Raises:
        FrameworkError: it differs from sample to sample, is of another state, or was made by the module.
    """
    found = None
    for index, one in enumerate(call.given):
        is_potential = index == leaf.potential % len(call.given)
        rest = leaf.rest if is_potential else 0.0
        if not one.numel() or not bool((one != rest).any()):
            continue
        if maker(one):
            raise FrameworkError(
                f"{name}: its state was changed by the module between steps ({maker(one)}); hand on what it gives"
            )
        if not is_potential:
            raise FrameworkError(f"{name}: begins with a current or spikes that are not 0; begin with zeros")
        each_BN = one.expand(call.current.shape[1 if leaf.sequence else 0 :])
        if bool((each_BN != each_BN[:1]).any()):
            raise FrameworkError(
                f"{name}: begins with another potential for one sample than for another; a graph has one"
            )
        found = each_BN[0].detach().cpu().double().numpy() - rest
    return found


def channels_first(tensor: torch.Tensor, lead: int) -> torch.Tensor:
    return tensor.movedim(-1, lead) if tensor.dim() > lead + 1 else tensor


def in_two_axes(shape: Shape) -> Shape:
    """Return channels and at most two axes of places."""
    return tuple(shape) if len(shape) < 4 else (shape[0], math.prod(shape[1:]))


def reordered(one: Arrival, order: np.ndarray) -> Arrival:
    """Return what arrives at neurons in the graph's order."""
    columns = order[one.columns]
    there = np.argsort(columns)
    return replace(one, features=one.features[there], columns=columns[there], factors=one.factors[there])


def places(shape: torch.Size, first: int) -> torch.Tensor:
    """Return the labels of an input: the place of each of its numbers.

    Raises:
        FrameworkError: they are too many.
    """
    if first + shape.numel() >= MOST_FEATURES:
        raise FrameworkError(
            f"sample_input: more than {MOST_FEATURES - 1} numbers of the whole input cannot be followed; give fewer "
            "samples"
        )
    return torch.arange(first, first + shape.numel()).reshape(shape)


ALLOWED = "weights, pooling, neurons, and what only moves or adds numbers are allowed"


def misplaced(lost: str, name: str) -> str:
    """Return the line on something that cannot be followed, found on the way to the layer `name`."""
    return (
        lost if "; " in lost else f"{lost} has no place in a spiking graph, and {name} takes what it gives; {ALLOWED}"
    )
