"""What is known of a NIR type, once: its fields, what it does to values, and what the chip makes of it, in words.

The entries themselves stand beside their operations, and are collected in `node_table`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.graph.linear import MOST_ENTRIES, LinearMap
from neurodeploy.graph.stored import AGAIN, Tree

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Fields:
    """Names of a node type's fields.

    Attributes:
        needed: Without them a node means nothing.
        values: Those that hold one number per neuron, all in one shape.
        defaults: What stands for a field that the file leaves out.
    """

    needed: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    defaults: dict[str, Any] = field(default_factory=dict)

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.needed, *(one for one in self.values if one not in self.needed), *self.defaults)


def per_neuron(*needed: str, **defaults: float) -> Fields:
    """Return fields that each hold one number per neuron; those with a default may be left out."""
    return Fields(needed, (*needed, *defaults), defaults)


@dataclass(frozen=True, eq=False)
class Factors:
    """Every value times its factor, (1,) or one each."""

    factors: np.ndarray


@dataclass(frozen=True, eq=False)
class Wait:
    """Every value so many steps later, (1,) or one each."""

    steps: np.ndarray


Operation = Factors | Wait | LinearMap
Operate = Callable[[str, Any, Shape, float], tuple[Operation | None, Shape]]
"""Of a message's beginning, a node, the shape that arrives and the time step in seconds: what a node does, None for
nothing, and the shape after it."""


@dataclass(frozen=True, kw_only=True)
class NodeType:
    """What all types have.

    Attributes:
        type: NIR's class.
        fields: What a file holds of it.
        complete: Puts into a stored node, its second argument what the file gave, what older writers left out where
            that is no plain default; returns what to say of it.
        arguments: What NIR's class is called with, of a stored node's fields.
        reference: What our float64 reference does, in words.
        integers: How a chip's integers hold it, in words.
        always: What every integer target does with it exactly, in words; empty where that is measured.
    """

    type: type[nir.NIRNode]
    fields: Fields
    complete: Callable[[Tree, Tree], str] = lambda filled, given: ""
    arguments: Callable[[Tree], Tree] = lambda stored: stored
    reference: str = "in float64"
    integers: str = "weights of 8 bits and an exponent"
    always: str = ""

    @property
    def name(self) -> str:
        return self.type.__name__


WEIGHTS, POOL, WAIT, PASS = "weights", "pool", "wait", "pass"


@dataclass(frozen=True, kw_only=True)
class Stateless(NodeType):
    """A type that a path between populations leads through: one linear operation, a delay, or nothing.

    Attributes:
        operation: What it does to values of a shape.
        role: "weights" carry the chip's precision, and a "pool" where no weights are on its path; a "wait" moves
            values in time, a "pass" hands them on.
        axes: Of the values it takes, 0 for any.
        matrix: Its weights are (outputs, inputs), which says the shape before and after it whatever arrives.
    """

    operation: Operate
    role: str = WEIGHTS
    axes: int = 0
    matrix: bool = False


@dataclass(frozen=True, kw_only=True)
class Neurons(NodeType):
    """A type that becomes a population.

    Attributes:
        sizing: The field that says how many neurons there are.
        spiking: False for a readout, whose potentials are read at the end of a graph.
        sends: Its potential may feed populations, as a value.
        programmed: The chip runs a neuron program of its own for it.
    """

    sizing: str = "v_threshold"
    spiking: bool = True
    sends: bool = False
    programmed: bool = False
    reference: str = "forward Euler in float64"
    integers: str = "decays of 12 bits, states of 24, thresholds of 17"


def check_size(where: str, size: int) -> None:
    """Check that values of one step are not more than can be.

    Raises:
        GraphError: they are.
    """
    if size > MOST_ENTRIES:
        raise GraphError(
            f"needs {size} values in one step, at most {MOST_ENTRIES} are allowed", "check its sizes", where=where
        )


def whole_numbers(where: str, key: str, value: Any, least: int) -> tuple[int, ...]:
    """Return whole numbers from `least` up.

    Raises:
        GraphError: they are something else.
    """
    found = np.asarray(value)
    fits = found.dtype.kind in "iuf" and found.size > 0 and bool((found == np.trunc(found)).all())
    if not fits or found.min() < least or found.max() > MOST_ENTRIES:
        raise GraphError(f"{key} is {value}, whole numbers from {least} are needed", AGAIN, where=where)
    return tuple(int(one) for one in found.ravel())
