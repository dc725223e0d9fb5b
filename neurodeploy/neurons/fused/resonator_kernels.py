"""Kernels of the recurrence of `neurons.resonator`, forward and backward, in the form of `adaptive_kernels`."""

from __future__ import annotations

import numpy as np

from neurodeploy.neurons.fused.kernel import BLOCK, PAD, VECTORS, Kernel, inlined
from neurodeploy.neurons.fused.lanes import fired, fused, load, near, splat, stepped, store, where_near

DECAY_RE, DECAY_IM, GAIN, RESET_RE, RESET_IM, READ, SCALE, SHIFT, MEAN, RATE = range(10)
"""Rows of the coefficients; the last four as in `adaptive_kernels`."""
COEFFICIENTS = 10
OF_DECAY_RE, OF_DECAY_IM, OF_GAIN, OF_RESET_RE, OF_RESET_IM, OF_DRIVE, OF_FIELD = range(7)
"""Rows of the sums that the backward kernel returns."""
SUMS = 7
SPIKE, RE, IM, S, SUM = range(COEFFICIENTS, COEFFICIENTS + 5)
ROWS = SUM + SUMS
"""Rows of the backward kernel's state, after the coefficients."""


@Kernel
def resonator_forward(
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
    """Run some samples through all steps; the state is Re(u), Im(u) and s. No recurrent weights are used."""
    size = 8 * n_vectors
    n_samples = len(start) // (3 * size)
    pitch = size + PAD
    one = splat(np.float32(1))
    for sample in range(first_sample, after_sample):
        for part in range(3):
            for n in range(size):
                state[part * pitch + n] = start[(part * n_samples + sample) * size + n]
        for n in range(size):
            state[3 * pitch + n] = 0.0
        for step in range(n_steps):
            row = sample * n_steps + step
            for n in range(0, size, 8):
                x = load(field, (n >> 6) * slab + row * stride + (n & 63))
                x = x * load(coefficients, SCALE * pitch + n) + load(coefficients, SHIFT * pitch + n)
                re, im = load(state, n), load(state, pitch + n)
                re, im = _stepped(coefficients, pitch, n, x, re, im, load(state, 2 * pitch + n))
                distance = load(coefficients, READ * pitch + n) * re - one
                s = stepped(distance)
                store(state, n, re)
                store(state, pitch + n, im)
                store(state, 2 * pitch + n, s)
                store(state, 3 * pitch + n, load(state, 3 * pitch + n) + s)
                fired_plane[row * n_vectors + (n >> 3)] = fired(distance)
                near_plane[row * n_vectors + (n >> 3)] = near(distance)
        for n in range(size):
            counts[sample * size + n] = state[3 * pitch + n]


@inlined
def _stepped(coefficients, pitch, n, x, re, im, s):  # type: ignore[no-untyped-def]
    """Return the state after one step; operations in the order of the readable version."""
    decay_re, decay_im = load(coefficients, DECAY_RE * pitch + n), load(coefficients, DECAY_IM * pitch + n)
    new_re = decay_re * re - decay_im * im + load(coefficients, GAIN * pitch + n) * x
    new_im = decay_im * re + decay_re * im
    new_re = new_re - load(coefficients, RESET_RE * pitch + n) * s
    return new_re, new_im - load(coefficients, RESET_IM * pitch + n) * s


@Kernel
def resonator_backward(
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
    """Go back through some samples."""
    size = 8 * n_vectors
    n_blocks = (n_vectors + VECTORS - 1) // VECTORS
    for sample in range(first_sample, after_sample):
        for block in range(n_blocks):
            first = block * BLOCK
            after = min(first + BLOCK, size)
            pitch = after - first + PAD
            for part in range(COEFFICIENTS):
                for n in range(first, after):
                    state[part * pitch + n - first] = coefficients[part * (size + PAD) + n]
            _states(sample, first, after, n_steps, size, slab, stride, field, start, state, past)
            _back(
                sample, first, after, n_steps, size, slab, stride, field, start, state, past,
                starts, n_blocks, columns, grads, np.float32(gain), grad_field, sums,
            )  # fmt: skip


@inlined
def _states(sample, first, after, n_steps, size, slab, stride, field, start, state, past):  # type: ignore[no-untyped-def]
    """Compute the states of all steps again, by the operations of the forward kernel."""
    width = after - first
    pitch = width + PAD
    n_samples = len(start) // (3 * size)
    one = splat(np.float32(1))
    for step in range(n_steps):
        row = sample * n_steps + step
        now, before = 2 * step * width, 2 * (step - 1) * width
        for k in range(0, width, 8):
            n = first + k
            x = load(field, (n >> 6) * slab + row * stride + (n & 63))
            x = x * load(state, SCALE * pitch + k) + load(state, SHIFT * pitch + k)
            if step:
                re, im = load(past, before + k), load(past, before + width + k)
                s = stepped(load(state, READ * pitch + k) * re - one)
            else:
                re, im = load(start, sample * size + n), load(start, (n_samples + sample) * size + n)
                s = load(start, (2 * n_samples + sample) * size + n)
            re, im = _stepped(state, pitch, k, x, re, im, s)
            store(past, now + k, re)
            store(past, now + width + k, im)


@inlined
def _back(  # type: ignore[no-untyped-def]
    sample, first, after, n_steps, size, slab, stride, field, start, state, past,
    starts, n_blocks, columns, grads, gain, grad_field, sums,
):  # fmt: skip
    width = after - first
    pitch = width + PAD
    n_samples = len(start) // (3 * size)
    one, zero = splat(np.float32(1)), splat(np.float32(0))
    spike_at = SPIKE * pitch
    for at in range(COEFFICIENTS * pitch, ROWS * pitch):
        state[at] = 0.0
    block = first // BLOCK
    for step in range(n_steps - 1, -1, -1):
        row = sample * n_steps + step
        for k in range(0, width, 8):
            store(state, spike_at + k, load(state, RATE * pitch + k))
        for entry in range(starts[row * n_blocks + block], starts[row * n_blocks + block + 1]):
            state[spike_at - first + columns[entry]] += gain * grads[entry]
        now, before = 2 * step * width, 2 * (step - 1) * width
        for k in range(0, width, 8):
            n = first + k
            at = (n >> 6) * slab + row * stride + (n & 63)
            decay_re, decay_im = load(state, DECAY_RE * pitch + k), load(state, DECAY_IM * pitch + k)
            read = load(state, READ * pitch + k)
            raw = load(field, at)
            if step:
                old_re, old_im = load(past, before + k), load(past, before + width + k)
                old_s = stepped(read * old_re - one)
            else:
                old_re, old_im = load(start, sample * size + n), load(start, (n_samples + sample) * size + n)
                old_s = load(start, (2 * n_samples + sample) * size + n)
            of_s = load(state, spike_at + k) + load(state, S * pitch + k)
            of_re = load(state, RE * pitch + k) + where_near(read * load(past, now + k) - one, read * of_s)
            of_im = load(state, IM * pitch + k)
            of_x = load(state, GAIN * pitch + k) * of_re
            x = raw * load(state, SCALE * pitch + k) + load(state, SHIFT * pitch + k)
            _add(state, (SUM + OF_DECAY_RE) * pitch + k, fused(of_re, old_re, of_im * old_im))
            _add(state, (SUM + OF_DECAY_IM) * pitch + k, of_im * old_re - of_re * old_im)
            _add(state, (SUM + OF_GAIN) * pitch + k, of_re * x)
            _add(state, (SUM + OF_RESET_RE) * pitch + k, zero - of_re * old_s)
            _add(state, (SUM + OF_RESET_IM) * pitch + k, zero - of_im * old_s)
            _add(state, (SUM + OF_DRIVE) * pitch + k, of_x)
            _add(state, (SUM + OF_FIELD) * pitch + k, of_x * (raw - load(state, MEAN * pitch + k)))
            store(grad_field, at, of_x)
            store(state, RE * pitch + k, fused(decay_re, of_re, decay_im * of_im))
            store(state, IM * pitch + k, decay_re * of_im - decay_im * of_re)
            reset_re, reset_im = load(state, RESET_RE * pitch + k), load(state, RESET_IM * pitch + k)
            store(state, S * pitch + k, zero - fused(reset_re, of_re, reset_im * of_im))
    for part in range(SUMS):
        for n in range(first, after):
            sums[(sample * SUMS + part) * size + n] = state[(SUM + part) * pitch + n - first]


@inlined
def _add(state, at, value):  # type: ignore[no-untyped-def]
    store(state, at, load(state, at) + value)
