"""Options that several verbs share: each with its one help text, and those of a graph as one decorator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from neurodeploy.cli.show import within

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. training.epochs=5.")
]
Data = Annotated[
    str | None, typer.Option(help="Dataset (its test part), or a data file; of a run folder, by default the recipe's.")
]
Limit = Annotated[int | None, typer.Option(metavar="N", callback=within(1), help="First samples only.")]
Threads = Annotated[
    int | None, typer.Option(metavar="N", callback=within(1), help="CPU threads of fixed; all cores by default.")
]
Engine = Annotated[str | None, typer.Option(help="Of fixed: auto, native, plain or torch; all give the same.")]
Dt = Annotated[float | None, typer.Option("--dt", metavar="S", help="Time step in seconds, if the file has none.")]
Reset = Annotated[str | None, typer.Option(metavar="RULE", help="Reset rule, zero or subtract, if the file has none.")]
Bits = Annotated[
    int | None, typer.Option("--weight-bits", callback=within(2, 8), help="Weight width of a float graph, 2 to 8.")
]
Calibrate = Annotated[
    str | None, typer.Option(metavar="DATA", help="Dataset (its training part) or file to choose the precision on.")
]
Graph = dict[str, Any] | None
"""What a command finds in its parameter `graph`, under `graph_options`."""
GRAPH: dict[str, Any] = {
    "dt": Dt,
    "reset": Reset,
    "readout": Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            help="How the class is read if the file does not say: spikes, v_last, v_max, v_sum, softmax.",
        ),
    ],
    "input_shape": Annotated[
        str | None,
        typer.Option("--input-shape", metavar="C,Y,X", help="Shape of one step's input, if the file has none."),
    ],
    "weight_bits": Bits,
    "calibrate": Calibrate,
    "chip": Annotated[
        str | None,
        typer.Option(help="A chip, or a chip file (.toml); loihi2 by default."),
    ],
}
"""Options of every verb that takes a graph, in the order of --help."""


def graph_options(*, without: tuple[str, ...] = ()) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Return a decorator that gives a command the options of a graph in place of its parameter `graph`.

    The command finds there, by the keywords of the library's functions, the options that were given.

    Args:
        without: Options that do nothing for it.
    """
    names = [name for name in GRAPH if name not in without]

    def give(command: Callable[..., int]) -> Callable[..., int]:
        hints = get_type_hints(command, include_extras=True)
        own = inspect.signature(command).parameters.values()

        def call(**given: Any) -> int:
            graph = {name: value for name in names if (value := given.pop(name)) is not None}
            if "dt" in graph:
                graph["dt_s"] = graph.pop("dt")
            if "input_shape" in graph:
                graph["input_shape"] = sizes(graph["input_shape"])
            return command(**given, graph=graph)

        parameters = []
        for one in own:
            if one.name == "graph":
                parameters += [
                    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=GRAPH[name])
                    for name in names
                ]
            else:
                parameters.append(one.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[one.name]))
        functools.update_wrapper(call, command)
        del call.__wrapped__  # type: ignore[attr-defined]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": int}
        return call

    return give


def words(text: str) -> list[str]:
    """Return the words that an option names with commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def whole_numbers(option: str, text: str, example: str) -> list[int]:
    """Return the whole numbers that an option names with commas, which the message calls by its name."""
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{option}: found {text!r}, whole numbers are needed, e.g. {example}") from None


def sizes(text: str) -> tuple[int, ...]:
    """Return the axes that --input-shape names.

    >>> sizes("1,28,28")
    (1, 28, 28)
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 9 and 0 < int(part) <= 1 << 24 for part in parts):
        raise typer.BadParameter(
            f"found --input-shape {ascii(text[:60])[1:-1]}, whole numbers from 1 are needed, for example 1,28,28"
        )
    return tuple(int(part) for part in parts)
