"""A torch Dataset of one's own as samples; torch itself is not needed to read it.

Axes: T step, B sample, I value of a step.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from neurodeploy.data.spikes import Kind, check_kinds, check_values
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError

LABELS = ("targets", "labels")
"""Attributes in which datasets hold the classes of all samples."""


def from_torch(data: Any, *, kind: Kind = "binary", name: str = "data") -> SampleSource:
    """Return the samples of a torch Dataset, or of a DataLoader's, in the order of the Dataset.

    Args:
        data: A map-style Dataset of (spikes, label), or a DataLoader of one; its batches, order and collate_fn are not
            used. Spikes are tensors or arrays, (T, *shape), of equal shape. Where the classes of all samples are
            `targets` or `labels` of the Dataset, no sample is read before it is asked for; else all are, once.
        kind: What the values are.
        name: For messages.

    Raises:
        DataError: it has no length, is empty, or a sample is not such a pair; when read, also where a sample has
            another shape than the first, another label than was told, or values that are not of its kind.
    """
    items = getattr(data, "dataset", data) if hasattr(data, "batch_sampler") else data
    if not (hasattr(items, "__len__") and hasattr(items, "__getitem__")) or not len(items):
        raise DataError(
            f"{name}: {type(items).__name__} has no samples that can be asked for by number; give a map-style Dataset "
            "of (spikes, label) with at least one"
        )
    first, _ = _item(items, 0, name)
    lists: list[Any] = [getattr(items, key, None) for key in LABELS]
    told = next((one for one in lists if hasattr(one, "__len__") and len(one) == len(items)), None)
    if told is None:
        told = [_item(items, index, name)[1] for index in range(len(items))]
    classes = np.array([int(one) for one in told], np.int64)
    labels_B = check_kinds(name, (len(items), *first.shape), first.dtype, classes)

    def read(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for chosen in batches:
            found = np.empty((len(chosen), *first.shape), first.dtype)
            for row, index in enumerate(chosen):
                found[row], label = _item(items, int(index), name, first.shape)
                if label != labels_B[index]:
                    raise DataError(
                        f"{name}: sample {index} has label {label}, the Dataset's list says {labels_B[index]}; make "
                        "both the same"
                    )
            if kind == "real":
                yield found.reshape(*found.shape[:2], -1).astype(np.float32, copy=False)
            else:
                yield check_values(name, found, chosen, counts=kind == "counts")

    return SampleSource(name, labels_B, first.shape[0], first.shape[1:], read, kind=kind)


def _item(items: Any, index: int, name: str, shape: tuple[int, ...] | None = None) -> tuple[np.ndarray, int]:
    try:
        spikes, label = items[index]
        found, label = np.asarray(spikes.detach().cpu() if hasattr(spikes, "detach") else spikes), int(label)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: sample {index} is no pair of spikes (steps, channels) and label ({error})") from None
    if shape not in (None, found.shape):
        raise DataError(f"{name}: sample {index} has shape {found.shape}, the first one {shape}; bin all alike")
    return found, label
