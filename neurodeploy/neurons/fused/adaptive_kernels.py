"""Kernels of the recurrence of `neurons.adaptive`, forward and backward. See `kernel` for the layout.

The forward kernel keeps two bits for each neuron and step: whether it fired, and whether it was so near to the
threshold that the surrogate is 1. The backward kernel computes the states again, for as many neurons at a time as
stay in the cache, and then goes back through them.

Coefficients are float32 (rows of padded neurons): `ALPHA` to `SHIFT`. The input current is `SCALE` times a field plus
`SHIFT`: batch norm, or 1 and 0.
"""

from __future__ import annotations

import numpy as np

from neurodeploy.neurons.fused.kernel import BLOCK, PAD, VECTORS, Kernel, inlined
from neurodeploy.neurons.fused.lanes import fired, fused, load, near, splat, stepped, store, total, where_near

ALPHA, KEPT_OUT, BETA, A, B, SCALE, SHIFT, MEAN, RATE = range(9)
"""Rows of the coefficients: KEPT_OUT is 1 - alpha, MEAN is taken off the field in the sum `OF_FIELD`, RATE is a
gradient that every spike gets."""
COEFFICIENTS = 9
OF_ALPHA, OF_BETA, OF_A, OF_B, OF_DRIVE, OF_FIELD = range(6)
"""Rows of the sums that the backward kernel returns: gradients of the coefficients, sum of the current's gradients,
and of their products with the field less its mean."""
SUMS = 6
SPIKE, U, W, S, SENT, SUM = range(COEFFICIENTS, COEFFICIENTS + 6)
ROWS = SUM + SUMS
"""Rows of the backward kernel's state, after the coefficients."""


