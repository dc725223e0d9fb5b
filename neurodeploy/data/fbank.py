"""Log-mel filterbank features of speech, as Kaldi computes them without dither.

Axes: F frame, M mel bin.
"""

import functools
from typing import Literal

import numpy as np

from neurodeploy.errors import DataError

RATE_HZ = 16_000
FRAME, HOP, FFT = 400, 160, 512
"""Samples of a frame (25 ms), from one to the next (10 ms), and of its transform."""
PREEMPHASIS = 0.97
LOWEST_HZ, HIGHEST_HZ = 20.0, 8000.0
FLOOR = float(np.finfo(np.float32).eps)
"""Energies below it count as it, so that silence has a logarithm."""
Window = Literal["povey", "hann"]


def log_mel(wave: np.ndarray, n_bins: int = 40, window: Window = "povey") -> np.ndarray:
    """Return the features of a recording, (F, M), float32.

    Only whole frames are taken: 98 of 16,000 samples. Each loses its mean, is emphasised by 0.97 (its first sample
    against itself), windowed, and transformed; triangles over the mel scale sum up the power of the bins below
    Nyquist, and the logarithm is natural.

    Args:
        wave: Samples at 16 kHz, floats in -1..1, at least one frame of them.
        n_bins: Mel bins from 20 to 8000 Hz.
        window: "povey" is Hann to the power 0.85.

    Raises:
        DataError: fewer samples than a frame has, or values that are not finite.

    Source: Kaldi, feat/feature-fbank and feat/feature-window (Povey et al., ASRU 2011).

    >>> log_mel(np.zeros(16_000)).shape
    (98, 40)
    """
    if wave.ndim != 1 or len(wave) < FRAME:
        raise DataError(f"recording of shape {wave.shape}, at least {FRAME} samples of one channel are needed; pad it")
    if not np.isfinite(wave).all():
        raise DataError("recording holds values that are not finite; record it again")
    frames = np.lib.stride_tricks.sliding_window_view(wave.astype(np.float64), FRAME)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    spectrum = np.fft.rfft((frames - PREEMPHASIS * before) * _window(window), FFT)[:, : FFT // 2]
    power = spectrum.real**2 + spectrum.imag**2
    return np.log(np.maximum(power @ _triangles(n_bins), FLOOR)).astype(np.float32)


@functools.cache
def _window(name: Window) -> np.ndarray:
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / (FRAME - 1))
    return hann**0.85 if name == "povey" else hann


@functools.cache
def _triangles(n_bins: int) -> np.ndarray:
    """Return the weight of each transform bin in each mel bin, (FFT / 2, M)."""
    low, high = _mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    step = (high - low) / (n_bins + 1)
    left = low + step * np.arange(n_bins)
    places = _mel(np.arange(FFT // 2) * RATE_HZ / FFT)[:, None]
    rising, falling = (places - left) / step, (left + 2 * step - places) / step
    return np.maximum(0, np.minimum(rising, falling))


def _mel(frequency_hz: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log(1.0 + frequency_hz / 700.0)
