"""Google Speech Commands v2 as log-mel features: recordings in one folder per word, real values, not spikes.

Source: Warden, arXiv:1804.03209, 2018.

Axes: B sample, T or F frame (step), I or M mel bin (channel).
"""

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from neurodeploy.data.audio import PCM, read_wav, read_wav_head
from neurodeploy.data.cache import Arrays, cache_folder, identity, kept, key_of
from neurodeploy.data.dataset import Samples, Source
from neurodeploy.data.fetch import present
from neurodeploy.data.mapped import Numbers, numbers
from neurodeploy.data.settings import Wanted
from neurodeploy.data.stream import SampleSource, in_pieces
from neurodeploy.errors import DataError
from neurodeploy.phrases import plural

WORDS = (
    *("backward", "bed", "bird", "cat", "dog", "down", "eight", "five", "follow", "forward", "four", "go", "happy"),
    *("house", "learn", "left", "marvin", "nine", "no", "off", "on", "one", "right", "seven", "sheila", "six", "stop"),
    *("three", "tree", "two", "up", "visual", "wow", "yes", "zero"),
)
"""Folders of version 2 in their order, which gives the class numbers."""
LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
N_BINS = 40
MANY = 1000
"""Recordings of one piece, and from which on their features take long enough to be announced."""
NOTE = (
    "features: 40 log-mel bins; clips shorter than the longest of a batch are padded with zeros, as in the paper, "
    "which is not silence in log-mel"
)


def load_gsc(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return features of the recordings in the official parts; those of other parts are left out."""
    folder = present(source, source.file).parent
    found = {part: names for part, names in recordings(folder).items() if split in (part, "all")}
    names = [name for part in found.values() for name in part]
    if not names:
        raise DataError(f"{folder}: holds no recording of the {split} part; copy the whole dataset")
    pieces = _features(source.name, folder, names, wanted.n_steps)
    labels = np.array([WORDS.index(name.partition("/")[0]) for name in names], np.int64)
    read = in_pieces(pieces, np.dtype(np.float32))
    lengths = np.concatenate([one.lengths for one in pieces])
    data = SampleSource(source.name, labels, wanted.n_steps, (N_BINS,), read, WORDS, "real", lengths, (NOTE,))
    is_test, is_validation = (
        np.concatenate([np.full(len(some), part == one) for part, some in found.items()])
        for one in ("test", "validation")
    )
    return Samples(data, is_test, is_validation, "parts: the official lists of Speech Commands")


def recordings(folder: Path) -> dict[str, list[str]]:
    """Return the recordings of each part, as word/name.wav; what neither list names is for training.

    Raises:
        DataError: the folder is not that of version 2, or a list cannot be read.
    """
    absent = [word for word in WORDS if not (folder / word).is_dir()]
    if absent:
        raise DataError(
            f"{folder}: lacks the folders {', '.join(absent)} of Speech Commands version 2 ({len(WORDS)} words, which "
            "give the class numbers); copy the whole dataset"
        )
    listed = {part: _listed(folder / name) for part, name in LISTS.items()}
    both = listed["validation"] & listed["test"]
    if both:
        raise DataError(f"{folder}: {sorted(both)[0]} is in both lists ({len(both)} such); copy them again")
    found: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for word in WORDS:
        for name in sorted(f"{word}/{path.name}" for path in (folder / word).glob("*.wav")):
            found[next((part for part, names in listed.items() if name in names), "train")].append(name)
    return found


def _listed(path: Path) -> set[str]:
    try:
        return set(path.read_text(encoding="utf-8").split())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); copy the whole dataset") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is no list of recordings; copy it again") from None


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
        found = np.zeros((len(chosen), self.n_steps, N_BINS), np.float32)
        for row, index in enumerate(chosen):
            some = frames[self.starts[index] : self.starts[index + 1]][: self.n_steps]
            found[row, : len(some)] = some
        return found


def _features(name: str, folder: Path, names: list[str], n_steps: int) -> list[Frames]:
    def make(add: Callable[[Arrays], None]) -> dict[str, np.ndarray]:
        if len(names) >= MANY:
            print(
                f"{name}: features of {plural(len(names), 'recording')}, once; kept in {cache_folder()}",
                file=sys.stderr,
            )
        for first in range(0, len(names), MANY):
            found = [log_mel(read_wave(folder / one), N_BINS) for one in names[first : first + MANY]]
            starts = np.cumsum([0, *map(len, found)], dtype=np.int64)
            add({"frames": np.concatenate(found), "starts": starts})
        return {}

    key = key_of(files=[identity(folder / one) for one in names], bins=N_BINS)
    return [Frames(one["frames"], one["starts"], n_steps) for one in kept(name, key, make, ("frames",)).pieces]


def read_wave(path: Path) -> np.ndarray:
    """Return the samples of a 16 kHz, 16-bit recording of one channel, floats in -1..1.

    Raises:
        DataError: the file is no such recording, or too short for one frame.
    """
    head = read_wav_head(path)
    if (head.rate, head.coding, head.width, head.channels) != (RATE_HZ, PCM, 2, 1):
        raise DataError(
            f"{path}: has {head.rate} Hz, {8 * head.width} bits and {head.channels} channels; {RATE_HZ} Hz, 16 bits "
            "and one channel are needed"
        )
    if head.n_frames < FRAME:
        raise DataError(f"{path}: holds {head.n_frames} samples, at least {FRAME} (25 ms) are needed; leave it out")
    return read_wav(path).samples


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
