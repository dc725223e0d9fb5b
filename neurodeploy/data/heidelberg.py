"""The Spiking Heidelberg Digits and the Spiking Speech Commands, from their official files.

Source: Cramer, Stradmann, Schemmel, Zenke, IEEE TNNLS 33, 2744-2757, 2022; https://zenkelab.org/datasets/.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurodeploy.data.binning import N_UNITS, Binning, Counts
from neurodeploy.data.cache import KeptCounts, cache_folder, identity, kept_counts, key_of
from neurodeploy.data.dataset import PAPER, SPEAKERS, Samples, Source, flags, held_out, together
from neurodeploy.data.fetch import present
from neurodeploy.data.files import count_lists
from neurodeploy.data.settings import Wanted
from neurodeploy.data.unpack import plain_file
from neurodeploy.errors import DataError

LARGE = 50_000_000
"""Bytes of a file that takes long enough to be announced."""
TRAIN, VALIDATION, TEST = "train", "validation", "test"


def load_shd(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return spoken digits; there is no official validation part, so speakers are held out of the training file."""
    files = {TRAIN: "shd/shd_train.h5", TEST: "shd/shd_test.h5"}
    from_test = split == TEST or (split == VALIDATION and wanted.partition == PAPER)
    parts = [TRAIN, TEST] if split == "all" else [TEST if from_test else TRAIN]
    found = [_kept(source, files[part], wanted) for part in parts]
    is_test, is_validation = flags(found, [part == TEST for part in parts]), None
    rule = "validation: a seeded share of each class, out of the training file"
    if wanted.partition == PAPER:
        rule = "validation: the test part itself, as in the paper, so the model was selected on the test part"
        is_validation = is_test
    elif is_test.all():
        rule = ""
    elif wanted.partition == SPEAKERS:
        trained = found[parts.index(TRAIN)]
        if "speaker" not in trained.extra:
            raise DataError(
                f"{source.path(files[TRAIN])}: lacks extra/speaker with one number per sample, by which the validation "
                "part is held out; take the official file, or set data.partition = stratified"
            )
        out = held_out(trained.extra["speaker"], wanted.validation_part)
        is_validation = np.zeros(len(is_test), bool)
        is_validation[~is_test] = np.isin(trained.extra["speaker"], out)
        names = ", ".join(map(str, out))
        rule = f"validation: speakers {names} of the training file, of whom no sample is trained on"
    return together(source, wanted, found, _names(found), is_test, is_validation, rule)


def load_ssc(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return spoken words in the official parts."""
    files = {TRAIN: "ssc/ssc_train.h5", VALIDATION: "ssc/ssc_valid.h5", TEST: "ssc/ssc_test.h5"}
    parts = list(files) if split == "all" else [split]
    found = [_kept(source, files[part], wanted) for part in parts]
    is_test, is_validation = (flags(found, [part == one for part in parts]) for one in (TEST, VALIDATION))
    return together(source, wanted, found, _names(found), is_test, is_validation, "parts: the official files")


def _names(found: Sequence[KeptCounts]) -> list[str]:
    return [str(word) for word in found[0].extra.get("keys", ())]


def _kept(source: Source, file: str, wanted: Wanted) -> KeptCounts:
    assert wanted.binning is not None
    return read_official(source.name, present(source, file), wanted.binning, source.n_classes)


def read_official(name: str, path: Path, binning: Binning, n_classes: int, n_units: int = N_UNITS) -> KeptCounts:
    """Return the samples of one file in the official layout, packed or not.

    Raises:
        DataError: the file is damaged, an array is missing, or a sample is not allowed; the message names it.
    """

    def make(add: Callable[[Counts], None]) -> dict[str, np.ndarray]:
        if path.stat().st_size > LARGE:
            print(f"{name}: binning {path.name}, once for these settings; kept in {cache_folder()}", file=sys.stderr)
        with plain_file(path) as plain:
            try:
                labels = count_lists(plain, binning, n_units, add)
                extra = _extra(plain, len(labels), n_classes)
            except DataError as error:
                raise error.at(path) from None
        odd = np.flatnonzero((labels < 0) | (labels >= n_classes))
        if len(odd):
            raise DataError(
                f"{path}: sample {odd[0]} has label {labels[odd[0]]}, 0..{n_classes - 1} are allowed; {len(odd)} of "
                f"{len(labels)} samples are affected"
            )
        return extra | {"labels": labels, "file": np.array(path.name)}

    units = {} if n_units == N_UNITS else {"n_units": n_units}
    return kept_counts(name, key_of(file=identity(path), n_classes=n_classes, **units, **vars(binning)), make)


def _extra(path: Path, n_samples: int, n_classes: int) -> dict[str, np.ndarray]:
    """Return who spoke each sample and what the classes are called, where the file says so."""
    found: dict[str, np.ndarray] = {}
    try:
        with h5py.File(path, "r") as stored:
            speaker: Any = stored.get("extra/speaker")
            if isinstance(speaker, h5py.Dataset) and speaker.shape == (n_samples,) and speaker.dtype.kind in "iu":
                found["speaker"] = speaker[()]
            keys: Any = stored.get("extra/keys")
            if isinstance(keys, h5py.Dataset) and keys.shape == (n_classes,):
                words = [word.decode("utf-8") if isinstance(word, bytes) else str(word) for word in keys[()]]
                found["keys"] = np.array(words)
    except Exception as error:  # h5py raises many kinds for damaged files
        raise DataError(f"is a damaged HDF5 file ({error})", "copy it again", where=path) from None
    return found
