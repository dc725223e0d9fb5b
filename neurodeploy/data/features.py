"""Recordings as log-mel features: made once and kept, read frame by frame, and made anew of two that are mixed.

Axes: B sample, T frame (step), I mel bin (channel).
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neurodeploy.data.cache import Arrays, cache_folder, kept, key_of
from neurodeploy.data.filterbank import HOP_MS, RATE_HZ, Window, frame_samples, log_mel
from neurodeploy.data.mapped import Numbers, numbers
from neurodeploy.data.stream import Mixed, SampleSource, in_pieces
from neurodeploy.phrases import plural

MANY = 1000
"""Recordings of one piece, and from which on their features take long enough to be announced."""
Wave = Callable[[int], np.ndarray]
"""Reads the samples of a recording by its number, floats in -1..1."""


class Mel(NamedTuple):
    """How recordings become features; see `log_mel`.

    Attributes:
        padded: All samples are padded with zeros to all steps; else a batch is as long as its longest.
    """

    n_bins: int
    window: Window = "povey"
    rate_hz: int = RATE_HZ
    padded: bool = False

    def of(self, wave: np.ndarray) -> np.ndarray:
        """Return the features of a recording, (T, I)."""
        return log_mel(wave, self.n_bins, self.window, self.rate_hz)


@dataclass(frozen=True, eq=False)
class Frames:
    """Some recordings, all frames one after another, padded with zeros or cut to `n_steps` when they are read."""

    frames: Numbers
    starts: np.ndarray
    n_steps: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Frames of each recording that are taken."""
        return np.minimum(np.diff(self.starts), self.n_steps)

    def dense(self, chosen: np.ndarray) -> np.ndarray:
        """Return the frames of some recordings (B, T, I), float32."""
        frames = numbers(self.frames)
        some = (frames[self.starts[index] : self.starts[index + 1]] for index in chosen)
        return _padded(list(some), self.n_steps)


def recorded_features(
    name: str, identities: Sequence[str], wave: Wave, mel: Mel, labels_B: np.ndarray, n_steps: int, words: Sequence[str]
) -> SampleSource:
    """Return recordings as samples of `n_steps` frames.

    Args:
        name: Of the data set.
        identities: What tells each recording from others, or from an earlier one at its place.
        labels_B: Class of each.
        words: What the classes are called.
    """

    def make(add: Callable[[Arrays], None]) -> dict[str, np.ndarray]:
        if len(identities) >= MANY:
            told = plural(len(identities), "recording")
            print(f"{name}: features of {told}, once; kept in {cache_folder()}", file=sys.stderr)
        for first in range(0, len(identities), MANY):
            found = [mel.of(wave(one)) for one in range(first, min(first + MANY, len(identities)))]
            add({"frames": np.concatenate(found), "starts": np.cumsum([0, *map(len, found)], dtype=np.int64)})
        return {}

    key = key_of(files=list(identities), **mel._asdict())
    pieces = [Frames(one["frames"], one["starts"], n_steps) for one in kept(name, key, make, ("frames",)).pieces]
    lengths = None if mel.padded else np.concatenate([one.lengths for one in pieces])
    read = in_pieces(pieces, np.dtype(np.float32))
    mixed = mixing(wave, mel, n_steps)
    return SampleSource(name, labels_B, n_steps, (mel.n_bins,), read, tuple(words), "real", lengths, mixed=mixed)


def frames_of(sound: Iterable[np.ndarray], mel: Mel) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the features (I,) of each frame of a sound once its samples are there, and how many those are.

    Args:
        sound: Its samples, part after part of any length.

    Raises:
        DataError: a sample is not finite.
    """
    frame, hop = frame_samples(mel.rate_hz), mel.rate_hz * HOP_MS // 1000
    rest, end = np.empty(0), frame
    for part in sound:
        rest = np.concatenate([rest, part])
        if len(rest) >= frame:
            features_TI = mel.of(rest)
            rest = rest[len(features_TI) * hop :]
            for features_I in features_TI:
                yield features_I, end
                end += hop


def mixing(wave: Wave, mel: Mel, n_steps: int) -> Mixed:
    """Return what gives the features (B, T, I) of recordings mixed with others; a mixture is as long as its first."""

    def mixed(first_B: np.ndarray, second_B: np.ndarray, share_B: np.ndarray) -> np.ndarray:
        found = []
        for first, second, share in zip(first_B, second_B, share_B, strict=True):
            sound, other = wave(int(first)), wave(int(second))
            other = np.pad(other[: len(sound)], (0, max(0, len(sound) - len(other))))
            found.append(mel.of(share * sound + (1 - share) * other))
        return _padded(found, n_steps)

    return mixed


def _padded(features: Sequence[np.ndarray], n_steps: int) -> np.ndarray:
    found = np.zeros((len(features), n_steps, features[0].shape[1] if features else 0), np.float32)
    for row, one in zip(found, features, strict=True):
        row[: len(one)] = one[:n_steps]
    return found
