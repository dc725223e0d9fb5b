"""What `data` may be: a name, a file, spikes, events, or a torch Dataset or DataLoader; all become samples in batches.

Axes: B sample, T step, I channel.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from neurodeploy.backends.trace import check_spikes
from neurodeploy.data.archive import is_folder
from neurodeploy.data.binning import counts_of as counts_of_events
from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.event_arrays import as_events, events_inside
from neurodeploy.data.events import Events
from neurodeploy.data.load import Split, open_samples, source_of
from neurodeploy.data.own import is_own, whole_name
from neurodeploy.data.pictures import open_pictures
from neurodeploy.data.settings import DataSettings, binning_of
from neurodeploy.data.sounds import open_sounds
from neurodeploy.data.spikes import Kind, check_classes, check_kinds
from neurodeploy.data.stream import SampleSource, check_limit, unlabelled
from neurodeploy.errors import DataError
from neurodeploy.graph.network import Network
from neurodeploy.phrases import Phrase
from neurodeploy.program.host import Host
from neurodeploy.program.program import Program

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.data import DataLoader, Dataset

Data: TypeAlias = "str | Path | SampleSource | np.ndarray | Tensor | Events | Dataset[Any] | DataLoader[Any]"
TEST_FILE, CALIBRATION_FILE = "test.npz", "calibration.npz"
"""Of a folder that `deploy(...)` saved: those it was certified on, and those that precision was chosen on."""
BATCH = 64
"""Samples that are taken from a torch Dataset together."""
STEP_TOLERANCE = 0.01
"""Published networks say 4 ms where the paper's binning makes 4.013 or 4.016."""


@dataclass(frozen=True, eq=False)
class Given:
    """The samples that a user gave.

    Attributes:
        samples: To be read batch by batch; their labels are 0 where none were given.
        labels_B: Their classes; None where none were given.
        name: What messages and results call them.
    """

    samples: SampleSource
    labels_B: np.ndarray | None
    name: str


def given(
    data: Data, target: Network | Program, *, split: Split = "test", limit: int | None = None, option: str = "data"
) -> Given:
    """Return data of any kind as samples for a network or Program.

    Args:
        data: Name of a dataset, its folder, a data file or a `module:function`; spikes (samples, steps, channels) of 0
            and 1, or counts where the network takes them, as an array or a tensor; `Events`; structured arrays of
            events (see `data.event_arrays`), one or a list of them; a torch Dataset or DataLoader of such samples,
            alone or in pairs with their labels.
        split: Of a named dataset.
        limit: First samples only.
        option: Argument that the data were given as, for errors.

    Raises:
        DataError: the data are absent, or do not fit.
    """
    if isinstance(data, str | Path):
        try:
            samples = samples_for(str(data), target, split=split, limit=limit)
        except DataError as error:
            error.option = option if error.option == "data" else error.option
            raise
        return Given(samples, samples.labels_B, samples.name)
    check_limit(limit)
    if isinstance(data, SampleSource):
        samples = through_host(data, target.host).check_fits(target.n_inputs, outputs(target)).first(limit)
        return Given(samples, samples.labels_B, samples.name)
    labels_B, arrays = None, None if isinstance(data, Events) else events_inside(data)
    if arrays is not None:
        data, labels_B = as_events(arrays, target.host.window.input_shape if target.host else target.input_shape)
    if isinstance(data, Events):
        binning = binning_of(target.name, target.settings or {})
        events: Any  # in the steps and channels that the network takes: by its own binning, where it carries one
        if binning is not None and data.steps is None:
            events = counts_of_events(data, binning, taken(target))
        else:
            events = data.binned(target.dt_s, taken(target), counts=target.graded_input)
        kind: Kind = "counts" if target.graded_input else "binary"
        zeros = np.zeros(len(events), np.int64)
        own = (zeros if labels_B is None else labels_B, events.n_steps, (events.n_channels,), events.read)
        samples = through_host(SampleSource("events", *own, kind=kind), target.host).first(limit)
        if labels_B is None:
            return Given(samples, None, "events")
        return Given(samples.check_fits(target.n_inputs, outputs(target)), samples.labels_B, "events")
    spikes, labels_B = pairs_of(data, limit) if holds_pairs(data) else (array_of(data)[:limit], None)
    samples = unlabelled(check_spikes(on_host(target, spikes), target.n_inputs, "data", graded=target.graded_input))
    if labels_B is not None:
        samples = replace(samples, labels_B=labels_B).check_fits(target.n_inputs, outputs(target))
    return Given(samples, labels_B, "spikes")


