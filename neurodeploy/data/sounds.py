"""Recordings of one's own: an .npz with `audio`, `rate` and `labels`, made spikes as those of spoken datasets are.

Axes: B sample.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from neurodeploy.data.binning import N_UNITS, Binning, Counts, count_events, dropped_note
from neurodeploy.data.cache import identity, kept_counts, key_of
from neurodeploy.data.npz import unpacked
from neurodeploy.data.speech_spikes import ENCODING, SEED, encoded
from neurodeploy.data.spikes import check_kinds
from neurodeploy.data.stream import SampleSource, check_limit, from_counts
from neurodeploy.errors import DataError

AUDIO = "audio"
HEARD = ("fsdd", "fsdd_spikes", "speech_commands_spikes", "shd", "ssc")
"""Datasets whose spikes are a cochlea's."""
FORM = "float32 of shape (samples, times) is needed, and one number, samples a second"


def open_sounds(name: str, dataset: str, binning: Binning | None, limit: int | None = None) -> SampleSource | None:
    """Return the recordings in an .npz with `audio`, `rate` and `labels` as samples; None of all else.

    Our cochlea turns them to spikes once, with seed 0 and each one's number, as it does those of `fsdd`; they are kept.

    Args:
        name: Path of the file.
        dataset: That the network was trained on.
        binning: The network's own.
        limit: First recordings only; no others are heard.

    Raises:
        DataError: the dataset's samples are no cochlea's spikes, an array is missing or of another kind, or a recording
            cannot be heard.
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
    if dataset not in HEARD or binning is None:
        raise DataError(
            f"holds audio, and no cochlea made the spikes that the network was trained on (its recipe names {dataset})",
            f"name a run folder or .nir file of a recipe on {', '.join(HEARD)}, or save spikes (N, T, C)",
            where=path,
        )
    if audio.dtype != np.float32 or audio.ndim != 2 or not audio.size or rate.shape or rate.dtype.kind not in "iuf":
        found = f"audio: found {audio.dtype} of shape {audio.shape}, and a rate of {rate.dtype} and shape {rate.shape}"
        raise DataError(found, FORM, where=path)
    labels_B = check_kinds(str(path), (len(audio), 1, 1), np.dtype(bool), labels_B)[:limit]

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
