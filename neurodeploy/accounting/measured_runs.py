"""Measured runs from a CSV file: a name, an energy, and counts of what was done for it."""

import csv
import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurodeploy.accounting.counts import Counts
from neurodeploy.errors import ChipError, nearest
from neurodeploy.files import check_fetched

COLUMNS = {
    "synops": "synop",
    "synops_dense": "synop_dense",
    "synops_sparse": "synop_sparse",
    "synops_conv": "synop_conv",
    "neuron_updates": "neuron_update",
    "neurons_active": "neuron_active",
    "neurons_idle": "neuron_idle",
    "spikes": "spike",
    "messages": "message",
    "messages_in": "message_in",
    "hops": "hop",
    "host_reads": "host_read",
    "macs": "mac",
    "memory_bits": "memory_bit",
    "seconds": "second",
}
"""Columns of counts, and the energy term that each one is the count of. Seconds settle the static power."""
TEXTS = ("name", "source", "note")
REQUIRED = ("name", "energy_j")
SMALLEST, LARGEST = 1e-30, 1e30
"""Magnitudes outside these are slips, and their squares would leave the range of floats."""
ENERGY, ERROR = "energy_j", "energy_error_j"


@dataclass(frozen=True, eq=False)
class Runs:
    """Measured runs; R runs, C columns of counts.

    Attributes:
        names: Of the runs.
        energy_R: Joules.
        error_R: Standard error of each, joules; None where the file has no such column.
        columns: Of `COLUMNS`, in the file's order.
        counts_RC: Events in each run.
        file, digest: The file's name, and SHA-256 of its bytes.
    """

    names: tuple[str, ...]
    energy_R: np.ndarray
    error_R: np.ndarray | None
    columns: tuple[str, ...]
    counts_RC: np.ndarray
    file: str
    digest: str

    @property
    def weights_R(self) -> np.ndarray:
        """What a residual of each run is divided by: its measured error where there is one, else its energy."""
        return self.energy_R if self.error_R is None else self.error_R

    def counts(self, row: int) -> Counts:
        """Return a run's counts as `energy.price` takes them; columns that only a placement knows are left out."""
        return Counts.from_dict(
            {f"{column}_per_sample": float(self.counts_RC[row, at]) for at, column in enumerate(self.columns)}
        )


def read_runs(path: str | Path) -> Runs:
    """Return the runs in a CSV file; lines that begin with # are comments.

    Raises:
        ChipError: it cannot be read, a column is missing, unknown or there twice, or a cell is no finite number of
            the right sign.
    """
    path = Path(path)
    check_fetched(path, ChipError)
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ChipError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except UnicodeDecodeError:
        raise ChipError(f"{path}: is not text in UTF-8, a CSV file of measured runs was expected") from None
    try:
        head, rows = _table(text)
    except csv.Error as error:
        raise ChipError(f"{path}: is not CSV ({error})") from None
    _check_head(path, head)
    if not rows:
        raise ChipError(f"{path}: holds no run; write one line for each")
    for line, row in rows:
        if len(row) != len(head):
            raise ChipError(f"{path}: line {line} has {len(row)} cells, the head has {len(head)}")
    columns = tuple(name for name in head if name in COLUMNS)
    at = {name: head.index(name) for name in head}

    def numbers(name: str) -> list[float]:
        return [_number(path, line, name, row[at[name]]) for line, row in rows]

    return Runs(
        names=tuple(row[at["name"]].strip() or f"line {line}" for line, row in rows),
        energy_R=np.array(numbers(ENERGY)),
        error_R=np.array(numbers(ERROR)) if ERROR in at else None,
        columns=columns,
        counts_RC=np.array([numbers(name) for name in columns]).T,
        file=path.name,
        digest=hashlib.sha256(content).hexdigest(),
    )


def _table(text: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the head, and each row with its line's number."""
    lines = text.splitlines()
    kept = [(index, line) for index, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")]
    rows = list(csv.reader(io.StringIO("\n".join(line for _, line in kept)), strict=True))
    if not rows:
        return [], []
    if len(rows) != len(kept):
        raise csv.Error("a cell goes over several lines")
    return [name.strip() for name in rows[0]], [
        (index, row) for (index, _), row in zip(kept[1:], rows[1:], strict=True)
    ]


def _check_head(path: Path, head: Sequence[str]) -> None:
    known = (*TEXTS, ENERGY, ERROR, *COLUMNS)
    for name in REQUIRED:
        if name not in head:
            found = ", ".join(head) or "nothing"
            raise ChipError(f"{path}: has no column {name}; found {found}")
    for name in head:
        if name not in known:
            raise ChipError(f"{path}: column {name!r} is unknown; {nearest(name, known)}")
        if head.count(name) > 1:
            raise ChipError(f"{path}: column {name!r} is there twice; remove one")
    if not any(name in COLUMNS for name in head):
        raise ChipError(f"{path}: has no column of counts; name at least one of {', '.join(COLUMNS)}")


def _number(path: Path, line: int, name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise ChipError(f"{path}: line {line}, {name}: {cell!r} is no number") from None
    if not math.isfinite(value):
        raise ChipError(f"{path}: line {line}, {name}: {cell.strip()} is not finite; leave the run out")
    if value and not SMALLEST <= abs(value) <= LARGEST:
        raise ChipError(f"{path}: line {line}, {name}: {cell.strip()} is beyond {SMALLEST:g} to {LARGEST:g}; check it")
    if value < 0 or (value == 0 and name in (ENERGY, ERROR)):
        allowed = "more than 0" if name in (ENERGY, ERROR) else "0 or more"
        raise ChipError(f"{path}: line {line}, {name}: {cell.strip()} was found, {allowed} is expected")
    return value
