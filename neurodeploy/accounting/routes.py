"""What one spike of every source sets off in the cores it reaches: synops, messages and hops.

Axes: I source of a connection, C core of its target layer, O neuron of that layer, G group, T step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from neurodeploy.accounting.tally import INPUT, check_suits
from neurodeploy.errors import DataError
from neurodeploy.mapping.placement import Placement
from neurodeploy.mapping.placement.encoding import DENSE, SPARSE
from neurodeploy.mapping.placement.placement import Mesh
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import Program
from neurodeploy.program.window import Window

KINDS = {DENSE: "dense", SPARSE: "sparse"}
"""Encodings of matrices as chip files call them; every other is a convolution's."""


@dataclass(frozen=True, eq=False)
class Route:
    """One connection on the mesh.

    Attributes:
        cores: Of the target layer (C,).
        synops_IC: Synapses that a spike of each source reads in each core; sparse, as most sources of a large image
            reach few cores.
        reaches_IC: Messages that take it there, sparse: none or one, or one for each exponent of a matrix's rows.
        kind: dense, sparse or conv.
        hops_I: Tiles east or west, tiles north or south, and chips left, of all messages of a spike (I, 3); of
            the input, which comes from outside, none.
        longest: The longest way of a message, tiles east or west and north or south.
    """

    name: str
    source: str
    target: str
    cores: np.ndarray
    synops_IC: sparse.csc_array
    reaches_IC: sparse.csc_array
    kind: str
    hops_I: np.ndarray
    longest: tuple[int, int]


def routes(program: Program, placement: Placement) -> list[Route]:
    """Return every connection as a route.

    Raises:
        DataError: the placement is of another Program, or the Program does not fit.
    """
    check_placed(program, placement)
    mesh = Mesh.of(placement.n_cores, placement.limits)
    found = []
    for one in program.connections:
        layer = placement.layer(one.target)
        cores = np.arange(layer.cores[0], layer.cores[1] + 1)
        core_O = placement.core_of[one.target] - cores[0]
        kind = KINDS.get(layer.encodings[one.name], "conv")
        synops_IC, reaches_IC = _reached(one, core_O, len(cores), kind)
        hops_I, longest = np.zeros((one.n_inputs, 3)), (0, 0)
        if one.source != INPUT:
            own, place_I = np.unique(placement.core_of[one.source], return_inverse=True)
            ways = mesh.ways(own, cores)
            used = np.zeros((len(own), len(cores)), np.int64)
            for core in range(len(cores)):  # all of them at once would take many times the memory
                at = slice(*reaches_IC.indptr[core : core + 2])
                seen_I, messages = reaches_IC.indices[at], reaches_IC.data[at]
                used[place_I[seen_I], core] = 1
                for axis, way in enumerate(ways):
                    hops_I[seen_I, axis] += messages * way[place_I[seen_I], core]
            far = np.argmax((ways[0] + ways[1]) * used)
            longest = int((ways[0] * used).flat[far]), int((ways[1] * used).flat[far])
        found.append(Route(one.name, one.source, one.target, cores, synops_IC, reaches_IC, kind, hops_I, longest))
    return found


def check_placed(program: Program, placement: Placement) -> None:
    """Check that a placement is one of this Program, and has cores.

    Raises:
        DataError: it is not, or has none.
    """
    if placement.program.digest != program.digest:
        raise DataError(f"placement: is of another network than {program.name}; place the one that ran")
    if not placement.fits:
        raise DataError(f"placement: {program.name} does not fit {placement.limits.chip}; {placement.problems[0]}")


@dataclass(frozen=True)
class Traffic:
    """What only a placement knows of a run, per sample; None where nothing says it.

    Attributes:
        messages_per_sample: Leaving cores.
        messages_in_per_sample: Arriving at cores, the input's too.
        hops_ew_per_sample, hops_ns_per_sample: Ways on the mesh, east or west, north or south.
        chip_crossings_per_sample: Messages from chip to chip.
        encodings: By layer: dense, sparse or conv.
        cores, chips: In use.
    """

    messages_per_sample: float | None = None
    messages_in_per_sample: float | None = None
    hops_ew_per_sample: float = 0.0
    hops_ns_per_sample: float = 0.0
    chip_crossings_per_sample: float = 0.0
    encodings: Mapping[str, str] = field(default_factory=dict)
    cores: int | None = None
    chips: int | None = None


