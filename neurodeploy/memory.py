"""What a process may take of its machine: cores, and memory for a file; arrays of one number that take none.

The arrays of a file may claim `USUAL_BYTES`; `NEURODEPLOY_MAX_MEMORY` in the environment, or an option of the command
line, says otherwise, such as 16GB. It is read where a file is, so that it holds in every process of a run.
"""

import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from neurodeploy.errors import NeurodeployError, RunError
from neurodeploy.phrases import Phrase

USUAL_BYTES = 4_000_000_000
SPARE_BYTES = 1_000_000_000
"""For the libraries that read it."""
VARIABLE = "NEURODEPLOY_MAX_MEMORY"
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
MOST_EXPANSION = 2000
"""Bytes of arrays per byte of file; gzip and deflate reach 1032. What claims more was never there."""
NUMBER_BYTES = 8
"""A number takes so many once it is read, however small it is in the file."""
BLOCK = 1 << 18
"""Numbers that are worked on at a time: 2 MB of them stay in a core's cache."""
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
FEW = 4096
"""Arrays of so few numbers are not looked at: they take little as they are."""


def in_bytes(size: str) -> int:
    """Return a size in bytes.

    Raises:
        RunError: it is no size.

    >>> in_bytes("8GB"), in_bytes("500 MB"), in_bytes("1.5g"), in_bytes("4096")
    (8000000000, 500000000, 1500000000, 4096)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)B?\s*", size, re.IGNORECASE)
    if not found or not float(found[1]):
        raise RunError(f"found {size!r}", option=VARIABLE, allowed="a size such as 500MB or 8GB is needed")
    return int(float(found[1]) * UNITS[found[2].upper()])


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def most_bytes() -> int:
    """Return how many bytes the arrays of one file may claim."""
    return in_bytes(os.environ.get(VARIABLE) or str(USUAL_BYTES))


@contextmanager
def at_most(size: str) -> Iterator[None]:
    """Let the arrays of one file claim `size`, such as 8GB, in this process and those it starts meanwhile."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(in_bytes(size))
    try:
        yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


@contextmanager
def file_memory() -> Iterator[None]:
    """Let this process grow by what a file may take and 1 GB, on Linux: a damaged file makes libhdf5 ask for any."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError):  # another system: what the arrays claim is looked at all the same
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = pages * resource.getpagesize() + most_bytes() + SPARE_BYTES
    known = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([most, *known]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class Claims:
    """Adds up what the arrays of a file claim, before any of them is read."""

    def __init__(self, path: Path, error: type[NeurodeployError], again: str) -> None:
        """Start with nothing.

        Args:
            error: What is raised.
            again: How such a file is made anew, for messages.
        """
        self.path, self.error, self.again = path, error, again
        self.size, self.limit, self.claimed = path.stat().st_size, most_bytes(), 0

    def add(self, shape: tuple[int, ...], item_bytes: int) -> None:
        """Add an array.

        Raises:
            NeurodeployError: all together are more than the file can hold, or than the limit.
        """
        self.claimed += math.prod(int(size) for size in shape) * max(item_bytes, NUMBER_BYTES)
        if self.claimed > MOST_EXPANSION * self.size or min(shape, default=0) < 0:
            raise self.error(
                f"claims {self.claimed:.3g} bytes of arrays in a file of {self.size}, so it is damaged",
                self.again,
                where=self.path,
            )
        if self.claimed > self.limit:
            raise self.error(
                f"claims {self.claimed:.3g} bytes of arrays, at most {self.limit:.3g} are read",
                Phrase(
                    "where the file can be trusted, give {NEURODEPLOY_MAX_MEMORY:{gb}GB}", gb=-(-self.claimed // 10**9)
                ),
                where=self.path,
            )


def array_head(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, whether it lies by columns, and type of the .npy array that a stream starts with."""
    version = np.lib.format.read_magic(stream)
    if version not in HEADERS:
        raise ValueError(f"array format {version} is unknown")
    return HEADERS[version](stream)


def row_blocks(values: np.ndarray) -> Iterator[slice]:
    """Yield which rows of an array are worked on at a time, so that what is computed of them takes little memory.

    >>> list(row_blocks(np.zeros((3 << 12, 64))))
    [slice(0, 4096, None), slice(4096, 8192, None), slice(8192, 12288, None)]
    """
    n_rows = max(1, BLOCK * len(values) // max(values.size, 1))
    return (slice(first, min(first + n_rows, len(values))) for first in range(0, len(values), n_rows))


def compact(values: np.ndarray) -> np.ndarray:
    """Return an array whose numbers are all the same as a read-only view of one of them, others as they are.

    >>> compact(np.ones(1 << 20)).strides, compact(np.arange(1 << 20)).strides
    ((0,), (8,))
    """
    if values.size <= FEW or (values.ndim and not any(values.strides)):
        return values
    first = values[(0,) * values.ndim]
    # Most arrays differ near their beginning: looking there first is nearly free.
    alike = bool((values[: max(1, FEW * len(values) // values.size)] == first).all()) and bool((values == first).all())
    return np.broadcast_to(first, values.shape) if alike else values


def alike(values: np.ndarray) -> bool:
    """Return whether all numbers of an array are the same; of none they are."""
    return not any(values.strides) or not values.size or bool((values == values[(0,) * values.ndim]).all())


def elementwise(function: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """Return what a function gives of arrays of one shape, element by element; of compact ones it is compact.

    >>> elementwise(np.add, compact(np.ones(1 << 20)), np.broadcast_to(2, 1 << 20)).strides
    (0,)
    """
    shape = np.broadcast_shapes(*(one.shape for one in arrays))
    few = [one if any(one.strides) or not one.size else one[(slice(1),) * one.ndim] for one in arrays]
    if any(one.shape == shape for one in few):
        return function(*few)
    return np.broadcast_to(function(*few), shape)
