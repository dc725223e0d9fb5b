"""Eight float32 numbers as one value of compiled code, so that kernels say what is a vector operation.

The compiler's own vectorisation gives up where it cannot tell that a dozen arrays do not overlap. LLVM turns these
into the instructions of whatever processor it runs on. Sums and products are rounded one by one, as torch does,
except in `fused`.
"""

import inspect
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing import signature
from numba.core.typing.templates import ConcreteTemplate
from numba.core.typing.templates import infer_global as numba_infer_global
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import lower_builtin, models
from numba.extending import register_model as numba_register_model

WIDTH = 8
BYTE, SHORT, WORD, LONG, FLOAT = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
FLOATS, WORDS = ir.VectorType(FLOAT, WIDTH), ir.VectorType(WORD, WIDTH)

ARRAY = "array"
intrinsic: Any = numba_intrinsic
register_model: Any = numba_register_model
infer_global: Any = numba_infer_global


class Lanes(types.Type):  # type: ignore[misc]
    """The type of eight floats."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


lanes: Any = Lanes()


@register_model(Lanes)
class _Model(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, FLOATS)


def _operator(function: Any, instruction: str) -> None:
    @infer_global(function)
    class _Template(ConcreteTemplate):  # type: ignore[misc]
        cases = [signature(lanes, lanes, lanes)]  # noqa: RUF012

    def lower(context: Any, builder: Any, kinds: Any, arguments: Any) -> Any:
        return getattr(builder, instruction)(*arguments)

    lower_builtin(function, lanes, lanes)(lower)


for _function, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_function, _instruction)


def emitted(result: Any, *takes: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make intrinsics of functions that write instructions, given a builder and what compiled code passes.

    Args:
        takes: Types of the arguments; `ARRAY` is any flat array, and the function gets a pointer to its first entry.
    """

    def made(emit: Callable[..., Any]) -> Any:
        def typed(context: Any, *kinds: Any) -> Any:
            def generate(context: Any, builder: Any, kinds: Any, values: Any) -> Any:
                given = [
                    cgutils.create_struct_proxy(kind)(context, builder, value).data if wanted is ARRAY else value
                    for wanted, kind, value in zip(takes, kinds.args, values, strict=True)
                ]
                written = emit(builder, *given)
                return context.get_dummy_value() if result is types.void else written

            return result(*(kind if one is ARRAY else one for one, kind in zip(takes, kinds, strict=True))), generate

        typed.__name__, typed.__doc__ = emit.__name__, emit.__doc__
        typed.__signature__ = inspect.signature(emit)  # type: ignore[attr-defined]
        return intrinsic(typed)

    return made


def everywhere(builder: Any, scalar: Any) -> Any:
    empty = ir.Constant(ir.VectorType(scalar.type, WIDTH), ir.Undefined)
    single = builder.insert_element(empty, scalar, ir.Constant(WORD, 0))
    return builder.shuffle_vector(single, empty, ir.Constant(WORDS, [0] * WIDTH))


def number(value: float) -> Any:
    """Return a constant in every lane, rounded to float32."""
    return ir.Constant(FLOATS, [float(np.float32(value))] * WIDTH)


def _pointer(builder: Any, array: Any, at: Any, pointee: Any) -> Any:
    return builder.bitcast(builder.gep(array, [at]), pointee.as_pointer())


def _called(builder: Any, name: str, *arguments: Any) -> Any:
    kind = ir.FunctionType(FLOATS, [FLOATS] * len(arguments))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v8f32"), arguments)


def _as_bits(builder: Any, flags: Any) -> Any:
    return builder.zext(builder.bitcast(flags, BYTE), LONG)


@emitted(lanes, ARRAY, types.int64)
def load(builder: Any, array: Any, at: Any) -> Any:
    """Return eight entries of a flat float32 array from `at` on."""
    return builder.load(_pointer(builder, array, at, FLOATS), align=4)


@emitted(types.void, ARRAY, types.int64, lanes)
def store(builder: Any, array: Any, at: Any, value: Any) -> Any:
    """Write eight entries of a flat float32 array from `at` on."""
    builder.store(value, _pointer(builder, array, at, FLOATS), align=4)