@Kernel
def adaptive_forward(
    first_sample: int,
    after_sample: int,
    n_steps: int,
    n_vectors: int,
    slab: int,
    stride: int,
    field: np.ndarray,
    coefficients: np.ndarray,
    recurrent: np.ndarray,
    start: np.ndarray,
    state: np.ndarray,
    currents: np.ndarray,
    fired_plane: np.ndarray,
    near_plane: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Run some samples through all steps.

    Args:
        recurrent: float32 (padded neurons, padded neurons), from row to column; or empty.
        start: float32 (3 * samples * padded neurons,): u, w and s before the first step.
        state: Room for five rows.
        currents: With recurrent weights, plain rows that receive the input current with theirs.
        fired_plane, near_plane: Receive the bits.
        counts: float32 (samples * padded neurons,); receives how often each neuron fired.
    """
    size = 8 * n_vectors
    n_samples = len(start) // (3 * size)
    one = splat(np.float32(1))
    pitch = size + PAD
    u_at, w_at, s_at, counts_at, sent_at = 0, pitch, 2 * pitch, 3 * pitch, 4 * pitch
    for sample in range(first_sample, after_sample):
        for part in range(3):
            for n in range(size):
                state[part * pitch + n] = start[(part * n_samples + sample) * size + n]
        for n in range(size):
            state[counts_at + n] = 0.0
        for step in range(n_steps):
            row = sample * n_steps + step
            if len(recurrent):
                send(recurrent, state, s_at, sent_at, size, step == 0)
            for n in range(0, size, 8):
                x = load(field, (n >> 6) * slab + row * stride + (n & 63))
                x = x * load(coefficients, SCALE * pitch + n) + load(coefficients, SHIFT * pitch + n)
                if len(recurrent):
                    x = x + load(state, sent_at + n)
                    store(currents, row * size + n, x)
                u, w, s = load(state, u_at + n), load(state, w_at + n), load(state, s_at + n)
                w = load(coefficients, BETA * pitch + n) * w + load(coefficients, A * pitch + n) * u
                w = w + load(coefficients, B * pitch + n) * s
                u = load(coefficients, ALPHA * pitch + n) * (u - s) + load(coefficients, KEPT_OUT * pitch + n) * (x - w)
                distance = u - one
                store(state, u_at + n, u)
                store(state, w_at + n, w)
                s = stepped(distance)
                store(state, s_at + n, s)
                store(state, counts_at + n, load(state, counts_at + n) + s)
                fired_plane[row * n_vectors + (n >> 3)] = fired(distance)
                near_plane[row * n_vectors + (n >> 3)] = near(distance)
        for n in range(size):
            counts[sample * size + n] = state[counts_at + n]


@inlined
def send(recurrent: np.ndarray, state: np.ndarray, s_at: int, to: int, size: int, any_value: bool) -> None:
    """Write s V to a row of the state: the rows of V of all neurons that fired.

    Args:
        any_value: s may hold other numbers than 0 and 1.
    """
    zero = splat(np.float32(0))
    for n in range(0, size, 8):
        store(state, to + n, zero)
    for source in range(size):
        if state[s_at + source] != 0:
            value = splat(state[s_at + source])
            for n in range(0, size, 8):
                sent = load(recurrent, source * size + n)
                store(state, to + n, load(state, to + n) + (value * sent if any_value else sent))


@Kernel
def adaptive_backward(
    first_sample: int,
    after_sample: int,
    n_steps: int,
    n_vectors: int,
    slab: int,
    stride: int,
    field: np.ndarray,
    coefficients: np.ndarray,
    recurrent: np.ndarray,
    start: np.ndarray,
    state: np.ndarray,
    past: np.ndarray,
    currents: np.ndarray,
    near_plane: np.ndarray,
    starts: np.ndarray,
    columns: np.ndarray,
    grads: np.ndarray,
    gain: float,
    grad_field: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Go back through some samples.

    Args:
        state: Room for `ROWS` rows.
        past: Room for u and w of all steps, of one block, or with recurrent weights of all neurons.
        currents: What the forward kernel wrote there.
        starts, columns, grads: Gradients of the spikes that have one, as `list_plane` orders them.
        gain: What those are multiplied by.
        grad_field: Receives the gradient of the input current, before scale and shift.
        sums: float32 (samples * SUMS * padded neurons,); receives each sample's.
    """
    size = 8 * n_vectors
    n_blocks = (n_vectors + VECTORS - 1) // VECTORS
    together = n_blocks if len(recurrent) else 1
    for sample in range(first_sample, after_sample):
        for block in range(0, n_blocks, together):
            first = block * BLOCK
            after = min(first + together * BLOCK, size)
            pitch = after - first + PAD
            for part in range(COEFFICIENTS):
                for n in range(first, after):
                    state[part * pitch + n - first] = coefficients[part * (size + PAD) + n]
            _states(sample, first, after, n_steps, size, slab, stride, field, start, state, past, currents)
            _back(
                sample, first, after, n_steps, size, slab, stride, field, recurrent, start, state, past, currents,
                near_plane, starts, n_blocks, columns, grads, np.float32(gain), grad_field, sums,
            )  # fmt: skip


@inlined
def _states(sample, first, after, n_steps, size, slab, stride, field, start, state, past, currents):  # type: ignore[no-untyped-def]
    """Compute u and w of all steps again, by the operations of the forward kernel."""
    width = after - first
    pitch = width + PAD
    n_samples = len(start) // (3 * size)
    one = splat(np.float32(1))
    for step in range(n_steps):
        row = sample * n_steps + step
        now, before = 2 * step * width, 2 * (step - 1) * width
        for k in range(0, width, 8):
            n = first + k
            if len(currents):
                x = load(currents, row * size + n)
            else:
                x = load(field, (n >> 6) * slab + row * stride + (n & 63))
                x = x * load(state, SCALE * pitch + k) + load(state, SHIFT * pitch + k)
            if step:
                u, w = load(past, before + k), load(past, before + width + k)
                s = stepped(u - one)
            else:
                u, w = load(start, sample * size + n), load(start, (n_samples + sample) * size + n)
                s = load(start, (2 * n_samples + sample) * size + n)
            w = load(state, BETA * pitch + k) * w + load(state, A * pitch + k) * u
            w = w + load(state, B * pitch + k) * s
            u = load(state, ALPHA * pitch + k) * (u - s) + load(state, KEPT_OUT * pitch + k) * (x - w)
            store(past, now + k, u)
            store(past, now + width + k, w)


@inlined
def _back(  # type: ignore[no-untyped-def]
    sample, first, after, n_steps, size, slab, stride, field, recurrent, start, state, past, currents,
    near_plane, starts, n_blocks, columns, grads, gain, grad_field, sums,
):  # fmt: skip
    width = after - first
    pitch = width + PAD
    n_samples = len(start) // (3 * size)
    one, zero = splat(np.float32(1)), splat(np.float32(0))
    spike_at, sent_at = SPIKE * pitch, SENT * pitch
    for at in range(COEFFICIENTS * pitch, ROWS * pitch):
        state[at] = 0.0
    first_block, after_block = first // BLOCK, (after + BLOCK - 1) // BLOCK
    for step in range(n_steps - 1, -1, -1):
        row = sample * n_steps + step
        for k in range(0, width, 8):
            store(state, spike_at + k, load(state, RATE * pitch + k))
        for entry in range(starts[row * n_blocks + first_block], starts[row * n_blocks + after_block]):
            state[spike_at - first + columns[entry]] += gain * grads[entry]
        if len(recurrent) and step < n_steps - 1:
            _receive(near_plane, row, size, recurrent, state, sent_at, spike_at)
        now, before = 2 * step * width, 2 * (step - 1) * width
        for k in range(0, width, 8):
            n = first + k
            at = (n >> 6) * slab + row * stride + (n & 63)
            alpha, kept_out = load(state, ALPHA * pitch + k), load(state, KEPT_OUT * pitch + k)
            raw = load(field, at)
            if len(currents):
                x = load(currents, row * size + n)
            else:
                x = raw * load(state, SCALE * pitch + k) + load(state, SHIFT * pitch + k)
            if step:
                old_u, old_w = load(past, before + k), load(past, before + width + k)
                old_s = stepped(old_u - one)
            else:
                old_u, old_w = load(start, sample * size + n), load(start, (n_samples + sample) * size + n)
                old_s = load(start, (2 * n_samples + sample) * size + n)
            current = x - load(past, now + width + k)
            of_s = load(state, spike_at + k) + load(state, S * pitch + k)
            of_u = load(state, U * pitch + k) + where_near(load(past, now + k) - one, of_s)
            of_x = kept_out * of_u
            of_w = load(state, W * pitch + k) - of_x
            _add(state, (SUM + OF_ALPHA) * pitch + k, of_u, (old_u - old_s) - current)
            _add(state, (SUM + OF_BETA) * pitch + k, of_w, old_w)
            _add(state, (SUM + OF_A) * pitch + k, of_w, old_u)
            _add(state, (SUM + OF_B) * pitch + k, of_w, old_s)
            _add(state, (SUM + OF_DRIVE) * pitch + k, of_x, one)
            _add(state, (SUM + OF_FIELD) * pitch + k, of_x, raw - load(state, MEAN * pitch + k))
            store(grad_field, at, of_x)
            store(state, sent_at + k, of_x)
            through = alpha * of_u
            store(state, U * pitch + k, fused(load(state, A * pitch + k), of_w, through))
            store(state, S * pitch + k, fused(load(state, B * pitch + k), of_w, zero - through))
            store(state, W * pitch + k, load(state, BETA * pitch + k) * of_w)
    for part in range(SUMS):
        for n in range(first, after):
            sums[(sample * SUMS + part) * size + n] = state[(SUM + part) * pitch + n - first]


@inlined
def _add(state, at, a, b):  # type: ignore[no-untyped-def]
    store(state, at, fused(a, b, load(state, at)))


@inlined
def _receive(near_plane, row, size, recurrent, state, sent_at, to):  # type: ignore[no-untyped-def]
    """Add V times the next step's gradient to the spikes' gradient, where the surrogate lets it through."""
    for source in range(size):
        if near_plane[row * (size // 8) + source // 8] >> (source % 8) & 1:
            found = splat(np.float32(0))
            for n in range(0, size, 8):
                found = fused(load(recurrent, source * size + n), load(state, sent_at + n), found)
            state[to + source] += total(found)
