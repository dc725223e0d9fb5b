"""How fast each place of the basilar membrane moves.

A travelling wave on a membrane whose stiffness falls exponentially from base to apex, solved in closed
form by Sieroka, Dosch and Rupp (JASA 120(1) 297, 2006); constants and discretisation of Cramer et al. 2020.
Square roots and logarithms are principal branches.

With the forward transform's sign convention that SHD and SSC were made with, the response of a place runs
ahead of the sound: at 100 Hz by tens of milliseconds. Kept, because the data sets have it.
"""

from __future__ import annotations

import copy

import numpy as np

STIFFNESS = 1e9  # C0
OFFSET = 3500.0  # a
SLOPE = 3.0  # alpha
DENSITY = 1.0  # rho
DAMPING = 0.15  # d
HEIGHT = 0.1  # h
MASS = 0.05  # m
RESISTANCE = DAMPING * np.sqrt(STIFFNESS * MASS)  # R0
LENGTH = 3.5
"""Of the membrane, in the units of `SLOPE`."""


def places(channels: int) -> np.ndarray:
    """Return the place of each channel: equally spaced from the base (0) to the apex, both included."""
    return np.linspace(0.0, LENGTH, channels)


class Membrane:
    """The membrane at some frequencies; what all places share is worked out once.

    Args:
        frequency_hz: Above 0, any shape.
    """

    def __init__(self, frequency_hz: np.ndarray) -> None:
        w = self._w = 2 * np.pi * np.asarray(frequency_hz, dtype=np.float64)
        self._q = np.sqrt(OFFSET + MASS * w**2)
        self._base = self._waves(0.0)[1]
        root = np.sqrt(STIFFNESS - OFFSET - w * (MASS * w + 1j * RESISTANCE))
        self._numerator = SLOPE * (-root + 1j * self._loss(1.0) / 2)
        self._drive = 2 * w * _input_impedance(w) / self._pressure(0.0)

    def first(self, count: int) -> Membrane:
        """Return the membrane at the first frequencies only."""
        found = copy.copy(self)
        for name, values in vars(self).items():
            setattr(found, name, values[:count])
        return found

    def response(self, place: float) -> np.ndarray:
        """Return the velocity of a place for a unit of sound, complex; `place` from 0 (base) to 3.5 (apex)."""
        return self._drive / self._waves(place)[0] * self._pressure(place)

    def _waves(self, place: float) -> tuple[np.ndarray, np.ndarray]:
        """Return impedance and wave number of a place: xi and g."""
        w, half = self._w, np.exp(-SLOPE * place / 2)
        xi = STIFFNESS * half**2 - OFFSET - MASS * w**2 - 1j * w * RESISTANCE * half
        return xi, w * np.sqrt(DENSITY / (HEIGHT * xi))

    def _loss(self, half: float) -> np.ndarray:
        return (2 * OFFSET + self._w * (2 * MASS * self._w + 1j * half * RESISTANCE)) / self._q

    def _pressure(self, place: float) -> np.ndarray:
        """Return the pressure of a place, p; its phase G is the wave number summed from the base on."""
        from scipy.special import hankel1

        xi, g = self._waves(place)
        half = np.exp(-SLOPE * place / 2)
        denominator = SLOPE / (2 * half) * (-2 * np.sqrt(xi) + 1j * self._loss(half))
        factor = 2 * np.sqrt(2) * 1j * self._w / (SLOPE * np.sqrt(2 * HEIGHT) * self._q)
        phase = 2 * self._base / SLOPE - factor * np.log(self._numerator / denominator)
        return np.sqrt(phase / g) * hankel1(0, phase)


def _input_impedance(w: np.ndarray) -> np.ndarray:
    """Return the impedance at the base, Z, at angular frequencies."""
    from scipy.special import j0, j1, y0, y1

    z = 2 * w / SLOPE * np.sqrt(2 / (HEIGHT * STIFFNESS))
    return np.sqrt(2 * STIFFNESS / HEIGHT) * (1j * j0(z) + y0(z)) / (j1(z) - 1j * y1(z))


def model_frequency(frequency_hz: np.ndarray, rate: int) -> np.ndarray:
    """Return where the model is evaluated for a true frequency: from 1 Hz to half the rate, not from 0.

    Cramer et al. spread as many points as the spectrum has from 1 Hz, which moves each by less than 1 Hz.
    """
    half = rate // 2
    return 1 + np.asarray(frequency_hz) * ((half - 1) / half)
