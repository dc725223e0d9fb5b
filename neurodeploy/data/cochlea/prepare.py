"""Audio of any rate as the cochlea wants it: resampled, at one level, and faded in and out."""

import math

import numpy as np

from neurodeploy.data.cochlea.settings import CochleaSettings
from neurodeploy.errors import DataError

AUDIO_RATES = (1_000, 768_000)
AT_ONCE = 1 << 20
"""Samples whose squares are held together."""
MODERATE = (1e-100, 1e100)


def prepare(samples: np.ndarray, rate: int, settings: CochleaSettings) -> np.ndarray:
    """Return a clip as it reaches the ear, float64 at `settings.rate`.

    The level is that of the whole clip, before the ramps, and no mean is taken off (Cramer et al. 2020).
    Silence has no level that could be raised, and stays silence.

    Args:
        samples: Mono, real numbers, any scale.
        rate: Samples a second.

    Raises:
        DataError: the clip is empty, not of one axis, not of finite numbers, or of an impossible rate.

    >>> short = CochleaSettings(ramp_s=0.0)
    >>> prepare(np.array([1.0, -1.0]), 48_000, short)
    array([ 0.3, -0.3])
    >>> prepare(np.zeros(3), 48_000, short)
    array([0., 0., 0.])
    """
    found = resampled(checked(samples, rate), rate, settings.rate)
    found = leveled(found, settings.rms)
    half = len(found) // 2
    n_ramp = half if math.isinf(settings.ramp_s) else min(round(settings.ramp_s * settings.rate), half)
    # The rising half of a symmetric Hann window of twice as many points.
    rising = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_ramp) / (2 * n_ramp - 1))
    found[:n_ramp] *= rising
    found[len(found) - n_ramp :] *= rising[::-1]
    return found


def checked(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return a clip as float64.

    Raises:
        DataError: see `prepare`.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1 or samples.dtype.kind not in "fiu":
        raise DataError(
            f"is {samples.dtype} of shape {samples.shape}, a list of real numbers is needed",
            "mix channels down to one",
            where="audio",
        )
    if not len(samples):
        raise DataError("holds no samples", "give at least one", where="audio")
    if not (AUDIO_RATES[0] <= rate <= AUDIO_RATES[1] and rate == int(rate)):
        raise DataError(
            f"has {rate:g} samples a second, a whole number from {AUDIO_RATES[0]} to {AUDIO_RATES[1]} is allowed",
            where="audio",
        )
    samples = samples.astype(np.float64)
    if not np.isfinite(samples).all():
        bad = int(np.argmin(np.isfinite(samples)))
        raise DataError(
            f"sample {bad} (at {bad / rate:.3f} s) is {samples[bad]}, {np.count_nonzero(~np.isfinite(samples))} "
            "in all are no finite numbers",
            "repair or drop the clip",
            where="audio",
        )
    return samples


def resampled(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Return a clip at another rate, by a polyphase filter; as it is where the rates agree."""
    if rate == wanted:
        return samples.copy()
    from scipy.signal import resample_poly

    common = math.gcd(int(rate), wanted)
    return np.asarray(resample_poly(samples, wanted // common, int(rate) // common))


def leveled(samples: np.ndarray, rms: float) -> np.ndarray:
    """Return a clip scaled to a root mean square; silence as it is."""
    largest = max(samples.max(), -samples.min())
    if largest == 0:
        return samples
    if not MODERATE[0] < largest < MODERATE[1]:  # its squares would leave the range of floats
        samples = samples / largest
    parts = (np.square(samples[first : first + AT_ONCE]).sum() for first in range(0, len(samples), AT_ONCE))
    level = math.sqrt(math.fsum(parts) / len(samples))
    return samples * (rms / level)
