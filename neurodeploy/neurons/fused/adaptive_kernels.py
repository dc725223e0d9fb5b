"""Kernels of the recurrence of `neurons.adaptive`, forward and backward. See `kernel` for the layout.

The forward kernel keeps two bits for each neuron and step: whether it fired, and whether it was so near to the
threshold that the surrogate is 1. The backward kernel computes the states again, for as many neurons at a time as
stay in the cache, and then goes back through them.

Coefficients are records of `ALPHA` to `RATE`. The input current is `SCALE` times a field plus `SHIFT`: batch norm, or 1
and 0.
"""

import numpy as np

from neurodeploy.neurons.fused.kernel import AHEAD, VECTORS, Kernel, inlined
from neurodeploy.neurons.fused.lanes import (
    fired,
    fused,
    load,
    near,
    soon_written,
    splat,
    stepped,
    store,
    total,
    where_near,
)

ALPHA, KEPT_OUT, BETA, A, B, SCALE, SHIFT, MEAN, RATE = range(0, 72, 8)
"""Places in a record of coefficients: KEPT_OUT is 1 - alpha, MEAN is taken off the field in the sum `OF_FIELD`, RATE is
a gradient that every spike gets."""
COEFFICIENTS = 72
OF_ALPHA, OF_BETA, OF_A, OF_B, OF_DRIVE, OF_FIELD = range(0, 48, 8)
"""Places in a record of the sums that the backward kernel returns: gradients of the coefficients, sum of the current's
gradients, and of their products with the field less its mean."""
SUMS = 48
U, W, S, COUNT = range(COEFFICIENTS, COEFFICIENTS + 32, 8)
FORWARD = COEFFICIENTS + 32
"""Floats of a vector's record in the forward kernel: coefficients, state, spikes so far."""
SPIKE = COUNT
SUM = FORWARD
BACKWARD = SUM + SUMS
"""In the backward kernel: coefficients, gradients of the state, gradient of the spikes, sums."""


@Kernel
def adaptive_forward(
    first_sample, after_sample, n_steps, n_vectors, slab, stride, field, coefficients, recurrent, start, records,
    row_of, currents, fired_plane, near_plane, counts,
):  # fmt: skip
    """Run some samples through all steps.

    Args:
        recurrent: float32 (padded neurons, padded neurons), from row to column; or empty.
        start: float32 (3 * samples * padded neurons,): u, w and s before the first step.
        records: Room for `FORWARD` floats of each vector.
        row_of: Room for two rows of neurons.
        currents: With recurrent weights, plain rows that receive the input current with theirs.
        fired_plane, near_plane: Receive the bits.
        counts: float32 (samples * padded neurons,); receives how often each neuron fired.
    """
    size = 8 * n_vectors
    n_samples = len(start) // (3 * size)
    one, zero = splat(np.float32(1)), splat(np.float32(0))
    for vector in range(n_vectors):
        for at in range(0, COEFFICIENTS, 8):
            store(records, vector * FORWARD + at, load(coefficients, vector * COEFFICIENTS + at))
    for sample in range(first_sample, after_sample):
        for vector in range(n_vectors):
            r, n = vector * FORWARD, sample * size + 8 * vector
            store(records, r + U, load(start, n))
            store(records, r + W, load(start, n + n_samples * size))
            store(records, r + S, load(start, n + 2 * n_samples * size))
            store(records, r + COUNT, zero)
        for step in range(n_steps):
            row = sample * n_steps + step
            if len(recurrent):
                _send(recurrent, records, row_of, n_vectors, step == 0)
            for vector in range(n_vectors):
                r = vector * FORWARD
                x = load(field, (vector >> 3) * slab + row * stride + 8 * (vector & 7))
                x = x * load(records, r + SCALE) + load(records, r + SHIFT)
                if len(recurrent):
                    x = x + load(row_of, 8 * vector)
                    store(currents, row * size + 8 * vector, x)
                u, w, s = load(records, r + U), load(records, r + W), load(records, r + S)
                w = load(records, r + BETA) * w + load(records, r + A) * u + load(records, r + B) * s
                u = load(records, r + ALPHA) * (u - s) + load(records, r + KEPT_OUT) * (x - w)
                distance = u - one
                s = stepped(distance)
                store(records, r + U, u)
                store(records, r + W, w)
                store(records, r + S, s)
                store(records, r + COUNT, load(records, r + COUNT) + s)
                fired_plane[row * n_vectors + vector] = fired(distance)
                near_plane[row * n_vectors + vector] = near(distance)
        for vector in range(n_vectors):
            store(counts, sample * size + 8 * vector, load(records, vector * FORWARD + COUNT))


