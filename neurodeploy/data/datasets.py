"""The datasets known by name.

A new dataset is an entry in `datasets.toml`, and in `LOADERS` the function that reads it, of pictures with the one that
makes samples of others.
"""

import functools
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.data.binning import Binning
from neurodeploy.data.cifar import CIFAR10, CIFAR100, load_cifar
from neurodeploy.data.class_folders import load_class_folders
from neurodeploy.data.dataset import STRATIFIED, Download, Load, Samples, Show, Source, stratified
from neurodeploy.data.event_sets import load_recordings
from neurodeploy.data.features import Mel
from neurodeploy.data.fetch import present
from neurodeploy.data.gsc import LMUFORMER, LMUFORMERS, SILIF, WORDS, load_gsc
from neurodeploy.data.heidelberg import load_shd, load_ssc
from neurodeploy.data.idx import load_pictures, shown
from neurodeploy.data.nmnist import load_nmnist_frames, load_nmnist_small
from neurodeploy.data.sequences import load_digits_rows, load_psmnist, show_digits_rows, show_psmnist
from neurodeploy.data.settings import Wanted
from neurodeploy.data.speech_spikes import DIGITS, load_fsdd, load_fsdd_spikes, load_speech_commands_spikes
from neurodeploy.data.spoken_digits import MEL, load_fsdd_mel
from neurodeploy.data.spoken_words import MEL as WORD_MEL
from neurodeploy.data.spoken_words import WORDS as SPOKEN_WORDS
from neurodeploy.data.spoken_words import load_speech_commands_mel
from neurodeploy.data.stream import from_bits
from neurodeploy.data.unpack import ENDINGS
from neurodeploy.errors import DataError
from neurodeploy.toml import loads


def regular_rate(values_BI: np.ndarray, n_steps: int) -> np.ndarray:
    """Return evenly spaced spikes (B, T, I), uint8, whose rate per step is the value.

    An integrator per channel starts at one half, adds the value every step, and sends a spike
    and loses one when it reaches one. No random numbers: the same values give the same spikes.

    Args:
        values_BI: Between 0 (silent) and 1 (a spike every step).
        n_steps: Steps to encode over.

    Raises:
        DataError: values outside 0..1.

    >>> regular_rate(np.array([[0.0, 0.5, 1.0]]), 4)[0].T
    array([[0, 0, 0, 0],
           [1, 0, 1, 0],
           [1, 1, 1, 1]], dtype=uint8)
    """
    if values_BI.min() < 0 or values_BI.max() > 1:
        raise DataError(f"values {values_BI.min()}..{values_BI.max()} are outside 0..1; scale them first")
    # Counting in whole 1/65536 keeps the sums exact, so every machine gives the same spikes.
    steps_T11 = np.arange(1, n_steps + 1)[:, None, None]
    parts_BI = np.rint(values_BI * 65536).astype(np.int64)
    reached_TBI = (steps_T11 * parts_BI + 32768) >> 16
    spikes_TBI = np.diff(reached_TBI, axis=0, prepend=0)
    return spikes_TBI.transpose(1, 0, 2).astype(np.uint8)


@functools.lru_cache(maxsize=2)
def _digits(n_steps: int) -> Samples:
    """Return the digits; a run asks for them dozens of times."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    spikes_BTI = regular_rate(bunch.data / 16.0, n_steps)
    bits = np.packbits(spikes_BTI.reshape(len(spikes_BTI), -1), axis=1)
    names = [str(name) for name in bunch.target_names]
    data = from_bits("digits", bits, n_steps, spikes_BTI.shape[2:], bunch.target, names)
    chosen = np.zeros(len(data), dtype=bool)
    chosen[stratified(data.labels_B, 0.2)] = True
    return Samples(data, chosen)


def _load_braille7(source: Source, wanted: Wanted, split: str) -> Samples:
    path = present(source, source.file, source.sha256)
    with np.load(path, allow_pickle=False) as stored:
        _, n_steps, n_sensors = (int(size) for size in stored["shape"])
        names = [str(name) for name in stored["class_names"]]
        n_steps = min(n_steps, wanted.n_steps)
        data = from_bits("braille7", stored["spikes_packed"], n_steps, (n_sensors,), stored["label"], names)
        return Samples(data, stored["is_test"].astype(bool))


LOADERS: dict[str, "Load | tuple[Load, Show]"] = {
    "digits": lambda source, wanted, split: _digits(wanted.n_steps),
    "digits_rows": (load_digits_rows, show_digits_rows),
    "braille7": _load_braille7,
    "nmnist_small": load_nmnist_small,
    "nmnist_frames": load_nmnist_frames,
    "mnist": (load_pictures, shown),
    "psmnist": (load_psmnist, show_psmnist),
    "fashion_mnist": (load_pictures, shown),
    "cifar10": (functools.partial(load_cifar, CIFAR10), shown),
    "cifar100": (functools.partial(load_cifar, CIFAR100), shown),
    "imagenet": load_class_folders,
    "nmnist": functools.partial(load_recordings, "nmnist"),
    "cifar10dvs": functools.partial(load_recordings, "cifar10dvs"),
    "dvs128_gesture": functools.partial(load_recordings, "dvs128_gesture"),
    "fsdd_spikes": load_fsdd_spikes,
    "fsdd": load_fsdd,
    "speech_commands_spikes": load_speech_commands_spikes,
    "shd": load_shd,
    "ssc": load_ssc,
    "gsc": load_gsc,
    "gsc_mel": functools.partial(load_gsc, mel=LMUFORMER, words=LMUFORMERS),
    "fsdd_mel": load_fsdd_mel,
    "speech_commands_mel": load_speech_commands_mel,
}
SPOKEN: dict[str, tuple[Mel, tuple[str, ...]]] = {
    "gsc": (SILIF, WORDS),
    "gsc_mel": (LMUFORMER, LMUFORMERS),
    "fsdd_mel": (MEL, DIGITS),
    "speech_commands_mel": (WORD_MEL, SPOKEN_WORDS),
}
"""How the recordings of a dataset become features, and what its classes are called."""


def _source(name: str, told: dict[str, Any]) -> Source:
    binning = Binning(**told.pop("binning")) if "binning" in told else None
    if binning is not None:
        told |= {"dt_s": binning.dt_s, "n_steps": binning.n_steps}
    reads = LOADERS[name]
    load, show = reads if isinstance(reads, tuple) else (reads, None)
    return Source(
        name=name,
        load=load,
        show=show,
        binning=binning,
        parts=tuple(told.pop("parts", {}).items()),
        partitions=tuple(told.pop("partitions", [STRATIFIED])),
        packings=ENDINGS if told.pop("packed", False) else (),
        downloads=tuple(Download(f"{name}/{file}", url, md5) for file, url, md5 in told.pop("downloads", [])),
        **told,
    )


_TEXT = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
SOURCES: dict[str, Source] = {name: _source(name, told) for name, told in loads(_TEXT).items()}
