"""Kernels of the recurrence of `neurons.resonator`, forward and backward, in the form of `adaptive_kernels`."""

import numpy as np

from neurodeploy.neurons.fused.kernel import AHEAD, VECTORS, Kernel, inlined
from neurodeploy.neurons.fused.lanes import fired, fused, load, near, soon_written, splat, stepped, store, where_near

DECAY_RE, DECAY_IM, GAIN, RESET_RE, RESET_IM, READ, SCALE, SHIFT, MEAN, RATE = range(0, 80, 8)
"""Places in a record of coefficients; the last four as in `adaptive_kernels`."""
COEFFICIENTS = 80
OF_DECAY_RE, OF_DECAY_IM, OF_GAIN, OF_RESET_RE, OF_RESET_IM, OF_DRIVE, OF_FIELD = range(0, 56, 8)
"""Places in a record of the sums that the backward kernel returns."""
SUMS = 56
RE, IM, S, COUNT = range(COEFFICIENTS, COEFFICIENTS + 32, 8)
FORWARD = COEFFICIENTS + 32
SPIKE = COUNT
SUM = FORWARD
BACKWARD = SUM + SUMS


@Kernel
def resonator_forward(
    first_sample, after_sample, n_steps, n_vectors, slab, stride, field, coefficients, recurrent, start, records,
    row_of, currents, fired_plane, near_plane, counts,
):  # fmt: skip
    """Run some samples through all steps; the state is Re(u), Im(u) and s. No recurrent weights are used."""
    size = 8 * n_vectors
    n_samples = len(start) // (3 * size)
    one, zero = splat(np.float32(1)), splat(np.float32(0))
    for vector in range(n_vectors):
        for at in range(0, COEFFICIENTS, 8):
            store(records, vector * FORWARD + at, load(coefficients, vector * COEFFICIENTS + at))
    for sample in range(first_sample, after_sample):
        for vector in range(n_vectors):
            r, n = vector * FORWARD, sample * size + 8 * vector
            store(records, r + RE, load(start, n))
            store(records, r + IM, load(start, n + n_samples * size))
            store(records, r + S, load(start, n + 2 * n_samples * size))
            store(records, r + COUNT, zero)
        for step in range(n_steps):
            row = sample * n_steps + step
            for vector in range(n_vectors):
                r = vector * FORWARD
                x = load(field, (vector >> 3) * slab + row * stride + 8 * (vector & 7))
                re, im = _stepped(records, r, x, load(records, r + RE), load(records, r + IM), load(records, r + S))
                distance = load(records, r + READ) * re - one
                s = stepped(distance)
                store(records, r + RE, re)
                store(records, r + IM, im)
                store(records, r + S, s)
                store(records, r + COUNT, load(records, r + COUNT) + s)
                fired_plane[row * n_vectors + vector] = fired(distance)
                near_plane[row * n_vectors + vector] = near(distance)
        for vector in range(n_vectors):
            store(counts, sample * size + 8 * vector, load(records, vector * FORWARD + COUNT))


@inlined
def _stepped(records, r, x, re, im, s):
    """Return the state after one step; operations in the order of the readable version."""
    decay_re, decay_im = load(records, r + DECAY_RE), load(records, r + DECAY_IM)
    x = x * load(records, r + SCALE) + load(records, r + SHIFT)
    new_re = decay_re * re - decay_im * im + load(records, r + GAIN) * x
    new_im = decay_im * re + decay_re * im
    return new_re - load(records, r + RESET_RE) * s, new_im - load(records, r + RESET_IM) * s


@Kernel
def resonator_backward(
    first_sample, after_sample, n_steps, n_vectors, slab, stride, field, coefficients, recurrent, start, records,
    row_of, past, currents, near_plane, starts, columns, grads, gain, grad_field, sums,
):  # fmt: skip
    """Go back through some samples."""
    n_blocks = (n_vectors + VECTORS - 1) // VECTORS
    zero = splat(np.float32(0))
    for sample in range(first_sample, after_sample):
        for block in range(n_blocks):
            first = block * VECTORS
            width = min(VECTORS, n_vectors - first)
            for vector in range(width):
                r = vector * BACKWARD
                for at in range(0, COEFFICIENTS, 8):
                    store(records, r + at, load(coefficients, (first + vector) * COEFFICIENTS + at))
                for at in range(COEFFICIENTS, BACKWARD, 8):
                    store(records, r + at, zero)
            _states(sample, first, width, n_steps, n_vectors, slab, stride, field, start, records, past)
            _back(
                sample, first, width, n_steps, n_vectors, slab, stride, field, start, records, past,
                starts, n_blocks, columns, grads, np.float32(gain), grad_field,
            )  # fmt: skip
            for vector in range(width):
                for at in range(0, SUMS, 8):
                    to = (sample * n_vectors + first + vector) * SUMS + at
                    store(sums, to, load(records, vector * BACKWARD + SUM + at))


