"""Spoken digits and Speech Commands clips as cochlea spikes: their files, parts and classes.

Recordings turned to 700-channel cochlea spikes are kept as differences of time steps in an .npz: `delta_step` steps
since the previous event of the sample, `unit`, `offsets` where each sample's events start, `step_rate` steps per
second, `num_units`, and one value per sample in each of the others. The Free Spoken Digit Dataset is also read from its
recordings: our cochlea turns them to spikes once, and they are kept. Source: Z. Jackson et al., DOI
10.5281/zenodo.1342401; recordings 0 to 4 of every speaker and digit are its test part.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurodeploy.data.binning import N_UNITS, Binning, Counts, count_events
from neurodeploy.data.cache import KeptCounts, cache_folder, kept_counts, key_of
from neurodeploy.data.dataset import RECORDINGS, SPEAKERS, Samples, Source, flags, held_out, together
from neurodeploy.data.fetch import present
from neurodeploy.data.npz import unpacked
from neurodeploy.data.settings import Wanted
from neurodeploy.errors import DataError
from neurodeploy.memory import cores
from neurodeploy.phrases import plural

NEEDED = ("delta_step", "unit", "offsets", "step_rate", "num_units")


@dataclass(frozen=True, eq=False)
class SpikeLists:
    """Events of every sample, and what else the file says of each.

    Attributes:
        extra: Further arrays; one entry per sample, or names.
    """

    path: Path
    delta_step: np.ndarray
    unit: np.ndarray
    offsets: np.ndarray
    steps_per_s: int
    n_units: int
    extra: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def samples(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield times and units of each sample.

        Times are rounded to float16, seconds, as the files of SHD and SSC hold them, so that these spikes are binned
        like those: the published networks were trained on such times.
        """
        for first, after in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            steps = np.cumsum(self.delta_step[first:after], dtype=np.int64)
            yield (steps / self.steps_per_s).astype(np.float16), self.unit[first:after]


def read_spike_lists(path: Path, per_sample: tuple[str, ...]) -> SpikeLists:
    """Return the events in a file.

    Args:
        per_sample: Arrays of one entry per sample that must be there.

    Raises:
        DataError: the file is damaged, an array is missing or of another length, or an offset points elsewhere.
    """
    with unpacked(path) as stored:
        missing = [name for name in (*NEEDED, *per_sample) if name not in stored.files]
        if missing:
            raise DataError(
                f"{path}: lacks the array {' and '.join(missing)}, found {', '.join(stored.files) or 'none'}; "
                "it is no file of cochlea spikes"
            )
        arrays = {name: stored[name] for name in stored.files}
    for name in NEEDED:
        if arrays[name].dtype.kind not in "iu" or arrays[name].ndim != (name not in ("step_rate", "num_units")):
            raise DataError(
                f"{path}: {name} is {arrays[name].dtype} of shape {arrays[name].shape}, "
                f"{'a list of whole numbers' if arrays[name].ndim else 'a whole number'} is needed; copy it again"
            )
    offsets = arrays.pop("offsets").astype(np.int64)
    n_events = len(arrays["delta_step"])
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != n_events or (np.diff(offsets) < 0).any():
        raise DataError(f"{path}: offsets do not lead from 0 to its {n_events} events; copy it again")
    for name, length in (("unit", n_events), *((name, len(offsets) - 1) for name in per_sample)):
        if arrays[name].shape != (length,):
            raise DataError(f"{path}: {name} has shape {arrays[name].shape}, ({length},) is needed; copy it again")
    rate, n_units = int(arrays.pop("step_rate")), int(arrays.pop("num_units"))
    if rate < 1 or n_units < 1:
        raise DataError(f"{path}: step_rate is {rate} and num_units {n_units}, both must be above 0; copy it again")
    return SpikeLists(path, arrays.pop("delta_step"), arrays.pop("unit"), offsets, rate, n_units, arrays)


DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SSC_CLASSES = (
    *DIGITS,
    *("off", "forward?", "on", "yes", "down", "house", "marvin", "visual?", "up", "bird", "sheila", "stop", "left"),
    *("follow?", "wow", "no", "dog", "go", "happy", "bed", "tree", "learn?", "backward?", "cat", "right"),
)
"""Words by SSC's class numbers, found from the answers of published networks; those with ? were never heard."""
HASHED = "ssc"
TRAIN, VALIDATION, TEST = 0, 1, 2


def load_fsdd_spikes(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return spoken digits; validation samples come out of the training file, the test file is for tests only."""
    files = source.files_of(split)
    found = [_kept(source, file, sha256, wanted, "label", ("speaker", "index")) for file, sha256 in files]
    return digits(source, wanted, files, found)


def digits(source: Source, wanted: Wanted, files: Sequence[tuple[str, str]], found: Sequence[KeptCounts]) -> Samples:
    """Return the spoken digits of some files, in their parts.

    Args:
        files: From `Source.files_of`.
        found: Their samples, each with its speaker and the number of its recording.
    """
    is_test = flags(found, ["test" in file for file, _ in files])
    extra = {name: np.concatenate([one.extra[name] for one in found]) for name in ("speaker", "index")}
    extra["speaker_names"] = found[0].extra.get("speaker_names", np.empty(0))
    return together(source, wanted, found, DIGITS, is_test, *digit_parts(wanted, is_test, extra))


def digit_parts(wanted: Wanted, is_test: np.ndarray, extra: Mapping[str, np.ndarray]) -> tuple[np.ndarray | None, str]:
    """Return which spoken digits are for validation, and the rule in words.

    Args:
        extra: `speaker` and `index` of each, and `speaker_names`.
    """
    if is_test.all():
        return None, "test: the test file, used for nothing else"
    speaker, index = extra["speaker"], extra["index"]
    is_validation, rule = None, "a seeded share of each class"
    if wanted.partition == RECORDINGS:
        numbers = np.unique(index[~is_test])
        last = numbers[-max(1, round(wanted.validation_part * len(numbers))) :]
        is_validation, rule = np.isin(index, last) & ~is_test, f"recordings {_words(last)} of every speaker and digit"
    if wanted.partition == SPEAKERS:
        out = held_out(speaker[~is_test], wanted.validation_part)
        is_validation = np.isin(speaker, out) & ~is_test
        rule = f"speaker {_words(extra['speaker_names'][out])}, of whom no clip is trained on"
    return is_validation, f"validation: {rule}, out of the training file"


def load_speech_commands_spikes(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return Speech Commands clips with SSC's class numbers."""
    found = _kept(source, source.file, source.sha256, wanted, "ssc_label", ("partition", "ssc_partition", "clip"))
    part = found.extra["ssc_partition" if wanted.partition == HASHED else "partition"]
    is_validation, is_test = part == VALIDATION, part == TEST
    rule = "parts: the official lists of Speech Commands"
    if wanted.partition == HASHED:
        rule = "parts: SSC's own split by speaker"
    if wanted.partition == SPEAKERS:
        is_test = part != TRAIN
        speakers = np.array([str(name).rpartition("/")[2].partition("_nohash_")[0] for name in found.extra["clip"]])
        is_validation = np.isin(speakers, held_out(speakers[~is_test], wanted.validation_part)) & ~is_test
        rule = (
            "test: the official validation and test lists together; validation: speakers held out of the official "
            "training list"
        )
    return together(source, wanted, [found], SSC_CLASSES, is_test, is_validation, rule)


def _kept(
    source: Source, file: str, sha256: str, wanted: Wanted, label: str, per_sample: tuple[str, ...]
) -> KeptCounts:
    assert wanted.binning is not None
    return read_binned(source.name, present(source, file, sha256), sha256, wanted.binning, label, per_sample)


def read_binned(
    name: str, path: Path, identity: str, binning: Binning, label: str, per_sample: tuple[str, ...]
) -> KeptCounts:
    """Return the samples of one file of cochlea spikes.

    Args:
        identity: What tells this file from others.
        label: Array that holds the classes.
        per_sample: Further arrays of one entry per sample to keep.
    """

    def make(add: Callable[[Counts], None]) -> dict[str, np.ndarray]:
        lists = read_spike_lists(path, (label, *per_sample))
        add(count_events(str(path), lists.samples(), binning, lists.n_units))
        names = (*per_sample, *(name for name in lists.extra if name.endswith("_names")))
        extra = {name: lists.extra[name] for name in names}
        return extra | {"labels": lists.extra[label], "file": np.array(path.name)}

    return kept_counts(name, key_of(file=identity, label=label, extra=per_sample, **vars(binning)), make)


def _words(values: np.ndarray) -> str:
    return ", ".join(str(one) for one in values)


ARRAYS = ("pcm_delta_lo", "pcm_delta_hi", "offsets", "label", "sample_rate")
SEED = 0
"""Of the fibres; a clip's own number in its file is mixed in."""
ENCODING = 1
"""Raised when the same recordings give other spikes than before."""
OF_DIGITS = ("speaker", "index")
"""What a file of spoken digits says of each."""


def load_fsdd(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return spoken digits as spikes; validation samples come out of the training file."""
    files = source.files_of(split)
    found = [_kept_recordings(source, present(source, file, sha256), sha256, wanted.binning) for file, sha256 in files]
    return digits(source, wanted, files, found)


def recordings(
    path: Path, *more: str, rate_hz: int | None = None
) -> tuple[list[np.ndarray], int, dict[str, np.ndarray]]:
    """Return the recordings of a file in -1..1, samples a second, and what else it says of each.

    Samples are stored as differences modulo 2^16, low and high bytes apart, all recordings one after another.

    Args:
        more: Further arrays that must be there.
        rate_hz: Samples a second that it must have; any where None.

    Raises:
        DataError: the file is damaged or of another rate, or an array is missing.
    """
    with unpacked(path) as stored:
        missing = [name for name in (*ARRAYS, *more) if name not in stored.files]
        if missing:
            raise DataError(f"{path}: lacks the array {' and '.join(missing)}; it is no file of such recordings")
        arrays = {name: stored[name] for name in stored.files}
    low, high = (arrays.pop(f"pcm_delta_{part}").astype(np.uint16) for part in ("lo", "hi"))
    samples = np.cumsum((low | (high << 8)).view(np.int16), dtype=np.int16) / 32768.0
    offsets = arrays.pop("offsets").astype(np.int64)
    rate = int(arrays.pop("sample_rate"))
    whole = len(offsets) == len(arrays["label"]) + 1 and offsets[0] == 0 and offsets[-1] == len(samples)
    if not whole or (np.diff(offsets) < 1).any() or rate < 1:
        raise DataError(f"{path}: offsets do not lead through its {len(samples)} samples; copy it again")
    if rate_hz is not None and rate != rate_hz:
        raise DataError(f"{path}: has {rate} samples a second, {rate_hz} are needed; copy it again")
    return np.split(samples, offsets[1:-1]), rate, arrays


def _kept_recordings(source: Source, path: Path, sha256: str, binning: Binning | None) -> KeptCounts:
    assert binning is not None

    def make(add: Callable[[Counts], None]) -> dict[str, np.ndarray]:
        clips, rate, extra = recordings(path, *OF_DIGITS)
        events = encoded(source.name, clips, rate)
        add(count_events(str(path), events, binning, N_UNITS))
        kept = {name: extra[name] for name in ("speaker", "index", "speaker_names") if name in extra}
        return kept | {"labels": extra["label"], "file": np.array(path.name)}

    return kept_counts(
        source.name, key_of(file=sha256, encoding=ENCODING, seed=SEED, spikes="cochlea", **vars(binning)), make
    )


def encoded(name: str, clips: list[np.ndarray], rate: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the spikes of each recording, times rounded to float16 as in the files of SHD and SSC."""
    from neurodeploy.data.cochlea.encode import encode_clips

    seconds = sum(len(one) for one in clips) / rate
    print(
        f"{name}: spikes of {plural(len(clips), 'recording')} ({seconds:.0f} s of sound), once; "
        f"kept in {cache_folder()}",
        file=sys.stderr,
    )
    for times, units in encode_clips([(one, rate) for one in clips], seed=SEED, workers=cores()):
        yield times.astype(np.float16), units
