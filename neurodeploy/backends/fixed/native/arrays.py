"""What the compiled kernels change: the samples' state, the results, and room to work in.

Axes: B sample, T step, I input channel, N neurons of all layers in inner order.
"""

import math
from typing import Any, NamedTuple

import numpy as np

LINE = 64
"""Bytes of a cache line. Vectors that cross one take a fifth longer in all."""


class State(NamedTuple):
    """What the samples carry from step to step (B, N); those that no layer needs have no columns."""

    u: np.ndarray
    v: np.ndarray
    rest: np.ndarray
    residue: np.ndarray
    error: np.ndarray
    past: np.ndarray  # what the populations sent in the last steps (B, all of it)


class Results(NamedTuple):
    """What is kept of a run; `probe` says where a layer's neurons start in the records, or -1."""

    input_counts: np.ndarray  # (B, I)
    counts: np.ndarray  # (B, neurons in the Program's own order)
    overflows: np.ndarray  # (B, layers, 2)
    scores: np.ndarray  # (B, neurons of the output with padding)
    potentials: np.ndarray  # of the output (B, T, neurons), where the readout is their softmax
    probe: np.ndarray
    sent: np.ndarray  # (B, T, probed neurons)
    u: np.ndarray
    v: np.ndarray


class Scratch(NamedTuple):
    """Room for one sample at a time."""

    events: np.ndarray
    values: np.ndarray
    starts: np.ndarray  # where the events of each step start (populations, past and chunk and one)
    flags: np.ndarray
    counts: np.ndarray  # (N,)
    activation: np.ndarray
    sums: np.ndarray
    sums16: np.ndarray
    floats: np.ndarray  # currents, potentials and biases (3, neurons of a layer)
    message: np.ndarray
    silent: np.ndarray
    others: np.ndarray
    dense: np.ndarray  # messages of 16 bits of all sources, those that sent none included
    lists: np.ndarray  # of a convolution: rows of all events, where each place's start, and those of one output
    places: np.ndarray


def aligned(shape: tuple[int, ...], kind: Any) -> np.ndarray:
    """Return an array of zeros that starts at a cache line."""
    n_bytes = math.prod(shape) * np.dtype(kind).itemsize
    memory = np.zeros(n_bytes + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    return memory[first : first + n_bytes].view(kind).reshape(shape)
