"""What the host makes of the output's spikes or potentials before the largest score is the class.

    scores = matrix @ (readout of the steps, each times its weight) + bias

Where there is a hidden layer, max(0, hidden @ readout + hidden_bias) takes the readout's place.

Axes: B sample, T input step, N output neuron, C class.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from neurodeploy.errors import DataError, ProgramError
from neurodeploy.phrases import plural


@dataclass(frozen=True)
class Decode:
    """Steps that count, and a map from output neurons to classes; what is empty changes nothing.

    Attributes:
        steps: Weight of each input step (T,), so that only runs of T steps have a class. Of the largest potential, the
            steps that count (weights 0 and 1).
        matrix: Rows of (C, N); potentials are in the graph's unit.
        bias: Of each class (C,).
        hidden: Rows of (H, N) of a rectified layer before the matrix, which is (C, H) then.
        hidden_bias: Of each of its rows (H,).
    """

    steps: tuple[float, ...] = ()
    matrix: tuple[tuple[float, ...], ...] = ()
    bias: tuple[float, ...] = ()
    hidden: tuple[tuple[float, ...], ...] = field(default=(), repr=False)
    hidden_bias: tuple[float, ...] = field(default=(), repr=False)

    @classmethod
    def read(cls, stored: Any) -> Decode | None:
        """Return what `text` or `plain` gave; None for None.

        Raises:
            ProgramError: it is neither.
        """
        if stored is None:
            return None
        try:
            given = json.loads(stored) if isinstance(stored, str) else stored
            rows = tuple(tuple(float(one) for one in row) for row in given["matrix"])
            hidden = tuple(tuple(map(float, row)) for row in given.get("hidden", ()))
            biases = tuple(map(float, given["bias"])), tuple(map(float, given.get("hidden_bias", ())))
            return cls(tuple(map(float, given["steps"])), rows, biases[0], hidden, biases[1])
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
            raise ProgramError("decode is no JSON of steps, matrix and bias, each a list of numbers") from None

    def fits(self, n_neurons: int) -> bool:
        """Return whether the numbers are real and their axes those of an output of `n_neurons`."""
        rows = [*self.matrix, *self.hidden]
        numbers = [*self.steps, *self.bias, *self.hidden_bias, *(one for row in rows for one in row)]
        n_read = len(self.hidden) or n_neurons
        n_classes = len(self.matrix) or n_read
        return (
            all(map(math.isfinite, numbers))
            and all(len(row) == n_read for row in self.matrix)
            and all(len(row) == n_neurons for row in self.hidden)
            and len(self.hidden_bias) in (0, len(self.hidden))
            and len(self.bias) in (0, n_classes)
            and (not self.steps or any(self.steps))
        )

    @property
    def plain(self) -> dict[str, Any]:
        """Plain values for JSON; without a hidden layer nothing of it."""
        return {key: value for key, value in asdict(self).items() if value or not key.startswith("hidden")}

    @cached_property
    def _hidden(self) -> np.ndarray:
        return np.asarray(self.hidden)

    @property
    def text(self) -> str:
        """JSON in one line, for a node's metadata."""
        return json.dumps(self.plain, sort_keys=True)

    @property
    def macs(self) -> int:
        """Multiplications and additions of a sample where there is a hidden layer; else 0."""
        return sum(len(one) * len(one[0]) for one in (self.hidden, self.matrix) if self.hidden and one)

    @property
    def words(self) -> str:
        """What it does, for a note."""
        counted = np.flatnonzero(self.steps)
        unlike = ", each with a weight of its own" if len({self.steps[one] for one in counted}) > 1 else ""
        n_steps = len(self.steps)
        when = f"{len(counted)} of {n_steps} steps count, {counted[0]} to {counted[-1]}{unlike}" if n_steps else ""
        how = (
            f"the host makes {len(self.matrix)} classes of {plural(len(self.matrix[0]), 'neuron')}"
            if self.matrix
            else ""
        )
        first = f"through {len(self.hidden)} rectified sums of {len(self.hidden[0])}" if self.hidden else ""
        return ", ".join(one for one in (when, how, first, "each class has a bias" if self.bias else "") if one)

    def by_step(self, readout: str) -> bool:
        """Return whether the host must know the output's states after every step."""
        return readout not in ("spikes", "v_last") or (readout == "spikes" and bool(self.steps))

    def weights(self, n_steps: int) -> np.ndarray:
        """Return the weight of each of the `n_steps` input steps (T,).

        Raises:
            DataError: it was made for another number of steps.
        """
        if len(self.steps) not in (0, n_steps):
            counted = np.flatnonzero(self.steps)
            raise DataError(
                f"input: has {n_steps} steps, the class is read from steps {counted[0]} to {counted[-1]} of "
                f"{len(self.steps)}; give {len(self.steps)} steps, or read the module again with {n_steps}"
            )
        return np.asarray(self.steps or [1.0] * n_steps)

    def scores(self, read_BN: np.ndarray) -> np.ndarray:
        """Return the scores (B, C) of what was read."""
        # Not products of BLAS, which may round otherwise for another number of samples.
        if self.hidden:
            read_BN = np.einsum("bn,hn->bh", read_BN, self._hidden) + np.asarray(self.hidden_bias or 0.0)
            read_BN = np.maximum(read_BN, 0.0)
        matrix = np.asarray(self.matrix) if self.matrix else np.eye(read_BN.shape[1])
        return np.asarray(np.einsum("bn,cn->bc", read_BN, matrix) + np.asarray(self.bias or 0.0))
