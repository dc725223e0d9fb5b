"""Kernels of spike-driven linear layers: only what a spike touches is computed. See `kernel` for the layout.

Weights are float32 (block of targets, source, target in the block), so that a block, 128 KiB for 512 sources, stays in
the second-level cache while all rows pass.
"""

import numpy as np

from neurodeploy.neurons.fused.kernel import BLOCK, VECTORS, Kernel, inlined
from neurodeploy.neurons.fused.lanes import add_with_square, fused, load, splat, store, total

OF_SCALE, OF_MEAN_GRAD, OF_MEAN, OF_SLOPE = range(0, 32, 8)
"""Places in a record of what takes the gradient g of a normalised field to that of the field x itself:
SCALE * (g - MEAN_GRAD - (x - MEAN) * SLOPE)."""
NORMS = 32
TILE = 16
"""Sources that weights are turned around in at a time: a cache line of each."""


@Kernel
def to_blocks(weights: np.ndarray, n_neurons: int, n_sources: int, blocks: np.ndarray) -> None:
    """Bring weights (neuron, source), flat, into blocks; the padding becomes zero."""
    n_blocks = (n_neurons + BLOCK - 1) // BLOCK
    for block in range(n_blocks):
        for first in range(0, n_sources, TILE):
            for neuron in range(block * BLOCK, (block + 1) * BLOCK):
                for source in range(first, min(first + TILE, n_sources)):
                    weight = weights[neuron * n_sources + source] if neuron < n_neurons else np.float32(0)
                    blocks[(block * n_sources + source) * BLOCK + neuron - block * BLOCK] = weight


