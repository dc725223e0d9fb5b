"""Hair cells, fibres and bushy cells in compiled code, for many channels at once.

Channels go side by side through a step (`LANES`), which the compiler turns into vector instructions, and
some steps (`TILE`) go through one stage after the other, so that all of it stays in the first-level cache.

The random part is drawn by fewer numbers than there are fibres, with the same distribution: one uniform
number for each channel and step says how many of the 40 fibres would spike (Binomial(40, P), by
inversion); then the fibres are chosen at random, and one that spiked less than a refractory period ago is
dropped.

The hair cell (Meddis, 1986, 1988) says how probable a spike is: transmitter goes from a free pool q through the cleft c
and a store w back to the pool, by explicit Euler steps, on whose length the result depends. The fibres are the only
random part of the cochlea. Constants of Cramer et al. 2020.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic as numba_intrinsic

from neurodeploy.data.cochlea.compiled import kept, kernel
from neurodeploy.data.cochlea.lanes import LANES, TILE, load

REPLENISH = 5.05  # y, 1/s
RELEASE = 2000.0  # g, 1/s
LOSS = 2500.0  # l, 1/s
REUPTAKE = 6580.0  # r, 1/s
REPROCESS = 66.3  # x, 1/s
PERMEABLE_FROM = 5.0  # A
PERMEABLE_HALF = 300.0  # B
FIRING = 50_000.0  # h, 1/s
FULL = 1.0  # M
FIBRES = 40
REFRACTORY_S = 1e-3
"""Of fibres and of bushy cells."""
TAU_MEM_S = 1e-3
TAU_SYN_S = 0.5e-3
WEIGHT = 13_000.0 / FIBRES


class Pools(NamedTuple):
    """Transmitter in the free pool, the cleft and the store."""

    free: float
    cleft: float
    store: float


def rest() -> Pools:
    """Return the pools in silence, where everything that flows is in balance."""
    k = RELEASE * PERMEABLE_FROM / (PERMEABLE_FROM + PERMEABLE_HALF)
    cleft = FULL * REPLENISH * k / (LOSS * k + REPLENISH * (LOSS + REUPTAKE))
    return Pools(cleft * (LOSS + REUPTAKE) / k, cleft, cleft * REUPTAKE / REPROCESS)


def refractory_steps(dt_s: float) -> int:
    """Return how many steps after a spike the next one may come.

    >>> refractory_steps(1 / 24_000)
    24
    """
    return math.ceil(round(REFRACTORY_S / dt_s, 6))


FREE, CLEFT, STORE, CURRENT, POTENTIAL, WAIT = range(6)
"""Rows of a state."""
STATES = 6

f4, i4, u4, u8 = np.float32, np.int32, np.uint32, np.uint64
intrinsic: Any = numba_intrinsic

SHIFT, HALF, MOST = f4(PERMEABLE_FROM), f4(PERMEABLE_HALF), f4(FULL)
ZERO, ONE = f4(0), f4(1)
UNIT_24 = f4(2.0**-24)
MULTIPLIER, INCREMENT = u8(6364136223846793005), u8(1442695040888963407)
"""Of the 64-bit linear congruential generator that chooses fibres (Knuth)."""
GOLDEN = u4(0x9E3779BB)
"""Multiplier of xoroshiro64* (Blackman and Vigna, 2018), the generator of each channel."""
GATHER = u8(0x0102040810204080)
"""Times eight bytes of 0 or 1, they are the bits of the highest byte."""
PAIRS = f4(FIBRES * (FIBRES - 1) // 2)


def rates(dt_s: float) -> np.ndarray:
    """Return the constants of a step, float32, in the order in which `advance` takes them apart."""
    return np.array(
        [
            RELEASE * dt_s,
            REPLENISH * dt_s,
            REPROCESS * dt_s,
            (LOSS + REUPTAKE) * dt_s,
            REUPTAKE * dt_s,
            FIRING * dt_s,
            np.exp(-dt_s / TAU_MEM_S),
            np.exp(-dt_s / TAU_SYN_S),
            WEIGHT * dt_s,
            refractory_steps(dt_s),
        ],
        f4,
    )


@intrinsic
def lowest_bit(context: Any, word: Any) -> Any:
    """Return the place of the lowest bit that is set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@kernel
def hear(tile: Any, state: Any, random: Any, uniform: Any, hit: Any, n: int, rate: Any) -> None:
    """Turn velocities into spike probabilities, in place, and draw which channels have a fibre spike at all."""
    release, replenish, reprocess, leave, reuptake, firing = rate[0], rate[1], rate[2], rate[3], rate[4], rate[5]
    for t in range(n):
        row = t * LANES
        for lane in range(LANES):
            free, cleft, store = state[FREE * LANES + lane], state[CLEFT * LANES + lane], state[STORE * LANES + lane]
            shifted = max(tile[row + lane] + SHIFT, ZERO)
            ejected = release * shifted / (shifted + HALF) * free
            back = reprocess * store
            state[FREE * LANES + lane] = max(free + max(replenish * (MOST - free), ZERO) - ejected + back, ZERO)
            state[STORE * LANES + lane] = max(store + reuptake * cleft - back, ZERO)
            cleft = max(cleft + ejected - leave * cleft, ZERO)
            state[CLEFT * LANES + lane] = cleft
            p = min(firing * cleft, ONE)
            tile[row + lane] = p
            a, b = random[lane], random[LANES + lane]
            drawn = f4(i4(u4(a * GOLDEN) >> u4(8))) * UNIT_24
            b = u4(a ^ b)
            random[lane] = u4(u4(u4(a << u4(26)) | (a >> u4(6))) ^ b ^ u4(b << u4(9)))
            random[LANES + lane] = u4(u4(b << u4(13)) | (b >> u4(19)))
            silent = ONE - p  # to the power of 40 = 32 + 8
            silent_2 = silent * silent
            silent_4 = silent_2 * silent_2
            silent_8 = silent_4 * silent_4
            silent_16 = silent_8 * silent_8
            uniform[row + lane] = drawn
            hit[row + lane] = drawn < ONE - silent_16 * silent_16 * silent_8


