"""The synapses of a Program: a matrix or a convolution, with exponents and delays.

Axes: O neurons a connection ends on, I neurons (or input channels) it starts from, B sample,
K output channel of a convolution.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from neurodeploy.errors import ProgramError
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.memory import row_blocks
from neurodeploy.program.fields import check_fields
from neurodeploy.program.neurons import whole, within
from neurodeploy.program.window import Window

PLAIN = ("name", "source", "target", "sign")
"""What a file holds of a connection beside its arrays and its window."""


@dataclass(frozen=True, eq=False)
class Connection:
    """Synapses from `source` (a layer or "input") to `target`; the way takes one step, and the delay.

    Attributes:
        weight: Integer weights (O, I), int16 or wider, or of a convolution (K, channels, rows, columns). A matrix
            of mixed signs loses its low bits, see `rules.loihi_weights`; a convolution's weights
            are used as they are, as by Lava's `Conv`.
        weight_exp: Exponent of base 2, applied after the sum: shared (), or one for each row of
            the matrix (O,) or output channel (K,).
        sign: Sign mode of a matrix: "auto", "mixed", "excitatory" or "inhibitory".
        delay: Steps that spikes wait in addition, 0..63: shared (), or for each synapse (O, I).
        window: Geometry of a convolution; None for a matrix.
    """

    name: str
    source: str
    target: str
    weight: IntArray
    weight_exp: Any = 0
    sign: str = rules.SIGN_FROM_VALUES
    delay: Any = 0
    window: Window | None = None

    def __post_init__(self) -> None:
        for key in ("weight_exp", "delay"):
            whole(self.name, key, getattr(self, key))
            object.__setattr__(self, key, np.asarray(getattr(self, key), np.int64))

    @property
    def n_inputs(self) -> int:
        return self.window.n_inputs if self.window else self.weight.shape[1]

    @property
    def n_outputs(self) -> int:
        return self.window.n_outputs if self.window else self.weight.shape[0]

    @property
    def largest_delay(self) -> int:
        return int(np.max(self.delay, initial=0))

    @cached_property
    def held(self) -> IntArray:
        """The weights as the synapse memory holds them."""
        return self.weight if self.window else rules.loihi_weights(self.weight, sign=self.sign)

    @property
    def row_exponents(self) -> IntArray:
        """The exponent of every target (O,)."""
        exponents = np.broadcast_to(self.weight_exp, self.weight.shape[:1])
        return np.repeat(exponents, self.n_outputs // len(exponents)).astype(np.int64)

    def fan_out(self, *, zeros: bool = False) -> np.ndarray:
        """Return how many synapses each source has (I,): with a non-zero weight, or of any weight."""
        if self.window:
            return self.window.spread(np.ones_like(self.weight) if zeros else (self.weight != 0).astype(np.int64))
        if zeros:
            return np.full(self.n_inputs, self.n_outputs, np.int64)
        # Summed as bytes: four times as fast, which a run of a few samples notices.
        return np.add.reduce((self.weight != 0).view(np.uint8), axis=0, dtype=np.uint32).astype(np.int64)

    def apply(self, sent_BI: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return the sums (B, O) of `weight`, shaped like the connection's own, over what was sent."""
        return self.window.apply(sent_BI, weight) if self.window else sent_BI @ weight.T

    def by_delay(self) -> Iterator[tuple[int, IntArray]]:
        """Yield each delay with the weights that have it, the others 0.

        The exponent acts on the sum of each delay alone, as in Lava's `DelayDense`.
        """
        held = self.held
        if np.ndim(self.delay) == 0:
            yield int(self.delay), held
            return
        for delay in np.unique(self.delay):
            yield int(delay), np.where(self.delay == delay, held, 0)

    def check(self, n_sources: int, n_targets: int) -> None:
        """Check that the parts fit together and to both ends, and every number fits its field.

        Raises:
            ProgramError: with the connection, the value and the range.
        """
        check_fields(self.name, {key: getattr(self, key) for key in PLAIN})
        if self.window:
            problem = self.window.problem()
            if problem:
                raise ProgramError(f"{self.name}: {problem}")
            _fits(self.name, "weights are", self.weight.shape, self.window.weight_shape)
            _fits(self.name, "the convolution goes", (self.n_outputs, self.n_inputs), (n_targets, n_sources))
        else:
            _fits(self.name, "weights are", self.weight.shape, (n_targets, n_sources))
        if np.ndim(self.weight_exp):
            _fits(self.name, "exponents are", np.shape(self.weight_exp), self.weight.shape[:1])
        if np.ndim(self.delay):
            if self.window:
                raise ProgramError(f"{self.name}: a convolution has one delay, found {np.shape(self.delay)} of them")
            _fits(self.name, "delays are", np.shape(self.delay), self.weight.shape)
        whole(self.name, "weight", self.weight)
        within(self.name, "weight", self.extremes, -256, 255)
        within(self.name, "weight_exp", self.weight_exp, rules.WEIGHT_EXPONENT_MIN, rules.WEIGHT_EXPONENT_MAX)
        within(self.name, "delay", self.delay, 0, rules.DELAY_MAX)

    @cached_property
    def extremes(self) -> tuple[int, int]:
        """The smallest and the largest weight."""
        return (int(self.weight.min()), int(self.weight.max())) if self.weight.size else (0, 0)

    @cached_property
    def largest_sum(self) -> np.ndarray:
        """The largest size (O,) of what binary spikes can add to a target, after the exponent."""
        if self.window:
            size = np.abs(self.weight).sum(axis=(1, 2, 3), dtype=np.int64)
            size = np.repeat(size, self.n_outputs // len(size))
        else:
            size = np.zeros(len(self.weight), np.int64)
            for rows in row_blocks(self.weight):
                size[rows] = np.abs(self.weight[rows]).sum(axis=1, dtype=np.int64)
        return size << np.maximum(self.row_exponents, 0)


def _fits(where: str, what: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if tuple(found) != tuple(wanted):
        raise ProgramError(f"{where}: {what} {tuple(found)}, {tuple(wanted)} was expected")
