"""The integer Program: what the chip, Lava and our own simulator all run.

Integers and steps only; numpy only, because the Lava worker loads it too.
Axes: N neurons of a layer, O neurons a connection ends on, I neurons (or input channels) it starts from.
"""

import hashlib
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from neurodeploy.errors import ProgramError
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.table import definition
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.memory import row_blocks
from neurodeploy.program.connection import Connection
from neurodeploy.program.decode import Decode
from neurodeploy.program.dynamics import AnyLayer, DynamicsLayer
from neurodeploy.program.fields import check_fields
from neurodeploy.program.host import Host
from neurodeploy.program.plan import LOW_HALF

INPUT = "input"
"""Source name of a connection that starts from the network's input channels."""

READOUTS = rules.READOUTS
KEPT = (
    *("name", "chip", "dt_s", "n_inputs", "output", "plan", "notes"),
    *("input_shape", "graded_input", "readout", "encoding", "settings"),
)
"""A Program's own plain values."""
DATA_SETTINGS = ("dataset", "test", "partition", "n_steps", "binning", "max_time_s", "spatial_bin", "counts")
"""Of a graph's own entries (`graph.metadata`), those that say how data become its input."""


@dataclass(frozen=True, eq=False)
class Program:
    """A network in the chip's integers.

    Attributes:
        name, chip: Where it comes from and what it was made for.
        dt_s: What one step stands for, seconds.
        n_inputs: Input channels.
        layers, connections: In the order of the flow.
        output: Layer that the class is read from.
        plan: The precision choices it was made with (`quantize.plan.Plan` as plain values).
        notes: What the conversion changed, one sentence each.
        input_shape: Axes of the input, flattened in C order; (n_inputs,) when empty.
        graded_input: Input spikes carry values of 24 signed bits; else they are 0 or 1.
        readout: One of `READOUTS`; the class is the output neuron where it is largest.
        decode: What the host makes of the readout before the class is the largest; None for nothing.
        host: What it makes of data before they are the input; None for nothing.
        settings: How data become its input, as the graph carries it (`DATA_SETTINGS`); the numbers do not depend on it.
        encoding: Weight w and bias b that the input's whole numbers are made with, int(w x + b) of a value x.
    """

    name: str
    chip: str
    dt_s: float
    n_inputs: int
    layers: tuple[AnyLayer, ...]
    connections: tuple[Connection, ...]
    output: str
    plan: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    input_shape: tuple[int, ...] = ()
    graded_input: bool = False
    readout: str = READOUTS[0]
    encoding: tuple[int, int] = (1, 0)
    decode: Decode | None = None
    host: Host | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", tuple(self.input_shape) or (self.n_inputs,))
        object.__setattr__(self, "encoding", tuple(self.encoding))
        check(self)

    def layer(self, name: str) -> Any:
        """Return the layer called `name`."""
        return next(layer for layer in self.layers if layer.name == name)

    def into(self, target: str) -> list[Connection]:
        """Return the connections that end on the layer called `target`."""
        return [one for one in self.connections if one.target == target]

    @cached_property
    def low_halves(self) -> dict[Connection, Connection]:
        """By the connection of wide weights' upper halves that of the lower ones: twin matrices, all weights even."""
        named, found = {one.name: one for one in self.connections}, {}
        for one in self.connections:
            low = named.get(one.name + LOW_HALF)
            if low is None or one.window or low.window or ((one.weight | low.weight) & 1).any():
                continue
            ends = [(each.source, each.target, each.sign, each.delay.tolist()) for each in (one, low)]
            if ends[0] == ends[1] and np.array_equal(one.weight_exp, low.weight_exp + rules.WEIGHT_BITS):
                found[one] = low
        return found

    def graded(self, source: str) -> bool:
        """Return whether a layer, or the input, sends values instead of spikes."""
        return self.graded_input if source == INPUT else self.layer(source).graded

    @property
    def depth(self) -> int:
        """Extra steps after the last input until every layer has seen all of it."""
        return max(layer.start for layer in self.layers)

    def n_steps(self, n_input_steps: int) -> int:
        """Return the chip steps needed for an input of `n_input_steps`."""
        return n_input_steps + self.depth

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every number the chip sees; two Programs with one digest behave alike."""
        sha = hashlib.sha256()
        for value in arrays_of(self).values():
            sha.update(str(value.shape).encode())
            for rows in row_blocks(np.atleast_1d(value)):
                sha.update(np.ascontiguousarray(np.atleast_1d(value)[rows], dtype="<i8").tobytes())
        rest: list[Any] = [self.n_inputs, self.input_shape, self.graded_input, self.output, self.readout]
        rest += [(la.kind, *la.plain_values.items()) for la in self.layers]
        rest += [(co.name, co.source, co.target, co.sign, co.window) for co in self.connections]
        rest += sorted(definitions(self).items())
        rest += [] if self.decode is None else [self.decode]
        rest += [self.decode.hidden, self.decode.hidden_bias] if self.decode and self.decode.hidden else []
        rest += [] if self.host is None else [self.host, *filter(None, (self.host.rectified, -self.host.behind))]
        sha.update(repr(rest).encode())
        if self.readout == rules.SOFTMAX or (self.decode and self.readout != READOUTS[0]):  # they decide on the host
            output = self.layer(self.output)
            for value in (output.v_per_unit, *(() if self.decode is None else (output.v_offset,))):
                sha.update(np.ascontiguousarray(value, dtype="<f8").tobytes())
        return sha.hexdigest()


MOST_SUM = (1 << 31) - 1 - 2 * rules.STATE_LIMIT
"""Of what all spikes of a step can add to a neuron, so that int32 holds it with the state."""
SYNAPSE_INTEGERS = ("weight", "weight_exp", "delay")


def arrays_of(program: Program) -> dict[str, IntArray]:
    """Return every integer array of the Program by a path-like name."""
    found = {f"layer/{la.name}/{key}": getattr(la, key) for la in program.layers for key in la.integers}
    for one in program.connections:
        found |= {f"connection/{one.name}/{key}": np.asarray(getattr(one, key)) for key in SYNAPSE_INTEGERS}
    return found


def definitions(program: Program) -> dict[str, dict[str, Any]]:
    """Return what a reader must be told of the Program's neurons: the equations of those that we do not ship."""
    found = {one.kind: definition(one.dynamics) for one in program.layers if isinstance(one, DynamicsLayer)}
    return {kind: stored for kind, stored in found.items() if stored}


