"""What `--data`, a .nir file and a Program file become: shared by the verbs that take them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from neurodeploy.backends.calibration import SAMPLES
from neurodeploy.backends.search import Calibrated, calibrate
from neurodeploy.data.binning import Binning
from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.load import Split, open_samples
from neurodeploy.data.settings import binning_of
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError, GraphError, PrecisionError, RunError
from neurodeploy.fixedpoint.rules import READOUTS
from neurodeploy.formats.lava_dl.hdf5 import is_net
from neurodeploy.formats.nir_to_program import carried_program
from neurodeploy.formats.program_to_nir import PROGRAM
from neurodeploy.graph.files import GraphFile, read_graph
from neurodeploy.graph.network import Network, discretised
from neurodeploy.hardware.chip import Chip
from neurodeploy.hardware.chips import DEFAULT, chip_named
from neurodeploy.mapping.compile import Compiled, check_widths, compile_network
from neurodeploy.mapping.placement.widths import widest_weights
from neurodeploy.phrases import Phrase
from neurodeploy.program.file import MAGIC, read_program
from neurodeploy.program.plan import Plan
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress, silent

STEP_TOLERANCE = 0.01
"""Published networks say 4 ms where the paper's binning makes 4.013 or 4.016."""


@dataclass(frozen=True)
class GraphOptions:
    """What a NIR file may leave open.

    Attributes:
        dt_s: Time step, seconds.
        reset: "zero" or "subtract".
        weight_bits: Weight width of a float graph, 2..8.
        calibrate: Data to choose the precision on; a dataset's name uses its training part.
        chip: What the Program is made for: a name, a .toml file, or a chip that was read.
        readout: What the class is read from: "spikes", or the potentials by "v_last", "v_max" or "v_sum".
        input_shape: Axes of one step's input, where the file leaves them out.
    """

    dt_s: float | None = None
    reset: str | None = None
    weight_bits: int | None = None
    calibrate: str | None = None
    chip: str | Path | Chip = DEFAULT
    readout: str | None = None
    input_shape: tuple[int, ...] | None = None


def is_program(path: str | Path) -> bool:
    """True where a file starts like a Program, and is not called a NIR graph, as some of torch.save are."""
    if Path(path).suffix == ".nir":
        return False
    try:
        with Path(path).open("rb") as stream:
            return stream.read(4) == MAGIC
    except OSError:
        return False


def check_options(options: GraphOptions) -> None:
    """Check what is asked of a graph before its file is read.

    Raises:
        GraphError: no such rule, or no time step.
    """
    if options.reset not in (None, "zero", "subtract"):
        raise GraphError(f"found {options.reset!r}", option="reset", allowed="'zero' or 'subtract' is allowed")
    if options.readout not in (None, *READOUTS):
        raise GraphError(f"found {options.readout!r}, one of {', '.join(READOUTS)} is allowed", option="readout")
    if options.dt_s is not None and not 0 < options.dt_s < float("inf"):
        raise GraphError(f"found {options.dt_s:g}", option="dt_s", allowed="a positive number of seconds is needed")


def read_network(path: str | Path, options: GraphOptions) -> Network:
    """Return the discretised network in a .nir file."""
    check_options(options)
    if is_net(path):
        raise GraphError(f"{path}: is a lava-dl network; make it a graph first: neurodeploy convert IN.net OUT.nir")
    return network_of(read_graph(path, input_shape=options.input_shape), options)


def network_of(file: GraphFile, options: GraphOptions) -> Network:
    """Return the discretised network of a graph that was read."""
    carried = carried_program(file)
    if carried is not None and any(layer.graded for layer in carried.layers):
        raise GraphError(
            f"{file.path}: holds sigma-delta neurons, which only a Program runs; make it one: "
            "neurodeploy convert IN.nir OUT.npz"
        )
    network = discretised(file, dt_s=options.dt_s, reset=options.reset, readout=options.readout)
    return network if carried is None else replace(network, settings=(network.settings or {}) | {PROGRAM: carried})


def read_target(file: str | Path, options: GraphOptions) -> Network | Program:
    """Return the Program or the graph in a file, or the graph of a run folder.

    Raises:
        RunError: the folder has no graph.
    """
    path = Path(file)
    if path.is_dir():
        path = path / "model.nir"
        if not path.exists():
            raise RunError(f"{file}: has no model.nir; name a finished run, a Program or a .nir file")
    if not is_program(path):
        return read_network(path, options)
    check_shape_unasked(path, options)
    return read_program(path)


