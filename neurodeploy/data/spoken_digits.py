"""The Free Spoken Digit Dataset as log-mel features of its recordings, real values, not spikes.

Source: Z. Jackson et al., DOI 10.5281/zenodo.1342401; recordings 0 to 4 of every speaker and digit are its test part.
"""

from dataclasses import replace

import numpy as np

from neurodeploy.data.cache import identity
from neurodeploy.data.dataset import Samples, Source
from neurodeploy.data.features import Mel, recorded_features
from neurodeploy.data.fetch import present
from neurodeploy.data.settings import Wanted
from neurodeploy.data.speech_spikes import DIGITS, OF_DIGITS, digit_parts, recordings
from neurodeploy.data.spikes import check_classes

MEL = Mel(64, "hann", 8000, padded=True)
NOTE = "the speakers of the test part are those of the training part"


def load_fsdd_mel(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return spoken digits of 64 log-mel bins; validation samples come out of the training file.

    Raises:
        DataError: a file is damaged, or of another rate.
    """
    sounds: list[np.ndarray] = []
    identities: list[str] = []
    is_test: list[bool] = []
    said: list[dict[str, np.ndarray]] = []
    for file, sha256 in source.files_of(split):
        path = present(source, file, sha256)
        clips, _, extra = recordings(path, *OF_DIGITS, rate_hz=MEL.rate_hz)
        sounds += clips
        identities += [f"{sha256 or identity(path)}:{number}" for number in range(len(clips))]
        is_test += ["test" in file] * len(clips)
        said.append(extra)
    whole = {name: np.concatenate([one[name] for one in said]) for name in ("label", "speaker", "index")}
    names = said[0].get("speaker_names", np.empty(0))
    labels, tests = whole["label"].astype(np.int64), np.array(is_test)
    check_classes(source.name, labels, source.n_classes)
    data = recorded_features(source.name, identities, sounds.__getitem__, MEL, labels, wanted.n_steps, DIGITS)
    parts = digit_parts(wanted, tests, whole | {"speaker_names": names})
    return Samples(replace(data, notes=(NOTE,)), tests, *parts)
