"""The one family of errors that neurodeploy raises on purpose.

Every message is one line: where, what was found, what is allowed, what to try.
The command line prints it behind ``error:`` and leaves with `exit_status`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NeurodeployError(Exception):
    """Base of every error raised on purpose; `exit_status` is what the command line returns."""

    exit_status = 2

    def __str__(self) -> str:
        """Return the message in one line: names inside files are anybody's, control characters and all.

        >>> print(GraphError("n.nir: node a\\nb\\x1b[2J has no type"))
        n.nir: node a\\nb\\x1b[2J has no type
        """
        return plain(super().__str__())


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
