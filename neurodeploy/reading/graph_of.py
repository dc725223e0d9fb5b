"""A torch module of another framework, or plain torch with our layers, read into a NIR graph.

The module is run once on sample input, the way its users run it. Every number that flows is followed from layer to
layer (`recorder`), so loops over time, states handed on, shared layers and functional code read like what they do,
not like how they are written. What the run shows to be the same at every step becomes the graph (`wiring`,
`assemble`); anything else is refused in one line.

Axes: B sample, T step, N neuron, F input channel.
"""

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any

import nir
import numpy as np
import torch
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.fixedpoint.rules import READOUTS
from neurodeploy.graph.metadata import FORMAT, INTEGRATION, ROUNDING, TOWARD_ZERO, ours, wrapped
from neurodeploy.phrases import plural
from neurodeploy.program.plan import Plan
from neurodeploy.quantize import grid
from neurodeploy.reading.assemble import Assembled, reset_of
from neurodeploy.reading.host import Host, told
from neurodeploy.reading.inputs import InputOrder, Sample, input_order, sample_of
from neurodeploy.reading.labels import INPUT_NODE
from neurodeploy.reading.leaves import ChipNeurons, Neurons, Source
from neurodeploy.reading.outputs import Output, OwnAnswer, output_of, own_answer
from neurodeploy.reading.pool_after import PoolAfter, pool_after
from neurodeploy.reading.recorder import Recorder
from neurodeploy.reading.run import Forward, answered, recorded
from neurodeploy.reading.whole import read_whole
from neurodeploy.reading.wiring import Wiring, wired, with_lags


@dataclass(frozen=True, eq=False)
class GraphOf:
    """A module read into a graph, and what its own run showed.

    Attributes:
        graph: With the time step, the reset rules and the readout in its metadata.
        dt_s: Time step, seconds.
        reset: "zero", "subtract", or "mixed" where neurons differ.
        readout: What the class is read from: "spikes", "v_last", "v_max", "v_sum" or "softmax".
        own: The module's own answer, to compare; None where another readout was asked for.
        notes: What is otherwise than it reads, one sentence each.
        nodes: By node name the path of the submodule it is from.
        inputs: How the module's input, or the host's spikes, become (B, T, F).
        inputs_BTF: The sample input in that form.
        feed: From a batch like the sample input to (B, T, F); with a host, by running the module.
        spikes: The module's own spikes of every population of its, by node name (B, T, N).
        potentials: The module's own potentials of a readout, by node name (B, T, N).
        host: Path of the submodule that runs on the host, at least in part; empty where all is in the graph.
        weights, chip: What `precision.put_on_grid` needs, by node name; see `leaves.Built`.
    """

    graph: nir.NIRGraph
    dt_s: float
    reset: str
    readout: str
    own: OwnAnswer | None
    notes: tuple[str, ...]
    nodes: dict[str, str]
    inputs: InputOrder
    inputs_BTF: np.ndarray
    feed: Callable[[Any], np.ndarray]
    spikes: dict[str, np.ndarray]
    potentials: dict[str, np.ndarray]
    weights: dict[str, Source]
    chip: dict[str, ChipNeurons]
    host: str = ""


