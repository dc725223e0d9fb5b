"""Data of one's own as a dataset: a file, or a function of a module that returns a torch Dataset."""

import functools
import importlib
import itertools
import math
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurodeploy.data.binning import Binning, Counts, count_events, dropped_note
from neurodeploy.data.cache import identity
from neurodeploy.data.dataset import Samples, Source, stratified
from neurodeploy.data.event_arrays import FIELD_S, events_inside, pairs, sensor_of, timed
from neurodeploy.data.files import AT_ONCE, LAYOUTS, open_file
from neurodeploy.data.heidelberg import read_official
from neurodeploy.data.npz import open_npz
from neurodeploy.data.settings import DataSettings, Wanted
from neurodeploy.data.spikes import check_classes
from neurodeploy.data.stream import SampleSource, from_counts
from neurodeploy.data.torch_dataset import from_torch
from neurodeploy.errors import DataError

FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
TEST_PART = 0.2
"""Of each class, where no test data are named; as of the digits."""
LOOKED_AT = 64
"""Samples that are read to see whether any number is above 1."""
DT_S = 1e-3
"""A step where nothing says how long one is, and the unit in which the last event is looked for."""
N_STEPS = 250
"""Of timed events, unless they last for fewer milliseconds."""


def is_function(name: str) -> bool:
    """True for `module:function`."""
    return FUNCTION.fullmatch(name) is not None


def is_own(name: str) -> bool:
    """True for a name that can only be a file or a function, there or not."""
    return is_function(name) or (bool(name) and (os.path.exists(name) or any(mark in name for mark in "/\\.")))


def whole_name(name: str) -> str:
    """Return a name that means the same in any folder: of a file its whole path."""
    return name if is_function(name) else os.path.abspath(name)


@dataclass(frozen=True, eq=False)
class Look:
    """What a first look at data shows.

    Attributes:
        n_steps: Of every sample; of timed events, milliseconds until the last one.
        shape: Axes of a step; of timed events, of the units.
        opened: All samples: of dense ones, whether they are counts and not 0 and 1 alone; of timed events, how they are
            binned, and how many units there are.
        timed: They are timed events.
        counts: Dense, and the first samples hold other numbers than 0 and 1.
    """

    labels_B: np.ndarray
    n_steps: int
    shape: tuple[int, ...]
    opened: Callable[[bool, Binning | None, int], SampleSource]
    class_names: tuple[str, ...] = ()
    timed: bool = False
    counts: bool = False

    @property
    def n_units(self) -> int:
        """Values of a step, or units."""
        return math.prod(self.shape)


def look(name: str) -> Look:
    """Return what a file or function holds; looked at once, until the file changes.

    Raises:
        DataError: it is absent or damaged, or the function gives no Dataset.
    """
    if is_function(name):
        return _at_function(name)
    return _at_file(Path(name), identity(Path(name)) if os.path.isfile(name) else "")


@functools.lru_cache(maxsize=8)
def _at_file(path: Path, version: str) -> Look:
    samples = open_file(path, dt_s=DT_S, n_channels=None, counts=True)
    if not h5py.is_hdf5(path):
        return _dense(samples, lambda counts, *_: open_npz(path, LAYOUTS, counts=counts))
    labels_B = samples.labels_B

    def binned(_: bool, binning: Any, n_units: int) -> SampleSource:
        found = read_official(path.name, path, binning, int(labels_B.max()) + 1, n_units)
        names = [str(word) for word in found.extra.get("keys", ())]
        made = from_counts(str(path), found.counts, found.labels, names, binary=not binning.counts)
        return replace(made, notes=dropped_note(path.name, found.dropped))

    return Look(labels_B, samples.n_steps, samples.shape, binned, timed=True)


def _dense(samples: SampleSource, opened: Callable[..., SampleSource]) -> Look:
    few = samples.first(LOOKED_AT).whole().spikes_BTI
    counts = bool(few.max() > 1 or few.min() < 0)
    return Look(samples.labels_B, samples.n_steps, samples.shape, opened, samples.class_names, counts=counts)


