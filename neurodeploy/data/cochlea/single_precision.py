"""The cochlea at many times real time: single precision, compiled, some channels and some seconds at a time.

Against the data sets' own program: steps come at exactly half the audio rate, where those of the data sets
stretch over one step more; the response comes from a table (an error of 1e-5); what a place answers above
`table.NEGLIGIBLE` of its largest response is left out, and so is what a resampler leaves above the clip's
own band; and a long clip goes in pieces, for which memory stays bounded. Spikes agree in distribution.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from neurodeploy.data.cochlea import kernels, lanes
from neurodeploy.data.cochlea.basilar_membrane import ResponseTable
from neurodeploy.data.cochlea.compiled import kept, kernel
from neurodeploy.data.cochlea.kernels import FIBRES, STATES, refractory_steps, rest
from neurodeploy.data.cochlea.lanes import LANES, TILE, WIDE_BELOW, between
from neurodeploy.data.cochlea.settings import CochleaSettings

WHOLE_S = 2.5
"""Longest clip that is taken as one period, as those of the data sets were."""
PIECE_S = 2.0
BEFORE_S, AFTER_S = 0.06, 0.25
"""How far a place's response reaches after and, above all, ahead of the sound."""
TRANSITION = 1.125
"""Times half the clip's own rate: above it a resampler leaves nothing but mirror images, 60 dB down."""


@dataclass(eq=False)
class Channels:
    """What `LANES` channels carry from piece to piece."""

    state: np.ndarray
    channel_random: np.ndarray
    fibre_random: np.ndarray
    last: np.ndarray


@dataclass(frozen=True)
class Piece:
    """Steps of a clip and the transform that gives them.

    Attributes:
        first, n: The steps.
        lead: Steps of the transform before the first of them, a multiple of 4.
        n_steps: Length of the transform, a multiple of 4.
    """

    first: int
    n: int
    lead: int
    n_steps: int