def check_shape_unasked(name: str | Path, options: GraphOptions) -> None:
    """Check that no input shape was given for a Program.

    Raises:
        GraphError: one was.
    """
    if options.input_shape is not None:
        raise GraphError(
            "a Program carries its own shapes", Phrase("leave {input_shape} out, or name the .nir file"), where=name
        )


def samples_for(
    name: str, network: Network | Program, *, split: Split = "test", limit: int | None = None
) -> SampleSource:
    """Return data that fit a network or Program, with as many steps as it was made for, to be read in batches.

    Raises:
        DataError: the data are absent or do not fit in channels or labels.
    """
    settings = network.settings or {} if isinstance(network, Network) else {}
    own = settings if settings.get("dataset") == name else {}
    n_steps, partition = own.get("n_steps"), own.get("partition")
    binning = binning_of(network.name, settings)
    _check_step(name, network, binning)
    data = open_samples(
        name,
        split=split,
        n_steps=n_steps,
        dt_s=network.dt_s,
        n_channels=network.n_inputs,
        binning=binning,
        partition=None if partition is None else str(partition),
        limit=limit,
    )
    _check_kind(data, network)
    n_outputs = (
        network.population(network.output) if isinstance(network, Network) else network.layer(network.output)
    ).n_neurons
    return data.check_fits(network.n_inputs, n_outputs)


def _check_step(name: str, network: Network | Program, binning: Binning | None) -> None:
    """Check that a dataset of timed events is binned into steps of the length that the network was made for.

    Raises:
        DataError: its steps are of another length.
    """
    used = binning or (SOURCES[name].binning if name in SOURCES else None)
    if used is not None and abs(used.dt_s / network.dt_s - 1) > STEP_TOLERANCE:
        raise DataError(
            f"its steps last {1e3 * used.dt_s:.4g} ms, those of {network.name} {1e3 * network.dt_s:.4g} ms",
            Phrase("name the .nir file of a run, which carries the binning, or give {dt_s} where it is wrong"),
            where=name,
        )


def _check_kind(data: SampleSource, network: Network | Program) -> None:
    """Check that the network takes what the data's channels hold.

    Raises:
        DataError: it does not.
    """
    if data.kind == "real":
        raise DataError(f"{data.name}: channels hold real values, {network.name} takes spikes; choose other data")
    if data.kind == "counts" and not network.graded_input:
        raise DataError(
            f"{data.name}: channels hold counts of events, {network.name} takes 0 or 1; train it on counts, or make it "
            "with data.counts = false"
        )


def compiled(network: Network, options: GraphOptions, progress: Progress = silent) -> tuple[Compiled, str]:
    """Return a network's Program, and one sentence on how its precision was chosen."""
    carried = (network.settings or {}).get(PROGRAM)
    chip = chip_named(options.chip, program=True)
    if isinstance(carried, Program):
        _check_carried(network.name, options)
        check_widths(carried, chip)
        return Compiled(carried, network, _plan_of(carried), on_grid=True), "the integers that the file carries"
    if network.quantised:
        return compile_network(network, chip=chip, weight_bits=options.weight_bits), (
            "the precision that the file carries"
        )
    bits = options.weight_bits or widest_weights(chip)
    if options.calibrate is None:
        return compile_network(network, chip=chip, weight_bits=bits), (
            f"{bits}-bit weights by their size alone; give calibration data for a better choice"
        )
    found = _calibration(network, options.calibrate, bits, progress)
    result = compile_network(network, chip=chip, weight_bits=bits, plan=found.plan, measured=found.measured)
    read = "spike counts" if network.readout == "spikes" else "potentials"
    return result, (
        f"{bits}-bit weights calibrated on {options.calibrate}; output {read} moved by {100 * found.distance:.1f} %"
    )


def _plan_of(program: Program) -> Plan:
    return Plan.from_dict(program.plan) if program.plan else Plan({}, {})


def _check_carried(name: str, options: GraphOptions) -> None:
    """Check that nothing is asked of finished integers.

    Raises:
        PrecisionError: another width is.
    """
    if options.weight_bits is not None:
        raise PrecisionError(f"{name}: carries the chip's integers, {options.weight_bits} bits were asked for")


def _calibration(network: Network, name: str, bits: int, progress: Progress) -> Calibrated:
    spikes_BTI = samples_for(name, network, split="train", limit=SAMPLES).whole().spikes_BTI
    return calibrate(network, spikes_BTI, bits, progress=lambda done, total: progress("calibrate", done, total))


def default_calibration(data: str) -> str | None:
    """Return what to calibrate on when only evaluation data are named: a dataset's training part."""
    return data if data in SOURCES else None