def traffic_of(
    program: Program,
    placement: Placement,
    spikes: Mapping[str, np.ndarray],
    n_samples: int,
    known: Sequence[Route] | None = None,
) -> Traffic:
    """Return what a run's messages did on the mesh, per sample.

    Args:
        program: What ran.
        placement: Of that Program.
        spikes: Events of the input and of every layer, summed over the samples (N,), as a `Tally` holds them.
        n_samples: So many.
        known: What `routes` gives, where it was asked before.

    Raises:
        DataError: the run, or the placement, is of another network.
    """
    check_suits(program.connections, {one.name: one.n_neurons for one in program.layers}, spikes)
    sent = arriving = 0.0
    hops = np.zeros(3)
    encodings: dict[str, str] = {}
    for one in routes(program, placement) if known is None else known:
        events_I = np.asarray(spikes[one.source], np.float64)
        messages = float(events_I @ one.reaches_IC.sum(axis=1))
        arriving += messages
        sent += 0.0 if one.source == INPUT else messages
        hops += events_I @ one.hops_I
        encodings.setdefault(one.target, one.kind)
    return Traffic(
        messages_per_sample=sent / n_samples,
        messages_in_per_sample=arriving / n_samples,
        hops_ew_per_sample=float(hops[0]) / n_samples,
        hops_ns_per_sample=float(hops[1]) / n_samples,
        chip_crossings_per_sample=float(hops[2]) / n_samples,
        encodings=encodings,
        cores=placement.n_cores,
        chips=placement.n_chips,
    )


def _reached(one: Connection, core_O: np.ndarray, n_cores: int, kind: str) -> tuple[sparse.csc_array, sparse.csc_array]:
    """Return the synapses of each source in each core (I, C), and the messages that a spike takes to read them.

    Rows of a matrix that are stored densely are read whole, and those of different exponents have axons of their own.
    """
    there = (one.held != 0).astype(np.float32)
    if one.window is not None:
        synops_IC = _of_window(one.window, there, core_O, n_cores)
        parts = np.ones_like(synops_IC.data), synops_IC.indices, synops_IC.indptr
        return synops_IC, sparse.csc_array(parts, shape=synops_IC.shape)
    mine_OC = (core_O[:, None] == np.arange(n_cores)).astype(np.float32)
    exponents_O = one.row_exponents
    messages_IC = np.zeros((one.n_inputs, n_cores), np.float32)
    for exponent in np.unique(exponents_O):
        mine_O = exponents_O == exponent
        messages_IC += there[mine_O].T @ mine_OC[mine_O] > 0
    synops_IC = (messages_IC > 0) * mine_OC.sum(axis=0) if kind == KINDS[DENSE] else there.T @ mine_OC
    return sparse.csc_array(synops_IC), sparse.csc_array(messages_IC)


def _of_window(window: Window, there: np.ndarray, core_O: np.ndarray, n_cores: int) -> sparse.csc_array:
    """Return the synapses of a convolution: the outputs of each core, laid back over the input tap by tap.

    Of a core's outputs only the groups, channels and rows that it has are looked at, and the input's rows they see.
    """
    channels, rows, columns = window.input_shape
    out_channels, out_rows, out_columns = window.output_shape
    per_group = out_channels // window.groups
    split = there.reshape(window.groups, per_group, *there.shape[1:])
    number = np.arange(window.n_inputs, dtype=np.int32).reshape(window.groups, -1, rows, columns)
    order = np.argsort(core_O, kind="stable")
    starts = np.searchsorted(core_O[order], np.arange(n_cores + 1))
    reach = window.dilation[0] * (window.kernel[0] - 1)
    seen_I, synops_I = [], []
    for core in range(n_cores):
        channel, y, x = np.unravel_index(order[starts[core] : starts[core + 1]], (out_channels, out_rows, out_columns))
        groups, at_group = np.unique(channel // per_group, return_inverse=True)
        inner, at_inner = np.unique(channel % per_group, return_inverse=True)
        low, high = int(y.min()), int(y.max()) + 1
        mine = np.zeros((len(groups), len(inner), high - low, out_columns), np.float32)
        mine[at_group, at_inner, y - low, x] = 1
        weights = split[groups][:, inner]
        begin = max(0, low * window.stride[0] - window.padding[0])
        end = max(begin, min(rows, (high - 1) * window.stride[0] - window.padding[0] + reach + 1))
        found = np.zeros((len(groups), channels // window.groups, end - begin, columns), np.float32)
        for ky, kx in np.ndindex(*window.kernel):
            (seen_y, by_y), (seen_x, by_x) = window.seen(0, ky), window.seen(1, kx)
            first, last = max(by_y.start, low), min(by_y.stop, high)
            if first >= last or by_x.start >= by_x.stop:
                continue
            step = window.stride[0]
            top = seen_y.start + (first - by_y.start) * step - begin
            some = mine[:, :, first - low : last - low, by_x]
            # (G, I, K) x (G, K, places) -> (G, I, places)
            got = weights[..., ky, kx].transpose(0, 2, 1) @ some.reshape(*some.shape[:2], some.shape[2] * some.shape[3])
            found[:, :, top : top + (last - first - 1) * step + 1 : step, seen_x] += got.reshape(
                *got.shape[:2], *some.shape[2:]
            )
        seen_I.append(number[groups, :, begin:end][found > 0])
        synops_I.append(found[found > 0])
    ends = np.cumsum([0, *map(len, seen_I)])
    parts = np.concatenate(synops_I), np.concatenate(seen_I), ends
    return sparse.csc_array(parts, shape=(window.n_inputs, n_cores))
