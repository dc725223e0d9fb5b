"""How verbs speak: tables for people, one JSON object for programs, bars on stderr."""

import json
import math
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer

from neurodeploy.cli.spelling import spelled
from neurodeploy.errors import plain
from neurodeploy.progress import Progress, silent


def within(low: float, high: float = math.inf) -> Callable[[float | None], float | None]:
    """Return a check of an option's range that says what was found; typer's own does not."""

    def check(value: float | None) -> float | None:
        if value is not None and not low <= value <= high:
            allowed = f"{low} to {high}" if high < math.inf else f"at least {low}"
            raise typer.BadParameter(f"found {value}, {allowed} is allowed")
        return value

    return check


@dataclass
class Asked:
    """What the options of every verb ask for."""

    device: str | None = None
    quiet: bool = False
    verbose: bool = False


ASKED = Asked()


class Loading:
    """A word on a terminal while what a verb needs is loaded, which takes seconds; it goes when more is said."""

    PATIENCE_S = 0.4

    def __init__(self) -> None:
        self.timer: threading.Timer | None = None
        self.said = False

    def start(self) -> None:
        """Wait for a moment, then say that it is alive."""
        if sys.stderr.isatty():
            self.timer = threading.Timer(self.PATIENCE_S, self._say)
            self.timer.daemon = True
            self.timer.start()

    def _say(self) -> None:
        self.said = True
        print("loading ...", end="", file=sys.stderr, flush=True)

    def stop(self) -> None:
        """Take the word away."""
        if self.timer is not None:
            self.timer.cancel()
        if self.said:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        self.timer, self.said = None, False


LOADING = Loading()
NUMBER = re.compile(r"-|-?[\d.,]+( %)?")


def emit(result: dict[str, Any], lines: Sequence[str], *, as_json: bool) -> None:
    """Print the result: as one JSON object, or as lines for people, whatever the names in a file hold."""
    LOADING.stop()
    if as_json:
        print(json.dumps(spelled(result), sort_keys=True, allow_nan=False))
    else:
        for line in lines:
            print(plain(line))


def noted(notes: Sequence[str]) -> list[str]:
    """Return notes as lines for people, their arguments as the command line has them."""
    return [f"note: {note}" for note in spelled(notes)]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines of aligned columns; numbers to the right, words to the left.

    >>> table(["stage", "accuracy"], [["float", "97.5 %"]])
    ['stage  accuracy', 'float    97.5 %']
    """
    cells = [list(head), *[list(row) for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    right = [all(NUMBER.fullmatch(row[column]) for row in rows) for column in range(len(head))]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]


def percent(part: float | None) -> str:
    """Return a fraction as a percentage, or "-" for none; only what is whole is shown as 100.

    >>> percent(0.975), percent(1.0), percent(0.99997)
    ('97.5 %', '100 %', '99.997 %')
    """
    if part is None:
        return "-"
    if part == 1:
        return "100 %"
    digits = next((digits for digits in range(1, 9) if float(f"{100 * part:.{digits}f}") < 100), 9)
    return f"{100 * part:.{digits}f} %"


@contextmanager
def bars() -> Iterator[Progress]:
    """Give a Progress that draws one bar per stage on stderr; plain lines where that is no terminal."""
    if ASKED.quiet:
        yield silent
        return
    if ASKED.verbose or not sys.stderr.isatty():
        yield _Lines()
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description:<10}"),
        rich.BarColumn(bar_width=28),
        rich.MofNCompleteColumn(),
        rich.TimeElapsedColumn(),
        rich.TimeRemainingColumn(),
        rich.TextColumn("{task.fields[detail]}", markup=False),
    )
    with rich.Progress(*columns, console=Console(stderr=True)) as drawn:
        tasks: dict[str, Any] = {}

        def tell(stage: str, done: int, total: int, detail: str = "") -> None:
            LOADING.stop()
            if stage not in tasks:
                tasks[stage] = drawn.add_task(stage, total=total or None, detail="")
            drawn.update(tasks[stage], completed=done, detail=detail)

        yield tell


class _Lines:
    """Progress for logs: a line when a stage begins, every quarter of it, and when it is done; with -v every one."""

    def __init__(self) -> None:
        self.told: dict[str, int] = {}
        self.start = time.perf_counter()

    def __call__(self, stage: str, done: int, total: int, detail: str = "") -> None:
        quarter = 4 * done // total if total else -1
        if total and self.told.get(stage) == quarter and not ASKED.verbose:
            return
        LOADING.stop()
        self.told[stage] = quarter
        count = f" {done}/{total}" if total else ""
        when = f"{time.perf_counter() - self.start:8.2f} s  " if ASKED.verbose else ""
        print(f"{when}{stage}{count}  {detail}".rstrip(), file=sys.stderr, flush=True)
