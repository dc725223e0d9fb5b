"""Google Speech Commands v2 as log-mel features: recordings in one folder per word, real values, not spikes.

Source: Warden, arXiv:1804.03209, 2018.

Axes: B sample, T step (frame), I channel (mel bin).
"""

from __future__ import annotations

import sys
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from neurodeploy.data.cache import cache_folder, identity, kept_arrays, key_of
from neurodeploy.data.dataset import Samples, Source
from neurodeploy.data.fbank import FRAME, RATE_HZ, log_mel
from neurodeploy.data.fetch import obtain
from neurodeploy.data.settings import Wanted
from neurodeploy.data.stream import SampleSource
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
"""Recordings from which on their features take long enough to be announced."""
NOTE = (
    "features: 40 log-mel bins; clips shorter than the longest of a batch are padded with zeros, as in the paper, "
    "which is not silence in log-mel"
)


def load_gsc(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return features of the recordings in the official parts; those of other parts are left out."""
    folder = obtain(source, source.file).parent
    found = {part: names for part, names in recordings(folder).items() if split in (part, "all")}
    names = [name for part in found.values() for name in part]
    if not names:
        raise DataError(f"{folder}: holds no recording of the {split} part; copy the whole dataset")
    kept = _features(source.name, folder, names)
    labels = np.array([WORDS.index(name.partition("/")[0]) for name in names], np.int64)
    data = _padded(source.name, kept["frames"], kept["lengths"], labels, wanted.n_steps)
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


def _features(name: str, folder: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Return all frames one after another, and the number of them in each recording."""

    def make() -> dict[str, np.ndarray]:
        if len(names) >= MANY:
            print(f"{name}: features of {len(names)} recordings, once; kept in {cache_folder()}", file=sys.stderr)
        found = []
        for one in names:
            try:
                found.append(log_mel(read_wave(folder / one), N_BINS))
            except DataError as error:
                said = str(error)
                raise DataError(said if said.startswith(str(folder)) else f"{folder / one}: {said}") from None
        return {"frames": np.concatenate(found), "lengths": np.array([len(one) for one in found], np.int64)}

    return kept_arrays(name, key_of(files=[identity(folder / one) for one in names], bins=N_BINS), make)


def read_wave(path: Path) -> np.ndarray:
    """Return the samples of a 16 kHz, 16-bit recording of one channel, floats in -1..1.

    Raises:
        DataError: the file is no such recording, or too short for one frame.
    """
    try:
        with wave.open(str(path), "rb") as stored:
            kind = (stored.getframerate(), stored.getsampwidth(), stored.getnchannels())
            n_samples = stored.getnframes()
            samples = np.frombuffer(stored.readframes(n_samples), np.uint8)
    except (wave.Error, EOFError, OSError, RuntimeError) as error:
        raise DataError(f"{path}: is no readable WAV file ({error or 'it ends too early'}); copy it again") from None
    if kind != (RATE_HZ, 2, 1):
        raise DataError(
            f"{path}: has {kind[0]} Hz, {8 * kind[1]} bits and {kind[2]} channels; {RATE_HZ} Hz, 16 bits and one "
            "channel are needed"
        )
    if len(samples) != 2 * n_samples:
        raise DataError(f"{path}: ends after {len(samples) // 2} of {n_samples} samples; copy it again")
    if n_samples < FRAME:
        raise DataError(f"{path}: holds {n_samples} samples, at least {FRAME} (25 ms) are needed; leave it out")
    return samples.view("<i2") / 32768.0


def _padded(name: str, frames: np.ndarray, lengths: np.ndarray, labels_B: np.ndarray, n_steps: int) -> SampleSource:
    """Return recordings padded with zeros, or cut, to `n_steps` frames."""
    starts = np.concatenate([[0], np.cumsum(lengths)])

    def read(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for chosen in batches:
            found = np.zeros((len(chosen), n_steps, frames.shape[1]), np.float32)
            for row, index in enumerate(chosen):
                some = frames[starts[index] : starts[index + 1]][:n_steps]
                found[row, : len(some)] = some
            yield found

    return SampleSource(
        name, labels_B, n_steps, frames.shape[1:], read, WORDS, "real", np.minimum(lengths, n_steps), (NOTE,)
    )