class Cochlea:
    """The cochlea for one rate and number of channels, for any number of threads.

    Args:
        settings: Its `rms` and `ramp_s` are of no matter here.
        table: From `response_table`.
    """

    def __init__(self, settings: CochleaSettings, table: ResponseTable) -> None:
        self.settings, self.table = settings, table
        self._rooms = threading.local()
        self._rate = kernels.rates(settings.dt_s)
        self._apart = refractory_steps(settings.dt_s)
        sizes = np.diff(table.starts)
        self._highest = [
            sizes[first : first + LANES].max() / settings.step_rate for first in range(0, settings.channels, LANES)
        ]

    def spikes(
        self,
        samples: np.ndarray,
        seed: Sequence[int],
        band_hz: float = np.inf,
        stopped: Callable[[], bool] = lambda: False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return step (int64) and unit (uint16) of every spike, in order of step, then unit.

        Args:
            samples: Prepared audio at `settings.rate`.
            seed: Whole numbers that say which random numbers are drawn.
            band_hz: Highest frequency in the clip.
            stopped: Asked every few milliseconds; when it says so, the spikes so far are returned.
        """
        channels = self.settings.channels
        groups = [self._start(one) for one in np.random.SeedSequence(list(seed)).spawn(len(self._highest))]
        found = [np.zeros(0, np.int64)]
        for piece in pieces(len(samples) // 2, self.settings.step_rate):
            sound = one_sided(around(samples, piece), piece.n_steps)
            highest = min(TRANSITION * band_hz / self.settings.step_rate, 1.0)
            n_bins = int(highest * piece.n_steps) + 1
            room = self._room(piece)
            for index, group in enumerate(groups):
                if stopped():
                    break
                # How many steps apart velocities suffice that have nothing above a frequency, a part of the step rate.
                above = min(highest, self._highest[index])
                every = next((every for every in (4, 2) if above * every / 2 <= WIDE_BELOW), 1)
                velocity = self._velocity(index * LANES, every, sound, n_bins, room)
                n_fired = kernels.advance(
                    velocity, every, between(), piece.lead, piece.n, piece.first, self._rate, group.state,
                    group.channel_random, group.fibre_random, group.last, room.tile, room.narrow, room.narrower,
                    room.uniform, room.flags, room.flags.view(np.uint64), room.counts, room.steps, room.lanes,
                )  # fmt: skip
                steps, units = room.steps[:n_fired], room.lanes[:n_fired] + index * LANES
                inside = units < channels  # the last group has lanes to spare
                found.append(steps[inside] * channels + units[inside])
        placed = np.sort(np.concatenate(found))
        return placed // channels, (placed % channels).astype(np.uint16)

    def _start(self, random: np.random.SeedSequence) -> Channels:
        """Return channels at rest."""
        state = np.zeros((STATES, LANES), np.float32)
        state[[kernels.FREE, kernels.CLEFT, kernels.STORE]] = np.array(rest())[:, None]
        drawn = random.generate_state(2 * LANES + 2, np.uint32)
        last = np.full(LANES * FIBRES, -self._apart, np.int32)
        return Channels(state.ravel(), drawn[: 2 * LANES].copy(), drawn[2 * LANES :].view(np.uint64).copy(), last)

    def _room(self, piece: Piece) -> Room:
        """Return this thread's room, as large as a piece needs it."""
        found: Room | None = getattr(self._rooms, "found", None)
        if found is None or found.n_steps < piece.n_steps:
            found = self._rooms.found = Room(piece.n_steps, self._apart)
        return found

    def _velocity(self, first: int, every: int, sound: np.ndarray, n_bins: int, room: Room) -> np.ndarray:
        """Return the velocities (row, step) of `LANES` channels, of every so many steps."""
        from scipy import fft

        n_steps = len(sound) - 1
        n_kept = n_steps // every
        bins = grid(n_steps, self.settings.step_rate)
        n_rows = min(LANES, self.settings.channels - first)
        spectra = room.spectra[: LANES * (n_kept // 2 + 1)].reshape(LANES, -1)
        spectra[n_rows:] = 0
        tops = np.minimum(np.searchsorted(bins.below, np.diff(self.table.starts) - 2), n_bins)
        fill_spectra(
            spectra[:n_rows], first, self.table.values, self.table.starts, tops, sound,
            bins.below, bins.weights, bins.exact,
        )  # fmt: skip
        found: np.ndarray = fft.irfft(spectra, n_kept, overwrite_x=True, norm="forward")
        return found


class Room:
    """Arrays that a thread works in; made once, because fresh memory takes a tenth of the time.

    Attributes:
        n_steps: Longest transform that they have room for.
    """

    def __init__(self, n_steps: int, apart: int) -> None:
        self.n_steps = n_steps
        self.spectra = np.empty(LANES * (n_steps // 2 + 1), np.complex64)
        self.tile, self.uniform = np.empty(TILE * LANES, np.float32), np.empty(TILE * LANES, np.float32)
        self.narrow, self.narrower = lanes.room(), lanes.room()
        self.flags, self.counts = np.empty(TILE * LANES, np.uint8), np.empty(TILE * LANES, np.uint8)
        most = LANES * (n_steps // apart + 2)
        self.steps, self.lanes = np.empty(most, np.int64), np.empty(most, np.int64)


def pieces(n_steps: int, rate: int) -> list[Piece]:
    """Return the pieces that a clip goes in: one, or many of equal length with margins."""
    if n_steps <= WHOLE_S * rate:
        return [Piece(0, n_steps, 0, good_length(n_steps))] if n_steps else []
    count = int(np.ceil(n_steps / (PIECE_S * rate)))
    size = -(-n_steps // count)
    lead = 4 * round(BEFORE_S * rate / 4)
    length = good_length(lead + size + round(AFTER_S * rate))
    return [Piece(first, min(size, n_steps - first), lead, length) for first in range(0, n_steps, size)]


def good_length(n_steps: int) -> int:
    """Return the next multiple of 4 that transforms fast.

    >>> good_length(24_000), good_length(7_201)
    (24000, 7260)
    """
    from scipy import fft

    return 4 * int(fft.next_fast_len(-(-n_steps // 4)))


def around(samples: np.ndarray, piece: Piece) -> np.ndarray:
    """Return the sound of a piece with its margins; the clip is one period of a periodic sound."""
    if piece.lead == 0:
        return samples
    n_used = 2 * (len(samples) // 2)
    first = 2 * (piece.first - piece.lead)
    return samples[np.arange(first, first + 2 * piece.n_steps) % n_used]


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
