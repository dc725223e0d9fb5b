"""Data sets of event cameras: their recordings counted per frame and pixel, once for their files and settings."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from neurodeploy.data.archive import Files, archives, fingerprint, opened
from neurodeploy.data.binning import Counts, count_events, dropped_note
from neurodeploy.data.cache import KeptCounts, cache_folder, kept_counts, key_of
from neurodeploy.data.dataset import Samples, Source, flags
from neurodeploy.data.fetch import other_than_published, present
from neurodeploy.data.recordings import CAMERAS, PARTS, Layout, Recording
from neurodeploy.data.settings import Wanted
from neurodeploy.data.stream import from_counts
from neurodeploy.errors import DataError

READER = 1
"""Raised when the same files give other events than before."""
AT_ONCE = 4_000_000
"""Events, at the least, that are counted together."""
MANY = 500
"""Recordings that take long enough to be announced."""


def load_recordings(kind: str, source: Source, wanted: Wanted, split: str) -> Samples:
    """Return recordings in their official parts; only the part that is asked for is read.

    Args:
        kind: Of `CAMERAS`.

    Raises:
        DataError: a file is damaged or missing; see `Layout.recordings` and `Layout.events`.
    """
    assert wanted.binning is not None
    if wanted.binning.spatial_bin != 1:
        raise DataError(f"data.spatial_bin: {source.name} has rows and columns; leave it out")
    root, layout = present(source, source.file), CAMERAS[kind][wanted.partition]
    parts = [False, True] if split == "all" else [split == "test"]
    found = [_kept(source, root, layout, wanted, is_test) for is_test in parts]
    pieces = [piece for one in found for piece in one.counts]
    labels, binary = np.concatenate([one.labels for one in found]), not wanted.binning.counts
    data = from_counts(source.name, pieces, labels, layout.classes, binary=binary, shape=(2, *layout.shape))
    notes = [str(note) for one in found for note in one.extra["notes"]]
    notes += [note for one in found for note in dropped_note(source.name, one.dropped)]
    if wanted.binning.rule in ("number", "time"):
        told = f"frames by {wanted.binning.rule}; a step is said to last {1e3 * wanted.binning.dt_s:g} ms"
        notes.append(f"{source.name}: {told}, however long a recording is")
    rule = f"parts: {wanted.partition} ({layout.rule})"
    return Samples(replace(data, notes=tuple(dict.fromkeys(notes))), flags(found, parts), rule=rule)


def _kept(source: Source, root: Path, layout: Layout, wanted: Wanted, is_test: bool) -> KeptCounts:
    binning, part = wanted.binning, PARTS[is_test]
    assert binning is not None

    def make(add: Callable[[Counts], None]) -> dict[str, np.ndarray]:
        with opened(root) as files:
            chosen = [one for one in recordings_in(root, layout, files) if one.is_test == is_test]
            if not chosen:
                raise DataError(f"holds no {part}", f"its parts are {layout.rule}", where=root)
            if len(chosen) >= MANY:
                told = f"counting {len(chosen)} recordings, once for these settings; kept in {cache_folder()}"
                print(f"{source.name}: {told}", file=sys.stderr)
            rest = iter(chosen)
            while len(counts := _counted(root, layout, rest, wanted)):
                add(counts)
        notes = list(dict.fromkeys(note for one in chosen for note in one.notes))
        if len(chosen) != layout.official[is_test]:
            notes.append(
                f"{source.name}: {len(chosen):,} of {layout.official[is_test]:,} samples of the {part} are there"
            )
        notes += other_than_published(source, archives(root))
        return {"labels": np.array([one.label for one in chosen]), "notes": np.array(notes, dtype=np.str_)}

    data = {"data": fingerprint(root), "partition": wanted.partition, "part": part, "reader": READER}
    return kept_counts(source.name, key_of(**data, **vars(binning)), make)


def recordings_in(root: Path, layout: Layout, files: Files) -> list[Recording]:
    """Return what `Layout.recordings` finds.

    Raises:
        DataError: see there; it names the folder.
    """
    try:
        return layout.recordings(files)
    except DataError as error:
        raise error.inside(root) from None


def _counted(root: Path, layout: Layout, rest: Iterator[Recording], wanted: Wanted) -> Counts:
    """Count the next recordings; none where there are no more."""
    now = ""

    def timed() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        nonlocal now
        n_events = 0
        while n_events < AT_ONCE and (one := next(rest, None)) is not None:
            now = one.name
            events = layout.events(one)
            n_events += len(events)
            axes = (events["p"], events["y"], events["x"])
            yield (events["t"] - events["t"][0]) / 1e6, np.ravel_multi_index(axes, (2, *layout.shape))

    assert wanted.binning is not None
    try:
        return count_events(str(root), timed(), wanted.binning, 2 * layout.shape[0] * layout.shape[1])
    except DataError as error:
        raise error.at(root, now) from None
