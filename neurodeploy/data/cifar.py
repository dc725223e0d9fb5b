"""CIFAR-10 and CIFAR-100 as their owner ships them: the binary version, or the Python one, whose pickles may build
arrays of bytes alone.

A picture has 3,072 bytes: red, green, blue, rows, columns. In the binary version a byte of label comes before each, of
CIFAR-100 two, of which the second is the class.

Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import functools
import io
import math
import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neurodeploy.data.archive import archives, fingerprint, opened
from neurodeploy.data.dataset import Samples, Source
from neurodeploy.data.fetch import other_than_published, present
from neurodeploy.data.idx import shown
from neurodeploy.data.recordings import PARTS, THINGS
from neurodeploy.data.settings import Wanted
from neurodeploy.errors import DataError

SHAPE = (3, 32, 32)
BYTES = math.prod(SHAPE)
BATCH = re.compile(r"(?:^|/)(?P<part>data|test)_batch(?:_\d+)?(?P<binary>\.bin)?$")
OFFICIAL = (50_000, 10_000)


class Edition(NamedTuple):
    """One of the two.

    Attributes:
        batch: Ends of its files' paths.
        needed: They, for messages.
        n_labels: Bytes before a picture in the binary version; the last is the class.
        labels: Their key in the Python version.
        classes: Their names; where there are none, those of `fine_label_names.txt`.
    """

    title: str
    batch: re.Pattern[str]
    needed: str
    n_labels: int
    labels: bytes
    rule: str
    classes: tuple[str, ...] = ()


CIFAR10 = Edition(
    "CIFAR-10",
    BATCH,
    "data_batch_1 to 5 and test_batch of cifar-10-binary.tar.gz or cifar-10-python.tar.gz",
    1,
    b"labels",
    "parts: official (data_batch_1 to 5, and test_batch)",
    THINGS,
)
CIFAR100 = Edition(
    "CIFAR-100",
    re.compile(r"(?:^|/)(?P<part>train|test)(?P<binary>\.bin)?$"),
    "train and test of cifar-100-binary.tar.gz or cifar-100-python.tar.gz",
    2,
    b"fine_labels",
    "parts: official (train and test)",
)
ARRAY = {(f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")} | {("numpy", "ndarray")}


def load_cifar(edition: Edition, source: Source, wanted: Wanted, split: str) -> Samples:
    """Return pictures and labels of the two parts, of which one byte a pixel and colour is held.

    Raises:
        DataError: a file is absent, damaged, or asks for anything but arrays.
    """
    root = present(source, source.file)
    classes, parts = _parts(edition, root, fingerprint(root))
    chosen = [is_test for is_test in (False, True) if split == "all" or is_test == (split == "test")]
    if not all(len(parts[is_test][1]) for is_test in chosen):
        raise DataError("holds no pictures of the part that is needed", f"copy {edition.needed}", where=root)
    samples = shown(source, wanted, [(*parts[is_test], is_test) for is_test in chosen], classes)
    notes = [
        f"{source.name}: {len(parts[is_test][1]):,} of {OFFICIAL[is_test]:,} pictures of the {PARTS[is_test]} are there"
        for is_test in chosen
        if len(parts[is_test][1]) != OFFICIAL[is_test]
    ]
    notes += other_than_published(source, archives(root))
    return replace(samples, data=replace(samples.data, notes=tuple(notes)), rule=edition.rule)


@functools.lru_cache(maxsize=2)
def _parts(edition: Edition, root: Path, version: str) -> tuple[tuple[str, ...], list[tuple[np.ndarray, np.ndarray]]]:
    """Return the classes, and pictures (B, 3, 32, 32) and labels (B,), to train and to test."""
    with opened(root) as files:
        told = {name: match for name in files if (match := edition.batch.search(name))}
        if not told:
            raise DataError(f"holds no batch of {edition.title}", f"name the folder with {edition.needed}", where=root)
        binary = any(match["binary"] for match in told.values())
        parts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for name, match in told.items():
            if bool(match["binary"]) == binary:
                try:
                    rows = (_binary if binary else _pickled)(edition, files[name]())
                except DataError as error:
                    raise error.inside(root, name) from None
                parts[match["part"] == "test"].append(rows)
        words = [files[name]().decode().split() for name in files if name.endswith("fine_label_names.txt")]
    found = tuple(np.concatenate([np.zeros((0, 1 + BYTES), np.uint8), *one]) for one in parts)
    for rows in found:
        rows.flags.writeable = False  # they are handed to everybody who asks
    classes = edition.classes or tuple(words[0] if words else ())
    return classes, [(rows[:, 1:].reshape(-1, *SHAPE), rows[:, 0]) for rows in found]


def _binary(edition: Edition, content: bytes) -> np.ndarray:
    """Return label and bytes of each picture."""
    size = edition.n_labels + BYTES
    if not content or len(content) % size:
        raise DataError(f"is cut off: {len(content)} bytes of pictures, {size} each", "copy it again")
    return np.frombuffer(content, np.uint8).reshape(-1, size)[:, edition.n_labels - 1 :]


class _Stored:
    """What a pickle says of an array or its type: nothing is made of it but this."""

    def __init__(self, *told: Any) -> None:
        self.told, self.state = told, ()

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):  # how Python 3 writes bytes for Python 2
            return lambda text, _: text.encode("latin1")
        if (module, name) in ARRAY | {("numpy", "dtype")}:
            return _Stored
        raise DataError(f"asks for {module}.{name}, only arrays of bytes are read", "take the binary version")


def _pickled(edition: Edition, content: bytes) -> np.ndarray:
    """Return label and bytes of each picture."""
    try:
        found = _Reader(io.BytesIO(content), encoding="bytes").load()
        told = {key if isinstance(key, bytes) else key.encode(): value for key, value in found.items()}
        labels, (_, shape, kind, by_columns, content) = told[edition.labels], told[b"data"].state
        if kind.told[0] not in ("u1", b"u1") or by_columns or shape[1:] != (BYTES,):
            raise ValueError(f"its data are {kind.told[0]} of shape {shape}")
        pictures = np.frombuffer(content, np.uint8).reshape(shape)
        return np.concatenate([np.array(labels, np.uint8)[:, None], pictures], axis=1)
    except DataError:
        raise
    except Exception as error:  # pickle and what it holds raise many kinds
        reason = str(error) or type(error).__name__
        raise DataError(f"is no batch of {edition.title}'s Python version ({reason})", "copy it again") from None