@functools.lru_cache(maxsize=8)
def _at_function(name: str) -> Look:
    data = called(name, "a torch Dataset of (spikes, label)")
    items = events_inside(data)
    if items is None:
        dense = from_torch(data, kind="counts", name=name)
        binary = functools.cache(lambda: from_torch(data, name=name))
        return _dense(dense, lambda counts, *_: dense if counts else binary())
    sensor, labels, last_s = sensor_of(items), list[int](), 0.0
    for index, (array, label) in enumerate(pairs(items)):
        if label is None:
            raise DataError(f"{name}: sample {index} has no label; give pairs of events and label")
        labels.append(label)
        last_s = max(last_s, FIELD_S * array["t"].max(initial=0))
    shape = sensor if sensor[1] > 1 else (math.prod(sensor),)

    @functools.lru_cache(maxsize=2)
    def binned(_: bool, binning: Any, n_units: int) -> SampleSource:
        lists, pieces = timed(items, sensor), list[Counts]()
        while some := list(itertools.islice(lists, AT_ONCE)):
            pieces.append(count_events(name, some, binning, n_units, AT_ONCE * len(pieces)))
        axes = shape if binning.spatial_bin == 1 else None
        made = from_counts(name, pieces, np.array(labels), binary=not binning.counts, shape=axes)
        return replace(made, notes=dropped_note(name, sum(one.dropped for one in pieces)))

    return Look(np.array(labels), 1 + int(last_s / DT_S), shape, binned, timed=True)


def called(name: str, what: str) -> Any:
    """Return what a `module:function` gives, called without arguments; modules of this folder are found too.

    Args:
        what: It should give, for the message.

    Raises:
        DataError: there is no such function, or it fails.
    """
    module, _, function = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        return getattr(importlib.import_module(module), function)()
    except Exception as error:  # it is anybody's code
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DataError(f"{name}: cannot be called ({reason}); name MODULE:FUNCTION that returns {what}") from error


def whole_function(name: str, dt_s: float | None, binning: Binning | None, *, counts: bool) -> SampleSource:
    """Return all samples of a function's Dataset.

    Args:
        dt_s: Seconds of a step, for timed events where no `binning` is given.
        counts: The network takes more than 0 and 1.

    Raises:
        DataError: see `look`.
    """
    found, n_units = look(name), 0
    if found.timed:
        dt_s = dt_s or DT_S
        n_steps = math.ceil(found.n_steps * DT_S / dt_s)
        binning = binning or Binning(n_steps, n_steps * dt_s, counts=counts, rule="floor")
        n_units = found.n_units + -found.n_units % binning.spatial_bin
    return found.opened(binning.counts if binning else counts, binning, n_units)


def own_source(settings: DataSettings) -> Source:
    """Return one's own data as a dataset, whose shape, steps and classes are the data's.

    Raises:
        DataError: see `look`.
    """
    name = whole_name(settings.dataset)
    found = look(name)
    tested = found if settings.test is None else look(whole_name(settings.test))
    n_units, wide = max(found.n_units, tested.n_units) if found.timed else found.n_units, settings.spatial_bin or 1
    rule = Binning(min(N_STEPS, found.n_steps), round(found.n_steps * DT_S, 6), rule="floor") if found.timed else None

    def load(source: Source, wanted: Wanted, split: str) -> Samples:
        own = tested if split == "test" else found
        data = own.opened(wanted.counts, wanted.binning, source.n_units)
        if own.timed != found.timed or (data.shape != found.shape and not found.timed) or data.n_steps < wanted.n_steps:
            raise DataError(
                f"{data.name}: steps of shape {data.shape}, {data.n_steps} a sample; {source.name} is used with "
                f"{found.shape}, {wanted.n_steps} a sample; make both alike, or set data.n_steps"
            )
        check_classes(data.name, data.labels_B, source.n_classes)
        n_steps, read = wanted.n_steps, data.read
        if n_steps < data.n_steps:
            data = replace(data, n_steps=n_steps, read=lambda batches: (one[:, :n_steps] for one in read(batches)))
        is_test = np.full(len(data), settings.test is not None and split == "test")
        rule = f"test: {settings.test}, all of it"
        if settings.test is None:
            is_test[stratified(data.labels_B, TEST_PART)] = True
            rule = f"test: a seeded fifth of each class of {source.name}; data.test names other data for it"
        return Samples(data, is_test, rule=rule)

    return Source(
        name=Path(name).name,
        what="your own data",
        licence="not known",
        citation="",
        dt_s=settings.dt_s or DT_S,
        n_steps=found.n_steps,
        n_classes=max(int(found.labels_B.max()) + 1, len(found.class_names)),
        load=load,
        binning=rule,
        n_units=n_units + -n_units % wide,
        also=("test",) if found.timed else ("test", "dt_s", "counts"),
        counts=found.counts,
    )
