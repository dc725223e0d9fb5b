"""What the host makes of data before they reach the chip: currents, by a convolution in whole numbers.

    current = clip(round((convolution + bias) / 2^shift)), of 12 bits

A full layer is a convolution of a single place; the first of its currents may be rectified.

float64 holds every number in between, so all machines and libraries send the same currents.
Axes: B sample, T step, I value of the data, O current.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from neurodeploy.errors import DataError, ProgramError
from neurodeploy.program.window import Window

CURRENT_BITS, WEIGHT_BITS = 12, 16
"""Of a current and of a weight, the signs included."""
UNIT = 2.0**-8
"""A current of 1, in thresholds: 12 bits reach just below 8 thresholds either way, which few currents leave."""
MOST = (1 << CURRENT_BITS - 1) - 1
"""The largest current."""
MOST_BIAS = 1 << 40
MOST_BEHIND = 63
"""Steps that neurons can rest."""


@dataclass(frozen=True)
class Host:
    """A convolution on the host.

    Attributes:
        window: Its geometry.
        weight, bias: Whole numbers in the order of the window's `weight_shape`, and one for each output channel, or for
            each current: padding of data with a mean is no zero.
        shift: Bits that are rounded away from the sums.
        once: It runs once a sample, on the first step, whose currents the chip keeps; else at each step.
        rectified: Of the first so many output channels currents below 0 are 0: the input of a linear memory.
        behind: Steps without data that follow the last; in the first of them a further current is the largest, else 0.
    """

    window: Window
    weight: tuple[int, ...]
    bias: tuple[int, ...]
    shift: int
    once: bool
    rectified: int = field(default=0, repr=False)
    behind: int = field(default=0, repr=False)

    @classmethod
    def of(
        cls,
        weight: np.ndarray,
        bias: np.ndarray,
        shape: tuple[int, ...],
        *,
        once: bool,
        unit: float = UNIT,
        rectified: int = 0,
    ) -> Host:
        """Return what real weights (outputs, channels, 2 R + 1, 2 C + 1) and biases, in thresholds, amount to.

        Args:
            shape: Channels, rows and columns of the data; currents have the same rows and columns. Where weights are of
                fewer channels, each group of so many has its own share of the outputs.
            unit: Of a current of 1, in what the weights are in.
        """
        rows, columns = weight.shape[2:]
        (channels, *places), padding = shape, (rows // 2, columns // 2)
        groups = channels // weight.shape[1]
        window = Window((channels, places[0], places[1]), len(weight), (rows, columns), padding=padding, groups=groups)
        largest = max(float(np.abs(weight).max()) / unit, 1.0)
        shift = WEIGHT_BITS - 2 - int(np.floor(np.log2(largest)))
        whole = [np.rint(one.astype(np.float64) / unit * 2.0**shift).astype(int).ravel() for one in (weight, bias)]
        return cls(window, tuple(whole[0].tolist()), tuple(whole[1].tolist()), shift, once, rectified)

    @classmethod
    def read(cls, stored: Any) -> Host | None:
        """Return what `text` or `plain` gave; None for None.

        Raises:
            ProgramError: it is neither, or its parts do not fit together.
        """
        if stored is None:
            return None
        problem = "no JSON of window, weight, bias, shift and once"
        try:
            given = dict(json.loads(stored) if isinstance(stored, str) else stored)
            window: Any = Window.read("host", given.pop("window"))
            numbers: Any = {key: tuple(map(int, given.pop(key))) for key in ("weight", "bias")}
            found = cls(window, **numbers, **given)
            problem = window.problem() or ("" if found.fits else "of numbers that do not fit its window or float64")
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
            pass
        if problem:
            raise ProgramError(f"host is {problem}")
        return found

    @property
    def fits(self) -> bool:
        """Whether there is a number for every place, and none that a sum in float64 could lose bits of."""
        sizes = len(self.weight) == int(np.prod(self.window.weight_shape))
        sizes &= len(self.bias) in (self.window.out_channels, self.window.n_outputs)
        largest = max(map(abs, self.weight), default=0) >> WEIGHT_BITS, max(map(abs, self.bias), default=0) // MOST_BIAS
        rows = type(self.rectified) is int and 0 <= self.rectified <= len(self.bias)
        rows &= type(self.behind) is int and 0 <= self.behind <= MOST_BEHIND
        return sizes and rows and largest == (0, 0) and self.shift in range(-40, 64) and isinstance(self.once, bool)

    @property
    def plain(self) -> dict[str, Any]:
        """Plain values for JSON."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if one.repr or getattr(self, one.name)}
        return found | {"window": vars(self.window)}

    @property
    def text(self) -> str:
        """JSON in one line, for a graph's metadata."""
        return json.dumps(self.plain, sort_keys=True)

    @property
    def shape(self) -> tuple[int, ...]:
        """Axes of the currents of a step; where there is one place, its channels alone."""
        channels, *places = self.window.output_shape
        if self.behind:
            return (self.n_sent,)
        return (channels, *places) if places != [1, 1] else (channels,)

    @property
    def n_sent(self) -> int:
        """How many currents a step has."""
        return self.window.n_outputs + bool(self.behind)

    @property
    def macs(self) -> int:
        """Multiplications and additions of one pass; what the padding leaves out is counted."""
        return self.window.n_outputs * len(self.weight) // self.window.out_channels

    @property
    def n_bytes(self) -> int:
        """Bytes of the currents of one pass."""
        return -(-self.n_sent * CURRENT_BITS // 8)

    @property
    def words(self) -> str:
        """What it does, for a note."""
        what, unit = "the first convolution", f" in thresholds / {1 / UNIT:.0f}"
        if self.rectified or self.behind:
            what, unit = "the memory's input" if self.rectified else "the scale of the frames", ""
        return (
            f"on the host: {what}, {self.macs:,} multiply-adds and {self.n_bytes:,} bytes to the chip "
            f"{'a sample' if self.once else 'a step'}, currents of {CURRENT_BITS} bits{unit}"
        )

    def currents(self, data_BTI: np.ndarray) -> np.ndarray:
        """Return the currents (B, T, O) that the chip gets for data, int16.

        Raises:
            DataError: steps have another number of values, or differ where the host works once a sample.
        """
        n_steps, n_values = data_BTI.shape[1:]
        if n_values != self.window.n_inputs:
            raise DataError(f"data: steps of {n_values} values, the host's convolution takes {self.window.n_inputs}")
        some = data_BTI[:, : 1 if self.once else n_steps].astype(np.float64)
        if self.once and (data_BTI != data_BTI[:, :1]).any():
            raise DataError("data: steps differ, but the host works once a sample; train with encoder=each_step")
        weight = np.array(self.weight, np.float64).reshape(self.window.weight_shape)
        alone = len(self.weight) == self.window.groups == n_values  # a product each, which streams wait for
        sums = some * weight.ravel() if alone else self.window.apply(some.reshape(-1, n_values), weight)
        sums = sums.reshape(*some.shape[:2], self.window.out_channels, -1)
        whole = np.rint((sums + np.array(self.bias, np.float64).reshape(sums.shape[2], -1)) * 2.0**-self.shift)
        whole[:, :, : self.rectified] = whole[:, :, : self.rectified].clip(0)
        found = whole.clip(-MOST, MOST).astype(np.int16).reshape(*some.shape[:2], -1)
        if self.behind:
            found = np.pad(found, ((0, 0), (0, self.behind), (0, 1)))
            found[:, n_steps, -1] = MOST
        return np.repeat(found, n_steps, axis=1) if self.once else found
