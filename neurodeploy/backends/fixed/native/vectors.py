"""Vector operations spelled out in LLVM's language, for the three loops that nearly all time goes into.

The compiler's own vectorisation would test at every call whether the arrays overlap, and must go
through memory to find the spikes of a comparison. LLVM turns these into the instructions of
whatever processor it runs on; nothing here is tied to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

from neurodeploy.backends.fixed.native.columns import EIGHT
from neurodeploy.fixedpoint import rules

intrinsic: Any = numba_intrinsic
BYTE, SHORT, WORD, LONG = (ir.IntType(bits) for bits in (8, 16, 32, 64))
FLOAT, DOUBLE = ir.FloatType(), ir.DoubleType()
SIXTEEN = 16
"""Weights of a sum."""

_BITS = (np.arange(1 << EIGHT)[:, None] >> np.arange(EIGHT)) & 1
PLACES = np.argsort(1 - _BITS, axis=1, kind="stable").astype(np.uint8).ravel()
"""For every byte of eight flags, the places of those that are set, first (256 x 8)."""


class Code:
    """What the generators share: pointers into arrays, and constants and scalars in every lane."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.context, self.builder, self.signature, self.arguments = context, builder, signature, arguments

    def pointer(self, index: int, offset: Any, kind: Any) -> Any:
        array = cgutils.create_struct_proxy(self.signature.args[index])(
            self.context, self.builder, self.arguments[index]
        )
        return self.builder.bitcast(self.builder.gep(array.data, [offset]), kind.as_pointer())

    def load(self, index: int, offset: Any, element: Any, lanes: int) -> Any:
        return self.builder.load(self.pointer(index, offset, ir.VectorType(element, lanes)), align=_bytes(element))

    def store(self, value: Any, index: int, offset: Any) -> None:
        self.builder.store(value, self.pointer(index, offset, value.type), align=_bytes(value.type.element))

    def everywhere(self, scalar: Any, lanes: int) -> Any:
        kind = ir.VectorType(scalar.type, lanes)
        empty = ir.Constant(kind, ir.Undefined)
        single = self.builder.insert_element(empty, scalar, ir.Constant(WORD, 0))
        return self.builder.shuffle_vector(single, empty, ir.Constant(ir.VectorType(WORD, lanes), [0] * lanes))


def _bytes(element: Any) -> int:
    if element in (FLOAT, DOUBLE):
        return 4 if element == FLOAT else 8
    return element.width // 8


def constant(value: int) -> Any:
    """Return a number in each of eight lanes of 32 bits."""
    return ir.Constant(ir.VectorType(WORD, EIGHT), [value] * EIGHT)


def _row_adder(count: int, *, first: bool) -> Any:
    """Return the sum of `count` rows of int8 at 16 places, added to a total of int16 or, first, in its place."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = Code(context, builder, signature, arguments)
        o, wide = arguments[1], ir.VectorType(SHORT, SIXTEEN)
        parts = [
            builder.sext(code.load(2, builder.add(start, o), BYTE, SIXTEEN), wide) for start in arguments[3 : 3 + count]
        ]
        if not first:
            parts.append(code.load(0, o, SHORT, SIXTEEN))
        code.store(_sum(builder, parts), 0, o)
        return context.get_dummy_value()

    return generate


def _sum(builder: Any, parts: Sequence[Any]) -> Any:
    """Return the sum of vectors, added in pairs so that few have to wait."""
    parts = list(parts)
    while len(parts) > 1:
        parts = [
            builder.add(*pair) if len(pair) == 2 else pair[0]
            for pair in (parts[i : i + 2] for i in range(0, len(parts), 2))
        ]
    return parts[0]


@intrinsic
def set_eight_rows(
    context: Any, total: Any, o: Any, rows: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any
) -> Any:
    """Put the sum of eight rows, which start at `a` to `h` of flat int8 weights, into 16 places of `total`."""
    return types.void(total, types.int64, rows, *[types.int64] * 8), _row_adder(8, first=True)


@intrinsic
def add_eight_rows(
    context: Any, total: Any, o: Any, rows: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any
) -> Any:
    """Add the sum of eight rows to 16 places of `total`."""
    return types.void(total, types.int64, rows, *[types.int64] * 8), _row_adder(8, first=False)


@intrinsic
def set_four_rows(context: Any, total: Any, o: Any, rows: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Put the sum of four rows into 16 places of `total`."""
    return types.void(total, types.int64, rows, *[types.int64] * 4), _row_adder(4, first=True)


