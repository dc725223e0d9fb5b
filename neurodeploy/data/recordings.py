"""Recordings of event cameras in the folders of their owners: which there are, of what class, and in which part."""

import functools
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from neurodeploy.data.archive import Files, names
from neurodeploy.data.cameras import aedat31, checked, dvs128_aedat2, nmnist_bin, tonic_npy
from neurodeploy.data.nmnist import DIGITS
from neurodeploy.errors import DataError

THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
GESTURES = (
    *("hand clapping", "right hand wave", "left hand wave", "right arm clockwise", "right arm counter clockwise"),
    *("left arm clockwise", "left arm counter clockwise", "arm roll", "air drums", "air guitar", "other gestures"),
)
PARTS = ("training part", "test part")
LISTS = ("trials_to_train.txt", "trials_to_test.txt")
AGAIN, ONE_FOLDER = "copy the folder again", "name the one folder that is to be read"


@dataclass(frozen=True, eq=False)
class Recording:
    """A sample that is not read yet.

    Attributes:
        name: Its path without what lies above the data set, and without an ending.
        is_test: Its part; None where the folders do not say.
        read: Gives its events, not checked.
        notes: What is to be said of it.
    """

    name: str
    label: int
    is_test: bool | None
    read: Callable[[], np.ndarray]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """How a data set lies in its folder.

    Attributes:
        wanted: What its files look like, for messages.
        pattern: The end of a recording's path: `label` is its class or its number, `part` or `number` tells its part.
        decode: Makes events of a file; one in AEDAT 3.1 holds several recordings.
        shape: Rows and columns of the sensor.
        official: Recordings of the whole data set, to train and to test.
        rule: How the parts are made, in words.
        test: Numbers of the files for tests, where these tell the part.
    """

    wanted: str
    pattern: str
    decode: Callable[[bytes], np.ndarray]
    shape: tuple[int, int]
    classes: tuple[str, ...]
    official: tuple[int, int]
    rule: str
    test: range = range(0)

    def matches(self, name: str) -> re.Match[str] | None:
        """Return what a file's path says, where it is a recording."""
        return re.search(f"(?:^|/)({self.pattern})$", name)

    def recordings(self, files: Files) -> list[Recording]:
        """Return all recordings, in the order of their paths.

        Raises:
            DataError: there are none, one is there twice, a class is missing, or a list names what is not there.
        """
        told = {name: match for name in files if (match := self.matches(name))}
        if not told:
            other = any(name.endswith(".aedat4") for name in files)
            hint = "take the original files, AEDAT 4 is not read" if other else "name the folder that holds them"
            raise DataError(f"holds no {self.wanted}", hint)
        find = self._trials(files) if self.decode is aedat31 else (self._one(files[name], told[name]) for name in told)
        found = list(find)
        twice, times = Counter(one.name for one in found).most_common(1)[0]
        if times > 1:
            raise DataError(f"holds {twice} {times} times", ONE_FOLDER)
        for part in {one.is_test for one in found}:
            missing = set(range(len(self.classes))) - {one.label for one in found if one.is_test == part}
            if missing:
                inside = "" if part is None else f" in its {PARTS[part]}"
                raise DataError(f"holds no recording of class {self.classes[min(missing)]}{inside}", AGAIN)
        return found

    def events(self, recording: Recording) -> np.ndarray:
        """Return a recording's events, a structured array of t (microseconds), x, y and p.

        Raises:
            DataError: the file is damaged or empty, times go backwards, or an event lies outside the sensor.
        """
        return checked(recording.read(), self.shape)

    def _one(self, read: Callable[[], bytes], told: re.Match[str]) -> Recording:
        label, is_test = told["label"], None
        if self.test:
            is_test = int(told["number"]) in self.test
        elif told["part"]:
            is_test = told["part"].lower() == "test"
        number = self.classes.index(label) if label in self.classes else int(label)
        return Recording(told[1].rpartition(".")[0], number, is_test, lambda: self.decode(read()))

    def _trials(self, files: Files) -> Iterable[Recording]:
        """Yield the trials of the users that the two lists name, cut as their tables say."""
        paths = {name.rpartition("/")[2]: name for name in files}
        copies = Counter(name.rpartition("/")[2] for name in files)

        def only(name: str, why: str) -> str:
            if copies[name] > 1:
                raise DataError(f"holds {name} {copies[name]} times", ONE_FOLDER)
            if not copies[name]:
                raise DataError(f"lacks {name}, which {why}", AGAIN)
            return paths[name]

        whole = functools.lru_cache(maxsize=1)(lambda path: checked(aedat31(files[path]()), self.shape))
        for is_test, name in enumerate(LISTS):
            for line in files[only(name, "tells the parts")]().decode("utf-8", "replace").split():
                user, why = line.removesuffix(".aedat"), f"{name} asks for"
                recording, table = only(line, why), f"{user}_labels.csv"
                trials = _table(table, files[only(table, why)]())
                notes = _overlaps(table, trials)
                for number, (label, start, end) in enumerate(trials):
                    cut = partial(_cut, whole, recording, start, end)
                    yield Recording(f"{user}/{number}", label - 1, bool(is_test), cut, notes)


