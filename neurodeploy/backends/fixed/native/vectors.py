"""Vector operations spelled out in LLVM's language, for the three loops that nearly all time goes into.

The compiler's own vectorisation would test at every call whether the arrays overlap, and must go
through memory to find the spikes of a comparison. LLVM turns these into the instructions of
whatever processor it runs on; nothing here is tied to one.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

from neurodeploy.backends.fixed.native.columns import EIGHT, MANY, PAIRS, SHARED
from neurodeploy.fixedpoint import rules

intrinsic: Any = numba_intrinsic
BYTE, SHORT, WORD, LONG = (ir.IntType(bits) for bits in (8, 16, 32, 64))
FLOAT, DOUBLE = ir.FloatType(), ir.DoubleType()
ARRAY = None


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


def vector(result: Any, *kinds: Any) -> Any:
    """Make a function that writes LLVM's code one that compiled code calls.

    Args:
        result: numba's type of what it returns, or `types.void`.
        kinds: numba's type of each argument; `ARRAY` for an array of whatever numbers.

    Returns:
        A decorator. The function is called with a `Code` and LLVM's values of the arguments.
    """

    def made(body: Callable[..., Any]) -> Any:
        def typed(context: Any, *given: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                found = body(Code(context, builder, signature, arguments), *arguments)
                return context.get_dummy_value() if result is types.void else found

            return result(*(own if kind is ARRAY else kind for kind, own in zip(kinds, given, strict=True))), generate

        names = ["context", *(f"argument{index}" for index in range(len(kinds)))]
        parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
        typed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        typed.__doc__ = body.__doc__
        return intrinsic(typed)

    return made


def _bytes(element: Any) -> int:
    if element in (FLOAT, DOUBLE):
        return 4 if element == FLOAT else 8
    return element.width // 8


def constant(value: int, lanes: int = EIGHT) -> Any:
    """Return a number in each lane of 32 bits."""
    return ir.Constant(ir.VectorType(WORD, lanes), [value] * lanes)


def _rows_adder(lanes: int) -> Any:
    def body(code: Code, *arguments: Any) -> None:
        """Put the sum of the rows that `events[begin:after]` name, less `minus`, into the places from `o` on.

        A load brings 32 weights, two to a lane of 16 bits (`tables.stored_order`). Added up as they are, and the upper
        bytes once more on their own, both sums follow: whatever runs from the lower bytes into the upper ones is
        taken off again. That is three operations where two sets of 16 weights, made wider first, take four. The
        totals stay in registers; all is exact where a sum has 16 bits.

        Args:
            arguments: total, o, rows, start, width, events, begin, after, minus. The rows are flat uint8; row k starts
                at `start` plus k times `width`.
        """
        builder = code.builder
        _, o, _, start, width, _, begin, after, minus = arguments
        pair = ir.VectorType(SHORT, PAIRS)
        totals = [cgutils.alloca_once_value(builder, ir.Constant(pair, [0] * PAIRS)) for _ in range(lanes // PAIRS)]
        eight = ir.Constant(pair, [8] * PAIRS)
        first = builder.add(start, o)
        with cgutils.for_range_slice(builder, begin, after, ir.Constant(LONG, 1), LONG) as (k, _):
            event = builder.sext(builder.load(code.pointer(5, k, WORD), align=4), LONG)
            at = builder.add(first, builder.mul(event, width))
            for place in range(0, lanes, 2 * PAIRS):
                here = code.pointer(2, builder.add(at, ir.Constant(LONG, place)), pair)
                both = builder.load(here, align=1)
                for index, value in enumerate((both, builder.lshr(both, eight)), place // PAIRS):
                    builder.store(builder.add(builder.load(totals[index]), value), totals[index])
        less = code.everywhere(builder.trunc(minus, SHORT), PAIRS)
        for place in range(0, lanes, 2 * PAIRS):
            both, upper = (builder.load(one) for one in totals[place // PAIRS : place // PAIRS + 2])
            lower = builder.sub(both, builder.shl(upper, eight))
            for half, value in enumerate((lower, upper)):
                code.store(builder.sub(value, less), 0, builder.add(o, ir.Constant(LONG, place + PAIRS * half)))

    numbers = [types.int64] * 2
    return vector(types.void, ARRAY, types.int64, ARRAY, *numbers, ARRAY, *numbers, types.int64)(body)


sum_64, sum_128 = _rows_adder(64), _rows_adder(128)


@vector(types.int64, ARRAY, types.int64)
def flags_at(code: Code, flags: Any, at: Any) -> Any:
    """Return 64 flags of a byte each as the bits of one number."""
    none = ir.Constant(ir.VectorType(BYTE, MANY), [0] * MANY)
    return code.builder.bitcast(code.builder.icmp_unsigned("!=", code.load(0, at, BYTE, MANY), none), LONG)


@vector(types.int64, types.int64, types.int64)
def last_bits(code: Code, bits: Any, count: Any) -> Any:
    """Return the highest `count` of 64 bits as the lowest."""
    return code.builder.lshr(bits, code.builder.sub(ir.Constant(LONG, MANY), count))


@vector(types.int64, types.int64)
def count_bits(code: Code, bits: Any) -> Any:
    """Return how many bits are set."""
    return code.builder.ctpop(bits)


def _appender(count: int) -> Any:
    def body(code: Code, bits: Any, base: Any, events: Any, to: Any) -> None:
        """Write `base` plus the places of the first bits that are set: so many entries, whose rest is no event."""
        builder = code.builder
        for index in range(count):
            place = builder.add(builder.trunc(builder.cttz(bits, ir.Constant(ir.IntType(1), 0)), WORD), base)
            builder.store(place, code.pointer(2, builder.add(to, ir.Constant(LONG, index)), WORD), align=4)
            bits = builder.and_(bits, builder.sub(bits, ir.Constant(LONG, 1)))

    return vector(types.void, types.int64, types.int32, ARRAY, types.int64)(body)


append_eight, append_sixteen = _appender(8), _appender(16)


@vector(types.int64, ARRAY, types.int64)
def messages_at(code: Code, sent: Any, at: Any) -> Any:
    """Return which of eight messages are not 0, as the bits of one number."""
    there = code.builder.icmp_signed("!=", code.load(0, at, WORD, EIGHT), constant(0))
    return code.builder.zext(code.builder.bitcast(there, BYTE), LONG)


@vector(types.int64, types.int64, types.int32, ARRAY, ARRAY, types.int64)
def append_places(code: Code, bits: Any, base: Any, places: Any, events: Any, to: Any) -> Any:
    """Write `base` plus the places of the set ones among eight bits, and return how many are set.

    Always writes eight entries.
    """
    builder = code.builder
    found = code.load(2, builder.shl(bits, ir.Constant(LONG, 3)), BYTE, EIGHT)
    found = builder.zext(found, ir.VectorType(WORD, EIGHT))
    code.store(builder.add(found, code.everywhere(base, EIGHT)), 3, to)
    return builder.ctpop(bits)


def _updates(body: Callable[..., Any], number: Any) -> list[Any]:
    """Return an update of `SHARED` neurons as compiled code calls it, for each reset: to zero, and by subtraction.

    It is called with u, v, sums, bias, counts, o, shift, kept_u, kept_v, threshold and what a subtraction takes off,
    updates the neurons from `o` on, counts their spikes, and returns them as bits. In float32 what is kept is a
    fraction, and `shift` what sums are multiplied by. Without a current the caller counts.
    """
    kinds = [ARRAY] * 5 + [types.int64] + [number] * 5
    return [vector(types.int64, *kinds)(functools.partial(body, subtracts=subtracts)) for subtracts in (False, True)]


def _neurons(code: Code, *arguments: Any, subtracts: bool, keeps_current: bool = True) -> Any:
    """The update of neurons of shared decays and threshold: `rules.step`; sums have 16 or 32 bits."""
    builder, o = code.builder, arguments[5]
    shift, kept_u, kept_v, threshold, drop = (code.everywhere(scalar, SHARED) for scalar in arguments[6:])
    v, bias = (code.load(index, o, WORD, SHARED) for index in (1, 3))
    short = code.signature.args[2].dtype.bitwidth == SHORT.width
    sums = code.load(2, o, SHORT if short else WORD, SHARED)
    u = builder.shl(builder.sext(sums, ir.VectorType(WORD, SHARED)) if short else sums, shift)
    if keeps_current:
        u = builder.add(leaked(builder, code.load(0, o, WORD, SHARED), kept_u), u)
    u = wrapped(builder, u)
    if keeps_current:
        code.store(u, 0, o)
    v = within(builder, builder.add(builder.add(leaked(builder, v, kept_v), u), bias), rules.STATE_LIMIT - 1)
    fired = builder.icmp_signed(">", v, threshold)
    after = builder.sub(v, drop) if subtracts else constant(0, SHARED)
    code.store(builder.select(fired, after, v), 1, o)
    return counted(code, o, fired) if keeps_current else builder.zext(builder.bitcast(fired, ir.IntType(SHARED)), LONG)


def counted(code: Code, o: Any, fired: Any) -> Any:
    """Return the spikes as bits, after adding them to the counts."""
    builder, lanes = code.builder, fired.type.count
    code.store(builder.add(code.load(4, o, WORD, lanes), builder.zext(fired, ir.VectorType(WORD, lanes))), 4, o)
    return builder.zext(builder.bitcast(fired, ir.IntType(lanes)), LONG)


def leaked(builder: Any, state: Any, kept: Any) -> Any:
    """`rules.leak_toward_zero`: the product, of up to 44 bits, in two halves of 32."""
    shift, low_bits, sign = (
        constant(one, state.type.count) for one in (rules.DECAY_BITS, rules.DECAY_ONE - 1, 32 - rules.DECAY_BITS)
    )
    high = builder.ashr(state, shift)
    # The floor of a negative number plus 4095/4096 is its truncation toward zero; 4095 are twelve of the sign.
    upward = builder.lshr(high, sign)
    low = builder.add(builder.mul(builder.and_(state, low_bits), kept), upward)
    return builder.add(builder.mul(high, kept), builder.ashr(low, shift))


def wrapped(builder: Any, u: Any) -> Any:
    """`rules.wrap_current`."""
    half, below, around = (constant(rules.STATE_LIMIT * times, u.type.count) for times in (1, -1, 2))
    low = builder.select(builder.icmp_signed("<=", u, below), builder.add(u, around), u)
    return builder.select(builder.icmp_signed(">", u, half), builder.sub(u, around), low)


def within(builder: Any, value: Any, limit: int) -> Any:
    """Return the value clipped to plus and minus `limit`."""
    for order, edge in (("<", constant(-limit, value.type.count)), (">", constant(limit, value.type.count))):
        value = builder.select(builder.icmp_signed(order, value, edge), edge, value)
    return value


def _float_neurons(code: Code, *arguments: Any, subtracts: bool, keeps_current: bool = True) -> Any:
    """The same update in float32, for currents within 24 bits and a processor that rounds toward zero.

    Every value is a whole number below 2^24, and so exact; a sum beyond it is cut to 24 bits at once.
    """
    many, builder, o = ir.VectorType(FLOAT, SHARED), code.builder, arguments[5]
    scale, kept_u, kept_v, threshold, drop = (code.everywhere(scalar, SHARED) for scalar in arguments[6:])
    v, bias = (code.load(index, o, FLOAT, SHARED) for index in (1, 3))

    def floats(name: str, n_arguments: int) -> Any:
        kind = ir.FunctionType(many, [many] * n_arguments)
        return cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{SHARED}f32")

    truncated = floats("trunc", 1)
    if keeps_current:
        sums = builder.sitofp(builder.sext(code.load(2, o, SHORT, SHARED), ir.VectorType(WORD, SHARED)), many)
        # The product with a power of two is exact, so that adding to it in the same instruction changes nothing.
        kept = builder.call(truncated, [builder.fmul(code.load(0, o, FLOAT, SHARED), kept_u)])
        u = builder.call(floats("fmuladd", 3), [sums, scale, kept])
        code.store(u, 0, o)
    else:
        u = builder.fmul(builder.sitofp(code.load(2, o, WORD, SHARED), many), scale)
    v = builder.fadd(builder.fadd(builder.call(truncated, [builder.fmul(v, kept_v)]), u), bias)
    for order, limit in (("<", 1 - rules.STATE_LIMIT), (">", rules.STATE_LIMIT - 1)):
        edge = ir.Constant(many, [float(limit)] * SHARED)
        v = builder.select(builder.fcmp_ordered(order, v, edge), edge, v)
    fired = builder.fcmp_ordered(">", v, threshold)
    after = builder.fsub(v, drop) if subtracts else ir.Constant(many, [0.0] * SHARED)
    code.store(builder.select(fired, after, v), 1, o)
    return counted(code, o, fired) if keeps_current else builder.zext(builder.bitcast(fired, ir.IntType(SHARED)), LONG)


neurons_to_zero, neurons_subtracting = _updates(_neurons, types.int32)
currentless_to_zero, currentless_subtracting = _updates(functools.partial(_neurons, keeps_current=False), types.int32)
float_neurons_to_zero, float_neurons_subtracting = _updates(_float_neurons, types.float32)
floats_without_to_zero, floats_without_subtracting = _updates(
    functools.partial(_float_neurons, keeps_current=False), types.float32
)


def _row_adder(times: bool) -> Any:
    def body(code: Code, *arguments: Any) -> None:
        """Add `n` weights of 16 bits, from `here` on, to sums from `there` on; each times a value where it is given.

        Args:
            arguments: sums, there, weights, here, n, and perhaps value.
        """
        builder = code.builder
        _, there, _, here, n = arguments[:5]
        first = ir.Constant(LONG, 0)
        for lanes in (MANY, PAIRS, EIGHT, 1):
            after = builder.and_(n, ir.Constant(LONG, -lanes))
            with cgutils.for_range_slice(builder, first, after, ir.Constant(LONG, lanes), LONG) as (k, _):
                weights = code.load(2, builder.add(here, k), SHORT, lanes)
                added = builder.sext(weights, ir.VectorType(WORD, lanes))
                if times:
                    added = builder.mul(added, code.everywhere(arguments[5], lanes))
                at = builder.add(there, k)
                code.store(builder.add(code.load(0, at, WORD, lanes), added), 0, at)
            first = after

    kinds = [ARRAY, types.int64, ARRAY, types.int64, types.int64]
    return vector(types.void, *kinds, *([types.int32] if times else []))(body)


add_row, add_row_times = _row_adder(False), _row_adder(True)
