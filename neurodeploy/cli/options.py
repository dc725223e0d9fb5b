"""Options that several verbs share, each with its one help text, and what they mean to the library."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from neurodeploy.cli.show import within

PACKAGE = Path(__file__).parents[1]


def chosen(*names: str, flag: str = "", help: str) -> Any:
    """Return an option that shows its choices in --help and to the shell; the library says what is wrong with others.

    Args:
        names: The choices.
        flag: As on the command line, where it is not called like the argument.
    """
    return Option(*([flag] if flag else []), metavar="|".join(names), help=help, autocompletion=among(names))


def counted(help: str) -> Any:
    """Return an option for a whole number from 1."""
    return Option(metavar="N", callback=within(1), help=help)


def among(names: Iterable[str]) -> Callable[[str], list[str]]:
    """Return what completes a word in the shell: those of the names that begin with it."""
    return lambda incomplete: [name for name in names if name.startswith(incomplete)]


def stems(*folders: Path) -> tuple[str, ...]:
    """Return what the .toml files in these folders are called, without reading one."""
    return tuple(sorted({path.stem for folder in folders for path in folder.glob("*.toml")}))


CHIPS = stems(PACKAGE / "hardware" / "chips")


def _data(incomplete: str) -> list[str]:
    from neurodeploy.toml import loads  # read for the shell alone

    return among(loads((PACKAGE / "data" / "datasets.toml").read_text(encoding="utf-8")))(incomplete)


Json = Annotated[bool, Option("--json", help="Print exactly one JSON object on stdout.")]
Recipe = Annotated[
    str,
    Argument(
        help="A shipped recipe (neurodeploy recipes), or a .toml file.",
        autocompletion=among(stems(PACKAGE / "training_recipes", PACKAGE.parent / "training")),
    ),
]
Out = Annotated[Path, Option(metavar="DIR", help="Run folder.")]
Resume = Annotated[bool, Option("--resume", help="Go on with an interrupted run.")]
Overwrite = Annotated[bool, Option("--overwrite", help="Replace the run in the folder.")]
Replace = Annotated[bool, Option("--overwrite", help="Replace files that exist.")]
Settings = Annotated[
    list[str] | None, Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. training.epochs=5.")
]
Data = Annotated[
    str | None,
    Option(
        metavar="DATA",
        help="Dataset or its folder (the test part), data file or module:function; the recipe's of a run folder.",
        autocompletion=_data,
    ),
]
Limit = Annotated[int | None, counted("First samples only.")]
Threads = Annotated[int | None, counted("CPU threads of fixed; all cores by default.")]
Engine = Annotated[
    str | None, chosen("auto", "native", "plain", "torch", help="For the backend fixed; all give the same.")
]
Dt = Annotated[float | None, Option("--dt", metavar="S", help="Time step in seconds, if the file has none.")]
Reset = Annotated[str | None, chosen("zero", "subtract", help="Reset rule, if the file has none.")]
Bits = Annotated[
    int | None, Option("--weight-bits", callback=within(2, 8), help="Weight bits of a float graph, 2 to 8.")
]
MemoryBits = Annotated[
    int | None,
    Option("--memory-bits", callback=within(2, 16), help="Weight bits of a float graph's linear memory, 2 to 16."),
]
Calibrate = Annotated[str | None, Option(metavar="DATA", help="Dataset (its training part) or file for the precision.")]
GRAPH: dict[str, Any] = {
    "dt_s": Dt,
    "reset": Reset,
    "readout": Annotated[
        str | None,
        chosen(
            *("spikes", "v_last", "v_max", "v_sum", "softmax"), help="How the class is read, if the file does not say."
        ),
    ],
    "input_shape": Annotated[
        str | None, Option("--input-shape", metavar="C,Y,X", help="Shape of one step's input, if the file has none.")
    ],
    "weight_bits": Bits,
    "memory_bits": MemoryBits,
    "calibrate": Calibrate,
    "chip": Annotated[
        str | None,
        Option(
            help=f"One of {', '.join(CHIPS)}, or a chip file (.toml); loihi2 by default.", autocompletion=among(CHIPS)
        ),
    ],
}
"""Options of every verb that takes a graph, in the order of --help."""


def mode(resume: bool, overwrite: bool) -> str:
    """Return what to do with a folder that already holds a run."""
    if resume and overwrite:
        raise typer.BadParameter("--resume and --overwrite exclude each other")
    return "resume" if resume else "overwrite" if overwrite else "new"


def words(text: str) -> list[str]:
    """Return the words that an option names with commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def whole_numbers(option: str, text: str | None, example: str) -> list[int] | None:
    """Return the whole numbers that an option names with commas, which the message calls by its name."""
    try:
        return None if text is None else [int(word) for word in text.split(",")]
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