@inlined
def _send(recurrent: np.ndarray, records: np.ndarray, row_of: np.ndarray, n_vectors: int, any_value: bool) -> None:
    """Write s V to the row: the rows of V of all neurons that fired; with `any_value`, s is not only 0 and 1."""
    size = 8 * n_vectors
    zero = splat(np.float32(0))
    for n in range(0, size, 8):
        store(row_of, n, zero)
    for source in range(size):
        s = records[(source >> 3) * FORWARD + S + (source & 7)]
        if s != 0:
            value = splat(s)
            for n in range(0, size, 8):
                sent = load(recurrent, source * size + n)
                store(row_of, n, load(row_of, n) + (value * sent if any_value else sent))


@Kernel
def adaptive_backward(
    first_sample, after_sample, n_steps, n_vectors, slab, stride, field, coefficients, recurrent, start, records,
    row_of, past, currents, near_plane, starts, columns, grads, gain, grad_field, sums,
):  # fmt: skip
    """Go back through some samples.

    Args:
        records: Room for `BACKWARD` floats of each vector of a block, or with recurrent weights of all.
        row_of: Room for two rows of neurons.
        past: Room for u and w of all steps, of one block, or with recurrent weights of all neurons.
        currents: What the forward kernel wrote there.
        starts, columns, grads: Gradients of the spikes that have one, as `list_plane` orders them.
        gain: What those are multiplied by.
        grad_field: Receives the gradient of the input current, before scale and shift.
        sums: float32 (samples * n_vectors * SUMS,); receives each sample's.
    """
    n_blocks = (n_vectors + VECTORS - 1) // VECTORS
    together = n_blocks if len(recurrent) else 1
    zero = splat(np.float32(0))
    for sample in range(first_sample, after_sample):
        for block in range(0, n_blocks, together):
            first = block * VECTORS
            width = min(together * VECTORS, n_vectors - first)
            for vector in range(width):
                r = vector * BACKWARD
                for at in range(0, COEFFICIENTS, 8):
                    store(records, r + at, load(coefficients, (first + vector) * COEFFICIENTS + at))
                for at in range(COEFFICIENTS, BACKWARD, 8):
                    store(records, r + at, zero)
            _states(sample, first, width, n_steps, n_vectors, slab, stride, field, start, records, past, currents)
            _back(
                sample, first, width, n_steps, n_vectors, slab, stride, field, recurrent, start, records, row_of, past,
                currents, near_plane, starts, n_blocks, columns, grads, np.float32(gain), grad_field,
            )  # fmt: skip
            for vector in range(width):
                for at in range(0, SUMS, 8):
                    to = (sample * n_vectors + first + vector) * SUMS + at
                    store(sums, to, load(records, vector * BACKWARD + SUM + at))


@inlined
def _states(sample, first, width, n_steps, n_vectors, slab, stride, field, start, records, past, currents):
    """Compute u and w of all steps again, by the operations of the forward kernel."""
    size = 8 * n_vectors
    n_samples = len(start) // (3 * size)
    one = splat(np.float32(1))
    for step in range(n_steps):
        row = sample * n_steps + step
        for vector in range(width):
            r, at, n = vector * BACKWARD, 16 * (step * width + vector), 8 * (first + vector)
            if len(currents):
                x = load(currents, row * size + n)
            else:
                x = load(field, (n >> 6) * slab + row * stride + (n & 63))
                x = x * load(records, r + SCALE) + load(records, r + SHIFT)
            if step:
                u, w = load(past, at - 16 * width), load(past, at - 16 * width + 8)
                s = stepped(u - one)
            else:
                u, w = load(start, sample * size + n), load(start, (n_samples + sample) * size + n)
                s = load(start, (2 * n_samples + sample) * size + n)
            w = load(records, r + BETA) * w + load(records, r + A) * u + load(records, r + B) * s
            u = load(records, r + ALPHA) * (u - s) + load(records, r + KEPT_OUT) * (x - w)
            store(past, at, u)
            store(past, at + 8, w)


