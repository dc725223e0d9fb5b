"""Clips of Speech Commands, of which three words have enough to be learnt, as log-mel features, not spikes.

Source: Warden, arXiv:1804.03209, 2018, whose lists keep each speaker in one part.
"""

from dataclasses import replace

import numpy as np

from neurodeploy.data.cache import identity
from neurodeploy.data.dataset import Samples, Source
from neurodeploy.data.features import Mel, recorded_features
from neurodeploy.data.fetch import present
from neurodeploy.data.settings import Wanted
from neurodeploy.data.speech_spikes import TEST, VALIDATION, recordings

MEL = Mel(64, "hann", padded=True)
WORDS = ("bed", "cat", "happy", "unknown")
"""The last stands for every other word."""
NOTE = "no speaker of the test part is in another part; unknown is every word but bed, cat and happy"


def load_speech_commands_mel(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return words of 64 log-mel bins in the official parts.

    Raises:
        DataError: the file is damaged, or of another rate.
    """
    path = present(source, source.file, source.sha256)
    clips, _, said = recordings(path, "partition", "words", rate_hz=MEL.rate_hz)
    known = {word: number for number, word in enumerate(WORDS)}
    number_of = np.array([known.get(str(word), len(WORDS) - 1) for word in said["words"]])
    identities = [f"{source.sha256 or identity(path)}:{number}" for number in range(len(clips))]
    labels = number_of[said["label"]]
    data = recorded_features(source.name, identities, clips.__getitem__, MEL, labels, wanted.n_steps, WORDS)
    parts = said["partition"] == TEST, said["partition"] == VALIDATION
    return Samples(replace(data, notes=(NOTE,)), *parts, "parts: the official lists of Speech Commands")