def default_data(file: Any, target: Network | Program, verb: str) -> str:
    """Return what a run folder's network is run on where nobody says: the dataset of its recipe, or its test data.

    A deployed module's folder holds these itself.

    Raises:
        DataError: it is no run folder.
    """
    if isinstance(file, str | Path) and os.path.isfile(os.path.join(file, TEST_FILE)):
        return os.path.join(file, TEST_FILE)
    settings = target.settings or {}
    named = settings.get("test", settings.get("dataset"))
    if named is None or isinstance(file, Program) or not os.path.isdir(file):
        advice = Phrase("name a dataset or a file with {data}, or a run folder as the graph")
        raise DataError("found no data", advice, where=verb)
    return str(named)


def default_calibration(data: Any) -> str | None:
    """Return what to calibrate on when only evaluation data are named: a dataset's training part."""
    return str(data) if isinstance(data, str | Path) and (str(data) in SOURCES or is_folder(data)) else None


def samples_for(
    name: str, network: Network | Program, *, split: Split = "test", limit: int | None = None
) -> SampleSource:
    """Return named data that fit a network or Program, with as many steps as it was made for, to be read in batches.

    Raises:
        DataError: the data are absent, or do not fit in channels, labels, values or the length of a step.
    """
    settings = network.settings or {}
    whole = whole_name(name) if name not in SOURCES and is_own(name) else name
    own = settings if settings.get("dataset") == whole else {}
    steps = settings.get("n_steps")
    shown = open_pictures(name, SOURCES, str(settings.get("dataset")), None if steps is None else int(steps))
    if shown is not None:
        return through_host(shown.first(limit), network.host).check_fits(network.n_inputs, outputs(network))
    if split == "test" and own.get("test"):
        raise DataError(f"{network.name} was trained on it", f"name its test data: {own['test']}", where=name)
    n_steps, partition = own.get("n_steps"), own.get("partition")
    binning = binning_of(network.name, settings)
    parted = name in SOURCES or is_folder(name)
    used = binning or (source_of(DataSettings(dataset=name)).binning if parted else None)
    if used is not None and abs(used.dt_s / network.dt_s - 1) > STEP_TOLERANCE:
        raise DataError(
            f"its steps last {1e3 * used.dt_s:.4g} ms, those of {network.name} {1e3 * network.dt_s:.4g} ms",
            Phrase("name the .nir file of a run, which carries the binning, or give {dt_s} where it is wrong"),
            where=name,
        )
    heard = open_sounds(name, str(settings.get("dataset")), binning, limit, None if steps is None else int(steps))
    data = heard or open_samples(
        name,
        split=split,
        n_steps=n_steps,
        dt_s=network.dt_s,
        n_channels=taken(network),
        binning=binning,
        partition=None if partition is None else str(partition),
        limit=limit,
        counts=network.graded_input,
        parted=bool(own),
    )
    if data.kind == "real" and not (network.host and network.host.behind):
        raise DataError(f"{data.name}: channels hold real values, {network.name} takes spikes; choose other data")
    if data.kind == "counts" and not network.graded_input:
        raise DataError(
            f"{data.name}: channels hold counts of events, {network.name} takes 0 or 1; train it on counts, or make it "
            "with data.counts = false"
        )
    return through_host(data, network.host).check_fits(network.n_inputs, outputs(network))


def taken(target: Network | Program) -> int:
    """Return how many values of a step the host takes, or the chip where the host makes nothing of them."""
    return target.n_inputs if target.host is None else target.host.window.n_inputs


