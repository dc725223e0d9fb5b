"""Populations of a Program whose neurons have two coupled states; their step is in `fixedpoint.cells`.

Axes: N neurons of a layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.cells import (
    ADAPTIVE,
    COEFFICIENT_LIMIT,
    COEFFICIENTS,
    JUMPS,
    MAX_FRACTION_BITS,
    MIN_FRACTION_BITS,
    RESONATOR,
    CellState,
    adaptive_step,
    resonator_step,
)
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.program.layer import check_arrays, within

UNITS = ("u_per_unit", "v_per_unit", "u_offset", "v_offset")
PLAIN = ("name", "start", "fraction_bits", "shape")


@dataclass(frozen=True, eq=False, kw_only=True)
class Cells:
    """What both kinds share: they begin at zero, and sleep until the step at which input can arrive.

    On the chip a step counter of the neuron program does that. A bias would otherwise act before the
    network's first step.

    Attributes:
        name, start, shape: As in `Layer`.
        fraction_bits: Coefficients are in units of 2^-fraction_bits.
        bias: Added to `v` every step (N,), state units.
        vth: Threshold of `v` (N,), state units, not shifted.
        u_per_unit, v_per_unit, u_offset, v_offset: As in `Layer`; u is the adaptation, or the imaginary part.
    """

    kind: ClassVar[str]
    graded: ClassVar[bool] = False
    units: ClassVar[tuple[str, ...]] = UNITS
    plain: ClassVar[tuple[str, ...]] = PLAIN
    coefficients: ClassVar[tuple[str, ...]] = ()
    integers: ClassVar[tuple[str, ...]] = ()

    name: str
    start: int
    fraction_bits: int
    bias: IntArray
    vth: IntArray
    u_per_unit: np.ndarray
    v_per_unit: np.ndarray
    u_offset: np.ndarray
    v_offset: np.ndarray
    shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape) or (len(self.vth),))

    @property
    def n_neurons(self) -> int:
        return len(self.vth)

    @property
    def threshold(self) -> IntArray:
        """The threshold in state units (N,)."""
        return self.vth

    def check(self) -> None:
        """Check that every number fits its field.

        Raises:
            ProgramError: with the layer, the value and the range.
        """
        within(self.name, "fraction_bits", self.fraction_bits, MIN_FRACTION_BITS, MAX_FRACTION_BITS)
        most = COEFFICIENT_LIMIT << self.fraction_bits
        state = (1 - rules.STATE_LIMIT, rules.STATE_LIMIT - 1)
        check_arrays(self, {key: (-most, most) if key in self.coefficients else state for key in self.integers})

    def step(self, state: CellState, activation: IntArray) -> CellState:
        """Return the state after one step, from the step `start` on."""
        raise NotImplementedError

    def _numbers(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in self.integers} | {"fraction_bits": self.fraction_bits}


@dataclass(frozen=True, eq=False, kw_only=True)
class Adaptive(Cells):
    """One population of adaptive neurons: `v` a potential, `u` its adaptation w.

    Attributes:
        alpha, gain, beta, a, jump, drop: See `fixedpoint.cells.adaptive_step`.
    """

    kind: ClassVar[str] = ADAPTIVE
    coefficients: ClassVar[tuple[str, ...]] = COEFFICIENTS[ADAPTIVE]
    integers: ClassVar[tuple[str, ...]] = (*coefficients, *JUMPS[ADAPTIVE], "bias", "vth")

    alpha: IntArray
    gain: IntArray
    beta: IntArray
    a: IntArray
    jump: IntArray
    drop: IntArray

    def step(self, state: CellState, activation: IntArray) -> CellState:
        return adaptive_step(state, activation, **self._numbers())


@dataclass(frozen=True, eq=False, kw_only=True)
class Resonator(Cells):
    """One population of resonators: `v` the real part of a complex potential, `u` its imaginary part.

    Attributes:
        re, im, drop, drop_y: See `fixedpoint.cells.resonator_step`.
    """

    kind: ClassVar[str] = RESONATOR
    coefficients: ClassVar[tuple[str, ...]] = COEFFICIENTS[RESONATOR]
    integers: ClassVar[tuple[str, ...]] = (*coefficients, *JUMPS[RESONATOR], "bias", "vth")

    re: IntArray
    im: IntArray
    drop: IntArray
    drop_y: IntArray

    def step(self, state: CellState, activation: IntArray) -> CellState:
        return resonator_step(state, activation, **self._numbers())


CELLS = {one.kind: one for one in (Adaptive, Resonator)}