def graph_of(
    module: nn.Module,
    sample_input: Any,
    *,
    dt_s: float,
    time_axis: int = 0,
    readout: str | None = None,
    forward: Forward | None = None,
    host: str | None = None,
    pool: str | None = None,
    name: str | None = None,
) -> GraphOf:
    """Return the graph of a module.

    Args:
        module: snnTorch, Norse, SpikingJelly, torch or ours, in evaluation mode. Its neurons' states are put to rest.
            One that was put on a grid gives a graph with its precision. It may say in `node_names` what nodes are
            called; see `assemble.GivenNames`.
        sample_input: What the module takes: a few samples, all steps of them; a tuple for several inputs. For a module
            that takes one step at a time, and holds no loop, with an axis for time.
        dt_s: Seconds that a step stands for. Norse's modules have their own, which this must be.
        time_axis: Where time is, for such a module.
        readout: What the class is read from, where the module's output leaves it open.
        forward: Runs the module on the sample, `forward(module, sample_input)`, where calling it is not enough:
            a loop of the user's own, states that are passed by name.
        host: Path of a submodule that runs on the host with everything before it, for modules that take real numbers:
            the graph takes the spikes of neurons, and of another layer its currents, as whole numbers of 12 bits.
        pool: "after" puts maximum pools of currents behind the neurons that take them, and notes what that changes;
            they are refused where None.
        name: For the graph's metadata; the module's class where None.

    Raises:
        FrameworkError: one line on the submodule or operation that cannot be taken, and what is allowed.
    """
    if not isinstance(module, nn.Module):
        raise FrameworkError(f"module: found {type(module).__name__}, a torch.nn.Module is needed")
    if not (isinstance(dt_s, Real) and 0 < dt_s < np.inf):
        found = f"found {dt_s:g}" if isinstance(dt_s, Real) else f"found {dt_s!r}"
        raise FrameworkError(found, option="dt_s", allowed="a positive number of seconds is needed")
    if readout not in (None, *READOUTS):
        raise FrameworkError(f"readout: found {readout!r}, one of {', '.join(READOUTS)} is allowed")
    if pool not in (None, "after"):
        raise FrameworkError(f"pool: found {pool!r}, 'after' is allowed")
    module = getattr(module, "_orig_mod", module)  # torch.compile's own has nothing to be read
    sample = sample_of(sample_input)
    plan = getattr(module, "plan", None)
    fields = read_whole(module, sample, dt_s, name or type(module).__name__)
    if fields is not None:
        on_grid = {"graph": _with_precision(fields["graph"], plan)} if isinstance(plan, Plan) else {}
        return GraphOf(**fields | on_grid)
    outside = None if host is None else Host(host)
    follow = partial(_followed, module, sample, time_axis, forward, outside, readout)
    recorder, result, wiring, output = follow(None)
    after, cost = pool_after(wiring), ""
    if after is not None:
        before = own_answer(output, result, tuple, None)
        try:
            recorder, result, wiring, output = follow(after)
        except FrameworkError as error:
            raise after.refusal(f"which fails here: {error.problem}") from None
        now = own_answer(output, result, tuple, None)
        cost = after.cost(wiring, *(None if one is None else one.classes_B for one in (before, now)))
        if pool is None:
            raise after.refusal(cost)
    offsets, shape = _channels(wiring)
    sample = sample if host is None else torch.stack(recorder.host_spikes)
    inputs = input_order(sample, wiring.first_TB, offsets, shape)
    if inputs is None:
        raise FrameworkError("sample_input: its axes are not samples, steps and channels; give it as (T, B, ...)")
    made = Assembled(wiring, output, offsets, shape, dt_s, getattr(module, "node_names", {}))
    values = inputs.feed(sample)
    run = partial(answered, module, time_axis, forward, recorder.stepwise, after, sample)
    notes = [*made.notes, *output.notes]
    if after is not None:
        notes.append(f"{after.pairs[0][0].path}: maximum pooling of currents is behind the neurons, {cost}")
    if recorder.stepwise:
        notes.append(
            f"the module takes one step at a time: axis {time_axis} of its input is time, "
            f"{plural(wiring.n_steps, 'step')}"
        )
    if host is not None:
        once = inputs.time_axis is None
        notes.append(told(host, recorder.unit, recorder.host_macs, values[:, :1] if once else values))
    if inputs.time_axis is None and wiring.n_steps > 1:
        notes.append(f"the input has no time of its own: it is given again at each of {wiring.n_steps} steps")
    whole = bool((values == np.rint(values)).all() and ((values >= 0).all() or recorder.unit))
    entries: dict[str, Any] = {
        "format": FORMAT,
        "dt_s": float(dt_s),
        "time_unit": "s",
        "integration": INTEGRATION,
        "name": name or type(module).__name__,
        "readout": output.readout,
        "decode": None if output.decode is None else output.decode.text,
        "counts": True if whole and np.abs(values).max(initial=0) > 1 else None,
    }
    graph = nir.NIRGraph(made.nodes, made.edges, metadata=wrapped(**entries), type_check=False)
    spikes, potentials = _own(wiring, made, output)
    if isinstance(plan, Plan):
        graph = _with_precision(graph, plan)
    return GraphOf(
        graph=graph,
        dt_s=float(dt_s),
        reset=reset_of(made.nodes),
        readout=output.readout,
        own=own_answer(output, result, run, inputs if host is None else None),
        notes=tuple(notes),
        nodes={node: path for node, path in made.modules.items() if node in made.nodes},
        inputs=inputs,
        inputs_BTF=values,
        feed=inputs.feed
        if host is None
        else partial(_from_host, module, inputs, time_axis, forward, Host(host, recorder.unit)),
        spikes=spikes,
        potentials=potentials,
        weights=made.weights,
        chip=made.chip,
        host=host or "",
    )


def _followed(
    module: nn.Module,
    sample: Sample,
    time_axis: int,
    forward: Forward | None,
    host: Host | None,
    readout: str | None,
    after: PoolAfter | None,
) -> tuple[Recorder, Any, Wiring, Output]:
    """Return a run, what the module gave in it, who is connected to whom, and its output."""
    for straight in (False, True):  # a class is its place in the module's own order
        recorder, result = recorded(module, sample, time_axis, forward, host, straight, after)
        wiring = wired(recorder.instances, module)
        output = output_of(recorder, wiring, result, readout)
        if wiring.instances[output.node].order is None:
            break
    with_lags(wiring, output.node)
    return recorder, result, wiring, output