@intrinsic
def add_four_rows(context: Any, total: Any, o: Any, rows: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Add the sum of four rows to 16 places of `total`."""
    return types.void(total, types.int64, rows, *[types.int64] * 4), _row_adder(4, first=False)


@intrinsic
def flags_at(context: Any, flags: Any, at: Any) -> Any:
    """Return eight flags of a byte each as the bits of one number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = Code(context, builder, signature, arguments)
        seen = code.load(0, arguments[1], BYTE, EIGHT)
        mask = builder.icmp_unsigned("!=", seen, ir.Constant(ir.VectorType(BYTE, EIGHT), [0] * EIGHT))
        return builder.zext(builder.bitcast(mask, BYTE), LONG)

    return types.int64(flags, types.int64), generate


@intrinsic
def messages_at(context: Any, sent: Any, at: Any) -> Any:
    """Return which of eight messages are not 0, as the bits of one number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sent = Code(context, builder, signature, arguments).load(0, arguments[1], WORD, EIGHT)
        return builder.zext(builder.bitcast(builder.icmp_signed("!=", sent, constant(0)), BYTE), LONG)

    return types.int64(sent, types.int64), generate


@intrinsic
def append_places(context: Any, bits: Any, base: Any, places: Any, events: Any, to: Any) -> Any:
    """Write `base` plus the places of the set ones among eight bits, and return how many are set.

    Without branches, because a branch on random spikes costs more than all of this. Always writes
    eight entries.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = Code(context, builder, signature, arguments)
        bits, base, _, _, to = arguments
        found = code.load(2, builder.shl(bits, ir.Constant(LONG, 3)), BYTE, EIGHT)
        found = builder.zext(found, ir.VectorType(WORD, EIGHT))
        code.store(builder.add(found, code.everywhere(base, EIGHT)), 3, to)
        return builder.ctpop(bits)

    return types.int64(types.int64, types.int32, places, events, types.int64), generate


def _neurons(*, subtracts: bool) -> Any:
    """Return the update of eight neurons of shared decays and threshold: `rules.step`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = Code(context, builder, signature, arguments)
        o = arguments[5]
        shift, kept_u, kept_v, threshold = (code.everywhere(scalar, EIGHT) for scalar in arguments[6:10])
        u, v, bias = (code.load(index, o, WORD, EIGHT) for index in (0, 1, 3))
        drive = builder.shl(builder.sext(code.load(2, o, SHORT, EIGHT), ir.VectorType(WORD, EIGHT)), shift)
        u = wrapped(builder, builder.add(leaked(builder, u, kept_u), drive))
        code.store(u, 0, o)
        v = within(builder, builder.add(builder.add(leaked(builder, v, kept_v), u), bias), rules.STATE_LIMIT - 1)
        fired = builder.icmp_signed(">", v, threshold)
        after = builder.sub(v, threshold) if subtracts else constant(0)
        code.store(builder.select(fired, after, v), 1, o)
        return counted(code, o, fired)

    return generate


def counted(code: Code, o: Any, fired: Any) -> Any:
    """Return the spikes as bits, after adding them to the counts."""
    builder = code.builder
    code.store(builder.add(code.load(4, o, WORD, EIGHT), builder.zext(fired, ir.VectorType(WORD, EIGHT))), 4, o)
    return builder.zext(builder.bitcast(fired, BYTE), LONG)


def leaked(builder: Any, state: Any, kept: Any) -> Any:
    """`rules.leak_toward_zero`: the product, of up to 44 bits, in two halves of 32."""
    shift, low_bits = constant(rules.DECAY_BITS), constant(rules.DECAY_ONE - 1)
    high = builder.ashr(state, shift)
    # The floor of a negative number plus 4095/4096 is its truncation toward zero; 4095 are twelve of the sign.
    upward = builder.lshr(high, constant(32 - rules.DECAY_BITS))
    low = builder.add(builder.mul(builder.and_(state, low_bits), kept), upward)
    return builder.add(builder.mul(high, kept), builder.ashr(low, shift))


def wrapped(builder: Any, u: Any) -> Any:
    """`rules.wrap_current`."""
    half, around = rules.STATE_LIMIT, constant(2 * rules.STATE_LIMIT)
    low = builder.select(builder.icmp_signed("<=", u, constant(-half)), builder.add(u, around), u)
    return builder.select(builder.icmp_signed(">", u, constant(half)), builder.sub(u, around), low)


def within(builder: Any, value: Any, limit: int) -> Any:
    """Return the value clipped to plus and minus `limit`."""
    for order, edge in (("<", constant(-limit)), (">", constant(limit))):
        value = builder.select(builder.icmp_signed(order, value, edge), edge, value)
    return value


def _update(*, subtracts: bool) -> Any:
    def typed(
        context: Any,
        u: Any,
        v: Any,
        sums: Any,
        bias: Any,
        counts: Any,
        o: Any,
        shift: Any,
        kept_u: Any,
        kept_v: Any,
        threshold: Any,
    ) -> Any:
        """Update the eight neurons from `o` on, count their spikes, and return them as bits."""
        numbers: list[Any] = [types.int64, *[types.int32] * 4]
        return types.int64(u, v, sums, bias, counts, *numbers), _neurons(subtracts=subtracts)

    return intrinsic(typed)


neurons_to_zero = _update(subtracts=False)
neurons_subtracting = _update(subtracts=True)


def _float_neurons(*, subtracts: bool) -> Any:
    """Return the same update in float32, for currents within 24 bits and a processor that rounds toward zero.

    Every value is a whole number below 2^24, and so exact; a sum beyond it is cut to 24 bits at once.
    """
    eight = ir.VectorType(FLOAT, EIGHT)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = Code(context, builder, signature, arguments)
        o = arguments[5]
        scale, kept_u, kept_v, threshold = (code.everywhere(scalar, EIGHT) for scalar in arguments[6:10])
        u, v, bias = (code.load(index, o, FLOAT, EIGHT) for index in (0, 1, 3))
        truncated = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(eight, [eight]), f"llvm.trunc.v{EIGHT}f32"
        )
        sums = builder.sitofp(builder.sext(code.load(2, o, SHORT, EIGHT), ir.VectorType(WORD, EIGHT)), eight)
        u = builder.fadd(builder.call(truncated, [builder.fmul(u, kept_u)]), builder.fmul(sums, scale))
        code.store(u, 0, o)
        v = builder.fadd(builder.fadd(builder.call(truncated, [builder.fmul(v, kept_v)]), u), bias)
        for order, limit in (("<", 1 - rules.STATE_LIMIT), (">", rules.STATE_LIMIT - 1)):
            edge = ir.Constant(eight, [float(limit)] * EIGHT)
            v = builder.select(builder.fcmp_ordered(order, v, edge), edge, v)
        fired = builder.fcmp_ordered(">", v, threshold)
        after = builder.fsub(v, threshold) if subtracts else ir.Constant(eight, [0.0] * EIGHT)
        code.store(builder.select(fired, after, v), 1, o)
        return counted(code, o, fired)

    return generate


def _float_update(subtracts: bool) -> Any:
    def typed(
        context: Any,
        u: Any,
        v: Any,
        sums: Any,
        bias: Any,
        counts: Any,
        o: Any,
        scale: Any,
        kept_u: Any,
        kept_v: Any,
        threshold: Any,
    ) -> Any:
        """Update as `neurons_...` do; what is kept is a fraction here, and `scale` stands for the shift."""
        numbers: list[Any] = [types.int64, *[types.float32] * 4]
        return types.int64(u, v, sums, bias, counts, *numbers), _float_neurons(subtracts=subtracts)

    return intrinsic(typed)


float_neurons_to_zero = _float_update(subtracts=False)
float_neurons_subtracting = _float_update(subtracts=True)
