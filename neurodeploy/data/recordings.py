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
from neurodeploy.errors import DataError

DIGITS = tuple(map(str, range(10)))
THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
GESTURES = (
    *("hand clapping", "right hand wave", "left hand wave", "right arm clockwise", "right arm counter clockwise"),
    *("left arm clockwise", "left arm counter clockwise", "arm roll", "air drums", "air guitar", "other gestures"),
)
PARTS = ("training part", "test part")
LISTS = ("trials_to_train.txt", "trials_to_test.txt")


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
        pattern: Of a recording's path, from its end; `label` names its class, by one of `labels`.
        decode: Makes events of a file.
        is_test: Tells the part from the path.
        shape: Rows and columns of the sensor.
        rule: How the parts are made, in words.
        official: Recordings of the whole data set, to train and to test.
        find: Finds recordings where a file holds several.
    """

    wanted: str
    pattern: str
    decode: Callable[[bytes], np.ndarray]
    is_test: Callable[[re.Match[str]], bool | None]
    shape: tuple[int, int]
    classes: tuple[str, ...]
    labels: tuple[str, ...]
    rule: str
    official: tuple[int, int]
    find: "Callable[[Layout, Files], Iterable[Recording]] | None" = None

    def matches(self, name: str) -> re.Match[str] | None:
        """Return what a file's path says, where it is a recording."""
        return re.search(f"(?:^|/)({self.pattern})$", name)

    def recordings(self, files: Files) -> list[Recording]:
        """Return all recordings, in the order of their paths.

        Raises:
            DataError: there are none, one is there twice, a class is missing, or a list names what is not there.
        """
        found = list(self.find(self, files) if self.find else self._each(files))
        if not found:
            other = next((name for name in files if name.endswith(".aedat4")), None)
            hint = "take the original files, AEDAT 4 is not read" if other else "name the folder that holds them"
            raise DataError(f"holds no {self.wanted}", hint)
        twice, times = Counter(one.name for one in found).most_common(1)[0]
        if times > 1:
            raise DataError(f"holds {twice} {times} times", "name the one folder that is to be read")
        for part in dict.fromkeys(one.is_test for one in found):
            missing = set(range(len(self.classes))) - {one.label for one in found if one.is_test == part}
            if missing:
                inside = "" if part is None else f" in its {PARTS[part]}"
                raise DataError(
                    f"holds no recording of class {self.labels[min(missing)]}{inside}", "copy the folder again"
                )
        return found

    def events(self, recording: Recording) -> np.ndarray:
        """Return a recording's events, a structured array of t (microseconds), x, y and p.

        Raises:
            DataError: the file is damaged or empty, times go backwards, or an event lies outside the sensor.
        """
        return checked(recording.read(), self.shape)

    def _each(self, files: Files) -> Iterable[Recording]:
        for name, read in files.items():
            told = self.matches(name)
            if told and told["label"] in self.labels:
                label = self.labels.index(told["label"])
                name = told[1].rpartition(".")[0]
                yield Recording(name, label, self.is_test(told), partial(_decoded, self, read))


def _decoded(layout: Layout, read: Callable[[], bytes]) -> np.ndarray:
    return layout.decode(read())


def _named_part(told: re.Match[str]) -> bool | None:
    return None if told["part"] is None else told["part"].lower() == "test"


def _gestures(layout: Layout, files: Files) -> Iterable[Recording]:
    """Yield the trials of the users that the two lists name, cut as their tables say."""
    paths = {name.rpartition("/")[2]: name for name in files}
    if not any(map(layout.matches, files)):
        return
    missing = [name for name in LISTS if name not in paths]
    if missing:
        raise DataError(f"lacks {missing[0]}, which tells the parts", "copy the whole folder")
    whole = functools.lru_cache(maxsize=1)(lambda path: checked(aedat31(files[path]()), layout.shape))
    for is_test, name in enumerate(LISTS):
        for line in files[paths[name]]().decode("utf-8", "replace").split():
            if not {line, table := line.removesuffix(".aedat") + "_labels.csv"} <= set(paths):
                absent = line if line not in paths else table
                raise DataError(f"lacks {absent}, which {name} asks for", "copy the whole folder")
            trials = _trials(table, files[paths[table]]())
            notes = _overlaps(table, trials)
            for number, (label, start, end) in enumerate(trials):
                cut = partial(_cut, whole, paths[line], start, end)
                yield Recording(f"{line.removesuffix('.aedat')}/{number}", label - 1, bool(is_test), cut, notes)


