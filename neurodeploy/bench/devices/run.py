"""`bench devices`: a finished run's network and its ANN on the devices of this machine, into RUN/devices.json.

Axes: B sample, T step, I channel.
"""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from neurodeploy import __version__
from neurodeploy.accounting.counts import Counts
from neurodeploy.accounting.crossover import crossover
from neurodeploy.accounting.devices import FILE, FLOOR, checked, merged, read_devices, together
from neurodeploy.accounting.energy import Energy
from neurodeploy.bench.devices.ann import dense_macs, kept_ann, layer_shapes, matched_ann, settled
from neurodeploy.bench.devices.machines import Device, Floor, devices, floor_of, load, versions
from neurodeploy.bench.devices.timing import Call, TooLarge, best_batch, idle_power, measure, sweep
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError, RunError
from neurodeploy.files import read_json, write_json
from neurodeploy.memory import cores
from neurodeploy.networks.matched import MatchedANN, counted
from neurodeploy.phrases import Phrase, plural
from neurodeploy.pipeline.conversion import part
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.run_results import unfinished
from neurodeploy.pipeline.stages import quantised_network
from neurodeploy.program.file import read_program
from neurodeploy.progress import Progress, silent
from neurodeploy.quantize.on_grid import settled as on_grid
from neurodeploy.training.batches import evaluate
from neurodeploy.training.reading import read

SNN, ANN = "snn", "ann"
BUSY = 0.75
"""Programs that want a core, per core, from which on a machine is called busy."""
MOST_BYTES = 1 << 30
"""Inputs of one batch, at most."""
TURNS, TURN_BYTES = 16, 1 << 28
"""Different batches that calls take in turn, so that no sample is measured alone."""
WHAT_IS_TIMED = (
    "latency is the median of calls in a row after warm-up: inputs lie on the device (rasters for the network, spike "
    "counts for the ANN), and a call ends with its classes on the host; torch computes in float32 without gradients"
)


