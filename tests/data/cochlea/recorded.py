"""Recorded runs of the program that made SHD and SSC."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from neurodeploy.data.cochlea.settings import CochleaSettings
from tests.needs import golden_file

RECORDED = (
    "sc_happy_48k_win30",
    "sc_yes_48k_win30_odd",
    "sc_three_16k_default",
    "fsdd_3_48k_win30",
    "fsdd_7_48k_win30",
    "tone1k_48k_700ch",
)


@dataclass(frozen=True)
class Recorded:
    """A clip, what was chosen for it, and what each stage gave."""

    samples: np.ndarray
    rate: int
    settings: CochleaSettings
    arrays: dict[str, np.ndarray]


def recorded(name: str) -> Recorded:
    """Return a recorded run, or skip the test where it is absent."""
    path = golden_file("cochlea", f"{name}.npz")
    with np.load(path, allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    ramp_s = float(arrays["window_s"])
    settings = CochleaSettings(
        rate=int(arrays["model_rate"]),
        ramp_s=math.inf if ramp_s < 0 else ramp_s,
        channels=int(arrays["num_channels"]),
    )
    return Recorded(arrays["pcm"] / 32768, int(arrays["pcm_rate"]), settings, arrays)
