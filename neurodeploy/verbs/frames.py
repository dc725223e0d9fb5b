"""`data frames`: recordings of an event camera to an .npz of frames."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.data.archive import opened
from neurodeploy.data.binning import LARGEST_COUNT
from neurodeploy.data.event_sets import recordings_in
from neurodeploy.data.events import MOST_STEPS
from neurodeploy.data.frames import EVENT, By, events_to_frames
from neurodeploy.data.npz import write_npz
from neurodeploy.data.recordings import CAMERAS
from neurodeploy.errors import DataError, nearest
from neurodeploy.files import check_target
from neurodeploy.progress import Progress, silent

FORMATS = {"nmnist": "nmnist", "cifar10dvs": "cifar10dvs", "dvs128": "dvs128_gesture"}


def make_frames(
    source: str | Path,
    *,
    out: str | Path,
    format: str,
    frames: int,
    by: By = "number",
    normalize: str | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Write the recordings in a folder or archive as frames, one recording held at a time.

    The file holds `frames` (N, T, 2, H, W), counts as uint16, or float32 where they are normalised; `labels` (N,) from
    0; `names` (N,) of the recordings, which tell their part; and `class_names`.

    Args:
        source: A folder, in which archives are looked into, or an archive.
        out: The .npz to write, whole or not at all.
        format: "nmnist", "cifar10dvs" or "dvs128" (IBM's recordings of a user, or tonic's .npy).
        frames: T, of each recording.
        by: "number" of events or "time"; see `data.frames.cuts`.
        normalize: "max", "sum", "norm" or "frequency"; see `data.frames.events_to_frames`. Counts when None.
        overwrite: Replace the file where there is one.
        progress: Hears how far the work is.

    Returns:
        `path`, `recordings`, `shape` of `frames`, `events`, `classes`, `notes`, and the `partition` by which the
        dataset would split them.

    Raises:
        DataError: an option means nothing, or a recording cannot be read or cut; the message names it.
        RunError: `out` cannot be written, exists, or is the source.
    """
    if format not in FORMATS:
        raise DataError(f"found {format!r}", nearest(format, FORMATS), option="format")
    if not 1 <= frames <= MOST_STEPS:
        raise DataError(f"found {frames}", option="frames", allowed=f"1 to {MOST_STEPS} are allowed")
    some = np.zeros(2 * frames, EVENT)
    some["t"] = np.arange(2 * frames)
    events_to_frames(some, frames, by, shape=(1, 1), normalize=normalize)  # a slip is told before anything is read
    target, root = check_target(out, overwrite, [source]), Path(source)
    with opened(root) as files:
        layouts = CAMERAS[FORMATS[format]]
        partition = next((name for name, one in layouts.items() if any(map(one.matches, files))), next(iter(layouts)))
        layout = layouts[partition]
        chosen = recordings_in(root, layout, files)
        shape, n_events = (len(chosen), frames, 2, *layout.shape), 0

        def counted() -> Iterator[np.ndarray]:
            nonlocal n_events
            for index, one in enumerate(chosen):
                try:
                    events = layout.events(one)
                    made = events_to_frames(events, frames, by, shape=layout.shape, normalize=normalize)
                except DataError as error:
                    raise error.at(root, one.name) from None
                if normalize is None and made.max() > LARGEST_COUNT:
                    most = f"has {made.max()} events of a pixel in one frame, at most {LARGEST_COUNT} are held"
                    raise DataError(most, "make more frames", where=(root, one.name))
                yield made.astype(np.uint16 if normalize is None else np.float32)
                n_events += len(events)
                progress("frames", index + 1, len(chosen), one.name)

        labels, names = zip(*((one.label, one.name) for one in chosen), strict=True)
        more = {"labels": labels, "names": names, "class_names": layout.classes}
        write_npz(target, "frames", shape, counted(), more)
    return {
        "path": str(out),
        "recordings": len(chosen),
        "shape": list(shape),
        "events": n_events,
        "classes": len(layout.classes),
        "partition": partition,
        "notes": list(dict.fromkeys(note for one in chosen for note in one.notes)),
    }
