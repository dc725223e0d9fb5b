"""How fast each place of the basilar membrane moves.

A travelling wave on a membrane whose stiffness falls exponentially from base to apex, solved in closed
form by Sieroka, Dosch and Rupp (JASA 120(1) 297, 2006); constants and discretisation of Cramer et al. 2020.
Square roots and logarithms are principal branches.

With the forward transform's sign convention that SHD and SSC were made with, the response of a place runs
ahead of the sound: at 100 Hz by tens of milliseconds. Kept, because the data sets have it.

The response on a grid of 1 Hz is worked out once on a machine and kept on disk. A place answers nothing far above its
own frequency: what lies there is left out, half of the numbers.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurodeploy.data.cache import kept_arrays, key_of
from neurodeploy.data.cochlea.settings import CochleaSettings
from neurodeploy.progress import Progress, silent

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


STAGE = "cochlea"
NEGLIGIBLE = 1e-5
"""Of a place's largest response."""
COARSE_HZ = 50
SPARE = 3
"""Points kept beyond the last one, for interpolation."""


@dataclass(frozen=True, eq=False)
class ResponseTable:
    """Responses at 0, 1, 2 ... Hz, one channel after the other.

    Attributes:
        values: complex64, all channels.
        starts: Where each channel starts in `values`, and where the last one ends (C + 1).
    """

    values: np.ndarray
    starts: np.ndarray


def response_table(settings: CochleaSettings, progress: Progress = silent) -> ResponseTable:
    """Return the table for a rate and a number of channels, from the disk where it was made before."""
    source = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    key = key_of(rate=settings.rate, channels=settings.channels, source=source)
    found = kept_arrays("cochlea", key, lambda: _made(settings, progress))
    return ResponseTable(found["values"], found["starts"])


def _made(settings: CochleaSettings, progress: Progress) -> dict[str, np.ndarray]:
    highest = settings.step_rate
    fine = Membrane(model_frequency(np.arange(highest + 1), settings.rate))
    coarse_hz = np.arange(COARSE_HZ // 2, highest + 1, COARSE_HZ)
    coarse = Membrane(model_frequency(coarse_hz, settings.rate))
    parts = []
    for channel, place in enumerate(places(settings.channels)):
        progress(STAGE, channel, settings.channels, "the membrane's response, once on this machine")
        size = np.abs(coarse.response(place))
        last = int(coarse_hz[np.flatnonzero(size > NEGLIGIBLE * size.max())[-1]]) + COARSE_HZ + SPARE
        parts.append(fine.first(last).response(place).astype(np.complex64))
    progress(STAGE, settings.channels, settings.channels, "the membrane's response, once on this machine")
    starts = np.cumsum([0, *(len(one) for one in parts)])
    return {"values": np.concatenate(parts), "starts": starts}
