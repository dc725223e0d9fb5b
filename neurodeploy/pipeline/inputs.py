"""What a .nir file, a Program or a run folder becomes: shared by the verbs that take one."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from neurodeploy.backends.calibration import spread_over
from neurodeploy.backends.search import calibrate
from neurodeploy.errors import GraphError, PrecisionError, RunError
from neurodeploy.files import check_fetched
from neurodeploy.formats.lava_dl.hdf5 import is_net
from neurodeploy.formats.nir_to_program import carried_program
from neurodeploy.formats.program_to_nir import PROGRAM
from neurodeploy.graph.files import GraphFile, read_graph
from neurodeploy.graph.network import Network, discretised
from neurodeploy.hardware.chips import chip_named
from neurodeploy.mapping.compile import Compiled, check_widths, compile_network
from neurodeploy.mapping.memory import MEMORY_BITS
from neurodeploy.mapping.placement.encoding import widest_weights
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.graph_options import CARRIED, GraphOptions
from neurodeploy.pipeline.samples import CALIBRATION_FILE, given
from neurodeploy.program.file import MAGIC, read_program
from neurodeploy.program.layer import SigmaDelta
from neurodeploy.program.plan import Plan
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress, silent

TO_GRAPH = "make it one: neurodeploy convert IN.npz OUT.nir"
GraphSource: TypeAlias = "str | Path | Program"
"""What a verb takes that runs or places a network: a .nir file, a Program or its file, or a run folder."""


def path_of(file: GraphSource) -> Path:
    """Return the path that a user gave; a graph or a module in its place is a GraphError."""
    if isinstance(file, str | os.PathLike):
        return Path(file)
    wanted = "a .nir file, a Program or its file, or a run folder is needed"
    raise GraphError(f"found {type(file).__name__}, {wanted}", "write a graph with nir.write first", where="file")


def is_program(path: str | Path) -> bool:
    """True where a file starts like a Program, and is not called a NIR graph, as some of torch.save are."""
    path = path_of(path)
    if path.suffix == ".nir":
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(4) == MAGIC
    except OSError:
        return False


def nir_file(file: GraphSource) -> Path:
    """Return the .nir file that a user named, in a run folder its own.

    Raises:
        GraphError: it is a Program, or a network of lava-dl.
        RunError: the folder has no graph.
    """
    if isinstance(file, Program):
        raise GraphError("is an integer Program, a graph is needed", TO_GRAPH, where=file.name)
    path = path_of(file)
    if os.path.isdir(path):  # unlike Path.is_dir, it never raises, whatever the name
        path = path / "model.nir"
        if not path.exists():
            raise RunError("is a folder without model.nir", "name a finished run, or a .nir file inside it", where=file)
    if is_program(path):
        raise GraphError("is an integer Program, a graph is needed", TO_GRAPH, where=file)
    if is_net(path):
        check_fetched(path, GraphError)
        raise GraphError(f"{path}: is a lava-dl network; make it a graph first: neurodeploy convert IN.net OUT.nir")
    return path


def read_network(file: GraphSource, options: GraphOptions) -> Network:
    """Return the discretised network in a .nir file, or of a run folder."""
    options.check()
    return network_of(read_graph(nir_file(file), input_shape=options.input_shape), options)


def network_of(file: GraphFile, options: GraphOptions) -> Network:
    """Return the discretised network of a graph that was read."""
    carried = carried_program(file)
    if carried is not None and any(isinstance(layer, SigmaDelta) for layer in carried.layers):
        raise GraphError(
            f"{file.path}: holds sigma-delta neurons, which only a Program runs; make it one: "
            "neurodeploy convert IN.nir OUT.npz"
        )
    network = discretised(file, dt_s=options.dt_s, reset=options.reset, readout=options.readout)
    return network if carried is None else replace(network, settings=(network.settings or {}) | {PROGRAM: carried})


def read_target(file: GraphSource, options: GraphOptions, *, integer: bool = True) -> Network | Program:
    """Return the Program or the graph in a file; of a run folder its Program, or its graph where options ask for it.

    Args:
        integer: What runs it can run a Program.

    Raises:
        GraphError: it is a Program, and cannot be; or something is asked of it that a Program carries itself.
        RunError: the folder has no graph.
    """
    if integer and not isinstance(file, Program) and not any(getattr(options, key) is not None for key in CARRIED):
        own = path_of(file) / "program.npz"
        file = own if os.path.isdir(file) and own.exists() else file
    if not isinstance(file, Program) and not is_program(file):
        return read_network(file, options)
    name = file.name if isinstance(file, Program) else file
    if not integer:
        raise GraphError("is an integer Program", "the reference backend runs .nir files", where=name)
    for option, what in CARRIED.items():
        if getattr(options, option) is not None:
            advice = Phrase(f"leave {{{option}}} out, or name the .nir file")
            raise GraphError(f"a Program carries its own {what}", advice, where=name)
    return file if isinstance(file, Program) else read_program(file)


def as_deployed(file: GraphSource, options: GraphOptions) -> tuple[GraphOptions, Path | None]:
    """Return how the Program of a folder that `deploy` saved was made, and its file; of all else the options and None.

    Options that ask for another precision are kept.
    """
    if isinstance(file, Program) or not os.path.isfile(path_of(file) / CALIBRATION_FILE):
        return options, None
    own = Path(file) / "program.npz"
    if any(one is not None for one in (options.calibrate, options.weight_bits, options.memory_bits)):
        return options, None
    program = read_program(own)
    bits = {name: one.weight_bits for name, one in Plan.from_dict(program.plan).connections.items()}
    into = {one.name for one in program.connections if program.layer(one.target).graded}
    narrow = max((one for name, one in bits.items() if name not in into), default=None)
    memory = max((one for name, one in bits.items() if name in into), default=None)
    calibrate = str(Path(file) / CALIBRATION_FILE)
    return replace(options, calibrate=calibrate, weight_bits=narrow, memory_bits=memory), own


def program_of(target: Network | Program, options: GraphOptions, progress: Progress = silent) -> Program:
    """Return a Program as it is, and that of a network."""
    return target if isinstance(target, Program) else compiled(target, options, progress)[0].program


def compiled(
    network: Network, options: GraphOptions, progress: Progress = silent
) -> tuple[Compiled, str, dict[str, Any] | None]:
    """Return a network's Program, one sentence on how its precision was chosen, and the choice on calibration data.

    Raises:
        PrecisionError: another width is asked of integers that the file carries.
    """
    carried = (network.settings or {}).get(PROGRAM)
    chip = chip_named(options.chip, program=True)
    if isinstance(carried, Program):
        asked = options.weight_bits or options.memory_bits
        if asked is not None:
            wanted = f"{asked} bits were asked for"
            raise PrecisionError(f"{network.name}: carries the chip's integers, {wanted}")
        check_widths(carried, chip)
        plan = Plan.from_dict(carried.plan) if carried.plan else Plan({}, {})
        return Compiled(carried, network, plan, on_grid=True), "the integers that the file carries", None
    if network.quantised:
        made = compile_network(network, chip=chip, weight_bits=options.weight_bits, memory_bits=options.memory_bits)
        return made, "the precision that the file carries", None
    bits, wide = options.weight_bits or widest_weights(chip), options.memory_bits or MEMORY_BITS
    if options.calibrate is None:
        by_size = f"{bits}-bit weights by their size alone; give calibration data for a better choice"
        return compile_network(network, chip=chip, weight_bits=bits, memory_bits=wide), by_size, None
    source = given(options.calibrate, network, split="train", option="calibrate").samples
    some = source.at(spread_over(len(source))).spikes_BTI
    found = calibrate(network, some, bits, memory_bits=wide, progress=progress)
    on = options.calibrate if isinstance(options.calibrate, str | Path) else "the samples given"
    made = compile_network(found.network, chip=chip, plan=found.plan, asked=network)
    return made, found.choice.told(bits, str(on)), found.choice.to_dict()
