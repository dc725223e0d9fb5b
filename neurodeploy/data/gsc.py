"""Google Speech Commands v2 as log-mel features: recordings in one folder per word, real values, not spikes.

Source: Warden, arXiv:1804.03209, 2018.

Axes: B sample, T step (frame), I channel (mel bin).
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurodeploy.data.audio import PCM, read_wav, read_wav_head
from neurodeploy.data.cache import Arrays, cache_folder, identity, kept, key_of
from neurodeploy.data.dataset import Samples, Source
from neurodeploy.data.fbank import FRAME, RATE_HZ, log_mel
from neurodeploy.data.fetch import present
from neurodeploy.data.mapped import Numbers, numbers
from neurodeploy.data.settings import Wanted
from neurodeploy.data.stream import SampleSource, in_pieces
from neurodeploy.errors import DataError

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
    """Return the features of recordings, in their order."""

    def make(add: Callable[[Arrays], None]) -> dict[str, np.ndarray]:
        if len(names) >= MANY:
            print(f"{name}: features of {len(names)} recordings, once; kept in {cache_folder()}", file=sys.stderr)
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
