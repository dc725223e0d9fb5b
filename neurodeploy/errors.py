"""The one family of errors that neurodeploy raises on purpose.

Every message is one line: where, what was found, what is allowed, what to try. The parts are fields, so that nothing
has to be read back from the text. The command line prints the line behind ``error:`` and leaves with `exit_status`.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable
from typing import TypeVar

from neurodeploy.phrases import PYTHON, Phrase, Spelling

E = TypeVar("E", bound="NeurodeployError")


class Place(str):
    """Where something is, from the outside in: a file, then a part of it.

    Args:
        outer: What it lies in; a `Place` itself, or a text.
        inner: The part.
        node: Its name, where it is a node of a graph and `inner` says more than that.

    >>> Place(Place("n.nir", "sub"), "node a", "a").parts
    ('n.nir', 'sub', 'node a')
    """

    parts: tuple[str, ...]
    node: str

    def __new__(cls, outer: str, inner: str, node: str = "") -> Place:
        made = super().__new__(cls, f"{outer}: {inner}")
        made.parts = (*(outer.parts if isinstance(outer, Place) else (outer,)), inner)
        made.node = node
        return made


class NeurodeployError(Exception):
    """Base of every error raised on purpose; `exit_status` is what the command line returns.

    Args:
        found: What was found; or the whole line, where nothing asks for its parts.
        advice: What to try. A `Phrase` where that names an argument or a verb; so may `found` and `allowed`.
        where: File, folder or part that it is about, or several from the outside in.
        option: Argument of the Python function that it is about; the command line shows its own name of it.
        allowed: What is allowed or needed instead.
        node: Node of a graph that it is about, where `found` names it and `where` does not.

    >>> print(GraphError("found 0", option="dt_s", allowed="a positive number of seconds is needed"))
    dt_s: found 0, a positive number of seconds is needed
    >>> print(GraphError("carries no time step", Phrase("give {dt_s} in seconds"), where="n.nir"))
    n.nir: carries no time step; give dt_s= in seconds
    """

    exit_status = 2

    def __init__(
        self, found: str, advice: str = "", *, where: object = (), option: str = "", allowed: str = "", node: str = ""
    ) -> None:
        super().__init__(found)
        places = where if isinstance(where, tuple) else (where,)
        self.places = tuple(part for one in places for part in (one.parts if isinstance(one, Place) else (str(one),)))
        self.node = node or next((one.node for one in places if isinstance(one, Place) and one.node), "")
        self.found, self.option, self.allowed, self.advice = found, option, allowed, advice

    @property
    def where(self) -> str:
        """The places in one text, from the outside in."""
        return ": ".join(self.places)

    def line(self, spelling: Spelling = PYTHON) -> str:
        """Return the message in one line, its arguments and verbs spelled for who reads it.

        Names inside files are anybody's: control characters are spelled out.
        """
        about = [*self.places, *([spelling.label(self.option)] if self.option else [])]
        advice = f"; {spelling.text(self.advice)}" if self.advice else ""
        return plain(": ".join([*about, spelling.text(self.problem)]) + advice)

    @property
    def problem(self) -> str:
        """The message without where and what to try."""
        return Phrase("{found}, {allowed}", found=self.found, allowed=self.allowed) if self.allowed else self.found

    def inside(self, *where: object, kind: type[NeurodeployError] | None = None) -> NeurodeployError:
        """Return this error with places around its own, of another kind where one is named."""
        return (kind or type(self))(
            self.found,
            self.advice,
            where=(*where, *self.places),
            option=self.option,
            allowed=self.allowed,
            node=self.node,
        )

    def at(self: E, *where: object) -> E:
        """Return this error with other places in place of its own."""
        moved = copy.copy(self)
        moved.places = tuple(map(str, where))
        return moved

    def __str__(self) -> str:
        """Return the line as Python's users read it.

        >>> print(GraphError("node a\\nb\\x1b[2J has no type", where="n.nir"))
        n.nir: node a\\nb\\x1b[2J has no type
        """
        return self.line()


def plain(text: str) -> str:
    """Return text without characters that move a cursor, end a line or cannot be seen; they are spelled out.

    >>> plain("a\\tb")
    'a\\\\tb'
    """
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


class PrecisionError(NeurodeployError):
    """A number does not fit the chip's bit widths."""


class DataError(NeurodeployError):
    """A dataset, or a file of spikes, is absent, unreadable or of the wrong shape."""


class NetworkError(NeurodeployError):
    """A network cannot be built from its settings, or a file of trained weights is none of ours."""


class GraphError(NeurodeployError):
    """A .nir file or a NIR graph is unreadable or means nothing a target could run."""


class MappingError(NeurodeployError):
    """A graph cannot become an integer Program for the chip."""


class ChipError(MappingError):
    """A chip is unknown, or a chip file, or measured runs to fit one to, say something impossible."""


class ProgramError(NeurodeployError):
    """An integer Program, or a file that should hold one, is malformed."""


class RecipeError(NeurodeployError):
    """A recipe, or one of its settings, does not exist or is out of range."""


class RunError(NeurodeployError):
    """A run folder cannot be written, or does not hold what the verb needs."""


class BudgetError(NeurodeployError):
    """A budget is not one, or asks about something that the run did not measure."""


class FrameworkError(NeurodeployError):
    """Another framework is not installed, or its own importer or module refused a graph."""


class LavaError(NeurodeployError):
    """Lava's environment is absent, or its worker failed."""


def nearest(wrong: str, allowed: Iterable[str]) -> str:
    """Return the end of an error line that names the allowed word nearest to `wrong`.

    >>> nearest("digit", ["digits", "braille7"])
    "did you mean 'digits'?"
    >>> nearest("zzz", ["digits", "braille7"])
    'choose one of braille7, digits'
    """
    allowed = sorted(allowed)
    found = difflib.get_close_matches(wrong, allowed, n=1, cutoff=0.6)
    if found:
        return f"did you mean {found[0]!r}?"
    return "choose one of " + ", ".join(allowed)