def bench_devices(
    run: str | Path,
    *,
    seconds: float = 2.0,
    device: str = "auto",
    threads: int | None = None,
    with_ann: bool = True,
    windows: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Measure a finished run's network and the ANN of its shape, and write RUN/devices.json.

    Records of other devices in the file stay; an ANN that was trained before is measured again, not trained again.

    Args:
        run: Run folder.
        seconds: Of each measured window; energy needs some, because counters move every tenth of a second.
        device: "cpu", "cuda" or "auto".
        threads: CPU threads of torch; torch's default when None.
        with_ann: Train and measure the ANN too.
        windows: Of the ANN's counts; chosen on the validation part when None.
        progress: Hears how far the work is.

    Returns:
        What devices.json holds, and `path`.

    Raises:
        RunError: the run is not finished, the device is not there, or devices.json is damaged.
    """
    folder, program, report = _finished(run)
    before = read_devices(folder.path) or {"records": [], "notes": [], "ann": None}
    asked, threads_before = devices(device, threads), torch.get_num_threads()
    test, ann = part(folder.recipe(), "test"), before["ann"]
    if windows is not None and not 1 <= windows <= test.n_steps:
        raise RunError(f"found {windows}, 1 to {test.n_steps} are allowed, the steps of a sample", option="windows")
    network = kept_ann(folder, ann) if with_ann and ann and windows in (None, ann["windows"]) else None
    if with_ann and network is None:
        ann = matched_ann(folder, progress, windows)
        network = kept_ann(folder, ann)
        before["records"] = [one for one in before["records"] if one["what"] != ANN]
    records: list[dict[str, Any]] = []
    notes: list[str] = [WHAT_IS_TIMED]
    torch.set_num_threads(asked[0].threads)
    try:
        for one in asked:
            measuring = _Measuring(one, seconds, test, progress)
            records += measuring.records(SNN, _snn(folder, one, test))
            if network is not None:
                records += measuring.records(ANN, _ann(network, one))
            notes += measuring.notes
    finally:
        torch.set_num_threads(threads_before)
    # Of what was measured anew, another best batch is no second result, and an old note says nothing.
    again = {(one["device"], one["what"]) for one in records}
    old = [one for one in before["records"] if (one["device"], one["what"]) not in again]
    mine = tuple(f"{one.name}: " for one in asked)
    found = {
        "neurodeploy": __version__,
        "program": program,
        "records": together(old, records),
        "ann": ann,
        "notes": list(dict.fromkeys([*(note for note in before["notes"] if not note.startswith(mine)), *notes])),
    }
    return _written(folder, found, report)


def add_devices(run: str | Path, other: str | Path) -> dict[str, Any]:
    """Take the records of another machine's devices.json into a run's.

    Args:
        run: Folder of a finished run.
        other: Folder of another machine's copy of it, or its devices.json.

    Returns:
        What devices.json holds now, and `path`.

    Raises:
        RunError: the run is not finished, a file is damaged, or the other was measured for another Program or ANN.
    """
    folder, program, report = _finished(run)
    found = checked(read_json(other), str(other))
    empty: dict[str, Any] = {"neurodeploy": __version__, "program": program, "records": [], "ann": None, "notes": []}
    mine = read_devices(folder.path) or empty
    return _written(folder, merged(mine, found, str(other)), report)


class _Network(NamedTuple):
    """A network on a device: what it takes and how it answers.

    Attributes:
        module: Answers spikes, for its accuracy.
        answer: Gives scores (B, C) for what `inputs` gives.
        inputs: Makes a batch's input of spikes (B, T, I).
        macs: That torch multiplies for one sample, for a floor.
    """

    module: nn.Module
    answer: Callable[[torch.Tensor], torch.Tensor]
    inputs: Callable[[torch.Tensor], torch.Tensor]
    macs: int


def _snn(folder: RunFolder, device: Device, test: SampleSource) -> _Network:
    """Return the run's quantised network: the chip's numbers worked out once, not before every batch."""
    network = on_grid(quantised_network(folder)).to(device.torch)
    macs = dense_macs(layer_shapes(network), test.n_steps)
    return _Network(network, lambda x: read(network(x)).scores_BC, lambda x: x, macs)


def _ann(network: MatchedANN, device: Device) -> _Network:
    placed = settled(network, device.torch)
    return _Network(placed, lambda x: placed.outputs(x).sum(dim=1), lambda x: counted(x, placed.windows), placed.macs)


class _Measuring:
    """All measurements on one device."""

    def __init__(self, device: Device, seconds: float, test: SampleSource, progress: Progress) -> None:
        self.device, self.seconds, self.test, self.progress = device, seconds, test, progress
        self.floor = None if device.meter else floor_of(device.kind, device.name)
        self.load = load()
        self.notes = [_energy_note(device, self.floor)]
        if self.load is not None and self.load > BUSY * cores():
            self.notes.append(
                f"{device.name}: {self.load:.1f} programs wanted {plural(cores(), 'core')} just before: latencies are "
                "those of a busy machine"
            )
        device.wait()
        self.idle_w = idle_power(device.meter, seconds)

    def records(self, what: str, network: _Network) -> list[dict[str, Any]]:
        """Return the records of batch 1 and of the best batch."""
        stage = f"{what} {self.device.kind}"
        self.progress(stage, 0, 3, "accuracy")
        accuracy = evaluate(network.module, self.test)
        self.progress(stage, 1, 3, "batch sizes")
        tried = sweep(lambda batch: self._call(network, batch), self.seconds)
        if not tried:
            raise RunError(f"{self.device.name}: a single sample does not fit in its memory; choose another device")
        sizes = sorted({1, best_batch(tried)})
        found = []
        for index, batch in enumerate(sizes):
            self.progress(stage, 2, 3, f"batch {batch}")
            call = self._call(network, batch)
            one = measure(call, batch, self.seconds, self.device.meter, self.idle_w)
            found.append(self._record(what, one, accuracy, network.macs, tried if index == len(sizes) - 1 else ()))
        self.progress(stage, 3, 3)
        return found

    def _call(self, network: _Network, batch: int) -> Call:
        """Return calls on batches of the test part, in turn; they wrap around where it is shorter."""
        n_bytes = batch * self.test.n_steps * self.test.n_inputs * 4
        if n_bytes > MOST_BYTES:
            raise TooLarge
        turns = max(1, min(TURNS, TURN_BYTES // n_bytes))
        try:
            given = [self._batch(network, batch, turn) for turn in range(turns)]
        except torch.cuda.OutOfMemoryError:
            self.device.empty()
            raise TooLarge from None

        def call(index: int) -> None:
            try:
                with torch.no_grad():
                    network.answer(given[index % turns]).argmax(dim=1).cpu()
            except torch.cuda.OutOfMemoryError:
                self.device.empty()
                raise TooLarge from None
            self.device.wait()

        return call

    def _batch(self, network: _Network, batch: int, turn: int) -> torch.Tensor:
        chosen = (np.arange(batch) + turn * batch) % len(self.test)
        spikes_BTI = torch.from_numpy(self.test.at(chosen).spikes_BTI).float()
        return network.inputs(spikes_BTI).to(self.device.torch)

    def _record(
        self, what: str, found: dict[str, Any], accuracy: float, macs: int, tried: tuple[tuple[int, float], ...]
    ) -> dict[str, Any]:
        energy, source, more, floor = found["energy_per_sample_j"], None, {}, self.floor
        if energy is not None and self.device.meter is not None:
            source = self.device.meter.source
        elif floor is not None:
            energy, source = macs * floor.constant.value, FLOOR
            more = {"floor": {"macs": macs, "exact": floor.exact, "chip": floor.chip, **floor.constant.to_dict()}}
        return {
            "what": what,
            "device": self.device.name,
            "kind": self.device.kind,
            "driver": self.device.driver,
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "versions": versions(),
            "threads": self.device.threads,
            "load_before": self.load,
            **found | {"energy_per_sample_j": energy},
            "idle_w": self.idle_w,
            "energy_source": source,
            "accuracy": accuracy,
            **({"sweep": [list(pair) for pair in tried]} if tried else {}),
            **more,
        }


def _energy_note(device: Device, floor: Floor | None) -> str:
    if device.meter is not None:
        return f"{device.name}: energy measured by {device.meter.source}, of {device.meter.covers}"
    where = f"{device.name}: energy is not measured ({device.unmetered})"
    if floor is None:
        return f"{where}, and there is no datasheet floor for it"
    whose = "" if floor.exact else ", which is of another processor: an order of magnitude at best"
    constant = floor.constant
    of_what = f"{constant.written} per MAC ({constant.operating_point}; {constant.source})"
    return f"{where}; shown is the datasheet floor of {of_what}{whose}"


def _finished(run: str | Path) -> tuple[RunFolder, str, dict[str, Any]]:
    """Return a finished run's folder, its Program's digest, and its report."""
    folder = RunFolder(Path(run))
    folder.recipe()
    if not folder.report_file.exists():
        raise unfinished(run)
    report = read_json(folder.report_file)
    for key in ("counts", "energy"):
        if not isinstance(report, dict) or not isinstance(report.get(key), dict):
            again = Phrase("make the run again with {mode:overwrite}")
            raise RunError(f"has no {key}", again, where=folder.report_file)
    return folder, read_program(folder.program_file).digest, report


def _written(folder: RunFolder, found: dict[str, Any], report: dict[str, Any]) -> dict[str, Any]:
    """Work out the crossover, write devices.json, and return it."""
    found["crossover"] = None
    try:
        if found["ann"] is not None:
            counts, energy = Counts.from_dict(report["counts"]), Energy.from_dict(report["energy"])
            found["crossover"] = crossover(counts, energy, found["ann"], found["records"])
    except (KeyError, TypeError, DataError) as error:
        raise RunError(
            f"{folder.report_file}: has no counts and energies that can be read ({error}); make the run again"
        ) from None
    path = folder.path / FILE
    write_json(path, checked(found, str(path)))
    return found | {"path": str(path)}
