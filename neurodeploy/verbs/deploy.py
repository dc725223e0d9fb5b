"""`deploy`: a user's own torch module to a graph, a Program and a certificate, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurodeploy.backends import reference, search
from neurodeploy.backends.calibration import spread_over
from neurodeploy.backends.table import FIXED, REFERENCE, ready_backends
from neurodeploy.backends.trace import one_after_another
from neurodeploy.data.event_arrays import events_inside
from neurodeploy.data.events import Events
from neurodeploy.data.spikes import Kind, SpikeData
from neurodeploy.data.stream import from_memory, unlabelled
from neurodeploy.errors import FrameworkError
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.network import Network, discretised
from neurodeploy.hardware.chips import DEFAULT, chip_named
from neurodeploy.mapping.compile import compile_network
from neurodeploy.mapping.memory import MEMORY_BITS
from neurodeploy.mapping.placement.encoding import widest_weights
from neurodeploy.phrases import plural
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.module_spikes import against_module
from neurodeploy.pipeline.samples import array_of, batches_of, given, holds_pairs, labels_of
from neurodeploy.pipeline.stage_runs import certified
from neurodeploy.progress import Progress, silent
from neurodeploy.verbs.deployment import Deployment, spikes_of

if TYPE_CHECKING:
    from torch import nn

    from neurodeploy.reading import GraphOf

OWN_CLASSES = "the module's own classes: accuracy is how many of them stay the same"
GRAPH_CLASSES = "the classes of the float network itself: accuracy is how many of them stay the same"


def deploy(
    module: nn.Module,
    sample_input: Any,
    *,
    dt_s: float,
    calibrate: Any = None,
    test: Any = None,
    labels: Any = None,
    chip: str | Path = DEFAULT,
    weight_bits: int | None = None,
    memory_bits: int = MEMORY_BITS,
    backends: Sequence[str] = (REFERENCE, FIXED),
    readout: str | None = None,
    time_axis: int = 0,
    forward: Any = None,
    host: str | None = None,
    pool: str | None = None,
    name: str | None = None,
    strict: bool = True,
    max_accuracy_drop: float | None = None,
    progress: Progress = silent,
) -> Deployment:
    """Return the graph, the Program and the certificate of a torch module.

    The module is of snnTorch, Norse, SpikingJelly, or plain torch with our layers, written as its users write it:
    with the loop over time inside or outside, with states passed or kept. It is run on the sample input; the graph
    read from that run must then give every one of the module's spikes.

    Args:
        module: In evaluation mode. Its neurons are put to rest.
        sample_input: What the module takes, a few samples with all steps: 0 and 1, or counts. A module that
            takes a step at a time gets them along `time_axis`. Of a torch Dataset or DataLoader the first batch.
        dt_s: Seconds that a step stands for.
        calibrate: What the integers' precision is chosen on: a batch like the sample input, a torch Dataset or
            DataLoader of such, `Events`, a dataset's name (its training part) or a data file; the sample where None.
            Half of them are held out from the choice; of fewer than 8 the plan by size is kept.
        test: What to certify on, likewise (of a named dataset its test part); the calibration samples where None.
        labels: Of the samples certified on (B,), in place of those that they bring. Where there are none, the module's
            own classes stand for them, or the float network's where the module leaves its class open.
        chip: Name of a chip, or a .toml file with one.
        weight_bits: Width of the weights, 2..8; the chip's widest up to 8 when None.
        memory_bits: Width of the weights into a linear memory, 2..16; two synapses hold more than 8.
        backends: Of "reference", "fixed", "lava", in the order to compare them.
        readout: "spikes", "v_last", "v_max", "v_sum" or "softmax", where the module's output leaves it open.
        forward: `forward(module, sample_input)`: runs the module, where calling it is not enough.
        host: Path of a submodule that runs on the host with everything before it, for modules that take real numbers:
            the chip takes the spikes of neurons, and of another layer its currents, as whole numbers.
        pool: "after" puts maximum pools of currents behind the neurons that take them: another network, and a note
            says how many classes and spikes change; they are refused where None.
        name: In the graph's metadata; the module's class where None.
        strict: Refuse a graph whose spikes, or answer, are not the module's; else it is a note.
        max_accuracy_drop: Allowed loss against the first stage, 0..1; 0.015 when None.
        progress: Hears how far the work is.
        time_axis: Where time is in the inputs of a module that takes a step at a time.

    Raises:
        FrameworkError: a submodule cannot be taken, with its name and what is allowed, or `strict` is not met.
        DataError: an input is no spikes, or labels do not fit.
        GraphError, PrecisionError: there is no such width of weights.
        ChipError: the chip is unknown.
    """
    from neurodeploy.reading import graph_of

    GraphOptions(weight_bits=weight_bits, memory_bits=memory_bits).check()
    ready_backends(backends)
    found_chip = chip_named(chip, program=True)
    own_labels: Any = None
    if holds_pairs(sample_input):
        sample_input, own_labels = next(batches_of(sample_input))
    read = graph_of(
        module,
        sample_input,
        dt_s=dt_s,
        time_axis=time_axis,
        readout=readout,
        forward=forward,
        host=host,
        pool=pool,
        name=name,
    )
    sample = spikes_of(read, sample_input, "sample_input")
    network = network_of(read, name or type(module).__name__)
    told = [one for one in read.notes if read.host and one.startswith(f"{read.host}: ")]
    network = replace(network, notes=(*network.notes, *told))  # the Program says it wherever it goes
    agreement = against_module(read, network)
    notes = [*(one for one in read.notes if one not in told), *_agreement_notes(agreement, strict)]
    calibration = (sample, own_labels) if calibrate is None else _samples(read, network, calibrate, "calibrate")
    tested, own_labels = calibration if test is None else _samples(read, network, test, "test")
    if labels is None:
        labels = own_labels
    elif own_labels is not None:
        notes.append("the labels given take the place of those that the samples bring")
    labels = None if labels is None else labels_of(labels, len(tested), network)
    weight_bits = widest_weights(found_chip) if weight_bits is None else weight_bits
    chosen = search.calibrate(network, calibration[0], weight_bits, memory_bits=memory_bits, progress=progress)
    made = compile_network(chosen.network, chip=found_chip, plan=chosen.plan, asked=network)
    own_B, told = _own_classes(read, tested, tested is sample)
    classes = own_B if labels is None else labels
    if classes is None:
        starts = range(0, len(tested), reference.BATCH)
        runs = [reference.run(network, tested[first : first + reference.BATCH]) for first in starts]
        classes = one_after_another(runs).predictions_B
    found = certified(backends, made, network, unlabelled(tested), classes, max_accuracy_drop, progress, module_B=own_B)
    precision = chosen.choice.told(weight_bits, "the sample" if calibrate is None else "the samples given")
    notes += [*made.program.notes, precision, *told]
    stand_in = GRAPH_CLASSES if own_B is None else OWN_CLASSES
    if labels is None:
        notes.append(f"no labels were given, so they are {stand_in}")
    found |= {"agreement": agreement, "notes": notes, "dt_s": read.dt_s, "readout": network.readout, "chip": str(chip)}
    found["calibration"] = chosen.choice.to_dict()
    found["labels"] = stand_in if labels is None else "given"
    kind: Kind = "counts" if network.graded_input else "binary"
    return Deployment(
        graph=read.graph,
        program=made.program,
        certificate=found,
        agreement=agreement,
        notes=tuple(notes),
        read=read,
        chip=str(chip),
        network=network,
        made=made,
        samples=from_memory(SpikeData("test samples", tested, np.asarray(classes), kind=kind)),
        own_B=own_B,
        calibration_BTI=calibration[0],
    )


def _own_classes(read: GraphOf, tested_BTF: np.ndarray, is_sample: bool) -> tuple[np.ndarray | None, list[str]]:
    """Return the module's own classes of the samples certified on (B,), None where it has none; and a note on why."""
    if read.own is None or is_sample:
        return (None if read.own is None else read.own.classes_B), []
    try:
        found = read.own.classes(tested_BTF)
        told = [] if found is not None else ["they have other steps, or pass layers of the host before them"]
    except FrameworkError as error:
        found, told = None, [error.problem]
    return found, [f"the module was not run on the samples certified on: {one}" for one in told]