def through_host(samples: SampleSource, host: Host | None) -> SampleSource:
    """Return what the chip gets of samples; those that are currents already as they are.

    Raises:
        DataError: when read, steps differ where the host works once a sample.
    """
    if host is None or samples.n_inputs != host.window.n_inputs:
        return samples
    read = samples.read  # steps are no pixels any more
    fed = replace(samples, shape=host.shape, n_steps=samples.n_steps + host.behind, kind="counts", order=None)
    return replace(fed, read=lambda batches: map(host.currents, read(batches)))


def on_host(target: Network | Program, spikes: np.ndarray) -> np.ndarray:
    """Return what the chip gets of an array (B, T, ...) of the host's data; one of currents as it is."""
    if target.host is None or spikes.ndim < 3 or spikes[0, 0].size != target.host.window.n_inputs:
        return spikes
    data_BTI = check_spikes(spikes, target.host.window.n_inputs, "data", graded=True)
    return target.host.currents(data_BTI)


def outputs(network: Network | Program) -> int:
    """Return how many classes a network tells apart."""
    if network.decode is not None and network.decode.matrix:
        return len(network.decode.matrix)
    find = network.population if isinstance(network, Network) else network.layer
    return find(network.output).n_neurons


def array_of(values: Any, where: str = "spikes", form: str = "(samples, steps, channels), or Events") -> np.ndarray:
    """Return an array, from a torch tensor of any device, layout and type too.

    Args:
        where, form: What the values are, and what is allowed, for the error.

    Raises:
        DataError: it is none.
    """
    if hasattr(values, "detach"):
        values = values.detach().to_dense().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    try:
        found = np.asarray(values)
        if not found.ndim:
            raise ValueError(f"found {type(values).__name__}")
    except ValueError as error:
        raise DataError(f"{where}: are no array ({error}); give {form}") from None
    return found


def labels_of(values: Any, n_samples: int, target: Network | Program) -> np.ndarray:
    """Return classes (B,) that a user gave for samples.

    Raises:
        DataError: they are not one whole number for each, of the classes that the network tells apart.
    """
    labels = array_of(values, "labels", "one whole number for each sample")
    whole = labels.dtype.kind == "f" and (labels == np.rint(labels)).all()  # torch's zeros and ones are floats
    labels = check_kinds("labels", (n_samples, 1, 1), np.dtype(bool), labels.astype(np.int64) if whole else labels)
    check_classes("labels", labels, outputs(target))
    return labels


def holds_pairs(data: Any) -> bool:
    """True for a torch Dataset or DataLoader; torch is not loaded to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(data, torch.utils.data.Dataset | torch.utils.data.DataLoader)


def pairs_of(data: Any, limit: int | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the samples of a torch Dataset or DataLoader (B, ...) and their labels (B,), None where it has none.

    Raises:
        DataError: it is empty, or its samples differ in shape.
    """
    found: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for values, label in batches_of(data):
        found.append(array_of(values))
        labels += [] if label is None else [array_of(label)]
        if limit is not None and sum(map(len, found)) >= limit:
            break
    if not found:
        raise DataError("data: holds no samples; give at least one")
    if len({one.shape[1:] for one in found}) > 1:
        raise DataError("data: samples differ in shape; pad them to one number of steps")
    return np.concatenate(found)[:limit], np.concatenate(labels)[:limit].astype(np.int64) if labels else None


def batches_of(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the batches of a DataLoader, or of a Dataset, as it would give them: values, and labels or None.

    Raises:
        DataError: samples differ in shape.
    """
    loader = sys.modules["torch"].utils.data.DataLoader
    try:
        for one in data if isinstance(data, loader) else loader(data, batch_size=BATCH):
            yield (one[0], one[1]) if isinstance(one, tuple | list) else (one, None)
    except RuntimeError as error:
        raise DataError(f"data: samples cannot be put into a batch ({str(error).splitlines()[0]}); pad them") from None
