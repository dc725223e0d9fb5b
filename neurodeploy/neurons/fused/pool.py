"""Large arrays that are used again: fresh memory costs more time than most kernels take to fill it."""

from __future__ import annotations

import math
import threading
import weakref
from typing import Any

import numpy as np
import torch

SMALLEST_BYTES = 1 << 18
"""Smaller arrays are not worth keeping."""
KEPT_BYTES = 1 << 30
"""Kept for another use, at most."""
ALIGNED = 64
"""Bytes of a cache line, which every array starts with."""


class _Lease:
    """What every view of an array that was handed out refers to in the end."""

    def __init__(self, memory: np.ndarray, size: int, kind: Any) -> None:
        at = memory.ctypes.data
        where = (at + -at % ALIGNED, False)
        self.__array_interface__ = {"shape": (size,), "typestr": np.dtype(kind).str, "data": where, "version": 3}


class Pool:
    """Hands out arrays, and takes the memory back by itself when nothing refers to an array any more."""

    def __init__(self) -> None:
        self.free: list[np.ndarray] = []
        self.n_bytes = 0
        self.lock = threading.RLock()  # collecting garbage while it is held may give memory back

    def array(self, size: int, kind: Any = np.float32) -> np.ndarray:
        """Return a flat array whose contents are undefined."""
        n_bytes = size * np.dtype(kind).itemsize + ALIGNED
        if n_bytes < SMALLEST_BYTES:
            memory = np.empty(n_bytes, np.uint8)
            begin = -memory.ctypes.data % ALIGNED
            return memory[begin : begin + n_bytes - ALIGNED].view(kind)
        grain = 1 << n_bytes.bit_length() - 4
        n_bytes = -(-n_bytes // grain) * grain  # so that lists of nearly the same length share
        memory = self._taken(n_bytes)
        if memory is None:
            memory = np.empty(n_bytes, np.uint8)
        lease = _Lease(memory, size, kind)
        # Holds the memory for as long as the lease lives.
        weakref.finalize(lease, self._back, memory).atexit = False
        return np.asarray(lease)

    def tensor(self, *shape: int) -> torch.Tensor:
        """Return a float32 tensor whose contents are undefined."""
        return torch.from_numpy(self.array(math.prod(shape))).view(shape)

    def _taken(self, n_bytes: int) -> np.ndarray | None:
        with self.lock:
            for place in reversed(range(len(self.free))):  # the last one used may still be in the cache
                if len(self.free[place]) == n_bytes:
                    self.n_bytes -= n_bytes
                    return self.free.pop(place)
        return None

    def _back(self, memory: np.ndarray) -> None:
        with self.lock:
            self.free.append(memory)
            self.n_bytes += len(memory)
            while self.n_bytes > KEPT_BYTES:
                self.n_bytes -= len(self.free.pop(0))


POOL = Pool()
