"""Synaptic operations, counted exactly: one per spike and synapse that it drives.

Axes: N neuron of a layer, or channel of the input; I sources of a connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from neurodeploy.accounting.conventions import CONVENTION, CONVENTIONS, Connected, Sent, Wires, by_convention, wires
from neurodeploy.accounting.counts import ConnectionCounts, Counts, LayerCounts
from neurodeploy.accounting.tally import INPUT, Counter, Spread, Tally, check_suits, tally

__all__ = ["CONVENTION", "INPUT", "Connected", "Counter", "Spread", "Tally", "count", "row_of", "tally"]


def count(
    connections: Sequence[Connected],
    sizes: Mapping[str, int],
    run: Tally,
    n_steps: int,
    *,
    known: Sequence[Wires] | None = None,
) -> Counts:
    """Return the counts of a run, per connection, per layer and in sum.

    Args:
        connections: Of the Program or the network that ran.
        sizes: Neurons of each layer.
        run: What was sent.
        n_steps: Steps the network ran for each sample.
        known: The sizes of the connections where a `Counter` has them.

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