def _trials(table: str, content: bytes) -> list[tuple[int, int, int]]:
    """Return class, first microsecond and that after the last of each trial."""
    found = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines()[1:], 2):
        cells = line.replace(",", " ").split()
        if not cells:
            continue
        if len(cells) != 3 or not all(map(str.isdecimal, cells)):
            raise DataError(f"{table}: line {number} is {line!r}, class,start,end in whole numbers is needed")
        label, start, end = map(int, cells)
        if not 1 <= label <= len(GESTURES) or start >= end:
            told = f"line {number} says class {label} from {start} to {end} us"
            raise DataError(f"{table}: {told}, a class of 1..11 and a start before its end are needed")
        found.append((label, start, end))
    return found


def _overlaps(table: str, trials: list[tuple[int, int, int]]) -> tuple[str, ...]:
    """Return a note on trials that overlap: the official table of user22_led has one."""
    rising = sorted(trials, key=lambda one: one[1])
    return tuple(
        f"{table}: class {one[0]} ends {one[2] - other[1]} us after class {other[0]} starts; events between are in both"
        for one, other in itertools.pairwise(rising)
        if one[2] > other[1]
    )


def _cut(whole: Callable[[str], np.ndarray], path: str, start: int, end: int) -> np.ndarray:
    events = whole(path)
    return events[slice(*np.searchsorted(events["t"], (start, end)))]


_NMNIST = Layout(
    "N-MNIST: Train/0/00001.bin and so on",
    r"(?i:(?:(?P<part>train|test)/)?(?P<label>\d)/\w+\.bin)",
    nmnist_bin,
    _named_part,
    (34, 34),
    DIGITS,
    DIGITS,
    "the folders Train and Test",
    (60_000, 10_000),
)
_CIFAR10DVS = partial(
    Layout,
    "CIFAR10-DVS: airplane/cifar10_airplane_0.aedat and so on",
    r"(?P<label>[a-z]+)/cifar10_(?P=label)_(?P<number>\d+)\.aedat",
    dvs128_aedat2,
    shape=(128, 128),
    classes=THINGS,
    labels=THINGS,
)
_GESTURE = partial(Layout, is_test=_named_part, shape=(128, 128), classes=GESTURES)
CAMERAS: dict[str, dict[str, Layout]] = {
    "nmnist": {"official": _NMNIST},
    "cifar10dvs": {
        "last_100": _CIFAR10DVS(
            is_test=lambda told: int(told["number"]) >= 900,
            rule="test: files 900 to 999 of each class, as in the PLIF paper",
            official=(9_000, 1_000),
        ),
        "first_100": _CIFAR10DVS(
            is_test=lambda told: int(told["number"]) < 100,
            rule="test: files 0 to 99 of each class, as in SpikingJelly's split for TEBN",
            official=(9_000, 1_000),
        ),
    },
    "dvs128_gesture": {
        "official": _GESTURE(
            "DVS128 Gesture: user01_fluorescent.aedat and so on",
            r"user\d+_\w+\.aedat",
            aedat31,
            labels=tuple(str(1 + label) for label in range(11)),
            rule="trials_to_train.txt and trials_to_test.txt, trials cut by the tables of labels",
            official=(1_176, 288),
            find=_gestures,
        ),
        "tonic": _GESTURE(
            "tonic's DVS128 Gesture: ibmGestureTrain/user01_fluorescent/0.npy and so on",
            r"ibmGesture(?P<part>Train|Test)/[^/]+/(?P<label>\d+)\.npy",
            tonic_npy,
            labels=tuple(str(label) for label in range(11)),
            rule="tonic's ibmGestureTrain and ibmGestureTest, which have 264 test samples, not 288",
            official=(1_077, 264),
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
    for path in names(root):
        for name, partition, layout in kinds:
            if layout.matches(path):
                return name, partition
    return None
