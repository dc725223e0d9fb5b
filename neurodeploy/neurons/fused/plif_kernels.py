"""Kernels of PLIF neurons over all steps, with the maximum pool of their spikes; `neurons.plif` has the equations.

Some neurons of a sample go through all steps before the next ones do, so that what they need stays in the first-level
cache: pairs of rows where they are pooled, whose windows' four neurons are brought into four groups. The backward pass
computes the potentials anew from the input current: nothing else is kept.

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
        return planes * (rows // 2), max(1, NEURONS // (2 * width)), width // 2, 4
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
    q = _whole(units * half)
    for one in range(units):
        first = at + ((unit + one) // pairs * rows + (unit + one) % pairs * 2) * width
        upper = x[first : first + 2 * half].reshape(half, 2)
        lower = x[first + width : first + width + 2 * half].reshape(half, 2)
        place = one * half
        a, b = held[place : place + half], held[q + place : q + place + half]
        c, d = held[2 * q + place : 2 * q + place + half], held[3 * q + place : 3 * q + place + half]
        for i in range(half):
            if back:
                upper[i, 0], upper[i, 1], lower[i, 0], lower[i, 1] = a[i], b[i], c[i], d[i]
            else:
                a[i], b[i], c[i], d[i] = upper[i, 0], upper[i, 1], lower[i, 0], lower[i, 1]


@inlined
def _run(held, x_steps, n_steps, size, neuron, soft, decays, every_h, every_s):  # type: ignore[no-untyped-def]
    """Write potentials before the reset and spikes (steps, size), flat; return the spikes' number."""
    k, v_th, rest, none = splat(neuron[0]), splat(neuron[1]), splat(neuron[2]), splat(np.float32(0))
    one, count = splat(np.float32(1)), np.float32(0)
    for at in range(0, size, 8):
        v, fired = rest, none
        for step in range(n_steps):
            x, to = load(held, min(step, x_steps - 1) * size + at), step * size + at
            h = v + k * (x - (v - rest)) if decays else v - k * (v - rest) + x
            s = at_least(h - v_th, none)
            store(every_h, to, h)
            store(every_s, to, s)
            fired = fired + s
            v = h - s * v_th if soft else (one - s) * h + s * rest
        count += total(fired)
    return count


@inlined
def _room(x_steps, n_steps, shape):  # type: ignore[no-untyped-def]
    """Return a sample's numbers and its places of the output, and room for the groups: currents, potentials, spikes."""
    planes, rows, width = shape
    n_units, together, per_unit, groups = _extent(shape)
    most = groups * _whole(together * per_unit)
    held, every_h = np.zeros(x_steps * most, np.float32), np.empty(n_steps * most, np.float32)
    return planes * rows * max(width, 1), n_units * per_unit, most, held, every_h, np.empty_like(every_h)


@inlined
def _units(x, sample, unit, units, x_steps, n_steps, shape, neuron, soft, decays, held, every_h, every_s):  # type: ignore[no-untyped-def]
    """Take some units of a sample through all steps, and return their spikes' number."""
    planes, rows, width = shape
    _, together, per_unit, groups = _extent(shape)
    size = groups * _whole(units * per_unit)
    if units < together:
        held[:] = 0
    for step in range(x_steps):
        at = (sample * x_steps + step) * planes * rows * max(width, 1)
        _moved(x, at, unit, units, shape, held[step * size :], False)
    return _run(held, x_steps, n_steps, size, neuron, soft, decays, every_h, every_s)


