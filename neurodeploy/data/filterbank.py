"""Log-mel features of sound, as Kaldi makes them.

Axes: F frame, M mel bin.
"""

import functools
from typing import Literal

import numpy as np

from neurodeploy.errors import DataError

RATE_HZ = 16_000
FRAME_MS, HOP_MS = 25, 10
"""Length of a frame, and from one to the next."""
PREEMPHASIS = 0.97
LOWEST_HZ = 20.0
FLOOR = float(np.finfo(np.float32).eps)
"""Energies below it count as it, so that silence has a logarithm."""
Window = Literal["povey", "hann"]


def frame_samples(rate_hz: int) -> int:
    """Return the samples of a frame."""
    return rate_hz * FRAME_MS // 1000


def log_mel(wave: np.ndarray, n_bins: int = 40, window: Window = "povey", rate_hz: int = RATE_HZ) -> np.ndarray:
    """Return the features of a recording, (F, M), float32.

    Only whole frames of 25 ms are taken, every 10 ms: 98 of 16,000 samples. Each loses its mean, is emphasised by 0.97
    (its first sample against itself), windowed, and transformed; triangles over the mel scale sum up the power of the
    bins below Nyquist, and the logarithm is natural.

    Args:
        wave: Samples, floats in -1..1, at least one frame of them.
        n_bins: Mel bins from 20 Hz to half the rate.
        window: "povey" is Hann to the power 0.85.
        rate_hz: Samples a second.

    Raises:
        DataError: fewer samples than a frame has, or values that are not finite.

    Source: Kaldi, feat/feature-fbank and feat/feature-window (Povey et al., ASRU 2011).

    >>> log_mel(np.zeros(16_000)).shape
    (98, 40)
    """
    frame = frame_samples(rate_hz)
    if wave.ndim != 1 or len(wave) < frame:
        raise DataError(f"recording of shape {wave.shape}, at least {frame} samples of one channel are needed; pad it")
    if not np.isfinite(wave).all():
        raise DataError("recording holds values that are not finite; record it again")
    frames = np.lib.stride_tricks.sliding_window_view(wave.astype(np.float64), frame)[:: rate_hz * HOP_MS // 1000]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    n_fft = 1 << (frame - 1).bit_length()
    spectrum = np.fft.rfft((frames - PREEMPHASIS * before) * _window(window, frame), n_fft)[:, : n_fft // 2]
    power = spectrum.real**2 + spectrum.imag**2
    return np.log(np.maximum(power @ _triangles(n_bins, n_fft, rate_hz), FLOOR)).astype(np.float32)


@functools.cache
def _window(name: Window, frame: int) -> np.ndarray:
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / (frame - 1))
    return hann**0.85 if name == "povey" else hann


@functools.cache
def _triangles(n_bins: int, n_fft: int, rate_hz: int) -> np.ndarray:
    """Return the weight of each transform bin in each mel bin, (n_fft / 2, M)."""
    low, high = _mel(np.array([LOWEST_HZ, rate_hz / 2]))
    step = (high - low) / (n_bins + 1)
    left = low + step * np.arange(n_bins)
    places = _mel(np.arange(n_fft // 2) * rate_hz / n_fft)[:, None]
    rising, falling = (places - left) / step, (left + 2 * step - places) / step
    return np.maximum(0, np.minimum(rising, falling))


def _mel(frequency_hz: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log(1.0 + frequency_hz / 700.0)
