"""Poles of the SiLIF family from trained parameters: as the paper's figure has them, and as the networks step.

The two differ. The script behind the paper's Figure 2 puts a factor (1 - beta) before a that no cell has,
leaves trained values outside the ranges that every forward pass clips them to, and turns the
resonate-and-fire neuron's Euler step into an exponential. So it shows SiLIF and cAdLIF less oscillatory
than they are, cAdLIF outside the unit circle where it never is, and RF inside where it is not always.

Parameters are evaluated in their own precision, as the network itself does, and poles of real matrices
in float64.

Source: github.com/Maxtimer97/SSM-inspired-LIF, commit bca1fbe, figure2_eigenvalues.py and models/snns.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from neurodeploy.neurons.poles import adaptive_poles, conjugate_poles, matrix_poles
from neurodeploy.neurons.ssm import adlif
from neurodeploy.neurons.ssm import resonators as rf
from neurodeploy.neurons.ssm.adlif import CAdLIF

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