@emitted(types.void, ARRAY, types.int64)
def soon_written(builder: Any, array: Any, at: Any) -> Any:
    """Have the processor fetch what is about to be written, where it would not see that by itself."""
    kind = ir.FunctionType(ir.VoidType(), [BYTE.as_pointer(), WORD, WORD, WORD])
    fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    where = _pointer(builder, array, at, BYTE)
    builder.call(fetch, [where, *(ir.Constant(WORD, number) for number in (1, 3, 1))])


@emitted(lanes, types.float32)
def splat(builder: Any, value: Any) -> Any:
    """Return a number in every lane."""
    return everywhere(builder, value)


@emitted(lanes, lanes, lanes, lanes)
def fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, rounded once where the processor can."""
    return _called(builder, "fmuladd", a, b, c)


@emitted(lanes, lanes)
def stepped(builder: Any, distance: Any) -> Any:
    """Return 1 where the distance to the threshold is above 0, otherwise 0."""
    return builder.select(builder.fcmp_ordered(">", distance, number(0)), number(1), number(0))


@emitted(lanes, lanes, lanes)
def at_least(builder: Any, value: Any, least: Any) -> Any:
    """Return 1 where a value is not below another, otherwise 0."""
    return builder.select(builder.fcmp_ordered(">=", value, least), number(1), number(0))


@emitted(types.int64, lanes)
def fired(builder: Any, distance: Any) -> Any:
    """Return as bits where the distance to the threshold is above 0."""
    return _as_bits(builder, builder.fcmp_ordered(">", distance, number(0)))


def _near(builder: Any, distance: Any) -> Any:
    """Where the boxcar surrogate is 1; see `surrogate.boxcar`."""
    above = builder.fcmp_ordered(">", distance, number(-0.5))
    return builder.and_(above, builder.fcmp_ordered("<=", distance, number(0.5)))


@emitted(types.int64, lanes)
def near(builder: Any, distance: Any) -> Any:
    """Return as bits where the boxcar surrogate is 1: above -1/2 and up to 1/2 from the threshold."""
    return _as_bits(builder, _near(builder, distance))


@emitted(lanes, lanes, lanes)
def where_near(builder: Any, distance: Any, value: Any) -> Any:
    """Return a value where the boxcar surrogate is 1, otherwise 0."""
    return builder.select(_near(builder, distance), value, number(0))


@emitted(lanes, types.int64, lanes)
def where_set(builder: Any, bits: Any, value: Any) -> Any:
    """Return a value where a bit of the byte is set, otherwise 0."""
    flags = builder.bitcast(builder.trunc(bits, BYTE), ir.VectorType(ir.IntType(1), WIDTH))
    return builder.select(flags, value, number(0))


@emitted(types.int64, lanes)
def not_zero(builder: Any, value: Any) -> Any:
    """Return as bits where a value is not 0; NaN is not."""
    return _as_bits(builder, builder.fcmp_unordered("!=", value, number(0)))


@emitted(types.int64, types.int64, types.int64, ARRAY, ARRAY, types.int64)
def append_places(builder: Any, bits: Any, base: Any, places: Any, columns: Any, to: Any) -> Any:
    """Write `base` plus the places of the set ones among eight bits, and return how many are set.

    Without branches, because a branch on random spikes costs more than all of this. Always writes
    eight entries.
    """
    row = builder.shl(bits, ir.Constant(LONG, 3))
    bytes8, shorts8 = ir.VectorType(BYTE, WIDTH), ir.VectorType(SHORT, WIDTH)
    found = builder.load(_pointer(builder, places, row, bytes8), align=1)
    moved = builder.add(builder.zext(found, shorts8), everywhere(builder, builder.trunc(base, SHORT)))
    builder.store(moved, _pointer(builder, columns, to, shorts8), align=2)
    return builder.ctpop(bits)


def _folded(builder: Any, value: Any, combine: Callable[[Any, Any], Any]) -> Any:
    """Combine all lanes: halves, quarters, neighbours."""
    size = WIDTH
    while size > 1:
        size //= 2
        halves = [ir.Constant(ir.VectorType(WORD, size), list(range(at, at + size))) for at in (0, size)]
        value = combine(
            *(builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), half) for half in halves)
        )
    return builder.extract_element(value, ir.Constant(WORD, 0))


@emitted(types.float32, lanes)
def total(builder: Any, value: Any) -> Any:
    """Return the sum of all lanes."""
    return _folded(builder, value, builder.fadd)


@emitted(types.float32, lanes)
def largest(builder: Any, value: Any) -> Any:
    """Return the largest lane."""
    return _folded(builder, value, lambda a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b))


@emitted(types.void, ARRAY, types.int64, types.int64, lanes)
def add_with_square(builder: Any, sums: Any, at: Any, squares_at: Any, value: Any) -> Any:
    """Add eight floats to eight entries of a flat float64 array, and their squares to eight others."""
    doubles = ir.VectorType(ir.DoubleType(), WIDTH)
    wide = builder.fpext(value, doubles)
    for where, added in ((at, wide), (squares_at, builder.fmul(wide, wide))):
        pointer = _pointer(builder, sums, where, doubles)
        builder.store(builder.fadd(builder.load(pointer, align=8), added), pointer, align=8)


@emitted(lanes, lanes, lanes)
def larger(builder: Any, a: Any, b: Any) -> Any:
    """Return the larger of two values, lane by lane."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


