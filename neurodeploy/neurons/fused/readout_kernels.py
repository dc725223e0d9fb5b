"""Kernels of the readout: leaky integrators, and the sum over time of their softmax. One block of classes or several.

Coefficients are records of `ALPHA` to `MEAN`. In the padding, states start at `NEVER` and stay there, which gives them
no part in the softmax.
"""

import numpy as np

from neurodeploy.neurons.fused.kernel import Kernel, inlined
from neurodeploy.neurons.fused.lanes import exponential, fused, larger, largest, load, splat, store, total

ALPHA, KEPT_OUT, SCALE, SHIFT, MEAN = range(0, 40, 8)
COEFFICIENTS = 40
OF_ALPHA, OF_DRIVE, OF_FIELD = range(0, 24, 8)
SUMS = 24
NEVER = -1e30


@Kernel
def readout_forward(
    first_sample, after_sample, n_steps, n_vectors, slab, stride, field, coefficients, start, potentials, output, state,
):  # fmt: skip
    """Run some samples through all steps.

    Args:
        start: float32 (samples * padded classes,).
        potentials: float32 plain rows; receives the potential after each step.
        output: float32 (samples * padded classes,); receives the sums.
        state: Room for one row.
    """
    size = 8 * n_vectors
    for sample in range(first_sample, after_sample):
        for at in range(sample * size, (sample + 1) * size):
            output[at] = 0.0
        for step in range(n_steps):
            row = sample * n_steps + step
            for n in range(0, size, 8):
                r = (n >> 3) * COEFFICIENTS
                x = load(field, (n >> 6) * slab + row * stride + (n & 63))
                x = x * load(coefficients, r + SCALE) + load(coefficients, r + SHIFT)
                u = load(potentials, (row - 1) * size + n) if step else load(start, sample * size + n)
                u = load(coefficients, r + ALPHA) * u + load(coefficients, r + KEPT_OUT) * x
                store(potentials, row * size + n, u)
            share = splat(np.float32(1) / _exponentials(potentials, row * size, size, state))
            for n in range(0, size, 8):
                store(output, sample * size + n, fused(load(state, n), share, load(output, sample * size + n)))


@inlined
def _exponentials(potentials, begin, size, state):
    """Write e to the power of a row less its largest number, and return the sum."""
    peaks = load(potentials, begin)
    for n in range(8, size, 8):
        peaks = larger(peaks, load(potentials, begin + n))
    peak = splat(largest(peaks))
    summed = splat(np.float32(0))
    for n in range(0, size, 8):
        value = exponential(load(potentials, begin + n) - peak)
        store(state, n, value)
        summed = summed + value
    return total(summed)


@Kernel
def readout_backward(
    first_sample, after_sample, n_steps, n_vectors, slab, stride, field, coefficients, start, potentials, grad_output,
    grad_field, sums, state,
):  # fmt: skip
    """Go back through some samples.

    Args:
        grad_output: float32 (samples * padded classes,).
        grad_field: Receives the gradient of the input current.
        sums: float32 (samples * n_vectors * SUMS,); receives each sample's.
        state: Room for two rows of padded classes.
    """
    size = 8 * n_vectors
    one = splat(np.float32(1))
    for sample in range(first_sample, after_sample):
        for at in range(size, 2 * size):
            state[at] = 0.0
        for at in range(sample * n_vectors * SUMS, (sample + 1) * n_vectors * SUMS):
            sums[at] = 0.0
        for step in range(n_steps - 1, -1, -1):
            row = sample * n_steps + step
            share = splat(np.float32(1) / _exponentials(potentials, row * size, size, state))
            summed = splat(np.float32(0))
            for n in range(0, size, 8):
                part = load(state, n) * share
                store(state, n, part)
                summed = fused(part, load(grad_output, sample * size + n), summed)
            mean = splat(total(summed))
            for n in range(0, size, 8):
                r, sums_at = (n >> 3) * COEFFICIENTS, (sample * n_vectors + (n >> 3)) * SUMS
                at = (n >> 6) * slab + row * stride + (n & 63)
                raw = load(field, at)
                x = raw * load(coefficients, r + SCALE) + load(coefficients, r + SHIFT)
                old = load(potentials, (row - 1) * size + n) if step else load(start, sample * size + n)
                of_u = fused(load(state, n), load(grad_output, sample * size + n) - mean, load(state, size + n))
                of_x = load(coefficients, r + KEPT_OUT) * of_u
                store(grad_field, at, of_x)
                store(state, size + n, load(coefficients, r + ALPHA) * of_u)
                _add(sums, sums_at + OF_ALPHA, of_u, old - x)
                _add(sums, sums_at + OF_DRIVE, of_x, one)
                _add(sums, sums_at + OF_FIELD, of_x, raw - load(coefficients, r + MEAN))


@inlined
def _add(sums, at, a, b):
    store(sums, at, fused(a, b, load(sums, at)))