@inlined
def _back(
    sample, first, width, n_steps, n_vectors, slab, stride, field, recurrent, start, records, row_of, past,
    currents, near_plane, starts, n_blocks, columns, grads, gain, grad_field,
):  # fmt: skip
    size = 8 * n_vectors
    n_samples = len(start) // (3 * size)
    one, zero = splat(np.float32(1)), splat(np.float32(0))
    first_block, after_block = first // VECTORS, (first + width + VECTORS - 1) // VECTORS
    for step in range(n_steps - 1, -1, -1):
        row = sample * n_steps + step
        for vector in range(width):
            store(records, vector * BACKWARD + SPIKE, load(records, vector * BACKWARD + RATE))
        for entry in range(starts[row * n_blocks + first_block], starts[row * n_blocks + after_block]):
            column = np.int64(columns[entry]) - 8 * first
            records[(column >> 3) * BACKWARD + SPIKE + (column & 7)] += gain * grads[entry]
        if len(recurrent) and step < n_steps - 1:
            _receive(near_plane, row, n_vectors, recurrent, row_of, records)
        for vector in range(width):
            r, past_at, n = vector * BACKWARD, 16 * (step * width + vector), 8 * (first + vector)
            at = (n >> 6) * slab + row * stride + (n & 63)
            raw = load(field, at)
            if len(currents):
                x = load(currents, row * size + n)
            else:
                x = raw * load(records, r + SCALE) + load(records, r + SHIFT)
            if step:
                old_u, old_w = load(past, past_at - 16 * width), load(past, past_at - 16 * width + 8)
                old_s = stepped(old_u - one)
            else:
                old_u, old_w = load(start, sample * size + n), load(start, (n_samples + sample) * size + n)
                old_s = load(start, (2 * n_samples + sample) * size + n)
            current = x - load(past, past_at + 8)
            of_s = load(records, r + SPIKE) + load(records, r + S)
            of_u = load(records, r + U) + where_near(load(past, past_at) - one, of_s)
            of_x = load(records, r + KEPT_OUT) * of_u
            of_w = load(records, r + W) - of_x
            _add(records, r + SUM + OF_ALPHA, of_u, (old_u - old_s) - current)
            _add(records, r + SUM + OF_BETA, of_w, old_w)
            _add(records, r + SUM + OF_A, of_w, old_u)
            _add(records, r + SUM + OF_B, of_w, old_s)
            store(records, r + SUM + OF_DRIVE, load(records, r + SUM + OF_DRIVE) + of_x)
            _add(records, r + SUM + OF_FIELD, of_x, raw - load(records, r + MEAN))
            store(grad_field, at, of_x)
            soon_written(grad_field, at - AHEAD * stride)
            if len(recurrent):
                store(row_of, n, of_x)
            through = load(records, r + ALPHA) * of_u
            store(records, r + U, fused(load(records, r + A), of_w, through))
            store(records, r + S, fused(load(records, r + B), of_w, zero - through))
            store(records, r + W, load(records, r + BETA) * of_w)


@inlined
def _add(records, at, a, b):
    store(records, at, fused(a, b, load(records, at)))


@inlined
def _receive(near_plane, row, n_vectors, recurrent, row_of, records):
    """Add V times the next step's gradient to the spikes' gradient, where the surrogate lets it through."""
    size = 8 * n_vectors
    for source in range(size):
        if near_plane[row * n_vectors + (source >> 3)] >> (source & 7) & 1:
            found = splat(np.float32(0))
            for n in range(0, size, 8):
                found = fused(load(recurrent, source * size + n), load(row_of, n), found)
            records[(source >> 3) * BACKWARD + SPIKE + (source & 7)] += total(found)