LOWEST_EXPONENT = -87.0
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4
"""Their sum is ln 2; products of the first with whole numbers up to 2^13 are exact."""
EXP_SERIES = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)


@emitted(lanes, lanes)
def exponential(builder: Any, value: Any) -> Any:
    """Return e^x for x <= 0, within two units of the last place; anything below -87 gives e^-87, and NaN stays.

    Source of the polynomial: Cephes, `expf`.
    """
    lowest = number(LOWEST_EXPONENT)
    x = builder.select(builder.fcmp_unordered(">", value, lowest), value, lowest)
    n = _called(builder, "floor", _called(builder, "fmuladd", x, number(1 / math.log(2)), number(0.5)))
    for part in (LN2_HIGH, LN2_LOW):
        x = _called(builder, "fmuladd", n, number(-part), x)
    series = number(EXP_SERIES[0])
    for factor in EXP_SERIES[1:]:
        series = _called(builder, "fmuladd", series, x, number(factor))
    series = _called(builder, "fmuladd", series, builder.fmul(x, x), builder.fadd(x, number(1)))
    # Of NaN, a plain conversion would be no value at all.
    whole = ir.FunctionType(WORDS, [FLOATS])
    exponent = cgutils.get_or_insert_function(builder.module, whole, "llvm.fptosi.sat.v8i32.v8f32")
    power = builder.add(builder.call(exponent, [n]), ir.Constant(WORDS, [127] * WIDTH))
    return builder.fmul(series, builder.bitcast(builder.shl(power, ir.Constant(WORDS, [23] * WIDTH)), FLOATS))


WEYL = 0x9E3779B9
"""2^32 over the golden ratio, odd."""


@emitted(types.int64, *[types.int64] * 4)
def drawn(builder: Any, counter: Any, first_key: Any, second_key: Any, limit: Any) -> Any:
    """Return as bits which of eight random 32-bit numbers are below `limit`; counters are `counter` to +7.

    Source: G. L. Steele Jr. et al., OOPSLA 2014 (a Weyl sequence, mixed), with the mixing of 32 bits of C. Wellons,
    hash-prospector (`lowbias32`), and a second key in its middle.
    """

    def every(number: int) -> Any:
        return ir.Constant(WORDS, [number] * WIDTH)

    counter, first, second, limit = (builder.trunc(one, WORD) for one in (counter, first_key, second_key, limit))
    value = everywhere(builder, builder.add(builder.mul(counter, ir.Constant(WORD, WEYL)), first))
    value = builder.add(value, ir.Constant(WORDS, [lane * WEYL % (1 << 32) for lane in range(WIDTH)]))
    value = builder.mul(builder.xor(value, builder.lshr(value, every(16))), every(0x7FEB352D))
    value = builder.xor(value, everywhere(builder, second))
    value = builder.mul(builder.xor(value, builder.lshr(value, every(15))), every(0x846CA68B))
    value = builder.xor(value, builder.lshr(value, every(16)))
    return _as_bits(builder, builder.icmp_unsigned("<", value, everywhere(builder, limit)))
