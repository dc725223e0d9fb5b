"""Large arrays that are used again: fresh memory costs more time than most kernels take to fill it."""

from __future__ import annotations

import math
import threading
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
    """What every view of an array that was handed out refers to in the end; gives the memory back when it goes."""

    def __init__(self, pool: Pool, memory: np.ndarray, size: int, kind: str) -> None:
        self.pool, self.memory = pool, memory
        at = memory.ctypes.data
        where = (at + -at % ALIGNED, False)
        self.__array_interface__ = {"shape": (size,), "typestr": kind, "data": where, "version": 3}

    def __del__(self) -> None:
        self.pool.take_back(self.memory)


class Pool:
    """Hands out arrays, and takes the memory back by itself when nothing refers to an array any more."""

    def __init__(self) -> None:
        self.free: dict[int, list[np.ndarray]] = {}
        self.n_bytes = 0
        self.lock = threading.RLock()  # collecting garbage while it is held may give memory back

    def array(self, size: int, kind: Any = np.float32) -> np.ndarray:
        """Return a flat array whose contents are undefined."""
        kind = np.dtype(kind)
        n_bytes = size * kind.itemsize + ALIGNED
        if n_bytes < SMALLEST_BYTES:
            memory = np.empty(n_bytes, np.uint8)
            begin = -memory.ctypes.data % ALIGNED
            return memory[begin : begin + n_bytes - ALIGNED].view(kind)
        grain = 1 << n_bytes.bit_length() - 4
        n_bytes = -(-n_bytes // grain) * grain  # so that lists of nearly the same length share
        with self.lock:
            fits = self.free.get(n_bytes)
            if fits:
                self.n_bytes -= n_bytes
            memory = fits.pop() if fits else np.empty(n_bytes, np.uint8)  # the last one used may still be in the cache
        return np.asarray(_Lease(self, memory, size, kind.str))

    def tensor(self, *shape: int) -> torch.Tensor:
        """Return a float32 tensor whose contents are undefined."""
        return torch.from_numpy(self.array(math.prod(shape))).view(shape)

    def take_back(self, memory: np.ndarray) -> None:
        """Keep memory for another use, or let it go where enough is kept."""
        with self.lock:
            if self.n_bytes + len(memory) <= KEPT_BYTES:
                self.free.setdefault(len(memory), []).append(memory)
                self.n_bytes += len(memory)


POOL = Pool()
