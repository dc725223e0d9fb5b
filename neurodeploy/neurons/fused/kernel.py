"""How the kernels are compiled, and what they agree on about arrays.

Arrays are flat. Neurons are padded to whole vectors of `WIDTH`, and grouped in blocks of `BLOCK`. A field is an array
of one float for each sample, step and neuron; the row of a sample and step is `sample * n_steps + step`, and neuron n
of a row stands at

    n // BLOCK * slab + row * stride + n % BLOCK

Blocks one after another (`slab` is the number of rows times `BLOCK`, `stride` is `BLOCK`) let a block's weights, or a
sample's part of a block, stay in the second-level cache; plain rows (`slab` is `BLOCK`, `stride` the padded number of
neurons) are what matrix products make. Kernels take either. A plane holds one bit for each neuron of each row.

What there is one of for each neuron, coefficients and states, is kept in records: all of eight neurons side by side,
each eight floats, at places that are known when a kernel is compiled. One pointer reaches them all, and they never
compete for the same lines of the first-level cache.

Arguments of kernels need no types, since they are compiled for what they are called with: whole numbers, and arrays of
float32 where their description says nothing else.
"""

import functools
from pathlib import Path
from typing import Any

from numba import njit

from neurodeploy.compiled import kept_on_disk

BLOCK = 64
VECTORS = BLOCK // 8
"""In a block."""
AHEAD = 8
"""Rows that backward kernels announce what they will write: processors expect rising addresses, and waiting for memory
would take longer than everything else."""
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
inlined: Any = njit(**OPTIONS)
"""For parts of kernels."""


class Kernel:
    """A function that is compiled, or loaded from disk, when it is first called."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    @functools.cached_property
    def compiled(self) -> Any:
        return kept_on_disk(self.function, Path(__file__).parent, OPTIONS)

    def __call__(self, *arguments: Any) -> Any:
        return self.compiled(*arguments)
