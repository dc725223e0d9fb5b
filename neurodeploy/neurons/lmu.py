"""The state space of a Legendre memory: a scalar input's last theta steps as `order` Legendre coefficients; numpy only.

    m[t] = A m[t-1] + B u[t]

Source: Voelker et al., NeurIPS 2019; the convention of hrshtv/pytorch-lmu (95a0b93).
"""

import functools

import numpy as np

from neurodeploy.errors import NetworkError

LARGEST_ORDER = 4096


@functools.lru_cache(maxsize=8)
def legendre_matrices(order: int, theta: float) -> tuple[np.ndarray, np.ndarray]:
    """Return A (order, order) and B (order,) for steps of 1, by zero-order hold; float64, not to be written.

    Args:
        order: Coefficients that are kept, `memory_size` of the layers.
        theta: Length of the window, in steps, at least 1.

    Raises:
        NetworkError: there is no such memory.

    >>> A, B = legendre_matrices(2, 4.0)
    >>> A.round(3).tolist(), B.round(3).tolist()
    ([[0.718, -0.148], [0.445, 0.421]], [0.282, -0.445])
    """
    if not 1 <= order <= LARGEST_ORDER:
        raise NetworkError(f"LMU: found memory_size={order}, allowed is 1 to {LARGEST_ORDER} coefficients")
    if not 1 <= theta < np.inf:
        raise NetworkError(f"LMU: found theta={theta}, the window must be finite and at least 1 step long")
    from scipy.linalg import expm  # a fifth of a second

    degree = np.arange(order)
    rate = (2 * degree + 1) / theta
    i, j = np.meshgrid(degree, degree, indexing="ij")
    held = np.zeros((order + 1, order + 1))
    held[:-1, :-1] = rate[:, None] * np.where(i < j, -1.0, (-1.0) ** (i - j + 1))
    held[:-1, -1] = rate * (-1.0) ** degree
    held = expm(held)
    held.flags.writeable = False
    return held[:-1, :-1], held[:-1, -1]
