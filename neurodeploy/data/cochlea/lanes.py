"""Velocities of channels, one after the other, turned so that channels lie side by side, at every step.

Velocities may be there for every second or fourth step only, where nothing in them is quick: a step
between is then a weighted sum of the eight on either side.
"""

import functools
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

from neurodeploy.data.cochlea.compiled import kernel

LANES = 64
TILE = 128
SIDE = 8
"""Steps on either side that make one between."""
EVEN_BELOW = 0.17
"""Of the rate that is widened to: up to here the steps between are right to 3e-4."""
WIDE_BELOW = 0.19
"""Of the same rate: what has nothing above is widened; next to nothing is left between the two."""
EDGE = 8
"""Rows and columns of a square that is turned in one go."""

intrinsic: Any = numba_intrinsic


@functools.cache
def between() -> np.ndarray:
    """Return the weights of the samples on either side that give the one in the middle, nearest first.

    The least squares over frequencies up to `EVEN_BELOW`.
    """
    angle = 2 * np.pi * np.linspace(0, EVEN_BELOW, 400)
    cosines = 2 * np.cos(angle[:, None] * (2 * np.arange(SIDE) + 1))
    return np.linalg.lstsq(cosines, np.ones(400), rcond=None)[0].astype(np.float32)


def room() -> np.ndarray:
    """Return room for what `load` works with."""
    return np.empty((TILE + 64) * LANES, np.float32)


@intrinsic
def turn_square(context: Any, rows: Any, row: Any, column: Any, lanes: Any, place: Any) -> Any:
    """Turn 8 x 8 numbers: from `rows` (two axes) at row and column, to `lanes` (flat, `LANES` wide) at a place.

    Spelled out in vectors, because the compiler moves one number at a time.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
        target = cgutils.create_struct_proxy(signature.args[3])(context, builder, arguments[3])
        width = builder.extract_value(source.shape, 1)
        vector = ir.VectorType(ir.FloatType(), EDGE)
        found = []
        for number in range(EDGE):
            line = builder.mul(builder.add(arguments[1], ir.Constant(ir.IntType(64), number)), width)
            start = builder.gep(source.data, [builder.add(line, arguments[2])])
            found.append(builder.load(builder.bitcast(start, vector.as_pointer()), align=4))
        for step in (1, 2, 4):  # squares of this size change places across the diagonal
            found = _swapped(builder, found, step)
        for number, line in enumerate(found):
            at = builder.add(arguments[4], ir.Constant(ir.IntType(64), number * LANES))
            start = builder.gep(target.data, [at])
            builder.store(line, builder.bitcast(start, vector.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(rows, types.int64, types.int64, lanes, types.int64), generate


def _swapped(builder: Any, lines: list[Any], step: int) -> list[Any]:
    found = list(lines)
    places = np.arange(EDGE)
    upper = np.where(places & step, places - step + EDGE, places)
    lower = np.where(places & step, places + EDGE, places + step)
    for number in range(EDGE):
        if number & step:
            continue
        a, b = lines[number], lines[number + step]
        for into, mask in ((number, upper), (number + step, lower)):
            chosen = ir.Constant(ir.VectorType(ir.IntType(32), EDGE), [int(place) for place in mask])
            found[into] = builder.shuffle_vector(a, b, chosen)
    return found


@kernel
def turn(velocity: Any, first: int, n: int, lanes: Any) -> None:
    """Turn `n` columns of velocities (row, step), from `first` on, into lines (step, lane); they go round."""
    n_columns = velocity.shape[1]
    for group in range(0, LANES, EDGE):
        done = 0
        while done < n:
            column = (first + done) % n_columns
            if done + EDGE <= n and column + EDGE <= n_columns:
                turn_square(velocity, group, column, lanes, done * LANES + group)
                done += EDGE
                continue
            for lane in range(group, group + EDGE):
                lanes[done * LANES + lane] = velocity[lane, column]
            done += 1


@kernel
def widen(narrow: Any, pairs: int, wide: Any, taps: Any) -> None:
    """Turn lines (step, lane) into twice as many; the first 7 and the last 8 only serve the others."""
    t0, t1, t2, t3, t4, t5, t6, t7 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5], taps[6], taps[7]
    for pair in range(pairs):
        for lane in range(LANES):
            # Counted from the earliest, because an index that could be negative is checked for it every time.
            at = pair * LANES + lane
            wide[2 * pair * LANES + lane] = narrow[at + 7 * LANES]
            wide[(2 * pair + 1) * LANES + lane] = (
                t0 * (narrow[at + 7 * LANES] + narrow[at + 8 * LANES])
                + t1 * (narrow[at + 6 * LANES] + narrow[at + 9 * LANES])
                + t2 * (narrow[at + 5 * LANES] + narrow[at + 10 * LANES])
                + t3 * (narrow[at + 4 * LANES] + narrow[at + 11 * LANES])
                + t4 * (narrow[at + 3 * LANES] + narrow[at + 12 * LANES])
                + t5 * (narrow[at + 2 * LANES] + narrow[at + 13 * LANES])
                + t6 * (narrow[at + LANES] + narrow[at + 14 * LANES])
                + t7 * (narrow[at] + narrow[at + 15 * LANES])
            )


@kernel
def load(velocity: Any, every: int, first: int, n: int, tile: Any, narrow: Any, narrower: Any, taps: Any) -> None:
    """Turn velocities (row, step) into the lines (step, lane) of `n` steps, at most `TILE`.

    Args:
        velocity: `LANES` rows; one period, whose end is followed by its start.
        every: 1, 2 or 4: which steps are there.
        first: The first step, a multiple of `every`.
        tile: Room for `TILE` lines.
        narrow, narrower: From `room`.
        taps: From `between`.
    """
    if every == 1:
        turn(velocity, first, n, tile)
        return
    pairs = (n + 1) // 2
    n_columns = velocity.shape[1]
    if every == 2:
        turn(velocity, (first // 2 + n_columns - 7) % n_columns, pairs + 15, narrow)
        widen(narrow, pairs, tile, taps)
        return
    # Of the half rate 7 lines before the first are needed, and one more, since the first of a pair is even.
    quads = (pairs + 16 + 1) // 2
    turn(velocity, (first // 4 + 2 * n_columns - 4 - 7) % n_columns, quads + 15, narrower)
    widen(narrower, quads, narrow, taps)
    widen(narrow[LANES:], pairs, tile, taps)
