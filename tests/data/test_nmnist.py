"""The event-camera digits: which part is read, and where an event lands."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.data.load import open_samples


@pytest.mark.data
def test_events_land_in_their_step_polarity_row_and_column() -> None:
    found = open_samples("nmnist_small")
    assert (len(found), found.n_steps, found.shape) == (72, 300, (2, 34, 34))
    with np.load(Path(os.environ["NEURODEPLOY_DATA"]) / "nmnist_small" / "nmnist_test.npz") as stored:
        ends, x, y, dt_us = (stored[key] for key in ("offsets", "x", "y", "dt_us"))
        on = np.unpackbits(stored["p_packed"])[: len(x)]
        assert found.labels_B.tolist() == stored["label"].tolist()
    for sample in (0, 41):
        expected = np.zeros((300, 2, 34, 34), np.uint8)
        now = 0
        for event in range(ends[sample], ends[sample + 1]):
            now += int(dt_us[event])
            if now < 300_000:
                expected[now // 1000, on[event], y[event], x[event]] = 1
        assert (found.at([sample]).spikes_BTI[0] == expected.reshape(300, -1)).all()
