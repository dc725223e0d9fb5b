"""Pictures of one's own: an .npz with `images` and `labels`, shown to a network as its dataset shows its pictures.

Axes: B sample.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from neurodeploy.data.dataset import Source
from neurodeploy.data.idx import shown
from neurodeploy.data.npz import unpacked
from neurodeploy.data.settings import DataSettings
from neurodeploy.data.spikes import check_kinds
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError
from neurodeploy.phrases import plural

IMAGES = "images"
SHOWS = {"mnist": shown, "fashion_mnist": shown, "cifar10": shown}
"""By dataset, what makes samples of its pictures."""
FORM = "bytes (uint8) of shape (samples, rows, columns) or (samples, rows, columns, 3) are needed"


def holds_pictures(path: str) -> bool:
    """Return whether a path is an .npz with `images` and without `spikes`."""
    if not path.endswith(".npz") or not Path(path).is_file():
        return False
    with unpacked(Path(path)) as stored:
        return IMAGES in stored.files and "spikes" not in stored.files


def open_pictures(path: Path, source: Source | None, n_steps: int | None) -> SampleSource:
    """Return the pictures in an .npz with `images` and `labels` as samples.

    Args:
        source: The dataset that the network was trained on, None where it names none.
        n_steps: Of a sample; the dataset's own number when None.

    Raises:
        DataError: the dataset has no pictures, or the arrays are of another kind.
    """
    if source is None or source.name not in SHOWS:
        trained = "no dataset" if source is None else source.name
        raise DataError(
            f"holds images, and the network's recipe names {trained}, which has no pictures",
            f"name a run folder or .nir file of a recipe on {', '.join(SHOWS)}, or save spikes (N, T, C)",
            where=path,
        )
    with unpacked(path) as stored:
        if "labels" not in stored.files:
            raise DataError("lacks the array labels", "add the class of each image, whole numbers from 0", where=path)
        images, labels_B = stored[IMAGES], stored["labels"]
    if images.dtype != np.uint8 or not (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)):
        raise DataError(f"images: found {images.dtype} of shape {images.shape}", FORM, where=path)
    if not images.size:
        raise DataError(f"images: found an array of shape {images.shape}", "save at least one", where=path)
    labels_B = check_kinds(str(path), (len(images), 1, 1), images.dtype, labels_B)
    channels_first = images[:, None] if images.ndim == 3 else np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    wanted = source.wanted(DataSettings(dataset=source.name, n_steps=n_steps))
    samples = SHOWS[source.name](source, wanted, [(channels_first, labels_B, True)]).data
    note = f"{path.name}: each image is shown as {source.name} shows its pictures, {plural(wanted.n_steps, 'step')}"
    return replace(samples, name=str(path), notes=(*samples.notes, note))
