"""Rounding that lets a neuron's later weights make up for the error of its earlier ones.

Sources: Frantar and Alistarh, Optimal Brain Compression, NeurIPS 2022; Frantar et al., GPTQ, ICLR 2023.
The second moment here is that of the presynaptic spikes after the neuron's own filter, so what is
kept close is the potential, not the input.
"""

from collections.abc import Callable

import numpy as np

DAMPING = 0.01
"""Part of the mean diagonal added to the second moment, as in GPTQ."""

Rounding = Callable[[np.ndarray, int], np.ndarray]
"""Rounds the weights (O,) of the input with the given index to their grid."""


def compensated(weight_OI: np.ndarray, moment_II: np.ndarray, rounded: Rounding) -> np.ndarray:
    """Return `weight_OI` on the grid, with the least error in what the weights sum up to.

    Args:
        moment_II: Second moment of the inputs, not centred.
        rounded: The grid, which may differ from input to input.

    Inputs are rounded in the order of their power, the strongest first; each one's error is spread
    over those still to come, in proportion to how they move together. A weight of zero is no synapse, and
    stays none: its part of the error goes on to the next.
    """
    n_inputs = weight_OI.shape[1]
    damped = moment_II + np.eye(n_inputs) * max(DAMPING * float(np.trace(moment_II)) / n_inputs, 1e-12)
    order = np.argsort(-np.diag(damped), kind="stable")
    inverse = np.linalg.inv(damped[np.ix_(order, order)])
    factor = np.linalg.cholesky((inverse + inverse.T) / 2).T
    left = weight_OI[:, order].astype(np.float64)
    absent = left == 0
    result = np.empty_like(left)
    for place, index in enumerate(order):
        result[:, place] = np.where(absent[:, place], 0.0, rounded(left[:, place], int(index)))
        error = (left[:, place] - result[:, place]) / factor[place, place]
        left[:, place + 1 :] -= np.outer(error, factor[place, place + 1 :])
    restored = np.empty_like(result)
    restored[:, order] = result
    return restored
