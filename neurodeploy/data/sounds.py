"""Recordings of one's own: an .npz with `audio`, `rate` and `labels`, heard as those of spoken datasets are.

Axes: B sample.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from neurodeploy.data.binning import N_UNITS, Binning, Counts, count_events, dropped_note
from neurodeploy.data.cache import identity, kept_counts, key_of
from neurodeploy.data.datasets import SOURCES, SPOKEN
from neurodeploy.data.features import recorded_features
from neurodeploy.data.filterbank import frame_samples
from neurodeploy.data.npz import unpacked
from neurodeploy.data.speech_spikes import ENCODING, SEED, encoded
from neurodeploy.data.spikes import check_kinds
from neurodeploy.data.stream import SampleSource, check_limit, from_counts
from neurodeploy.errors import DataError
from neurodeploy.phrases import plural

AUDIO = "audio"
HEARD = ("fsdd", "fsdd_spikes", "speech_commands_spikes", "shd", "ssc")
"""Datasets whose spikes are a cochlea's."""
FORM = "float32 of shape (samples, times) is needed, and one number, samples a second"


def open_sounds(
    name: str, dataset: str, binning: Binning | None, limit: int | None = None, n_steps: int | None = None
) -> SampleSource | None:
    """Return the recordings in an .npz with `audio`, `rate` and `labels` as samples; None of all else.

    Log-mel features where the dataset has them. Else our cochlea turns them to spikes once, with seed 0 and each one's
    number, as it does those of `fsdd`. Both are kept.

    Args:
        name: Path of the file.
        dataset: That the network was trained on.
        binning: The network's own.
        limit: First recordings only; no others are heard.
        n_steps: Frames of features; the dataset's when None.

    Raises:
        DataError: the dataset's samples are neither features nor a cochlea's spikes, an array is missing or of another
            kind, or a recording cannot be heard.
    """
    check_limit(limit)
    path = Path(name)
    if path.suffix != ".npz" or not path.is_file():
        return None
    with unpacked(path) as stored:
        if AUDIO not in stored.files or "spikes" in stored.files:
            return None
        missing = sorted({"labels", "rate"} - set(stored.files))
        if missing:
            raise DataError(f"lacks the array {' and '.join(missing)}", "add it beside audio", where=path)
        audio, rate, labels_B = (np.asarray(stored[one]) for one in (AUDIO, "rate", "labels"))
    if dataset not in SPOKEN and (dataset not in HEARD or binning is None):
        raise DataError(
            f"holds audio, and the network was trained on no sounds (its recipe names {dataset})",
            f"name a run folder or .nir file of a recipe on {', '.join((*HEARD, *SPOKEN))}, or save spikes (N, T, C)",
            where=path,
        )
    if audio.dtype != np.float32 or audio.ndim != 2 or not audio.size or rate.shape or rate.dtype.kind not in "iuf":
        found = f"audio: found {audio.dtype} of shape {audio.shape}, and a rate of {rate.dtype} and shape {rate.shape}"
        raise DataError(found, FORM, where=path)
    labels_B = check_kinds(str(path), (len(audio), 1, 1), np.dtype(bool), labels_B)[:limit]
    if dataset in SPOKEN:
        mel, words = SPOKEN[dataset]
        if rate != mel.rate_hz:
            needed = f"{mel.rate_hz} are needed, as in training"
            raise DataError(f"has {rate.item():g} samples a second", "convert it", where=path, allowed=needed)
        if audio.shape[1] < (least := frame_samples(mel.rate_hz)):
            found = f"recordings hold {plural(audio.shape[1], 'sample')}"
            raise DataError(found, "record more", where=path, allowed=f"at least {least}, a frame, are needed")
        if not np.isfinite(audio[:limit]).all():
            raise DataError("audio holds what is not finite", "mend it", where=path)
        known = [f"{identity(path)}:{number}" for number in range(len(labels_B))]
        n_steps = n_steps or SOURCES[dataset].n_steps
        samples = recorded_features(str(path), known, audio.__getitem__, mel, labels_B, n_steps, words)
        return replace(samples, notes=(f"{path.name}: each recording is heard as those of {dataset} are",))
    assert binning is not None

    def make(add: Callable[[Counts], None]) -> dict[str, np.ndarray]:
        events = encoded(path.name, list(audio[:limit]), rate.item())
        add(count_events(str(path), events, binning, N_UNITS))
        return {"labels": labels_B}

    made = {"spikes": "cochlea", "encoding": ENCODING, "seed": SEED, "limit": limit}
    try:
        kept = kept_counts(AUDIO, key_of(file=identity(path), **made, **vars(binning)), make)
    except DataError as error:
        raise error.inside(str(path)) from None
    samples = from_counts(str(path), kept.counts, labels_B, binary=not binning.counts)
    note = f"{path.name}: each recording is heard by the cochlea and binned as those of {dataset} are"
    return replace(samples, notes=(*dropped_note(path.name, kept.dropped), note))
