"""A torch Dataset is samples like any other, read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from neurodeploy.data.torch_dataset import from_torch
from neurodeploy.errors import DataError

SPIKES = (np.random.default_rng(0).random((9, 5, 2, 3, 3)) < 0.3).astype(np.uint8)
LABELS = np.arange(9) % 4


class Pairs(Dataset):
    """Counts how often each sample is read."""

    def __init__(self, spikes: Any = SPIKES, labels: Any = LABELS) -> None:
        self.spikes, self.classes, self.reads = spikes, labels, 0

    def __len__(self) -> int:
        return len(self.spikes)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        self.reads += 1
        return self.spikes[index], self.classes[index]


@pytest.mark.parametrize(
    "data",
    [
        Pairs(),
        TensorDataset(torch.from_numpy(SPIKES).float(), torch.from_numpy(LABELS)),
        DataLoader(Pairs(), batch_size=4, shuffle=True),
    ],
    ids=["arrays", "tensors", "loader"],
)
def test_samples_keep_their_order_shape_and_class(data: Any) -> None:
    source = from_torch(data)
    assert (len(source), source.n_steps, source.shape, source.kind) == (9, 5, (2, 3, 3), "binary")
    assert source.labels_B.tolist() == LABELS.tolist()
    found = source.at([8, 0, 3, 3])
    assert found.spikes_BTI.dtype == np.uint8
    np.testing.assert_array_equal(found.spikes_BTI, SPIKES[[8, 0, 3, 3]].reshape(4, 5, 18))
    np.testing.assert_array_equal(
        np.concatenate([one.spikes_BTI for one in source.batches(4)]), SPIKES.reshape(9, 5, 18)
    )


def test_with_a_list_of_classes_nothing_is_read_before_it_is_asked_for() -> None:
    data = Pairs()
    data.targets = torch.from_numpy(LABELS)  # type: ignore[attr-defined]
    source = from_torch(data)
    assert data.reads == 1  # for the shape
    source.at([4, 5])
    assert data.reads == 3
    data.classes = LABELS[::-1]
    with pytest.raises(DataError, match=r"^mine: sample 1 has label 3, the Dataset's list says 1"):
        from_torch(data, name="mine").at([1])


def test_counts_and_real_values_are_taken_as_such() -> None:
    counts = SPIKES.astype(np.int64) * 300
    assert from_torch(Pairs(counts), kind="counts").at([2]).spikes_BTI.dtype == np.uint16
    np.testing.assert_array_equal(
        from_torch(Pairs(counts), kind="counts").at([2]).spikes_BTI[0], counts[2].reshape(5, 18)
    )
    assert from_torch(Pairs(counts / 7), kind="real").at([2]).spikes_BTI.dtype == np.float32
    with pytest.raises(DataError, match=r"^data: sample 2 holds values from 0 to 300, only 0 and 1"):
        from_torch(Pairs(counts)).at([2])


@pytest.mark.parametrize("labels", [None, 9, lambda: LABELS], ids=["none", "a number", "a method"])
def test_labels_that_are_no_list_are_not_taken_for_one(labels: Any) -> None:
    data = Pairs()
    data.labels = labels  # type: ignore[attr-defined]
    np.testing.assert_array_equal(from_torch(data).labels_B, LABELS)


class Endless(IterableDataset):
    def __iter__(self) -> Iterator[Any]:
        return iter(())


UNEQUAL = [*SPIKES[:8], SPIKES[8, :4]]
BAD: dict[str, tuple[Any, str]] = {
    "no length": (Endless(), "Endless has no samples that can be asked for by number"),
    "empty": (Pairs(SPIKES[:0]), "Pairs has no samples"),
    "no pair": ([1, 2], r"sample 0 is no pair of spikes \(steps, channels\) and label"),
    "no label": (Pairs(labels=["one"] * 9), "sample 0 is no pair"),
    "a flat sample": (Pairs(SPIKES[:, :, 0, 0, 0]), r"spikes have shape \(9, 5\)"),
    "another shape": (Pairs(UNEQUAL), r"sample 8 has shape \(4, 2, 3, 3\), the first one \(5, 2, 3, 3\)"),
}


@pytest.mark.parametrize("case", BAD, ids=lambda name: name.replace(" ", "-"))
def test_what_is_no_such_dataset_is_told(case: str) -> None:
    data, says = BAD[case]
    with pytest.raises(DataError, match=f"^data: {says}"):
        from_torch(data).whole()
