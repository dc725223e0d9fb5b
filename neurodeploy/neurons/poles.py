"""Poles of neurons with several states: the eigenvalues of the linear part of one step.

A pole inside the unit circle decays, one outside grows until a spike resets it, and a pair off the
real axis oscillates. The functions take coefficients, wherever these come from: trained parameters,
or what a chip's integers stand for; `pole_distance` compares the two.

`FAMILY` has the poles of the SiLIF family from trained parameters: as the paper's figure has them, and as the networks
step. The two differ. The script behind the paper's Figure 2 puts a factor (1 - beta) before a that no cell has,
leaves trained values outside the ranges that every forward pass clips them to, and turns the
resonate-and-fire neuron's Euler step into an exponential. So it shows SiLIF and cAdLIF less oscillatory
than they are, cAdLIF outside the unit circle where it never is, and RF inside where it is not always.
Parameters are evaluated in their own precision, as the network itself does, and poles of real matrices
in float64.

Source: github.com/Maxtimer97/SSM-inspired-LIF, commit bca1fbe, figure2_eigenvalues.py and models/snns.py.

Axes: N neuron, S state; the last axis holds a neuron's poles, two of most, in no particular order.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodeploy.fixedpoint.dynamics.adaptive import ADAPTIVE
from neurodeploy.fixedpoint.dynamics.step import linear_part
from neurodeploy.neurons.ssm import adlif
from neurodeploy.neurons.ssm import resonators as rf
from neurodeploy.neurons.ssm.adlif import CAdLIF

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


Parameters = Mapping[str, np.ndarray]
"""A layer's trained vectors of shape (N,), by the names that layers and checkpoints have."""


@dataclass(frozen=True)
class Formulas:
    """A network's two ways from parameters to poles of shape (N, 2).

    Attributes:
        parameters: Names of the vectors that they take.
    """

    parameters: tuple[str, ...]
    paper: Callable[[Parameters], np.ndarray]
    implemented: Callable[[Parameters], np.ndarray]


def _silif(layer: Parameters) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return alpha, beta and a: rates and time step are stored as logarithms."""
    alpha, beta = (np.exp(-np.exp(layer[name]) * np.exp(layer["dt"])) for name in ("alpha", "beta"))
    return alpha, beta, _clipped(layer["a"], adlif.A)


def _silif_paper(layer: Parameters) -> np.ndarray:
    alpha, beta, a = (one.astype(np.float64) for one in _silif(layer))
    return matrix_poles(alpha, alpha - 1, (1 - beta) * a, beta)


def _cadlif_paper(layer: Parameters) -> np.ndarray:
    """A continuous system [[-1, -1] / tau_m, [a, -1] / tau_w] over one step, where -1/tau is log(decay)."""
    alpha, beta, a = (layer[name].astype(np.float64) for name in ("alpha", "beta", "a"))
    return np.exp(matrix_poles(np.log(alpha), np.log(alpha), -a * np.log(beta), np.log(beta)))


def _cadlif_implemented(layer: Parameters) -> np.ndarray:
    alpha, beta, a = (_clipped(layer[name], CAdLIF.bounds[name]) for name in ("alpha", "beta", "a"))
    return adaptive_poles(alpha, beta, a)


def _csilif(layer: Parameters) -> np.ndarray:
    rate = -np.exp(layer["log_log_alpha"]) + 1j * layer["alpha_img"]
    return conjugate_poles(np.exp(rate * np.exp(layer["log_dt"])))


def _rf_paper(layer: Parameters) -> np.ndarray:
    rate = layer["alpha_real"].astype(np.float64) + 1j * layer["alpha_im"]
    return conjugate_poles(np.exp(rf.DT_S * rate))


def _rf_implemented(layer: Parameters) -> np.ndarray:
    damping = np.minimum(layer["alpha_real"], np.float32(rf.LARGEST_REAL)).astype(np.float64)
    return conjugate_poles(1 + rf.DT_S * (damping + 1j * layer["alpha_im"]))


def _clipped(values_N: np.ndarray, allowed: tuple[float, float]) -> np.ndarray:
    return np.clip(values_N, *np.asarray(allowed, values_N.dtype))


FAMILY: dict[str, Formulas] = {
    "cadlif": Formulas(("alpha", "beta", "a"), _cadlif_paper, _cadlif_implemented),
    "csilif": Formulas(("log_dt", "log_log_alpha", "alpha_img"), _csilif, _csilif),
    "silif": Formulas(("dt", "alpha", "beta", "a"), _silif_paper, lambda layer: adaptive_poles(*_silif(layer))),
    "rf": Formulas(("alpha_real", "alpha_im"), _rf_paper, _rf_implemented),
}
"""By the names of the published checkpoints, in the order in which the paper draws them."""
