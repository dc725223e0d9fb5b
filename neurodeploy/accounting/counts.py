"""The counts of a run, or of any layer, one type from the counter to the price and the report; every synop is counted.

Axes: S sample, T step, N neuron of a layer, or channel of the input; I input of a connection or layer, O its output.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurodeploy.accounting.conventions import CONVENTION, CONVENTIONS, Connected, Sent, Wires, by_convention, wires
from neurodeploy.accounting.plain import Plain
from neurodeploy.accounting.tally import INPUT, Spread, Tally, check_suits
from neurodeploy.errors import DataError
from neurodeploy.graph.linear import LinearMap
from neurodeploy.program.window import Window

MESSAGES = (
    "one message per spike and connection over which it reaches a non-zero weight, the input's included; a spike that "
    "goes to several cores of one layer is sent several times, which only a placement knows"
)
MACS = (
    "the synops of connections whose source sends values (counts, graded spikes or real numbers), which multiply "
    "instead of only adding; they are part of the synops"
)


@dataclass(frozen=True)
class ConnectionCounts(Plain):
    """What one connection did, per sample.

    Attributes:
        kind: "conv" or "dense"; "" where it is not known.
        recurrent: From a layer to itself.
        values: Its source sends values instead of spikes.
        synapses, nonzero_synapses: Of any weight, and of one that is not zero.
        dense_synops_per_sample: Weights of zero counted too.
        macs_per_sample: The part of the synops that multiplies.
        dense_macs_per_sample: Were nothing skipped; None where it is not known.
        by_convention: The same run by every rule; None where the run did not keep what the rule needs.
    """

    name: str = ""
    source: str = ""
    target: str | None = None
    kind: str = ""
    recurrent: bool = False
    values: bool = False
    synapses: int = 0
    nonzero_synapses: int = 0
    synops_per_sample: float = 0.0
    dense_synops_per_sample: float | None = None
    macs_per_sample: float = 0.0
    dense_macs_per_sample: float | None = None
    messages_per_sample: float = 0.0
    by_convention: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerCounts(Plain):
    """What one layer did, per sample: the synops that arrive, the messages that leave.

    Attributes:
        rate_per_step: Spikes per neuron and step.
        gate: An AND or OR of spikes, see `gates`; None where it is not.
    """

    OPTIONAL = ("gate",)

    name: str
    neurons: int = 0
    spikes_per_sample: float = 0.0
    rate_per_step: float = 0.0
    updates_per_sample: int = 0
    synops_per_sample: float = 0.0
    messages_per_sample: float = 0.0
    gate: bool | None = None


@dataclass(frozen=True)
class Counts(Plain):
    """What a run did, mean per sample over all of its steps; totals alone can be priced too.

    Attributes:
        convention: What the headline number counts.
        synops: {mean, min, max, sd} over the samples; None where only sums were kept.
        by_convention: The same run by others' rules; None where the run did not keep the values sent.
        conventions: What each of them says.
        macs, messages: What these two are, in words.
        logic_per_sample: The part of the synops that reaches an AND or OR of spikes; None where there is none.
        dense_macs_per_sample: Were nothing skipped; None where it is not known.
        host_reads_per_sample: Potentials that leave the chip.
        seconds_per_sample: Of a network in real time, for chips that are priced by the second.
    """

    OPTIONAL = ("host_reads_per_sample", "seconds_per_sample", "logic_per_sample")

    convention: str = CONVENTION
    samples: int = 0
    steps: int = 0
    synops_per_sample: float = 0.0
    synops: Mapping[str, float] | None = None
    by_convention: Mapping[str, float | None] = field(default_factory=dict)
    conventions: Mapping[str, str] = field(default_factory=CONVENTIONS.copy)
    macs_per_sample: float = 0.0
    macs: str = MACS
    dense_macs_per_sample: float | None = None
    messages_per_sample: float = 0.0
    messages: str = MESSAGES
    neuron_updates_per_sample: float = 0.0
    input_spikes_per_sample: float = 0.0
    spikes_per_sample: float = 0.0
    connections: tuple[ConnectionCounts, ...] = ()
    layers: tuple[LayerCounts, ...] = ()
    host_reads_per_sample: int | None = None
    seconds_per_sample: float | None = None
    logic_per_sample: float | None = None


def count(
    connections: Sequence[Connected],
    sizes: Mapping[str, int],
    run: Tally,
    n_steps: int,
    *,
    known: Sequence[Wires] | None = None,
    gates: Collection[str] = (),
) -> Counts:
    """Return the counts of a run, per connection, per layer and in sum.

    Args:
        connections: Of the Program or the network that ran.
        sizes: Neurons of each layer.
        run: What was sent.
        n_steps: Steps the network ran for each sample.
        known: The sizes of the connections where a `Counter` has them.
        gates: Layers that are an AND or OR of spikes.

    Raises:
        DataError: the run is of another network.
    """
    check_suits(connections, sizes, run.spikes)
    known = [wires(one) for one in connections] if known is None else known
    told = [by_convention(run.sent(one.source), to) for one, to in zip(connections, known, strict=True)]
    rows = tuple(
        row_of(one, found, run.sent(one.source), to, run.n_samples, n_steps, values=one.source in run.values)
        for one, to, found in zip(connections, known, told, strict=True)
    )
    # Summed before the division, so that the mean over the samples is this number too.
    whole = {name: _divided(_sum(one[name] for one in told), run.n_samples) for name in CONVENTIONS}
    products = sum(
        _known(found["nonzero_weights"])
        for one, found in zip(connections, told, strict=True)
        if one.source in run.values
    )
    layers = tuple(
        LayerCounts(
            name=name,
            neurons=size,
            spikes_per_sample=float(run.spikes[name].sum()) / run.n_samples,
            rate_per_step=float(run.spikes[name].sum()) / (run.n_samples * size) / n_steps,
            updates_per_sample=size * n_steps,
            synops_per_sample=sum(row.synops_per_sample for row in rows if row.target == name),
            messages_per_sample=sum(row.messages_per_sample for row in rows if row.source == name),
            gate=name in gates or None,
        )
        for name, size in sizes.items()
    )
    return Counts(
        samples=run.n_samples,
        steps=n_steps,
        synops_per_sample=_known(whole["nonzero_weights"]),
        synops=None if run.spread is None else run.spread.plain(),
        by_convention=whole,
        macs_per_sample=products / run.n_samples,
        dense_macs_per_sample=sum(to.macs * n_steps for to in known),
        messages_per_sample=sum(row.messages_per_sample for row in rows),
        neuron_updates_per_sample=sum(layer.updates_per_sample for layer in layers),
        input_spikes_per_sample=float(run.spikes[INPUT].sum()) / run.n_samples,
        spikes_per_sample=sum(layer.spikes_per_sample for layer in layers),
        connections=rows,
        layers=layers,
        logic_per_sample=sum(layer.synops_per_sample for layer in layers if layer.gate) if gates else None,
    )


def row_of(
    one: Connected,
    operations: Mapping[str, float | None],
    sent: Sent,
    to: Wires,
    n_samples: int,
    n_steps: int,
    *,
    values: bool,
) -> ConnectionCounts:
    """Return the counts of one connection per sample.

    Args:
        one: The connection.
        operations: By every convention, of all samples.
        sent: What its source sent.
        to: The connection's sizes.
        n_samples, n_steps: Of the run; steps of each sample.
        values: Its source sends values instead of spikes.
    """
    found = {name: _divided(value, n_samples) for name, value in operations.items()}
    synops = _known(found["nonzero_weights"])
    return ConnectionCounts(
        name=one.name,
        source=one.source,
        target=one.target,
        kind="conv" if one.window else "dense",
        recurrent=to.loop,
        values=values,
        synapses=int(to.any_I.sum()),
        nonzero_synapses=int(to.nonzero_I.sum()),
        synops_per_sample=synops,
        dense_synops_per_sample=found["all_weights"],
        macs_per_sample=synops if values else 0.0,
        dense_macs_per_sample=to.macs * n_steps,
        messages_per_sample=int(sent.events_I[to.nonzero_I > 0].sum()) / n_samples,
        by_convention=found,
    )


def _sum(values: Iterable[float | None]) -> float | None:
    """Return the sum; None where one of the values is not known."""
    found = list(values)
    return None if None in found else sum(one for one in found if one is not None)


def _known(value: float | None) -> float:
    """Return what our own rule gives, which every run keeps enough for."""
    assert value is not None
    return value


def _divided(value: float | None, n_samples: int) -> float | None:
    return None if value is None else value / n_samples


@dataclass(frozen=True, eq=False)
class Weights(LinearMap):
    """A layer that has no name: a matrix (O, I), or a kernel with its window."""

    name: str = "layer"
    source: str = "input"
    target: str = "layer"


def count_layer(layer: Connected | Window | np.ndarray, inputs: np.ndarray) -> dict[str, Any]:
    """Return the counts of one layer, of any tool, per sample, as plain values for JSON.

    Args:
        layer: A connection, weights (O, I), or the geometry of a convolution whose weights are all taken as
            non-zero.
        inputs: What it was fed, spikes, counts or real numbers, (samples, steps, …); the axes after the
            second are flattened in C order.

    Keys: `samples`, `steps`, `events_per_sample`, `synops` {mean, min, max, sd} over the samples, `conventions`, and
    those of `accounting.counts.ConnectionCounts`.

    Raises:
        DataError: the inputs do not fit the layer, or are not finite.

    >>> weight = np.array([[1, 0], [2, 3], [0, 0]])
    >>> found = count_layer(weight, np.array([[[1, 1], [0, 2]]]))
    >>> found["synops_per_sample"], found["by_convention"]["value_weighted"]
    (4.0, 12.0)
    """
    one = _connected(layer)
    values_STI = _checked(one, np.asarray(inputs))
    to = wires(one)
    events_SI = np.count_nonzero(values_STI, axis=1)
    binary = bool(((values_STI == 0) | (values_STI == 1)).all())
    sums_I = values_STI.sum(axis=(0, 1), dtype=np.float64 if values_STI.dtype.kind == "f" else np.int64)
    sent = Sent(events_SI.sum(axis=0), sums_I, binary)
    n_samples, n_steps = values_STI.shape[:2]
    row = row_of(one, by_convention(sent, to), sent, to, n_samples, n_steps, values=not binary).to_dict()
    return {
        "samples": n_samples,
        "steps": n_steps,
        "events_per_sample": float(events_SI.sum()) / n_samples,
        "synops": Spread.of(events_SI @ to.nonzero_I).plain(),
        "conventions": CONVENTIONS,
    } | {key: value for key, value in row.items() if key not in ("name", "source", "target", "kind")}


def _connected(layer: Connected | Window | np.ndarray) -> Connected:
    if isinstance(layer, Window):
        problem = layer.problem()
        if problem:
            raise DataError(f"layer: {problem}")
        return Weights(np.ones(layer.weight_shape, np.int8), layer)
    if isinstance(layer, np.ndarray):
        if layer.ndim != 2:
            raise DataError(f"layer: weights have shape {layer.shape}, (outputs, inputs) is needed; or give a Window")
        return Weights(layer)
    return layer


def _checked(one: Connected, inputs: np.ndarray) -> np.ndarray:
    if inputs.ndim < 3 or not inputs.size:
        raise DataError(
            f"inputs: have shape {inputs.shape}, (samples, steps, channels) with at least one each is needed"
        )
    if inputs.dtype.kind not in "biuf":
        raise DataError(f"inputs: hold {inputs.dtype}, numbers are needed")
    flat = inputs.reshape(*inputs.shape[:2], -1)
    if flat.shape[2] != one.n_inputs:
        raise DataError(f"inputs: have {flat.shape[2]} channels, the layer takes {one.n_inputs}")
    if flat.dtype.kind == "f" and not np.isfinite(flat).all():
        raise DataError("inputs: hold values that are not finite; clean them first")
    return flat
