"""Kernels of PLIF neurons over all steps, with the maximum pool of their spikes; `neurons.plif` has the equations.

Some neurons of a sample go through all steps before the next ones do, so that what they need stays in the first-level
cache: whole windows where they are pooled, the channels of a place side by side. Within a step no neuron waits for
another, which keeps the processor busy: what a step needs of the one before is read back from there.
The backward pass computes the potentials anew from the input current: nothing else is kept.

Operations of a step are rounded one by one in the order of `plif_trace`, so that spikes are equal to its. Arrays are
flat: (B, steps, N) of input currents, where steps may be 1 for a current that stays. A batch norm of the current is
done on the way, where neurons are not pooled: what it gives is no array.
"""

import numpy as np

from neurodeploy.neurons.fused.kernel import Kernel, inlined
from neurodeploy.neurons.fused.lanes import at_least, exponential, larger, load, splat, store, total

NEURONS = 256
"""That go through all steps together, about."""
PI_HALF = np.float32(np.pi / 2)


@inlined
def _extent(shape):  # type: ignore[no-untyped-def]
    """Return a sample's units (windows, or neurons), how many go together, the output's neurons and all of each."""
    rows, width, channels = shape
    if channels:  # in whole vectors: behind full ones nothing is cleared
        together = max(1, NEURONS // (4 * channels))
        return rows // 2 * (width // 2), together + together * channels % 2, channels, 4 * channels
    return width, NEURONS, 1, 1


@inlined
def _whole(n):  # type: ignore[no-untyped-def]
    """Return the places of whole vectors."""
    return (n + 7) // 8 * 8


@inlined
def _moved(x, at, unit, units, shape, held, back):  # type: ignore[no-untyped-def]
    """Bring the numbers of some units of a sample side by side, or back from there; windows in two pieces each."""
    _, width, channels = shape
    pieces, length, across = (2 * units, 2 * channels, width // 2) if channels else (1, units, 1)
    for piece in range(pieces):
        one = unit + piece // 2
        first = at + ((one // across * 2 + piece % 2) * width + one % across * 2) * channels if channels else at + unit
        own, mine = x[first : first + length], held[piece * length : (piece + 1) * length]
        for i in range(length):
            if back:
                own[i] = mine[i]
            else:
                mine[i] = own[i]


@inlined
def _run(held, x_steps, n_steps, size, neuron, soft, decays, every_h, every_s):  # type: ignore[no-untyped-def]
    """Write potentials before the reset and spikes (steps, size), flat; return the spikes' number."""
    k, v_th, rest, none = splat(neuron[0]), splat(neuron[1]), splat(neuron[2]), splat(np.float32(0))
    one, fired = splat(np.float32(1)), none
    for step in range(n_steps):
        now, to = min(step, x_steps - 1) * size, step * size
        for at in range(0, size, 8):
            x, v = load(held, now + at), rest
            if step:
                h, s = load(every_h, to - size + at), load(every_s, to - size + at)
                v = h - s * v_th if soft else (one - s) * h + s * rest
            h = v + k * (x - (v - rest)) if decays else v - k * (v - rest) + x
            s = at_least(h - v_th, none)
            store(every_h, to + at, h)
            store(every_s, to + at, s)
            fired = fired + s
    return total(fired)


@inlined
def _room(x_steps, n_steps, shape):  # type: ignore[no-untyped-def]
    """Return how many go together at most, and room for their currents, potentials and spikes; for these a bit more."""
    _, together, _, n_own = _extent(shape)
    most = _whole(together * n_own)
    held, every_h = np.zeros(x_steps * most, np.float32), np.empty(n_steps * most, np.float32)
    return most, held, every_h, np.empty(n_steps * most + 8, np.float32)


@inlined
def _units(
    x, sample, unit, units, x_steps, n_steps, shape, neuron, soft, decays, norm, held, every_h, every_s
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Take some units of a sample through all steps, and return their spikes' number."""
    rows, width, channels = shape
    _, together, _, n_own = _extent(shape)
    size = _whole(units * n_own)
    if units < together:
        held[:] = 0
    for step in range(x_steps):
        at = (sample * x_steps + step) * rows * width * max(channels, 1)
        _moved(x, at, unit, units, shape, held[step * size :], False)
        if len(norm):
            n_tiled = len(norm) // 3
            first = unit % (n_tiled - NEURONS)
            scale, shift = norm[first:], norm[n_tiled + first :]
            mine = held[step * size :]
            for i in range(units):
                mine[i] = mine[i] * scale[i] + shift[i]
    return _run(held, x_steps, n_steps, size, neuron, soft, decays, every_h, every_s)


@Kernel
def plif_forward(first, after, x, x_steps, n_steps, shape, neuron, soft, decays, norm, out, fired):
    """Write spikes, or their maximum over windows of two rows and columns.

    Args:
        shape: Rows, columns and channels of a sample that is pooled; otherwise 1, its neurons, and 0.
        neuron: float32: k, threshold and v_reset.
        norm: Scale, shift and mean of a batch norm of each channel, again and again for its number and `NEURONS` more;
            nothing where there is none, or a pool.
        fired: float64 (B,); receives each sample's spikes.
    """
    channels = shape[2]
    n_units, together, n_sent, n_own = _extent(shape)
    most, held, every_h, every_s = _room(x_steps, n_steps, shape)
    sent = np.empty(most + 8, np.float32)
    for sample in range(first, after):
        count = 0.0
        for unit in range(0, n_units, together):
            units = min(together, n_units - unit)
            size = _whole(units * n_own)
            count += _units(
                x, sample, unit, units, x_steps, n_steps, shape, neuron, soft, decays, norm, held, every_h, every_s
            )
            for step in range(n_steps):
                s = every_s[step * size :]
                for i in range(units * n_own, size):  # what fills up a vector spikes where neurons do at rest
                    count -= s[i]
                if channels:
                    for window in range(units):  # what is written beyond a window's end, the next one overwrites
                        for i in range(0, channels, 8):
                            a = 4 * window * channels + i
                            upper = larger(load(s, a), load(s, a + channels))
                            lower = larger(load(s, a + 2 * channels), load(s, a + 3 * channels))
                            store(sent, window * channels + i, larger(upper, lower))
                    s = sent
                to = ((sample * n_steps + step) * n_units + unit) * n_sent
                out[to : to + units * n_sent] = s[: units * n_sent]
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
    first, after, x, x_steps, n_steps, shape, neuron, soft, decays, norm, detached, curve, slope, grad, grad_rate,
    grad_x, grad_k, sums,
):  # fmt: skip
    """Write the gradient of the input current, normed where it is, and each sample's part of that of k.

    Args:
        curve: As in `_curved`.
        grad: Of what `plif_forward` wrote. That of a pool goes to its first neuron that spikes, or the first of four.
        grad_rate: Of every spike besides.
        grad_k: float64 (B,).
        sums: Of a norm, zeros of float64 (B, 2 thirds of `norm`); to these, that gradient, and its product with the
            current less its mean, are added.
    """
    rows, width, channels = shape
    n_units, together, n_sent, n_own = _extent(shape)
    n = rows * width * max(channels, 1)
    most, held, every_h, every_s = _room(x_steps, n_steps, shape)
    none, one = splat(np.float32(0)), splat(np.float32(1))
    k, v_th, rest = splat(neuron[0]), splat(neuron[1]), splat(neuron[2])
    hard, softly = (none, v_th) if soft else (one, none)
    into = k if decays else one
    by_input, steep, extra = one if decays else none, splat(slope), splat(grad_rate)
    every_g = np.empty(n_steps * most, np.float32)
    come, shared = np.zeros(most + 8, np.float32), np.zeros(most + 8, np.float32)
    every_of_v, every_of_k = np.empty(most, np.float32), np.empty(most, np.float32)
    n_tiled = len(norm) // 3
    sum_g, sum_gx = np.empty(n_tiled, np.float32), np.empty(n_tiled, np.float32)
    for sample in range(first, after):
        sum_k = 0.0
        sum_g[:] = 0
        sum_gx[:] = 0
        for unit in range(0, n_units, together):
            units = min(together, n_units - unit)
            size = _whole(units * n_own)
            if units < together:
                come[:] = 0
                shared[:] = 0
            _units(x, sample, unit, units, x_steps, n_steps, shape, neuron, soft, decays, norm, held, every_h, every_s)
            every_of_v[:] = 0
            every_of_k[:] = 0
            for back in range(n_steps):
                step = n_steps - 1 - back
                to, now = step * size, min(step, x_steps - 1) * size
                of = ((sample * n_steps + step) * n_units + unit) * n_sent
                come[: units * n_sent] = grad[of : of + units * n_sent]
                if channels:
                    _shared_out(come, units, channels, every_s[to:], shared)
                for at in range(0, size, 8):
                    h, s, of_v, v = load(every_h, to + at), load(every_s, to + at), load(every_of_v, at), rest
                    if step:
                        h_before, s_before = load(every_h, to - size + at), load(every_s, to - size + at)
                        v = h_before - s_before * (hard * (h_before - rest) + softly)
                    g = (load(shared, at) if channels else load(come, at)) + extra
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
            every_of_k[units * n_own : size] = 0
            for at in range(0, size, 8):
                sum_k += np.float64(total(load(every_of_k, at)))
            for step in range(x_steps):
                at, g = (sample * x_steps + step) * n, every_g[step * size :]
                _moved(grad_x, at, unit, units, shape, g, True)
                if n_tiled:
                    own, place = x[at + unit :], unit % (n_tiled - NEURONS)
                    mean, to_g, to_gx = norm[2 * n_tiled + place :], sum_g[place:], sum_gx[place:]
                    for i in range(units):
                        to_g[i] += g[i]
                        to_gx[i] += g[i] * (own[i] - mean[i])
        grad_k[sample] = sum_k
        for i in range(n_tiled):
            sums[sample * 2 * n_tiled + i] = sum_g[i]
            sums[(sample * 2 + 1) * n_tiled + i] = sum_gx[i]


@inlined
def _shared_out(come, units, channels, s, shared):  # type: ignore[no-untyped-def]
    """Give each window's gradient to its first neuron that spikes, or its first where none does."""
    one = splat(np.float32(1))
    for window in range(units):
        for back in range(8, channels + 8, 8):  # backward: what is written beyond an end is then overwritten
            i = (channels + 7) // 8 * 8 - back
            a = 4 * window * channels + i
            g, s1, s2, s3 = (
                load(come, window * channels + i),
                load(s, a),
                load(s, a + channels),
                load(s, a + 2 * channels),
            )
            not1 = one - s1
            not2 = not1 * (one - s2)
            not3 = not2 * (one - s3)
            fourth = not3 * load(s, a + 3 * channels)
            store(shared, a, g * (s1 + not3 - fourth))
            store(shared, a + channels, g * (not1 * s2))
            store(shared, a + 2 * channels, g * (not2 * s3))
            store(shared, a + 3 * channels, g * fourth)
