"""What a graph needs to be read and made a Program: one list of options for every verb, with the docs of each.

A verb's function takes them as plain keywords: `**graph: Unpack[GraphKeywords]`, under `takes_graph_options`, which
writes them into its signature and its docstring.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from numbers import Integral
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from neurodeploy.errors import GraphError
from neurodeploy.fixedpoint.rules import READOUTS
from neurodeploy.hardware.chip import Chip
from neurodeploy.hardware.chips import DEFAULT

Call = TypeVar("Call", bound=Callable[..., Any])
KEYWORDS = "graph"
"""The parameter of a verb that stands for the options."""
CARRIED = {
    "dt_s": "time step",
    "reset": "reset",
    "readout": "readout",
    "input_shape": "input shape",
    "weight_bits": "weights",
    "memory_bits": "weights",
    "calibrate": "precision",
}
"""Options that a Program answers itself, and what each is there."""


class ReadKeywords(TypedDict, total=False):
    """Options of verbs that read a graph."""

    dt_s: float | None
    reset: str | None
    readout: str | None
    input_shape: tuple[int, ...] | None
    weight_bits: int | None
    memory_bits: int | None


class GraphKeywords(ReadKeywords, total=False):
    """Options of verbs that make a Program of it."""

    calibrate: Any
    chip: str | Path | Chip


@dataclass(frozen=True)
class GraphOptions:
    """What a graph leaves open; a Program carries its own.

    Attributes:
        dt_s: Time step in seconds, where the file carries none.
        reset: "zero" or "subtract", where the file does not say.
        readout: What the class is read from where the file does not say: "spikes", or the potentials by "v_last",
            "v_max", "v_sum" or "softmax".
        input_shape: Axes of one step's input, where the file leaves them out.
        weight_bits: Weight width of a float graph, 2..8; the chip's widest up to 8 when None.
        memory_bits: Weight width into neurons of a float graph that send their potential, 2..16; 16 when None.
        calibrate: What a float graph's precision is chosen on: all that `data` may be; of a dataset its training part.
            When None, the training part of a dataset that is named as data, else nothing.
        chip: Name of a chip, or a .toml file with one: its widths are the Program's limits.
    """

    dt_s: float | None = None
    reset: str | None = None
    readout: str | None = None
    input_shape: tuple[int, ...] | None = None
    weight_bits: int | None = None
    memory_bits: int | None = None
    calibrate: Any = None
    chip: str | Path | Chip = DEFAULT

    def check(self) -> GraphOptions:
        """Return self after checking what needs no file.

        Raises:
            GraphError: no such rule, no time step, or no width.
        """
        if self.reset not in (None, "zero", "subtract"):
            raise GraphError(f"found {self.reset!r}", option="reset", allowed="'zero' or 'subtract' is allowed")
        if self.readout not in (None, *READOUTS):
            raise GraphError(f"found {self.readout!r}, one of {', '.join(READOUTS)} is allowed", option="readout")
        if self.dt_s is not None and not 0 < self.dt_s < float("inf"):
            raise GraphError(f"found {self.dt_s:g}", option="dt_s", allowed="a positive number of seconds is needed")
        for option, most in (("weight_bits", 8), ("memory_bits", 16)):
            bits: int | None = getattr(self, option)
            if bits is not None and not (isinstance(bits, Integral) and 2 <= bits <= most):
                raise GraphError(f"found {bits!r}", option=option, allowed=f"a whole number from 2 to {most} is needed")
        return self


def takes_graph_options(keywords: Any) -> Callable[[Call], Call]:
    """Return a decorator that tells a function's options one by one, in its signature and its docstring.

    Args:
        keywords: `GraphKeywords` or `ReadKeywords`, as the function's parameter `**graph` has it.
    """
    named = [one for one in fields(GraphOptions) if one.name in keywords.__optional_keys__]

    def tell(call: Call) -> Call:
        told = inspect.signature(call)
        own = [one for one in told.parameters.values() if one.name != KEYWORDS]
        more = [
            inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=one.type)
            for one in named
        ]
        call.__signature__ = told.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
        if call.__doc__:  # none under python -OO
            told_of = re.findall(r"^ {8}(\w+): (.*\n(?: {12}.*\n)*)", GraphOptions.__doc__ or "", flags=re.MULTILINE)
            docs = "".join(f"        {name}: {text}" for name, text in told_of if name in keywords.__optional_keys__)
            call.__doc__ = re.sub(rf"^ +{KEYWORDS}: .*\n", docs, call.__doc__, count=1, flags=re.MULTILINE)
        return call

    return tell