@inlined
def _states(sample, first, width, n_steps, n_vectors, slab, stride, field, start, records, past):
    """Compute the states of all steps again, by the operations of the forward kernel."""
    size = 8 * n_vectors
    n_samples = len(start) // (3 * size)
    one = splat(np.float32(1))
    for step in range(n_steps):
        row = sample * n_steps + step
        for vector in range(width):
            r, at, n = vector * BACKWARD, 16 * (step * width + vector), 8 * (first + vector)
            if step:
                re, im = load(past, at - 16 * width), load(past, at - 16 * width + 8)
                s = stepped(load(records, r + READ) * re - one)
            else:
                re, im = load(start, sample * size + n), load(start, (n_samples + sample) * size + n)
                s = load(start, (2 * n_samples + sample) * size + n)
            re, im = _stepped(records, r, load(field, (n >> 6) * slab + row * stride + (n & 63)), re, im, s)
            store(past, at, re)
            store(past, at + 8, im)


@inlined
def _back(
    sample, first, width, n_steps, n_vectors, slab, stride, field, start, records, past,
    starts, n_blocks, columns, grads, gain, grad_field,
):  # fmt: skip
    size = 8 * n_vectors
    n_samples = len(start) // (3 * size)
    one, zero = splat(np.float32(1)), splat(np.float32(0))
    block = first // VECTORS
    for step in range(n_steps - 1, -1, -1):
        row = sample * n_steps + step
        for vector in range(width):
            store(records, vector * BACKWARD + SPIKE, load(records, vector * BACKWARD + RATE))
        for entry in range(starts[row * n_blocks + block], starts[row * n_blocks + block + 1]):
            column = np.int64(columns[entry]) - 8 * first
            records[(column >> 3) * BACKWARD + SPIKE + (column & 7)] += gain * grads[entry]
        for vector in range(width):
            r, past_at, n = vector * BACKWARD, 16 * (step * width + vector), 8 * (first + vector)
            at = (n >> 6) * slab + row * stride + (n & 63)
            read, raw = load(records, r + READ), load(field, at)
            if step:
                old_re, old_im = load(past, past_at - 16 * width), load(past, past_at - 16 * width + 8)
                old_s = stepped(read * old_re - one)
            else:
                old_re, old_im = load(start, sample * size + n), load(start, (n_samples + sample) * size + n)
                old_s = load(start, (2 * n_samples + sample) * size + n)
            of_s = load(records, r + SPIKE) + load(records, r + S)
            of_re = load(records, r + RE) + where_near(read * load(past, past_at) - one, read * of_s)
            of_im = load(records, r + IM)
            of_x = load(records, r + GAIN) * of_re
            x = raw * load(records, r + SCALE) + load(records, r + SHIFT)
            _add(records, r + SUM + OF_DECAY_RE, fused(of_re, old_re, of_im * old_im))
            _add(records, r + SUM + OF_DECAY_IM, of_im * old_re - of_re * old_im)
            _add(records, r + SUM + OF_GAIN, of_re * x)
            _add(records, r + SUM + OF_RESET_RE, zero - of_re * old_s)
            _add(records, r + SUM + OF_RESET_IM, zero - of_im * old_s)
            _add(records, r + SUM + OF_DRIVE, of_x)
            _add(records, r + SUM + OF_FIELD, of_x * (raw - load(records, r + MEAN)))
            store(grad_field, at, of_x)
            soon_written(grad_field, at - AHEAD * stride)
            decay_re, decay_im = load(records, r + DECAY_RE), load(records, r + DECAY_IM)
            store(records, r + RE, fused(decay_re, of_re, decay_im * of_im))
            store(records, r + IM, decay_re * of_im - decay_im * of_re)
            reset_re, reset_im = load(records, r + RESET_RE), load(records, r + RESET_IM)
            store(records, r + S, zero - fused(reset_re, of_re, reset_im * of_im))


@inlined
def _add(records, at, value):
    store(records, at, load(records, at) + value)
