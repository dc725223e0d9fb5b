"""An integer neuron as its difference equations, a line of text each.

    w = beta w' + a v' + jump s'
    v = alpha v' - gain w + input - drop s'
    s = v > threshold

A dash marks the value one step before; without it, the value that a line above has just given. A number times a
state is a product: those of one line are summed exactly and rounded once. A number times s' is a jump, in units of
the states, which the last step's spike adds. `input` is what the synapses and the bias add up to; one line takes it.
The last line says what is sent: a spike where a state is above the threshold, or, as `s = v`, that state's value.

Being text, a neuron goes wherever a Program goes: into its file, and with it to the process that runs Lava.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple

from neurodeploy.errors import ProgramError

SENT, INPUT, THRESHOLD = "s", "input", "threshold"
SPIKES, VALUES = "spikes", "values"
MOST_NAMES, MOST_TEXT = 64, 80
"""Of states and numbers, and of letters of a name; a file may hold anything."""
RESERVED = (SENT, INPUT, THRESHOLD, "bias", "vth", "name", "start", "shape", "fraction_bits", "message_exp", "output")
NAME = re.compile(r"[a-z][a-z0-9_]*")
TERM = re.compile(r"([+-]) (?:(input)|([a-z][a-z0-9_]*) ([a-z][a-z0-9_]*)('?))(?= |$)")


class Term(NamedTuple):
    """`sign` number times source: a state, or what was sent; `before` is the value of the step before."""

    sign: int
    number: str
    source: str
    before: bool


class Line(NamedTuple):
    """The new value of one state: products, rounded together; the input, where it is driven; jumps."""

    state: str
    products: tuple[Term, ...]
    driven: bool
    jumps: tuple[Term, ...]


@dataclass(frozen=True)
class Dynamics:
    """One integer neuron.

    Attributes:
        name: What its populations are called in Programs and in NIR metadata.
        equations: Its lines, see the head of this file.
        coefficients: The numbers of the products in the order in which a Program holds them; that of the lines when
            empty.
        leaks: Those of them that are parts of a state kept in a step, 0 to 1.
        poles: Those that are the real and the imaginary part of a pole, in pairs. What is neither couples two states.
            Random networks are drawn by them.
        nodes: (number, name of its node) where the NIR sub-graph calls it otherwise.
        models: Neurons of the literature that it stands for, for people.

    Raises:
        ProgramError: the equations are none, with the line.
    """

    name: str
    equations: tuple[str, ...]
    coefficients: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()
    poles: tuple[tuple[str, str], ...] = ()
    nodes: tuple[tuple[str, str], ...] = ()
    models: str = ""

    def __post_init__(self) -> None:
        if not self.coefficients:
            found = dict.fromkeys(term.number for line in self.lines for term in line.products)
            object.__setattr__(self, "coefficients", tuple(found))
        _check(self)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The equations of the states, in the order in which they are computed."""
        return tuple(_line(self.name, text) for text in self.equations[:-1])

    @cached_property
    def states(self) -> tuple[str, ...]:
        return tuple(line.state for line in self.lines)

    @cached_property
    def potential(self) -> str:
        """The state that is compared with the threshold, or sent."""
        return self.equations[-1].split()[2]

    @property
    def sends(self) -> str:
        """What leaves the neuron: "spikes" or "values"."""
        return SPIKES if self.equations[-1].endswith(THRESHOLD) else VALUES

    @cached_property
    def others(self) -> tuple[str, ...]:
        """The states but the potential: what a trace calls u, side by side."""
        return tuple(one for one in self.states if one != self.potential)

    @cached_property
    def memory(self) -> tuple[str, ...]:
        """The states that are needed one step later."""
        used = {term.source for line in self.lines for term in line.products if term.before}
        return tuple(one for one in self.states if one in used)

    @cached_property
    def jumps(self) -> tuple[str, ...]:
        """The numbers that a spike adds to the states, in the order of the lines."""
        return tuple(dict.fromkeys(term.number for line in self.lines for term in line.jumps))

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names of everything that the lines multiply by."""
        return (*self.coefficients, *self.jumps)

    def terms(self) -> Iterator[tuple[str, str, Term]]:
        """Yield every product and jump with the name of its node in a NIR sub-graph, and the state it goes to."""
        every = [(line.state, term) for line in self.lines for term in (*line.products, *line.jumps)]
        for state, term in every:
            shared = sum(term.number == other.number for _, other in every) > 1
            node = dict(self.nodes).get(term.number, term.number)
            yield f"{node}_{term.source}" if shared else node, state, term

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Dynamics:
        """Return the neuron that `to_dict` gave."""
        values: dict[str, Any] = dict(stored)
        for key in ("equations", "coefficients", "leaks"):
            values[key] = tuple(map(str, values.get(key, ())))
        for key in ("poles", "nodes"):
            values[key] = tuple((str(one), str(other)) for one, other in values.get(key, ()))
        return cls(**values)


def _line(where: str, text: str) -> Line:
    """Return a line of text, taken apart."""
    state, equals, right = text.partition(" = ")
    right = right if right.startswith("- ") else f"+ {right}"
    found = list(TERM.finditer(right))
    inputs = sum(bool(one[2]) for one in found)
    if not equals or not NAME.fullmatch(state) or " ".join(one[0] for one in found) != right or inputs > 1:
        raise ProgramError(
            f"{where}: the equation {text[:MOST_TEXT]!r} is not understood; 'STATE = NUMBER STATE + ...' is needed, of "
            "terms like 'a v', \"a v'\", \"b s'\" and 'input'"
        )
    terms = [Term(-1 if one[1] == "-" else 1, one[3], one[4], bool(one[5])) for one in found if not one[2]]
    products, jumps = ([one for one in terms if (one.source == SENT) == sent] for sent in (False, True))
    return Line(state, tuple(products), inputs == 1, tuple(jumps))


def _check(one: Dynamics) -> None:
    """Check that the lines fit together."""
    done: set[str] = set()
    for line in one.lines:
        for term in (*line.products, *line.jumps):
            if term.source not in ({*one.states, SENT} if term.before else done):
                raise ProgramError(
                    f"{one.name}: {line.state} takes {term.source!r}, which no line above it gives; write "
                    f'"{term.source}\'" for the value one step before'
                )
        done.add(line.state)
    names = [one.name, *one.states, *one.numbers]
    odd = [name for name in names[1:] if names[1:].count(name) > 1 or name in RESERVED]
    odd += [name[:MOST_TEXT] for name in names if not NAME.fullmatch(name) or len(name) > MOST_TEXT]
    ends = {f"s = {state}{rest}" for state in one.states for rest in ("", f" > {THRESHOLD}")}
    products = {term.number for line in one.lines for term in line.products}
    for wrong, what in (
        (
            not {*one.equations[-1:]} & ends,
            f"ends on {one.equations[-1:]}, not on 's = STATE > threshold' or 's = STATE'",
        ),
        (odd, f"{odd[:1]} is no name, or is taken; use small letters, digits and _"),
        (len(names) > MOST_NAMES, f"has {len(names)} names; at most {MOST_NAMES} are allowed"),
        (sum(line.driven for line in one.lines) != 1, "takes input in another number of lines than one"),
        (products != {*one.coefficients}, f"coefficients {one.coefficients} are not those of its equations"),
    ):
        if wrong:
            raise ProgramError(f"{one.name[:MOST_TEXT]}: {what}")