def check(program: Program) -> None:
    """Check that the parts fit together and every number fits its field.

    Raises:
        ProgramError: with the layer or connection, the value and the range.
    """
    where = program.name
    check_fields(where, {key: getattr(program, key) for key in KEPT})
    if math.prod(program.input_shape) != program.n_inputs:
        raise ProgramError(f"{where}: input of shape {program.input_shape} does not hold {program.n_inputs} channels")
    sizes = {INPUT: program.n_inputs} | {layer.name: layer.n_neurons for layer in program.layers}
    if not program.layers:
        raise ProgramError(f"{where}: has no layers, at least one is needed")
    if len(sizes) != len(program.layers) + 1:
        raise ProgramError(f"{where}: two layers have one name, or one is called {INPUT!r}")
    if program.output not in sizes or program.output == INPUT:
        raise ProgramError(f"{where}: output {program.output!r} is not a layer")
    if program.host is not None and program.host.n_sent != program.n_inputs:
        raise ProgramError(f"{where}: the host sends {program.host.n_sent} currents, {program.n_inputs} fit")
    output = program.layer(program.output)
    if program.decode is not None and not program.decode.fits(output.n_neurons):
        raise ProgramError(f"{where}: decode does not fit the {output.n_neurons} neurons of {output.name!r}")
    in_units = program.readout == rules.SOFTMAX or (program.decode is not None and program.readout != READOUTS[0])
    if in_units and not output.units:
        raise ProgramError(
            f"{where}: readout {program.readout!r} needs potentials in units of the graph, which the "
            f"{output.kind} neurons of {output.name!r} have not; read 'v_sum', or end on other neurons"
        )
    if in_units:
        unit = output.v_per_unit
        if not (np.isfinite(unit) & (unit > 0)).all():
            raise ProgramError(f"{output.name}: v_per_unit {unit.min()}..{unit.max()} is no size of a potential of 1")
    for layer in program.layers:
        layer.check()
    made = {layer.dynamics for layer in program.layers if isinstance(layer, DynamicsLayer)}
    if len({one.name for one in made}) < len(made):
        raise ProgramError(f"{where}: two neurons of {sorted(one.name for one in made)} have one name; rename one")
    for one in program.connections:
        for end in (one.source, one.target):
            if end not in sizes or one.target == INPUT:
                raise ProgramError(f"{one.name}: connects {end!r}, which is not a layer")
        one.check(sizes[one.source], sizes[one.target])
    latest = (1 + rules.DELAY_MAX) * (len(program.layers) + len(program.connections))
    for layer in program.layers:
        _check_sum(program, layer)
        if layer.start > latest:
            raise ProgramError(
                f"{layer.name}: start {layer.start} is later than its layers and connections can wait, {latest}"
            )


def _check_sum(program: Program, layer: AnyLayer) -> None:
    """What binary spikes add up to must stay within Lava's int32 whatever the activity.

    Sums of graded messages have no such bound: they wrap in int32 here and in Lava.
    """
    most = sum(
        one.largest_sum << layer.input_shift for one in program.into(layer.name) if not program.graded(one.source)
    )
    largest = int(np.max(most, initial=0))
    if largest > MOST_SUM:
        raise ProgramError(
            f"{layer.name}: the largest synaptic sum {largest} would leave int32, at most {MOST_SUM} is allowed; "
            "use smaller weights, a lower exponent or fewer inputs"
        )
