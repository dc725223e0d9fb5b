"""The membrane's response on a grid of 1 Hz, worked out once on a machine and kept on disk.

A place answers nothing far above its own frequency: what lies there is left out, half of the numbers.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurodeploy.data.cache import kept_arrays, key_of
from neurodeploy.data.cochlea import basilar_membrane
from neurodeploy.data.cochlea.basilar_membrane import Membrane, model_frequency, places
from neurodeploy.data.cochlea.settings import CochleaSettings
from neurodeploy.progress import Progress, silent

STAGE = "cochlea"
NEGLIGIBLE = 1e-5
"""Of a place's largest response."""
COARSE_HZ = 50
SPARE = 3
"""Points kept beyond the last one, for interpolation."""


@dataclass(frozen=True, eq=False)
class ResponseTable:
    """Responses at 0, 1, 2 ... Hz, one channel after the other.

    Attributes:
        values: complex64, all channels.
        starts: Where each channel starts in `values`, and where the last one ends (C + 1).
    """

    values: np.ndarray
    starts: np.ndarray


def response_table(settings: CochleaSettings, progress: Progress = silent) -> ResponseTable:
    """Return the table for a rate and a number of channels, from the disk where it was made before."""
    source = hashlib.sha256(Path(basilar_membrane.__file__).read_bytes() + Path(__file__).read_bytes()).hexdigest()
    key = key_of(rate=settings.rate, channels=settings.channels, source=source)
    found = kept_arrays("cochlea", key, lambda: _made(settings, progress))
    return ResponseTable(found["values"], found["starts"])


def _made(settings: CochleaSettings, progress: Progress) -> dict[str, np.ndarray]:
    highest = settings.step_rate
    fine = Membrane(model_frequency(np.arange(highest + 1), settings.rate))
    coarse_hz = np.arange(COARSE_HZ // 2, highest + 1, COARSE_HZ)
    coarse = Membrane(model_frequency(coarse_hz, settings.rate))
    parts = []
    for channel, place in enumerate(places(settings.channels)):
        progress(STAGE, channel, settings.channels, "the membrane's response, once on this machine")
        size = np.abs(coarse.response(place))
        last = int(coarse_hz[np.flatnonzero(size > NEGLIGIBLE * size.max())[-1]]) + COARSE_HZ + SPARE
        parts.append(fine.first(last).response(place).astype(np.complex64))
    progress(STAGE, settings.channels, settings.channels, "the membrane's response, once on this machine")
    starts = np.cumsum([0, *(len(one) for one in parts)])
    return {"values": np.concatenate(parts), "starts": starts}
