"""Files binned one by one, put together to the samples of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neurodeploy.data.binning import dropped_note
from neurodeploy.data.cache import KeptCounts
from neurodeploy.data.dataset import Samples, Source
from neurodeploy.data.settings import Wanted
from neurodeploy.data.spikes import check_classes
from neurodeploy.data.stream import from_counts


def flags(found: Sequence[KeptCounts], values: Sequence[bool]) -> np.ndarray:
    """Return one value per file, repeated for each of its samples."""
    return np.concatenate([np.full(len(one.labels), value) for one, value in zip(found, values, strict=True)])


def together(
    source: Source,
    wanted: Wanted,
    found: Sequence[KeptCounts],
    class_names: Sequence[str],
    is_test: np.ndarray,
    is_validation: np.ndarray | None,
    rule: str,
) -> Samples:
    """Return the samples of all files, in their order.

    Args:
        found: Of each file; their `extra["file"]` names it in what is to be said of dropped events.
        is_test, is_validation, rule: As in `Samples`.

    Raises:
        DataError: a label is not one of the classes.
    """
    assert wanted.binning is not None
    labels = np.concatenate([one.labels for one in found]).astype(np.int64)
    check_classes(source.name, labels, source.n_classes)
    counts = [piece for one in found for piece in one.counts]
    data = from_counts(source.name, counts, labels, class_names, binary=not wanted.binning.counts)
    notes = (note for one in found for note in dropped_note(str(one.extra["file"]), one.dropped))
    return Samples(replace(data, notes=tuple(notes)), is_test, is_validation, rule)