@Kernel
def from_blocks(blocks: np.ndarray, n_neurons: int, n_sources: int, weights: np.ndarray) -> None:
    """Bring weights back from blocks."""
    for block in range((n_neurons + BLOCK - 1) // BLOCK):
        for first in range(0, n_sources, TILE):
            for neuron in range(block * BLOCK, min((block + 1) * BLOCK, n_neurons)):
                for source in range(first, min(first + TILE, n_sources)):
                    at = (block * n_sources + source) * BLOCK + neuron - block * BLOCK
                    weights[neuron * n_sources + source] = blocks[at]


@Kernel
def gather(
    starts, per_row, columns, values, weights, n_sources, n_rows, n_vectors, first_block, after_block, slab, stride,
    field, sums,
):  # fmt: skip
    """Write the product of listed inputs and weights into some blocks of a field.

    Args:
        starts: Where each row's entries begin, at every `per_row`-th place.
        sums: float64 (2 * padded neurons,), or empty; receives the sums of products and of their squares.
    """
    zero = splat(np.float32(0))
    for block in range(first_block, after_block):
        width = min(VECTORS, n_vectors - block * VECTORS)
        base = block * n_sources * BLOCK
        for row in range(n_rows):
            begin, end = starts[row * per_row], starts[(row + 1) * per_row]
            to = block * slab + row * stride
            if width == VECTORS:
                a = b = c = d = e = f = g = h = zero
                for entry in range(begin, end):
                    at = base + BLOCK * np.int64(columns[entry])
                    value = splat(values[entry])
                    a = fused(value, load(weights, at), a)
                    b = fused(value, load(weights, at + 8), b)
                    c = fused(value, load(weights, at + 16), c)
                    d = fused(value, load(weights, at + 24), d)
                    e = fused(value, load(weights, at + 32), e)
                    f = fused(value, load(weights, at + 40), f)
                    g = fused(value, load(weights, at + 48), g)
                    h = fused(value, load(weights, at + 56), h)
                _store_block(field, to, a, b, c, d, e, f, g, h)
            else:
                for vector in range(width):
                    a = zero
                    for entry in range(begin, end):
                        at = base + BLOCK * np.int64(columns[entry]) + 8 * vector
                        a = fused(splat(values[entry]), load(weights, at), a)
                    store(field, to + 8 * vector, a)
            if len(sums):
                _add_row(field, to, width, sums, block * BLOCK, n_vectors * 8)


@Kernel
def column_sums(field, n_rows, n_vectors, first_block, after_block, slab, stride, sums):
    """Add up some blocks of a field over all rows, as `gather` does."""
    for block in range(first_block, after_block):
        width = min(VECTORS, n_vectors - block * VECTORS)
        for row in range(n_rows):
            _add_row(field, block * slab + row * stride, width, sums, block * BLOCK, n_vectors * 8)


@inlined
def _add_row(field: np.ndarray, begin: int, width: int, sums: np.ndarray, neuron: int, size: int) -> None:
    for n in range(0, 8 * width, 8):
        add_with_square(sums, neuron + n, size + neuron + n, load(field, begin + n))


@inlined
def _store_block(x, to, a, b, c, d, e, f, g, h):
    store(x, to, a)
    store(x, to + 8, b)
    store(x, to + 16, c)
    store(x, to + 24, d)
    store(x, to + 32, e)
    store(x, to + 40, f)
    store(x, to + 48, g)
    store(x, to + 56, h)


@Kernel
def scatter(
    starts, rows, values, n_samples, n_steps, n_sources, n_vectors, first_block, after_block, slab, stride, field,
    norms, grad_field, weights,
):  # fmt: skip
    """Add to some blocks of weights the product of listed inputs, by column, and a field: the weights' gradient.

    Args:
        starts, rows, values: As `list_by_column` returns them.
        field, norms, grad_field: First the gradient is taken through batch norm, as `normalise` does, where norms are.
    """
    for block in range(first_block, after_block):
        width = min(VECTORS, n_vectors - block * VECTORS)
        begin = block * slab
        for sample in range(n_samples):
            if len(norms):
                _normalise(sample * n_steps, n_steps, block, width, slab, stride, field, norms, grad_field)
            for source in range(n_sources):
                first, end = starts[sample * n_sources + source], starts[sample * n_sources + source + 1]
                if first == end:
                    continue
                to = (block * n_sources + source) * BLOCK
                if width == VECTORS:
                    a = load(weights, to)
                    b = load(weights, to + 8)
                    c = load(weights, to + 16)
                    d = load(weights, to + 24)
                    e = load(weights, to + 32)
                    f = load(weights, to + 40)
                    g = load(weights, to + 48)
                    h = load(weights, to + 56)
                    for entry in range(first, end):
                        at = begin + stride * np.int64(rows[entry])
                        value = splat(values[entry])
                        a = fused(value, load(grad_field, at), a)
                        b = fused(value, load(grad_field, at + 8), b)
                        c = fused(value, load(grad_field, at + 16), c)
                        d = fused(value, load(grad_field, at + 24), d)
                        e = fused(value, load(grad_field, at + 32), e)
                        f = fused(value, load(grad_field, at + 40), f)
                        g = fused(value, load(grad_field, at + 48), g)
                        h = fused(value, load(grad_field, at + 56), h)
                    _store_block(weights, to, a, b, c, d, e, f, g, h)
                else:
                    for vector in range(width):
                        a = load(weights, to + 8 * vector)
                        for entry in range(first, end):
                            at = begin + stride * np.int64(rows[entry]) + 8 * vector
                            a = fused(splat(values[entry]), load(grad_field, at), a)
                        store(weights, to + 8 * vector, a)


@Kernel
def normalise(n_rows, n_vectors, first_block, after_block, slab, stride, field, norms, grad_field):
    """Turn the gradient of a normalised field, in place, into that of the field, in some blocks.

    Args:
        norms: float32 (n_vectors * NORMS,).
    """
    for block in range(first_block, after_block):
        width = min(VECTORS, n_vectors - block * VECTORS)
        _normalise(0, n_rows, block, width, slab, stride, field, norms, grad_field)


@inlined
def _normalise(first_row, n_rows, block, width, slab, stride, field, norms, grad_field):
    for row in range(first_row, first_row + n_rows):
        for vector in range(width):
            r, at = (block * VECTORS + vector) * NORMS, block * slab + row * stride + 8 * vector
            away = (load(field, at) - load(norms, r + OF_MEAN)) * load(norms, r + OF_SLOPE)
            grad = load(grad_field, at) - load(norms, r + OF_MEAN_GRAD) - away
            store(grad_field, at, load(norms, r + OF_SCALE) * grad)


@Kernel
def sampled(
    starts, per_row, columns, first_row, after_row, weights, n_sources, n_vectors, slab, stride, field, products,
):  # fmt: skip
    """Write the product of a field and the weights at listed inputs only: the gradient of those inputs."""
    n_blocks = (n_vectors + VECTORS - 1) // VECTORS
    for block in range(n_blocks):
        width = min(VECTORS, n_vectors - block * VECTORS)
        base = block * n_sources * BLOCK
        for row in range(first_row, after_row):
            begin, end = starts[row * per_row], starts[(row + 1) * per_row]
            of = block * slab + row * stride
            if width == VECTORS:
                a = load(field, of)
                b = load(field, of + 8)
                c = load(field, of + 16)
                d = load(field, of + 24)
                e = load(field, of + 32)
                f = load(field, of + 40)
                g = load(field, of + 48)
                h = load(field, of + 56)
                for entry in range(begin, end):
                    at = base + BLOCK * np.int64(columns[entry])
                    one, two = a * load(weights, at), b * load(weights, at + 8)
                    one, two = fused(c, load(weights, at + 16), one), fused(d, load(weights, at + 24), two)
                    one, two = fused(e, load(weights, at + 32), one), fused(f, load(weights, at + 40), two)
                    one, two = fused(g, load(weights, at + 48), one), fused(h, load(weights, at + 56), two)
                    before = products[entry] if block else np.float32(0)
                    products[entry] = before + total(one + two)
            else:
                for entry in range(begin, end):
                    at = base + BLOCK * np.int64(columns[entry])
                    one = load(field, of) * load(weights, at)
                    for vector in range(1, width):
                        one = fused(load(field, of + 8 * vector), load(weights, at + 8 * vector), one)
                    before = products[entry] if block else np.float32(0)
                    products[entry] = before + total(one)
