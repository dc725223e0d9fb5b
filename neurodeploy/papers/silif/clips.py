"""The samples that networks are measured on, told so that any process or machine can open them for itself.

Axes: B sample, T step, I channel.
"""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neurodeploy.backends.calibration import SAMPLES, spread_over
from neurodeploy.data.binning import Binning
from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.load import Split, open_part, open_samples, source_of, step_s, wanted_of
from neurodeploy.data.settings import DataSettings
from neurodeploy.data.speech_spikes import HASHED
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError

SSC_LIKE = ("ssc", "speech_commands_spikes")
"""Datasets that networks trained on SSC can be measured on; the first that is there is taken."""
TRAINED_ON = "ssc"
"""What the published networks were trained on; files are binned as it is."""
CALLED = {
    "ssc": "Spiking Speech Commands",
    "speech_commands_spikes": "re-encoded Speech Commands clips",
    "fsdd_spikes": "spoken digits (FSDD) as cochlea spikes",
    "shd": "Spiking Heidelberg Digits",
}
PARTS = {("speech_commands_spikes", HASHED): "SSC's test speakers"}
"""Test parts that have a name of their own."""
AT_ONCE = 256


@dataclass(frozen=True)
class Clips:
    """Some samples of a dataset or a file.

    Attributes:
        where: Name or path.
        settings: Of a dataset; None for a file.
        binning: Of a file's events.
        n_channels: Of a file.
        limit: First samples only.
        spread: So many samples, evenly over the part, instead of all.
    """

    where: str
    settings: DataSettings | None = None
    split: Split = "test"
    binning: Binning | None = None
    n_channels: int | None = None
    limit: int | None = None
    spread: int | None = None

    def open(self) -> SampleSource:
        """Return the samples, to be read in batches.

        Raises:
            DataError: they are absent or damaged.
        """
        if self.settings is not None:
            found = open_part(self.settings, self.split, self.limit)
        else:
            found = open_samples(self.where, binning=self.binning, n_channels=self.n_channels, limit=self.limit)
        return found if self.spread is None else found.take(spread_over(len(found), self.spread))

    @property
    def dt_s(self) -> float:
        """Length of a step, seconds."""
        if self.settings is not None:
            return step_s(self.settings)
        assert self.binning is not None
        return self.binning.dt_s

    @property
    def partition(self) -> str | None:
        """Who made the parts; None for a file."""
        return None if self.settings is None else wanted_of(self.settings).partition

    def called(self, n_samples: int) -> str:
        """Return the samples in words, for a title.

        >>> Clips("speech_commands_spikes", DataSettings(dataset="speech_commands_spikes")).called(361)
        're-encoded Speech Commands clips, n = 361'
        """
        part = PARTS.get((self.where, self.partition or ""))
        name = CALLED.get(self.where, Path(self.where).name if self.settings is None else self.where)
        return ", ".join([name, *([part] if part else []), f"n = {n_samples:,}"])


def clips_named(data: str | None, partition: str | None, limit: int | None, n_channels: int) -> Clips:
    """Return the test samples that `--data` and `--partition` name.

    Args:
        data: A dataset, or a file in SHD layout; None takes the first of `SSC_LIKE` that is there.
        n_channels: Of the networks.

    Raises:
        DataError: the dataset or the partition is unknown, or is named for a file.
    """
    if data is None:
        data = next((name for name in SSC_LIKE if SOURCES[name].ready), SSC_LIKE[-1])
    if data in SOURCES:
        settings = DataSettings(dataset=data, partition=partition)
        wanted_of(settings)
        return Clips(data, settings, limit=limit)
    if partition is not None:
        raise DataError(f"is for datasets, {data} is a file, which is taken whole", "leave it out", option="partition")
    return Clips(data, None, binning=SOURCES[TRAINED_ON].binning, n_channels=n_channels, limit=limit)


def calibration_for(test: Clips, named: str | None, n_channels: int) -> Clips | None:
    """Return the training samples that the precision is chosen on, never those of the test.

    Args:
        named: A dataset, whose training part is taken, or a file; None takes the test's own dataset, and for a file
            the first of `SSC_LIKE` that is there and fits; None is returned where there is none.

    Raises:
        DataError: the file of the test is named, or what is named does not fit.
    """
    if named is None and test.settings is not None:
        return replace(test, split="train", limit=None, spread=SAMPLES)
    if named is None:
        ready = (name for name in SSC_LIKE if SOURCES[name].ready)
        chosen = (replace(clips_named(name, None, None, n_channels), split="train", spread=SAMPLES) for name in ready)
        return next((one for one in chosen if one.open().n_inputs == n_channels), None)
    if named not in SOURCES and os.path.realpath(named) == os.path.realpath(test.where):
        raise DataError(
            f"{named} holds the test samples", "name others, e.g. a dataset's training part", option="calibrate"
        )
    partition = test.partition if named == test.where else None
    found = replace(clips_named(named, partition, None, n_channels), split="train", spread=SAMPLES)
    source = found.open()
    if source.n_inputs != n_channels:
        raise DataError(
            f"{source.name} has {source.n_inputs} channels, the networks take {n_channels}",
            "name other data",
            option="calibrate",
        )
    return found


def check_suits(clips: Clips, source: SampleSource, n_channels: int, n_classes: int, network: str) -> None:
    """Check that a network can be measured on samples.

    Raises:
        DataError: other channels or classes, or real values.
    """
    if source.kind == "real":
        raise DataError(
            f"{source.name}: channels hold real values, {network} takes counts of events; choose other data"
        )
    source.check_fits(n_channels, n_classes)
    known = None if clips.settings is None else source_of(clips.settings).n_classes
    if known not in (None, n_classes):
        raise DataError(
            f"{source.name}: has {known} classes, {network} knows {n_classes}; choose the data it was trained for"
        )


def digest_of(source: SampleSource) -> str:
    """Return the SHA-256 of spikes and labels, in their steps and channels."""
    found = hashlib.sha256(np.asarray(source.labels_B, np.int64).tobytes())
    for part in source.batches(AT_ONCE):
        found.update(str(part.spikes_BTI.shape[1:]).encode())
        found.update(np.ascontiguousarray(part.spikes_BTI, np.uint16).tobytes())
    return found.hexdigest()