def _table(name: str, content: bytes) -> list[tuple[int, int, int]]:
    """Return class, first microsecond and that after the last of each trial."""
    found = []
    for number, line in enumerate(content.decode("utf-8", "replace").split()[1:], 2):
        cells = line.split(",")
        label, start, end = map(int, cells) if len(cells) == 3 and all(map(str.isdecimal, cells)) else (0, 0, 0)
        if not 1 <= label <= len(GESTURES) or start >= end:
            needed = "a class of 1..11, and microseconds of a start before its end, are needed"
            raise DataError(f"{name}: line {number} is {line!r}, {needed}", AGAIN)
        found.append((label, start, end))
    return found


def _overlaps(table: str, trials: list[tuple[int, int, int]]) -> tuple[str, ...]:
    """Return a note on trials that overlap: the official table of user22_led has one."""
    return tuple(
        f"{table}: class {one[0]} ends {one[2] - other[1]} us after class {other[0]} starts; events between are in both"
        for one, other in itertools.pairwise(sorted(trials, key=lambda one: one[1]))
        if one[2] > other[1]
    )


def _cut(whole: Callable[[str], np.ndarray], path: str, start: int, end: int) -> np.ndarray:
    events = whole(path)
    return events[slice(*np.searchsorted(events["t"], (start, end)))]


_CIFAR10DVS = partial(
    Layout,
    "CIFAR10-DVS: airplane/cifar10_airplane_0.aedat and so on",
    rf"(?P<label>{'|'.join(THINGS)})/cifar10_(?P=label)_(?P<number>\d+)\.aedat",
    dvs128_aedat2,
    (128, 128),
    THINGS,
    (9_000, 1_000),
)
CAMERAS: dict[str, dict[str, Layout]] = {
    "nmnist": {
        "official": Layout(
            "N-MNIST: Train/0/00001.bin and so on",
            r"(?i:(?:(?P<part>train|test)/)?(?P<label>\d)/\w+\.bin)",
            nmnist_bin,
            (34, 34),
            DIGITS,
            (60_000, 10_000),
            "the folders Train and Test",
        )
    },
    "cifar10dvs": {
        "last_100": _CIFAR10DVS("test: files 900 to 999 of each class, as in the PLIF paper", range(900, 1000)),
        "first_100": _CIFAR10DVS("test: files 0 to 99 of each class, as in SpikingJelly's split for TEBN", range(100)),
    },
    "dvs128_gesture": {
        "official": Layout(
            "DVS128 Gesture: user01_fluorescent.aedat and so on",
            r"user\d+_\w+\.aedat",
            aedat31,
            (128, 128),
            GESTURES,
            (1_176, 288),
            "trials_to_train.txt and trials_to_test.txt, trials cut by the tables of labels",
        ),
        "tonic": Layout(
            "tonic's DVS128 Gesture: ibmGestureTrain/user01_fluorescent/0.npy and so on",
            r"ibmGesture(?P<part>Train|Test)/[^/]+/(?P<label>\d|10)\.npy",
            tonic_npy,
            (128, 128),
            GESTURES,
            (1_077, 264),
            "tonic's ibmGestureTrain and ibmGestureTest, which have 264 test samples, not 288",
        ),
    },
}
"""Of each data set, by the name of its parts."""


def layout_of(root: Path) -> tuple[str, str] | None:
    """Return the data set that a folder or an archive holds, and its parts' name; None where it holds none.

    Raises:
        DataError: an archive is damaged.
    """
    kinds = [(name, partition, one) for name, parts in CAMERAS.items() for partition, one in parts.items()]
    found = ((name, part) for path in names(root) for name, part, layout in kinds if layout.matches(path))
    return next(found, None)
