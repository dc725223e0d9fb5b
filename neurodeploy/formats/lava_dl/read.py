"""A `.net` file as an integer Program.

The Program does what lava-dl's netx 0.6.0 builds from the file, step by step. Where the first layer is of
type `input`, netx hands it an image through its biases. A Program's biases are fixed, so the image comes
as input, at every step, through synapses of weight 1: one step later, with everything else.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from neurodeploy.errors import GraphError, ProgramError
from neurodeploy.fixedpoint import rules
from neurodeploy.formats.lava_dl import hdf5
from neurodeploy.formats.lava_dl.layers import FLATTEN, INPUT_TYPE, Entry, Shape, entry, flat, population, synapses
from neurodeploy.mapping.start import Charge, charged
from neurodeploy.phrases import Phrase
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.layer import Layer
from neurodeploy.program.plan import ConnectionPlan, Plan
from neurodeploy.program.program import INPUT, Program
from neurodeploy.program.window import Window
from neurodeploy.quantize.grid import MAX_WEIGHT_BITS

MILLISECOND = 1e-3
INPUT_WEIGHT, INPUT_BIAS = 64, 0
"""What netx makes an image's values with where the file does not say."""
MOST_NEURONS = 1 << 21
"""Thirteen times those of PilotNet; a shape costs a file nothing, and every neuron some 200 bytes here."""
NEARLY_NEVER = rules.NEVER - 1
"""From this threshold on a potential is read, not its spikes."""


def read_net(
    path: str | Path,
    *,
    dt_s: float | None = None,
    reset_interval: int | None = None,
    reset_offset: int = 0,
    skip_layers: int = 0,
    num_layers: int | None = None,
    input_shape: Shape | None = None,
) -> Program:
    """Return the Program of a `.net` file.

    Args:
        dt_s: What one step stands for, seconds; the file's own, or 1 ms, when None.
        reset_interval, reset_offset: As in netx: states are cleared before every `reset_interval`-th step,
            each layer one step after the one before it. Never when None.
        skip_layers, num_layers: Populations to leave out in front, and how many to keep then; flattenings
            do not count.
        input_shape: Channels, rows and columns that enter the first layer, where the file does not say.

    Raises:
        GraphError: the file is damaged or holds what no Program can.
    """
    configs, simulation = hdf5.read_values(path)
    where, name = str(path), Path(path).stem
    entries, before = _entries(where, configs, input_shape)
    for option, given in (("skip_layers", skip_layers), ("num_layers", num_layers)):
        if given is not None and given < 0:
            raise GraphError(f"found {given}", option=option, allowed="0 or more are needed")
    kept = entries[skip_layers:][:num_layers]
    if not kept:
        raise GraphError(f"{where}: {len(entries)} layers with neurons, none is left of them; keep at least one")
    before = entries[skip_layers - 1].shape if skip_layers else before
    from_image = kept[0].type == INPUT_TYPE
    if before is None:
        before = kept[0].shape if from_image else _entering(kept[0])
    layers: list[AnyLayer] = []
    connections: list[Connection] = []
    source, arriving = INPUT, before
    for index, one in enumerate(kept):
        layer = population(one, index + 1, first=one.type == INPUT_TYPE)
        layer = _cleared(layer, reset_interval, reset_offset + 1 + index + int(from_image), one)
        if from_image and isinstance(layer, Layer):  # its own bias brings it to 0 in the step before the image
            charge, note = late_start(layer)
            one.warnings.extend([f"{layer.name}: {note}"] if note else [])
            layer = replace(layer, v_init=charge.v, rest_init=charge.rest)
        layers.append(layer)
        if one.type == INPUT_TYPE:  # every value to its own neuron
            window = Window(one.shape, one.shape[0], (1, 1), groups=one.shape[0])
            ones = np.ones(window.weight_shape, np.int64)
            connections.append(Connection(f"{one.name}_in", INPUT, one.name, ones, window=window))
        else:
            connections += synapses(one, source, arriving)
        source, arriving = one.name, one.shape
    graded = from_image or (entries[skip_layers - 1].graded if skip_layers else kept[0].graded)
    encoding = _encoding(kept[0]) if from_image and not kept[0].graded else (1, 0)
    last = layers[-1]
    spiking = isinstance(last, Layer) and int(last.vth.min()) < NEARLY_NEVER
    try:
        return Program(
            name=name,
            chip="loihi2",
            dt_s=_step(where, simulation, dt_s),
            n_inputs=math.prod(before),
            layers=tuple(layers),
            connections=tuple(connections),
            output=last.name,
            plan=_plan(layers, connections).to_dict(),
            notes=tuple(note for one in kept for note in one.warnings),
            input_shape=before if connections[0].window else flat(before),
            graded_input=graded,
            readout="spikes" if spiking else "v_last",
            encoding=encoding,
        )
    except ProgramError as error:
        raise error.inside(where, kind=GraphError) from None


