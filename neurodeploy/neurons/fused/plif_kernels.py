"""Kernels of PLIF neurons over all steps, with the maximum pool of their spikes; `neurons.plif` has the equations.

Some neurons of a sample go through all steps before the next ones do, so that what they need stays in the first-level
cache: pairs of rows where they are pooled, whose even and odd columns are brought into two groups. Within a step no
neuron waits for another, which keeps the processor busy: what a step needs of the one before is read back from there.
The backward pass computes the potentials anew from the input current: nothing else is kept.

Operations of a step are rounded one by one in the order of `plif_trace`, so that spikes are equal to its. Arrays are
flat: (B, steps, N) of input currents, where steps may be 1 for a current that stays.
"""

import numpy as np

from neurodeploy.neurons.fused.kernel import Kernel, inlined
from neurodeploy.neurons.fused.lanes import at_least, exponential, larger, load, splat, store, total

NEURONS = 256
"""That go through all steps together, about."""
PI_HALF = np.float32(np.pi / 2)


@inlined
def _extent(shape):  # type: ignore[no-untyped-def]
    """Return a sample's units (pairs of rows, or neurons), how many go together, places of the output of each, and
    the groups of neurons.
    """
    planes, rows, width = shape
    if width:
        return planes * (rows // 2), max(1, NEURONS // (2 * width)), width // 2, 2
    return rows, NEURONS, 1, 1


@inlined
def _whole(n):  # type: ignore[no-untyped-def]
    """Return the places of a group, whole vectors."""
    return (n + 7) // 8 * 8


@inlined
def _moved(x, at, unit, units, shape, held, back):  # type: ignore[no-untyped-def]
    """Bring the numbers of some units of a sample into groups, or back from there."""
    _, rows, width = shape
    if not width:
        own = x[at + unit : at + unit + units]
        for i in range(units):
            if back:
                own[i] = held[i]
            else:
                held[i] = own[i]
        return
    half, pairs = width // 2, rows // 2
    q = _whole(2 * units * half)
    runs, length = 2 * units, half
    if rows % 2 == 0 and width % 2 == 0:
        runs, length = 1, 2 * units * half  # all rows lie side by side
    for run in range(runs):
        one = unit + run // 2
        first = at + (one // pairs * rows + one % pairs * 2 + run % 2) * width
        own = x[first : first + 2 * length].reshape(length, 2)
        even, odd = held[run * length : (run + 1) * length], held[q + run * length : q + (run + 1) * length]
        for i in range(length):
            if back:
                own[i, 0], own[i, 1] = even[i], odd[i]
            else:
                even[i], odd[i] = own[i, 0], own[i, 1]


@inlined
def _run(held, x_steps, n_steps, size, neuron, soft, decays, every_h, every_s):  # type: ignore[no-untyped-def]
    """Write potentials before the reset and spikes (steps, size), flat; return the spikes' number."""
    k, v_th, least, rest = splat(neuron[0]), splat(neuron[1]), splat(neuron[2]), splat(neuron[3])
    one, fired = splat(np.float32(1)), splat(np.float32(0))
    for step in range(n_steps):
        now, to = min(step, x_steps - 1) * size, step * size
        for at in range(0, size, 8):
            x, v = load(held, now + at), rest
            if step:
                h, s = load(every_h, to - size + at), load(every_s, to - size + at)
                v = h - s * v_th if soft else (one - s) * h + s * rest
            h = v + k * (x - (v - rest)) if decays else v - k * (v - rest) + x
            s = at_least(h - v_th, least)
            store(every_h, to + at, h)
            store(every_s, to + at, s)
            fired = fired + s
    return total(fired)


@inlined
def _either(s, q, either):  # type: ignore[no-untyped-def]
    """Write where the even or the odd neuron of two spikes."""
    for i in range(0, q, 8):
        store(either, i, larger(load(s, i), load(s, q + i)))


@Kernel
def plif_forward(first, after, x, x_steps, n_steps, shape, neuron, soft, decays, out, fired):
    """Write spikes, or their maximum over windows of two rows and columns.

    Args:
        shape: Planes, rows and columns of a sample that is pooled; otherwise 1, its neurons, and 0.
        neuron: float32: k, threshold, the least distance from it at which they spike, and v_reset.
        fired: float64 (B,); receives each sample's spikes.
    """
    planes, rows, width = shape
    n_units, together, per_unit, groups = _extent(shape)
    n, n_out = planes * rows * max(width, 1), n_units * per_unit
    most = groups * _whole(groups * together * per_unit)
    held, every_h, every_s, either, sent = (
        np.zeros(x_steps * most, np.float32), np.empty(n_steps * most, np.float32),
        np.empty(n_steps * most, np.float32), np.empty(most + 8, np.float32), np.empty(most + 8, np.float32),
    )  # fmt: skip
    for sample in range(first, after):
        count = 0.0
        for unit in range(0, n_units, together):
            units = min(together, n_units - unit)
            q = _whole(groups * units * per_unit)
            size = groups * q
            if units < together:
                held[:] = 0
            for step in range(x_steps):
                _moved(x, (sample * x_steps + step) * n, unit, units, shape, held[step * size :], False)
            count += _run(held, x_steps, n_steps, size, neuron, soft, decays, every_h, every_s)
            for step in range(n_steps):
                s = every_s[step * size : (step + 1) * size]
                if groups == 2:
                    _either(s, q, either)
                    for row in range(units):  # what is written beyond a row's end, the next row overwrites
                        upper = 2 * row * per_unit
                        for i in range(0, per_unit, 8):
                            both = larger(load(either, upper + i), load(either, upper + per_unit + i))
                            store(sent, row * per_unit + i, both)
                    s = sent
                to = (sample * n_steps + step) * n_out + unit * per_unit
                out[to : to + units * per_unit] = s[: units * per_unit]
        fired[sample] = count


@inlined
def _curved(u, curve, slope):  # type: ignore[no-untyped-def]
    """Return the surrogate at distances from the threshold: 0 the arctangent, 1 the sigmoid, 2 the fast sigmoid."""
    one = splat(np.float32(1))
    if curve == 0:
        away = splat(PI_HALF) * slope * u
        return slope / (splat(np.float32(2)) * (one + away * away))
    away = slope * larger(u, splat(np.float32(0)) - u)
    if curve == 1:
        e = exponential(splat(np.float32(0)) - away)
        return slope * e / ((one + e) * (one + e))
    return one / ((one + away) * (one + away))


@Kernel
def plif_backward(
    first, after, x, x_steps, n_steps, shape, neuron, soft, decays, detached, curve, slope, grad, grad_rate, grad_x,
    grad_k,
):  # fmt: skip
    """Write the gradient of the input current, and each sample's part of that of k.

    Args:
        curve: As in `_curved`.
        grad: Of what `plif_forward` wrote. That of a pool goes to its first neuron that spikes, or the first of four.
        grad_rate: Of every spike besides.
        grad_k: float64 (B,).
    """
    planes, rows, width = shape
    n_units, together, per_unit, groups = _extent(shape)
    n, n_out = planes * rows * max(width, 1), n_units * per_unit
    most = groups * _whole(groups * together * per_unit)
    none, one = splat(np.float32(0)), splat(np.float32(1))
    k, v_th, rest = splat(neuron[0]), splat(neuron[1]), splat(neuron[3])
    hard, softly = (none, v_th) if soft else (one, none)
    into = k if decays else one
    by_input, steep, extra = one if decays else none, splat(slope), splat(grad_rate)
    held, every_h, every_s, every_g = (
        np.zeros(x_steps * most, np.float32), np.empty(n_steps * most, np.float32),
        np.empty(n_steps * most, np.float32), np.zeros(n_steps * most + 8, np.float32),
    )  # fmt: skip
    come, either = np.zeros(most + 8, np.float32), np.zeros(most + 8, np.float32)
    every_of_v, every_of_k = np.empty(most, np.float32), np.empty(most, np.float32)
    for sample in range(first, after):
        sum_k = 0.0
        for unit in range(0, n_units, together):
            units = min(together, n_units - unit)
            q = _whole(groups * units * per_unit)
            size = groups * q
            if units < together:
                held[:] = 0
                come[:] = 0
            for step in range(x_steps):
                _moved(x, (sample * x_steps + step) * n, unit, units, shape, held[step * size :], False)
            _run(held, x_steps, n_steps, size, neuron, soft, decays, every_h, every_s)
            every_of_v[:] = 0
            every_of_k[:] = 0
            for back in range(n_steps):
                step = n_steps - 1 - back
                to, now = step * size, min(step, x_steps - 1) * size
                of = (sample * n_steps + step) * n_out + unit * per_unit
                come[: units * per_unit] = grad[of : of + units * per_unit]
                _shared_out(come, units, per_unit, q, groups, every_s[to:], either, every_g[to:])
                for at in range(0, size, 8):
                    h, s, of_v, v = load(every_h, to + at), load(every_s, to + at), load(every_of_v, at), rest
                    if step:
                        h_before, s_before = load(every_h, to - size + at), load(every_s, to - size + at)
                        v = h_before - s_before * (hard * (h_before - rest) + softly)
                    g = load(every_g, to + at) + extra
                    if not detached:
                        g = g + of_v * (hard * (rest - h) - softly)
                    g = of_v * (one - hard * s) + g * _curved(h - v_th, curve, steep)
                    of_k = g * (by_input * load(held, now + at) - (v - rest))
                    store(every_of_k, at, load(every_of_k, at) + of_k)
                    store(every_of_v, at, g * (one - k))
                    of_x = g * into
                    if x_steps <= step + 1 < n_steps:  # of a current that stays
                        of_x = load(every_g, to + size + at) + of_x
                    store(every_g, to + at, of_x)
            for at in range(0, size, 8):
                sum_k += np.float64(total(load(every_of_k, at)))
            for step in range(x_steps):
                _moved(grad_x, (sample * x_steps + step) * n, unit, units, shape, every_g[step * size :], True)
        grad_k[sample] = sum_k


@inlined
def _shared_out(come, units, per_unit, q, groups, s, either, g_N):  # type: ignore[no-untyped-def]
    """Give each window's gradient to its first neuron that spikes, or its first where none does."""
    one = splat(np.float32(1))
    if groups == 1:
        for i in range(0, q, 8):
            store(g_N, i, load(come, i))
        return
    _either(s, q, either)
    for row in range(2 * units):  # what is written beyond a row's end, the next row overwrites
        upper = row // 2 * 2 * per_unit
        for i in range(0, per_unit, 8):
            below = (one - load(either, upper + i)) * load(either, upper + per_unit + i)
            store(g_N, row * per_unit + i, load(come, row // 2 * per_unit + i) * (below if row % 2 else one - below))
    for i in range(0, q, 8):
        g, odd = load(g_N, i), (one - load(s, i)) * load(s, q + i)
        store(g_N, i, g * (one - odd))
        store(g_N, q + i, g * odd)
