"""Vector operations for neurons that each have numbers of their own, spelled out as those in `vectors` are.

Two coupled states: products of a state and a coefficient have at most 40 bits, and the sum of two one
more, which float64 holds exactly, however the processor rounds. Turning the sum into an integer rounds
it toward zero, as `fixedpoint.dynamics` does. All else is integers of 32 bits, eight neurons at a time.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.backends.fixed.native.vectors import (
    ARRAY,
    DOUBLE,
    EIGHT,
    LONG,
    SHORT,
    WORD,
    Code,
    constant,
    counted,
    leaked,
    vector,
    within,
    wrapped,
)
from neurodeploy.fixedpoint import rules

DOUBLES, WORDS = ir.VectorType(DOUBLE, EIGHT), ir.VectorType(WORD, EIGHT)
DRIVE_LIMIT = 1 << 30
"""A larger drive saturates any cell: all that is added to it is below 2^26."""


@vector(types.void, ARRAY, types.int64, ARRAY, ARRAY, types.int64, types.int64)
def add_shifted(code: Code, activation: Any, o: Any, sums: Any, numbers: Any, left: Any, right: Any) -> None:
    """Add eight sums of 16 bits, shifted to the left and then to the right, to what arrives at eight neurons.

    Args:
        left, right: Where the shifts of neuron 0 start in `numbers`.
    """
    builder = code.builder
    left, right = (code.load(3, builder.add(start, o), WORD, EIGHT) for start in (left, right))
    shifted = builder.ashr(builder.shl(builder.sext(code.load(2, o, SHORT, EIGHT), WORDS), left), right)
    code.store(builder.add(code.load(0, o, WORD, EIGHT), shifted), 0, o)


class _Update(Code):
    """The update of eight neurons, up to the two new potentials: those compared and those kept."""

    def __init__(self, code: Code, words: int) -> None:
        """`words` of 32 bits are a neuron's numbers."""
        super().__init__(code.context, code.builder, code.signature, code.arguments)
        self.words = words

    def number(self, row: int) -> Any:
        return self.builder.load(self._of_eight(row, WORDS), align=4)

    def coefficient(self, row: int) -> Any:
        return self.builder.load(self._of_eight(c.NUMBERS + 2 * row, DOUBLES), align=4)

    def _of_eight(self, row: int, kind: Any) -> Any:
        first = self.builder.mul(self.arguments[5], ir.Constant(LONG, self.words))
        first = self.builder.add(first, ir.Constant(LONG, EIGHT * row))
        return self.pointer(3, self.builder.add(self.arguments[6], first), kind)

    def state(self, index: int) -> Any:
        """Return the first or second state, or what arrives."""
        return self.load(index, self.arguments[5], WORD, EIGHT)

    @property
    def flag(self) -> Any:
        return self.everywhere(self.arguments[7], EIGHT)

    def saturated(self, value: Any) -> Any:
        return within(self.builder, value, rules.STATE_LIMIT - 1)

    def rounded_sum(self, a: Any, x: Any, b: Any, y: Any) -> Any:
        """Return a x + b y, rounded toward zero."""
        multiply_add = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(DOUBLES, [DOUBLES] * 3), f"llvm.fmuladd.v{EIGHT}f64"
        )
        return self.builder.fptosi(self.builder.call(multiply_add, [b, y, self.builder.fmul(a, x)]), WORDS)

    def end(self, u: Any, compared: Any, threshold: Any, after_spike: Any | None = None) -> Any:
        """Store the new states and count the spikes; return these as bits."""
        fired = self.builder.icmp_signed(">", compared, threshold)
        v = compared if after_spike is None else self.builder.select(fired, after_spike, compared)
        self.store(u, 0, self.arguments[5])
        self.store(v, 1, self.arguments[5])
        return counted(self, self.arguments[5], fired)


def _leaky(code: _Update) -> Any:
    """`rules.step`."""
    builder, threshold = code.builder, code.number(c.THRESHOLD)
    drive = builder.shl(code.state(2), constant(rules.ALIGN_SHIFT))
    u = wrapped(builder, builder.add(leaked(builder, code.state(0), code.number(c.KEPT_U)), drive))
    v = builder.add(leaked(builder, code.state(1), code.number(c.KEPT_V)), u)
    v = code.saturated(builder.add(v, code.number(c.BIAS)))
    # Of the flag 0, -1 or -2: all bits but for 0, and what is taken off beyond the threshold compared with.
    subtracts, more = builder.ashr(code.flag, constant(31)), builder.not_(code.flag)
    after = builder.and_(builder.sub(builder.sub(v, threshold), more), subtracts)
    return code.end(u, v, threshold, after)


def _cells(code: _Update, *, rotates: bool) -> Any:
    """The equations of `RESONATOR` where the states rotate, else those of `ADAPTIVE`."""
    builder, threshold = code.builder, code.number(c.THRESHOLD)
    u, v = code.state(0), code.state(1)
    spiked = builder.and_(builder.sext(builder.icmp_signed(">", v, threshold), WORDS), code.flag)
    y, x = builder.sitofp(u, DOUBLES), builder.sitofp(v, DOUBLES)
    u_to_u, v_to_u = code.coefficient(c.U_TO_U), code.coefficient(c.V_TO_U)
    kept = code.rounded_sum(u_to_u, y, v_to_u, x)
    u = code.saturated(builder.add(kept, builder.and_(code.number(c.PUSH_U), spiked)))
    if rotates:
        kept = code.rounded_sum(u_to_u, x, builder.fneg(v_to_u), y)
    else:
        kept = code.rounded_sum(code.coefficient(c.V_TO_V), x, code.coefficient(c.U_TO_V), builder.sitofp(u, DOUBLES))
    drive = within(builder, code.state(2), DRIVE_LIMIT)
    pushed = builder.add(code.number(c.BIAS), builder.and_(code.number(c.PUSH_V), spiked))
    return code.end(u, code.saturated(builder.add(builder.add(kept, pushed), drive)), threshold)


def _own(update: Callable[[_Update], Any], words: int) -> Any:
    """Return what updates the eight neurons from `o` on, counts their spikes, and returns them as bits.

    It is called with u, v, activation, numbers, counts, o, at and flag: where the layer's own start in `numbers`, see
    `neurons.packed`; and of leaky neurons less `columns.SUBTRACT`, of cells every bit set, or none: where there is a
    step before this one, with spikes that still act.
    """
    kinds = [ARRAY] * 5 + [types.int64, types.int64, types.int32]
    return vector(types.int64, *kinds)(lambda code, *_: update(_Update(code, words)))


own_leaky = _own(_leaky, c.NUMBERS)
own_adaptive = _own(partial(_cells, rotates=False), 3 * c.NUMBERS)
own_resonating = _own(partial(_cells, rotates=True), 3 * c.NUMBERS)
