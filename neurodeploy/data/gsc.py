"""Google Speech Commands v2 as log-mel features: recordings in one folder per word, real values, not spikes.

Source: Warden, arXiv:1804.03209, 2018.

Axes: B sample, T or F frame (step), I or M mel bin (channel).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from neurodeploy.data.audio import PCM, read_wav, read_wav_head
from neurodeploy.data.cache import identity
from neurodeploy.data.dataset import Samples, Source
from neurodeploy.data.features import Mel, recorded_features
from neurodeploy.data.fetch import present
from neurodeploy.data.filterbank import RATE_HZ, frame_samples
from neurodeploy.data.settings import Wanted
from neurodeploy.errors import DataError

WORDS = (
    *("backward", "bed", "bird", "cat", "dog", "down", "eight", "five", "follow", "forward", "four", "go", "happy"),
    *("house", "learn", "left", "marvin", "nine", "no", "off", "on", "one", "right", "seven", "sheila", "six", "stop"),
    *("three", "tree", "two", "up", "visual", "wow", "yes", "zero"),
)
"""Folders of version 2 in their order, which gives the class numbers."""
LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
LMUFORMERS = (
    *("backward", "follow", "five", "bed", "zero", "on", "learn", "two", "house", "tree", "dog", "stop", "seven"),
    *("eight", "down", "six", "forward", "cat", "right", "visual", "four", "wow", "no", "nine", "off", "three"),
    *("left", "marvin", "yes", "up", "sheila", "happy", "bird", "go", "one"),
)
"""The classes as LMUFormer's code numbers them, after the AST's."""
SILIF, LMUFORMER = Mel(40), Mel(128, "hann", padded=True)
NOTE = (
    "features: {} log-mel bins; clips shorter than {} are padded with zeros, as in the paper, which is not silence in "
    "log-mel"
)


def load_gsc(source: Source, wanted: Wanted, split: str, mel: Mel = SILIF, words: Sequence[str] = WORDS) -> Samples:
    """Return features of the recordings in the official parts; those of other parts are left out.

    Args:
        words: In the order of the classes.
    """
    folder = present(source, source.file).parent
    found = {part: names for part, names in recordings(folder).items() if split in (part, "all")}
    names = [name for part in found.values() for name in part]
    if not names:
        raise DataError(f"{folder}: holds no recording of the {split} part; copy the whole dataset")
    labels = np.array([words.index(name.partition("/")[0]) for name in names], np.int64)
    identities = [identity(folder / one) for one in names]
    sounds = partial(_wave_of, folder, names)
    data = recorded_features(source.name, identities, sounds, mel, labels, wanted.n_steps, words)
    note = NOTE.format(mel.n_bins, f"{wanted.n_steps} frames" if mel.padded else "the longest of a batch")
    is_test, is_validation = (
        np.concatenate([np.full(len(some), part == one) for part, some in found.items()])
        for one in ("test", "validation")
    )
    rule = "parts: the official lists of Speech Commands"
    return Samples(replace(data, notes=(note,)), is_test, is_validation, rule)


def _wave_of(folder: Path, names: Sequence[str], number: int) -> np.ndarray:
    return read_wave(folder / names[number])


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
    frame = frame_samples(RATE_HZ)
    if head.n_frames < frame:
        raise DataError(f"{path}: holds {head.n_frames} samples, at least {frame} (25 ms) are needed; leave it out")
    return read_wav(path).samples