def _from_host(
    module: nn.Module, inputs: InputOrder, time_axis: int, forward: Forward | None, host: Host, values: Any
) -> np.ndarray:
    """Return what a module's first layers give for a batch, spikes or whole numbers, (B, T, F)."""
    recorder, _ = recorded(module, sample_of(values), time_axis, forward, host)
    return inputs.feed(torch.stack(recorder.host_spikes))


def _channels(wiring: Wiring) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the place of each input channel after the first, and the channels' axes: as a layer has them that takes
    all, else in the input's own order.
    """
    takers = [
        (wiring.instances[node].shape_in, one)
        for node, terms in wiring.terms.items()
        for one in terms
        if one.node == INPUT_NODE
    ]
    every = np.unique(np.concatenate([one.features for _, one in takers]))
    for shape, one in takers:
        if len(np.unique(one.features)) == len(np.unique(one.columns)) == len(one.features) == len(every):
            order = np.argsort(one.columns)
            return one.features[order], _image(shape, one.columns[order])
    return every, _image(takers[0][0], np.arange(len(every)))


def _image(shape: tuple[int, ...], columns: np.ndarray) -> tuple[int, ...]:
    """Return the axes of inputs of a layer that takes `shape`: all places of each channel, or just numbers."""
    size = math.prod(shape[1:])
    all_places = len(columns) % size == 0 and bool((columns % size == np.arange(len(columns)) % size).all())
    return (len(columns) // size, *shape[1:]) if all_places else (len(columns),)


def _own(wiring: Wiring, made: Assembled, output: Output) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the module's own spikes, and the potentials of a readout, by population."""
    spikes = {
        made.populations[node]: _over_time(one.spikes)
        for node, one in wiring.instances.items()
        if isinstance(one.leaf, Neurons) and one.spikes and not (node == output.node and output.potential)
    }
    last = wiring.instances[output.node]
    if not output.potential or output.leak is not None or not last.potentials:
        return spikes, {}
    return spikes, {made.populations[output.node]: _over_time(last.potentials).astype(np.float64)}


def _over_time(steps: list[torch.Tensor]) -> np.ndarray:
    """Return (B, ...) of every step as (B, T, N)."""
    return torch.stack(steps).flatten(2).transpose(0, 1).numpy()


def weighted(graph: nir.NIRGraph, name: str) -> tuple[str, float]:
    """Return the node whose weights a connection has, and what an average pool before it multiplies them by.

    Such a pool gives each of its inputs the next weight's share, exactly, where its windows do not overlap.
    """
    pool, _, node = name.rpartition("+")
    before: Any = graph.nodes.get(pool)
    apart = isinstance(before, nir.AvgPool2d) and np.array_equal(before.kernel_size, before.stride)
    if not apart or np.any(before.padding):
        return name, 1.0
    return node, 1 / float(np.prod(before.kernel_size))


def _with_precision(graph: nir.NIRGraph, plan: Plan) -> nir.NIRGraph:
    """Return a graph whose nodes say in their metadata the precision that a plan gives them."""
    nodes = dict(graph.nodes)
    for name, vth_mant in plan.vth_mant.items():
        bits = plan.fraction_bits.get(name)
        entries: dict[str, Any] = {
            "vth_mant": vth_mant,
            "fraction_bits": bits,
            "rounding": None if bits is None else TOWARD_ZERO,
        }
        nodes[name] = _with(nodes[name], entries)
    precision = {weighted(graph, name): precise for name, precise in plan.connections.items()}
    for (source, share), precise in precision.items():
        for target in [target for one, target in graph.edges if one == source]:
            exponent, entries = precise.weight_exp, {"weight_bits": precise.weight_bits, "rounding": ROUNDING}
            if isinstance(exponent, tuple):
                entries |= {"row_exps": np.array(exponent)}
            else:
                scale = float(grid.power(exponent, 0)) / plan.vth_mant[target] / share
                entries |= {"weight_exp": exponent, "weight_scale": scale}
            nodes[source] = _with(nodes[source], entries)
    return nir.NIRGraph(nodes, graph.edges, metadata=graph.metadata, type_check=False)


def _with(node: nir.NIRNode, entries: dict[str, Any]) -> nir.NIRNode:
    made = copy(node)
    made.metadata = {**(node.metadata or {}), **wrapped(**(ours(node.metadata) | entries))}
    return made
