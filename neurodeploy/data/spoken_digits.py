"""The Free Spoken Digit Dataset from its recordings: our cochlea turns them to spikes once, and they are kept.

Source: Z. Jackson et al., DOI 10.5281/zenodo.1342401; recordings 0 to 4 of every speaker and digit are its test part.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from neurodeploy.data.binning import N_UNITS, Binning, Counts, count_events
from neurodeploy.data.cache import KeptCounts, cache_folder, kept_counts, key_of
from neurodeploy.data.dataset import Samples, Source
from neurodeploy.data.fetch import present
from neurodeploy.data.npz import unpacked
from neurodeploy.data.settings import Wanted
from neurodeploy.data.speech_spikes import digits
from neurodeploy.errors import DataError
from neurodeploy.memory import cores

ARRAYS = ("pcm_delta_lo", "pcm_delta_hi", "offsets", "label", "speaker", "index", "sample_rate")
SEED = 0
"""Of the fibres; a clip's own number in its file is mixed in."""
ENCODING = 1
"""Raised when the same recordings give other spikes than before."""


def load_fsdd(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return spoken digits as spikes; validation samples come out of the training file."""
    files = source.files_of(split)
    found = [_kept(source, present(source, file, sha256), sha256, wanted.binning) for file, sha256 in files]
    return digits(source, wanted, files, found)


def recordings(path: Path) -> tuple[list[np.ndarray], int, dict[str, np.ndarray]]:
    """Return the recordings of a file in -1..1, samples a second, and what else it says of each.

    Samples are stored as differences modulo 2^16, low and high bytes apart, all recordings one after another.

    Raises:
        DataError: the file is damaged, or an array is missing.
    """
    with unpacked(path) as stored:
        missing = [name for name in ARRAYS if name not in stored.files]
        if missing:
            raise DataError(f"{path}: lacks the array {' and '.join(missing)}; it is no file of spoken digits")
        arrays = {name: stored[name] for name in stored.files}
    low, high = (arrays.pop(f"pcm_delta_{part}").astype(np.uint16) for part in ("lo", "hi"))
    samples = np.cumsum((low | (high << 8)).view(np.int16), dtype=np.int16) / 32768.0
    offsets = arrays.pop("offsets").astype(np.int64)
    rate = int(arrays.pop("sample_rate"))
    whole = len(offsets) == len(arrays["label"]) + 1 and offsets[0] == 0 and offsets[-1] == len(samples)
    if not whole or (np.diff(offsets) < 1).any() or rate < 1:
        raise DataError(f"{path}: offsets do not lead through its {len(samples)} samples; copy it again")
    return np.split(samples, offsets[1:-1]), rate, arrays


def _kept(source: Source, path: Path, sha256: str, binning: Binning | None) -> KeptCounts:
    assert binning is not None

    def make(add: Callable[[Counts], None]) -> dict[str, np.ndarray]:
        clips, rate, extra = recordings(path)
        events = _encoded(source.name, clips, rate)
        add(count_events(str(path), events, binning, N_UNITS))
        kept = {name: extra[name] for name in ("speaker", "index", "speaker_names") if name in extra}
        return kept | {"labels": extra["label"], "file": np.array(path.name)}

    return kept_counts(
        source.name, key_of(file=sha256, encoding=ENCODING, seed=SEED, spikes="cochlea", **vars(binning)), make
    )


def _encoded(name: str, clips: list[np.ndarray], rate: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the spikes of each recording, times rounded to float16 as in the files of SHD and SSC."""
    from neurodeploy.data.cochlea.encode import encode_clips

    seconds = sum(len(one) for one in clips) / rate
    print(
        f"{name}: spikes of {len(clips)} recordings ({seconds:.0f} s of sound), once; kept in {cache_folder()}",
        file=sys.stderr,
    )
    for times, units in encode_clips([(one, rate) for one in clips], seed=SEED, workers=cores()):
        yield times.astype(np.float16), units