def _entries(where: str, configs: list[dict], input_shape: Shape | None) -> tuple[list[Entry], Shape | None]:
    """Return the layers with neurons, and what enters the first of them where the file says so."""
    entries: list[Entry] = []
    n_neurons = 0
    for place, values in enumerate(configs):
        one = entry(where, place, len(entries), values)
        if one.type == FLATTEN:
            continue
        if one.type == INPUT_TYPE and place:
            raise GraphError(f"{one.where}: is an input, which only the first layer can be; export it again")
        if one.type == INPUT_TYPE and not one.neuron:
            input_shape = one.shape
            continue
        entries.append(one)
        n_neurons += math.prod(one.shape)
        if n_neurons > MOST_NEURONS:
            raise GraphError(
                f"{one.where}: makes {n_neurons} neurons with those before it, over {MOST_NEURONS}; check its shape"
            )
    return entries, input_shape


def _entering(one: Entry) -> Shape:
    if "inFeatures" in one.values:
        return hdf5.whole(one.where, one.values, "inFeatures", 1, 1 << 24), 1, 1
    if "weight_rec" in one.values or "kernelSize" not in one.values:
        return hdf5.integers(one.where, one.values, "weight")[0].size // math.prod(one.shape) or 1, 1, 1
    raise GraphError(
        "does not say how many rows and columns enter it",
        Phrase("give {input_shape} as channels,rows,columns"),
        where=one.where,
    )


def _cleared(layer: AnyLayer, interval: int | None, offset: int, one: Entry) -> AnyLayer:
    if interval is None:
        return layer
    if interval < 1:
        raise GraphError(f"found {interval}", option="reset_interval", allowed="at least 1 step is needed")
    if not isinstance(layer, Layer):
        one.warnings.append(f"{one.name}: sigma-delta neurons are never cleared, as in lava-dl's netx")
        return layer
    return replace(layer, clear_every=interval, clear_offset=offset % interval)


def late_start(layer: Layer) -> tuple[Charge, str]:
    """Return the state before the first step after which the potential is 0, and a note where none is."""
    zero = np.zeros(layer.n_neurons, np.int64)
    return charged(
        start=1,
        kept_u=rules.kept_of_current(layer.du),
        kept_v=rules.kept_of_potential(layer.dv),
        bias=rules.effective_bias(layer.bias_mant, layer.bias_exp),
        u_then=zero,
        v_then=zero,
        threshold=min(int(layer.vth.min()) << rules.ALIGN_SHIFT, rules.STATE_LIMIT),
    )


def _step(where: str, simulation: dict, dt_s: float | None) -> float:
    if dt_s is None:
        dt_s = MILLISECOND
        if "Ts" in simulation:
            stored = np.asarray(simulation["Ts"])
            if stored.dtype.kind not in "iuf" or stored.size != 1:
                raise GraphError(f"{where}: simulation/Ts is no number of milliseconds; export it again")
            dt_s *= float(stored.item())
    if not 0 < dt_s < float("inf"):
        raise GraphError(
            f"the time step is {dt_s:g} s, a positive number is needed", Phrase("give {dt_s} in seconds"), where=where
        )
    return float(dt_s)


def _encoding(one: Entry) -> tuple[int, int]:
    weight = hdf5.whole(one.where, one.values, "weight", -(1 << 23), 1 << 23, INPUT_WEIGHT)
    bias = hdf5.whole(one.where, one.values, "bias", -(1 << 23), 1 << 23, INPUT_BIAS)
    one.warnings.append(
        f"{one.name}: takes whole numbers at every step, int({weight} x + {bias}) for values x of lava-dl's data"
    )
    return weight, bias


def _plan(layers: list[AnyLayer], connections: list[Connection]) -> Plan:
    thresholds = {layer.name: int(np.max(layer.vth)) for layer in layers if isinstance(layer, Layer)}
    return Plan(thresholds, {one.name: ConnectionPlan(MAX_WEIGHT_BITS, int(one.weight_exp)) for one in connections})