@Kernel
def plif_forward(first, after, x, x_steps, n_steps, shape, neuron, soft, decays, out, fired):
    """Write spikes, or their maximum over windows of two rows and columns.

    Args:
        shape: Planes, rows and columns of a sample that is pooled; otherwise 1, its neurons, and 0.
        neuron: float32: k, threshold and v_reset.
        fired: float64 (B,); receives each sample's spikes.
    """
    n_units, together, per_unit, groups = _extent(shape)
    _, n_out, most, held, every_h, every_s = _room(x_steps, n_steps, shape)
    sent = np.empty(most, np.float32)
    for sample in range(first, after):
        count = 0.0
        for unit in range(0, n_units, together):
            units = min(together, n_units - unit)
            q = _whole(units * per_unit)
            size = groups * q
            count += _units(
                x, sample, unit, units, x_steps, n_steps, shape, neuron, soft, decays, held, every_h, every_s
            )
            for step in range(n_steps):
                s = every_s[step * size : (step + 1) * size]
                if groups == 4:
                    for i in range(0, q, 8):
                        upper, lower = (
                            larger(load(s, i), load(s, q + i)),
                            larger(load(s, 2 * q + i), load(s, 3 * q + i)),
                        )
                        store(sent, i, larger(upper, lower))
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
    n_units, together, per_unit, groups = _extent(shape)
    n, n_out, most, held, every_h, every_s = _room(x_steps, n_steps, shape)
    none, one = splat(np.float32(0)), splat(np.float32(1))
    k, v_th, rest = splat(neuron[0]), splat(neuron[1]), splat(neuron[2])
    hard, softly = (none, v_th) if soft else (one, none)
    through, into = none if detached else one, k if decays else one
    by_input, steep, extra = one if decays else none, splat(slope), splat(grad_rate)
    every_g, come = np.zeros(n_steps * most, np.float32), np.zeros(most, np.float32)
    for sample in range(first, after):
        sum_k = 0.0
        for unit in range(0, n_units, together):
            units = min(together, n_units - unit)
            q = _whole(units * per_unit)
            size = groups * q
            if units < together:
                come[:] = 0
            _units(x, sample, unit, units, x_steps, n_steps, shape, neuron, soft, decays, held, every_h, every_s)
            for step in range(n_steps):
                of = (sample * n_steps + step) * n_out + unit * per_unit
                come[: units * per_unit] = grad[of : of + units * per_unit]
                _shared_out(come, q, groups, every_s[step * size :], every_g[step * size :])
            for at in range(0, size, 8):
                of_v, of_k, of_x = none, none, none
                for back in range(n_steps):
                    step = n_steps - 1 - back
                    to, now = step * size + at, min(step, x_steps - 1) * size + at
                    h, s = load(every_h, to), load(every_s, to)
                    v = rest
                    if step:
                        h_before, s_before = load(every_h, to - size), load(every_s, to - size)
                        v = h_before - s_before * (hard * (h_before - rest) + softly)
                    g = load(every_g, to) + extra + through * of_v * (hard * (rest - h) - softly)
                    g = of_v * (one - hard * s) + g * _curved(h - v_th, curve, steep)
                    of_k = of_k + g * (by_input * load(held, now) - (v - rest))
                    of_v = g * (one - k)
                    of_x = of_x + g * into
                    if step < x_steps:
                        store(every_g, to, of_x)
                        of_x = none
                sum_k += np.float64(total(of_k))
            for step in range(x_steps):
                _moved(grad_x, (sample * x_steps + step) * n, unit, units, shape, every_g[step * size :], True)
        grad_k[sample] = sum_k


@inlined
def _shared_out(come, q, groups, s, every_g):  # type: ignore[no-untyped-def]
    """Give each window's gradient to its first neuron that spikes, or its first where none does."""
    one = splat(np.float32(1))
    for i in range(0, q, 8):
        g = load(come, i)
        if groups == 1:
            store(every_g, i, g)
        else:
            s1, s2, s3, s4 = load(s, i), load(s, q + i), load(s, 2 * q + i), load(s, 3 * q + i)
            not1 = one - s1
            not2 = not1 * (one - s2)
            not3 = not2 * (one - s3)
            store(every_g, i, g * (s1 + not3 * (one - s4)))
            store(every_g, q + i, g * (not1 * s2))
            store(every_g, 2 * q + i, g * (not2 * s3))
            store(every_g, 3 * q + i, g * (not3 * s4))