@kernel
def how_many(p: float, drawn: float) -> int:
    """Return how many of 40 fibres spike, at least one: the binomial distribution at a uniform number."""
    if p >= 1:
        return FIBRES
    chance = (1 - float(p)) ** FIBRES
    above = 1 - chance
    found = 0
    while drawn < above and found < FIBRES:
        chance *= (FIBRES - found) / (found + 1) * (p / (1 - float(p)))
        above -= chance
        found += 1
    return max(found, 1)


@kernel
def draw_fibres(
    words: Any, n: int, probability: Any, uniform: Any, last: Any, now: int, apart: int, kept_spikes: Any, random: Any
) -> None:
    """Give each spike to a fibre, and count those that are kept.

    Args:
        words: The flags of `hear`, eight to a word.
        last: Step of the last kept spike of each fibre (lane, fibre).
        now: The tile's first step.
    """
    state = random[0]
    for t in range(n):
        # One word with a bit a lane: a loop over its bits is foretold better by the processor than eight short ones.
        bits = u8(0)
        for part in range(LANES // 8):
            bits |= ((words[t * (LANES // 8) + part] * GATHER) >> u8(56)) << u8(8 * part)
        step = i4(now + t)
        while bits:
            lane = i4(lowest_bit(bits))
            bits &= bits - u8(1)
            index = t * LANES + lane
            p, drawn = probability[index], uniform[index]
            state = state * MULTIPLIER + INCREMENT
            fibre = i4(((state >> u8(32)) * u8(FIBRES)) >> u8(32))
            if drawn >= PAIRS * p * p:  # two or more are less probable than this
                before = last[lane * FIBRES + fibre]
                ready = step - before >= apart
                last[lane * FIBRES + fibre] = step if ready else before
                kept_spikes[index] = ready
                continue
            count = 0
            taken = u8(0)
            for _ in range(how_many(p, drawn)):
                while taken >> u8(fibre) & u8(1):
                    state = state * MULTIPLIER + INCREMENT
                    fibre = i4(((state >> u8(32)) * u8(FIBRES)) >> u8(32))
                taken |= u8(1) << u8(fibre)
                if step - last[lane * FIBRES + fibre] >= apart:
                    last[lane * FIBRES + fibre] = step
                    count += 1
            kept_spikes[index] = count
    random[0] = state


@kernel
def integrate(state: Any, counts: Any, fired: Any, n: int, rate: Any) -> None:
    """Take the bushy cells through `n` steps, and flag those that fire."""
    keep_v, keep_i, weight, apart = rate[6], rate[7], rate[8], rate[9]
    for t in range(n):
        row = t * LANES
        for lane in range(LANES):
            current, v = state[CURRENT * LANES + lane], state[POTENTIAL * LANES + lane]
            wait = state[WAIT * LANES + lane]
            fires = (wait <= ZERO) & (v >= ONE)
            v = ZERO if fires else v * keep_v  # and stays there while it waits, since nothing is added
            wait = apart if fires else wait
            current = current * keep_i + f4(i4(counts[row + lane]))
            raised = min(v + current * weight, ONE)
            state[CURRENT * LANES + lane] = current
            state[POTENTIAL * LANES + lane] = raised if wait <= ZERO else v
            state[WAIT * LANES + lane] = wait - ONE
            fired[row + lane] = fires


@kernel
def collect(words: Any, n: int, now: int, steps: Any, lanes: Any, found: int) -> int:
    """Write down the spikes that are flagged; they carry the step before the one in which they are sent."""
    for place in range(n * LANES // 8):
        word = words[place]
        while word:
            index = place * 8 + i4(lowest_bit(word) >> u8(3))
            word &= word - u8(1)
            steps[found] = now + index // LANES - 1
            lanes[found] = index % LANES
            found += 1
    return found


@kernel
def _advance(
    velocity, every, taps, first, n, now, rate, state, channel_random, fibre_random, last, tile, narrow, narrower,
    uniform, flags, words, counts, steps, lanes,
):  # fmt: skip
    """Take `LANES` channels through `n` steps, and return how many spikes were written down.

    Args:
        velocity, every, taps: See `lanes.load`; from step `first` on, which is a multiple of 4.
        now: Number of the first step.
        rate: From `rates`.
        state, channel_random, fibre_random, last: Carried from call to call; see `quick.Channels`.
        tile, narrow, narrower, uniform, flags, words, counts: Room to work in; `words` are the flags as 64-bit words.
        steps, lanes: Where the spikes go.
    """
    found = 0
    apart = i4(rate[9])
    for begin in range(0, n, TILE):
        size = min(TILE, n - begin)
        load(velocity, every, first + begin, size, tile, narrow, narrower, taps)
        hear(tile, state, channel_random, uniform, flags, size, rate)
        for index in range(size * LANES):
            counts[index] = 0
        draw_fibres(words, size, tile, uniform, last, now + begin, apart, counts, fibre_random)
        integrate(state, counts, flags, size, rate)
        found = collect(words, size, now + begin, steps, lanes, found)
    return found


advance = kept(_advance.py_func)
