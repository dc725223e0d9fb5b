"""Products of spikes by heads, (q k') v, which the host computes; stated once.

Three spikes of a place and channel arrive as one number, q + 2 k + 4 v, and a count leaves. Nothing is kept.

Axes: B sample, h head, d channel of it, N place; the last axis of arrays counts neurons, channels before places.

Source: Zhou et al., ICLR 2023 (Spikformer), eq. of spiking self-attention without its scale.
"""

from typing import Any

import numpy as np

Q, K, V = 1, 2, 4
"""What a spike of each adds to what arrives."""
LARGEST = (1 << 15) - 1
"""The largest count that a message of 16 bits holds."""


def largest(n_heads: int, shape: tuple[int, ...]) -> int:
    """Return the largest count of (channels, rows, columns): every channel of a head spikes at every place."""
    return int(np.prod(shape)) // n_heads


def apart(arrived: Any) -> tuple[Any, Any, Any]:
    """Return the spikes q, k and v, 0 or 1, of what arrived, in whole numbers."""
    return arrived & 1, arrived >> 1 & 1, arrived >> 2 & 1


def _by_heads(arrived_BN: Any, n_heads: int, n_channels: int) -> tuple[Any, Any, Any]:
    """Return q, k and v (B, h, d, N), in floats as wide as torch makes of whole numbers: they hold every count, and
    products of their matrices are fast."""
    shape = len(arrived_BN), n_heads, n_channels // n_heads, -1
    q, k, v = (one.reshape(shape) * 1.0 for one in apart(arrived_BN))
    return q, k, v


def counts(arrived_BN: Any, n_heads: int, n_channels: int) -> Any:
    """Return the counts (B, N) of what arrived; arrays of numpy, or tensors of torch.

    Args:
        arrived_BN: q + 2 k + 4 v, whole numbers.
        n_channels: All of them.
    """
    q, k, v = _by_heads(arrived_BN, n_heads, n_channels)
    found_BN = ((v @ k.swapaxes(2, 3)) @ q).reshape(arrived_BN.shape)
    return found_BN.astype(np.int64) if isinstance(found_BN, np.ndarray) else found_BN.long()


def accumulates(arrived_BN: np.ndarray, n_heads: int, n_channels: int) -> np.ndarray:
    """Return the additions that `counts` needs, int64 (B,): one where v and k spike, then one for each q and count.

    A count of v k' that is 0 is not added.
    """
    q, k, v = _by_heads(arrived_BN, n_heads, n_channels)
    pairs = v @ k.swapaxes(2, 3)
    after = (pairs != 0) @ q.sum(3, keepdims=True)
    return (pairs.sum((1, 2, 3)) + after.sum((1, 2, 3))).astype(np.int64)  # type: ignore[no-any-return]


def told(n_heads: int, shape: tuple[int, ...]) -> str:
    """Return what there is to say of the products of spikes (channels, rows, columns), in a line."""
    size = int(np.prod(shape))
    bits = largest(n_heads, shape).bit_length()
    return (
        f"no chip of this kind multiplies spikes: the host computes these products, for which {3 * size:,} bits go "
        f"to it and {size:,} counts of {bits} bits come back in every step; it holds k and v, {2 * size:,} bits"
    )


def step_bits(n_heads: int, shape: tuple[int, ...]) -> int:
    """Return the bits that go to the host and come back in a step."""
    return int(np.prod(shape)) * (3 + largest(n_heads, shape).bit_length())
