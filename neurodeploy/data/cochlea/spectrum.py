"""Sound times response: the spectra of the places' velocities, ready for an inverse real transform."""

import functools
from typing import Any, NamedTuple

import numpy as np

from neurodeploy.data.cochlea.compiled import kept, kernel


class Grid(NamedTuple):
    """Where the bins of a transform lie in the table of responses.

    Attributes:
        n_steps: Length of the inverse transform, even.
        below: Point of the table below each bin.
        weights: Of the points below - 1 ... below + 2, (bins, 4) float32: a cubic through them.
        exact: Whether bins are points.
    """

    n_steps: int
    below: np.ndarray
    weights: np.ndarray
    exact: bool


@functools.lru_cache(maxsize=16)
def grid(n_steps: int, step_rate: int) -> Grid:
    """Return the grid of a transform over `n_steps` steps: bins 0 to n_steps, the last at half the audio rate."""
    place = np.arange(n_steps + 1) * (step_rate / n_steps)
    below = np.clip(np.floor(place).astype(np.int32), 1, step_rate - 2)
    t = place - below
    weights = np.stack(
        [
            -t * (t - 1) * (t - 2) / 6,
            (t + 1) * (t - 1) * (t - 2) / 2,
            -(t + 1) * t * (t - 2) / 2,
            (t + 1) * t * (t - 1) / 6,
        ],
        axis=1,
    )
    return Grid(n_steps, below, weights.astype(np.float32), n_steps == step_rate)


def one_sided(sound: np.ndarray, n_steps: int) -> np.ndarray:
    """Return bins 0 to n_steps of a sound of at most 2 n_steps samples, complex64, weighted for `fill`.

    The velocity is the real part of a transform of the one-sided spectrum, divided by its length. Of each
    bin, half belongs into the Hermitian spectrum of that real part, but all of those that are their own
    mirror image.
    """
    from scipy import fft

    found = fft.rfft(sound.astype(np.float32), 2 * n_steps)
    found *= np.float32(0.5 / n_steps)
    found[[0, n_steps // 2, -1]] *= 2
    return found


@kernel
def fill(
    spectra: Any, first: int, values: Any, starts: Any, tops: Any, sound: Any, below: Any, weights: Any, exact: bool
) -> None:
    """Fill the Hermitian spectra (row, bin) of the velocities of the channels from `first` on.

    With n_steps // 2 + 1 bins, all of them; with fewer, of channels that answer nothing in the others.

    Args:
        values, starts: The table.
        tops: Bins in which a channel answers anything, of each channel.
        sound: From `one_sided`.
        below, weights, exact: The grid.
    """
    n_steps = len(sound) - 1
    middle = n_steps // 2
    for row in range(len(spectra)):
        spectrum = spectra[row]
        start = starts[first + row]
        top = tops[first + row]
        low = min(top, middle + 1, len(spectrum))
        if exact:
            for k in range(low):
                spectrum[k] = values[start + k] * sound[k]
        else:
            for k in range(low):
                i = start + below[k]
                spectrum[k] = sound[k] * (
                    weights[k, 0] * values[i - 1]
                    + weights[k, 1] * values[i]
                    + weights[k, 2] * values[i + 1]
                    + weights[k, 3] * values[i + 2]
                )
        for k in range(low, len(spectrum)):
            spectrum[k] = 0
        for k in range(middle + 1, top):  # above half of the step rate sound folds down
            i = start + below[k]
            spectrum[n_steps - k] += (
                sound[k]
                * (
                    weights[k, 0] * values[i - 1]
                    + weights[k, 1] * values[i]
                    + weights[k, 2] * values[i + 1]
                    + weights[k, 3] * values[i + 2]
                )
            ).conjugate()


fill_spectra = kept(fill.py_func)