def network_of(read: GraphOf, name: str) -> Network:
    """Return the discretised network of a module that was read."""
    return discretised(GraphFile(Path(name), name, read.graph, stores_reset=True))


def _samples(read: GraphOf, network: Network, data: Any, where: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Return samples (B, T, F) and their labels, None where they bring none; batches have the sample input's axes."""
    if isinstance(data, str | Path | Events) or events_inside(data) is not None:
        found = given(data, network, split="train" if where == "calibrate" else "test", option=where)
        some = spread_over(len(found.samples)) if where == "calibrate" else np.arange(len(found.samples))
        return found.samples.at(some).spikes_BTI, None if found.labels_B is None else found.labels_B[some]
    if not holds_pairs(data):
        return spikes_of(read, data, where), None
    batches = [(spikes_of(read, values, where), labels) for values, labels in batches_of(data)]
    labels = [array_of(one) for _, one in batches if one is not None]
    return np.concatenate([spikes for spikes, _ in batches]), np.concatenate(labels) if labels else None


def _agreement_notes(agreement: dict[str, Any], strict: bool) -> list[str]:
    """Return what is to be said of how the graph agrees with the module; refuse one that must agree and does not."""
    if not agreement["same"]:
        line = str(agreement["first_difference"])
        if strict:
            raise FrameworkError(f"{line}; strict=False deploys it all the same")
        share = agreement["spike_agreement"]
        return [line if share is None else f"{line}; {100 * share:.2f} % of the spikes agree"]
    if agreement["rounded"]:
        samples = f"{agreement['rounded']} of {plural(agreement['samples'], 'sample')}"
        return [f"float32 rounding moved a spike of the module in {samples}"]
    if agreement["spikes"] or agreement["potential_difference"] is not None or not agreement["layers"]:
        return []
    return ["the module did not spike on the sample input, so its graph could not be checked"]
