"""Pictures of one's own: an .npz with `images` and `labels`, shown to a network as its dataset shows its pictures.

Axes: B sample.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from neurodeploy.data.dataset import Source
from neurodeploy.data.npz import unpacked
from neurodeploy.data.settings import DataSettings
from neurodeploy.data.spikes import check_kinds
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError
from neurodeploy.phrases import plural

IMAGES = "images"
FORM = "bytes (uint8) of shape (samples, rows, columns) or (samples, rows, columns, 3) are needed"


def open_pictures(name: str, sources: Mapping[str, Source], dataset: str, n_steps: int | None) -> SampleSource | None:
    """Return the pictures in an .npz with `images` and `labels` as samples; None of all else, as where it has `spikes`.

    Args:
        name: Path of the file.
        sources: All datasets, and `dataset`, that which the network was trained on.
        n_steps: Of a sample; the dataset's own number when None.

    Raises:
        DataError: the dataset has no pictures, or the arrays are of another kind.
    """
    path, source = Path(name), sources.get(dataset)
    if path.suffix != ".npz" or not path.is_file():
        return None
    with unpacked(path) as stored:
        if IMAGES not in stored.files or "spikes" in stored.files:
            return None
        if source is None or source.show is None:
            trained = "no dataset" if source is None else dataset
            able = (key for key, one in sources.items() if one.show)
            raise DataError(
                f"holds images, and the network's recipe names {trained}, which has no pictures",
                f"name a run folder or .nir file of a recipe on {', '.join(able)}, or save spikes (N, T, C)",
                where=path,
            )
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
    samples = source.show(source, wanted, [(channels_first, labels_B, True)]).data
    note = f"{path.name}: each image is shown as {source.name} shows its pictures, {plural(wanted.n_steps, 'step')}"
    return replace(samples, name=str(path), notes=(*samples.notes, note))
