"""Poles of neurons with several states: the eigenvalues of the linear part of one step, in plain numpy.

A pole inside the unit circle decays, one outside grows until a spike resets it, and a pair off the
real axis oscillates. The functions take coefficients, wherever these come from: trained parameters,
or what a chip's integers stand for; `pole_distance` compares the two.

Axes: N neuron, S state; the last axis holds a neuron's poles, two of most, in no particular order.
"""

import itertools
from typing import Any

import numpy as np

from neurodeploy.fixedpoint.dynamics.adaptive import ADAPTIVE
from neurodeploy.fixedpoint.dynamics.step import linear_part

ON_THE_AXIS = 1e-12
"""A pole whose imaginary part is no larger counts as real."""


def matrix_poles(uu_N: np.ndarray, uw_N: np.ndarray, wu_N: np.ndarray, ww_N: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of one 2 x 2 matrix per neuron.

    Args:
        uu_N, uw_N: Parts of the old u and of the old w in the new u. Real, shape (N,).
        wu_N, ww_N: Parts of the old u and of the old w in the new w.

    Returns:
        complex128, shape (N, 2).

    >>> matrix_poles(*(np.array([entry]) for entry in (0.5, -1.0, 1.0, 0.5))).tolist()
    [[(0.5+1j), (0.5-1j)]]
    """
    uu, uw, wu, ww = (np.asarray(entry, np.float64) for entry in (uu_N, uw_N, wu_N, ww_N))
    middle = (uu + ww) / 2
    # From the difference of the diagonal and not from trace and determinant, which would cancel.
    half = np.sqrt((((uu - ww) / 2) ** 2 + uw * wu).astype(np.complex128))
    return np.stack([middle + half, middle - half], axis=-1)


def eigenvalues(matrix_NSS: np.ndarray) -> np.ndarray:
    """Return the poles (N, S), complex128, of one matrix per neuron, exactly where there are two states."""
    if matrix_NSS.shape[-1] == 2:
        return matrix_poles(*np.moveaxis(matrix_NSS.reshape(-1, 4), -1, 0))
    return np.linalg.eigvals(matrix_NSS).astype(np.complex128)


def adaptive_poles(alpha_N: np.ndarray, beta_N: np.ndarray, a_N: np.ndarray) -> np.ndarray:
    """Return the poles of the adaptive neurons (adLIF, cAdLIF, SiLIF) as they step, where the gain is 1 - alpha.

    Args:
        alpha_N: Part of u kept per step.
        beta_N: Part of w kept per step.
        a_N: Coupling from u to w.

    Returns:
        complex128, shape (N, 2). Their product is alpha beta.
    """
    alpha, beta, a = (np.asarray(one, np.float64) for one in (alpha_N, beta_N, a_N))
    return eigenvalues(linear_part(ADAPTIVE, {"alpha": alpha, "gain": 1 - alpha, "beta": beta, "a": a}))


def conjugate_poles(pole_N: np.ndarray) -> np.ndarray:
    """Return a complex neuron's pole and its twin; shape (N, 2), complex128."""
    pole = np.asarray(pole_N).astype(np.complex128)
    return np.stack([pole, pole.conj()], axis=-1)


def pole_distance(one_N2: np.ndarray, other_N2: np.ndarray) -> np.ndarray:
    """Return how far apart two sets of poles lie, neuron by neuron, whatever the order in a pair.

    Args:
        one_N2, other_N2: Complex, shape (..., 2), or more of neurons with more states.

    Returns:
        float64, shape (...): of all ways to match them the best one, and in it the distance of the two
        poles that are furthest apart.

    >>> pole_distance(np.array([[0.5, 0.9]]), np.array([[0.9, 0.25]])).tolist()
    [0.25]
    """
    orders = itertools.permutations(range(other_N2.shape[-1]))
    found = [np.abs(one_N2 - other_N2[..., order]).max(axis=-1) for order in orders]
    return np.minimum.reduce(found)


def pole_summary(poles_N2: np.ndarray) -> dict[str, Any]:
    """Return what a layer's poles amount to, as plain values for JSON.

    Keys: `neurons`; least, largest, mean and median modulus over all poles (`abs_min`, `abs_max`,
    `abs_mean`, `abs_median`); `re_mean`; `im_abs_max`; `complex_neurons`, whose poles lie off the
    real axis; `outside_neurons`, with a pole outside the unit circle.
    """
    modulus_N2 = np.abs(poles_N2)
    return {
        "neurons": len(poles_N2),
        "abs_min": float(modulus_N2.min()),
        "abs_max": float(modulus_N2.max()),
        "abs_mean": float(modulus_N2.mean()),
        "abs_median": float(np.median(modulus_N2)),
        "re_mean": float(poles_N2.real.mean()),
        "im_abs_max": float(np.abs(poles_N2.imag).max()),
        "complex_neurons": int((np.abs(poles_N2.imag) > ON_THE_AXIS).any(axis=1).sum()),
        "outside_neurons": int((modulus_N2 > 1).any(axis=1).sum()),
    }
