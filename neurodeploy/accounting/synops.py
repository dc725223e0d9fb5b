"""Synaptic operations, counted exactly: one per spike and synapse that it drives.

Axes: N neuron of a layer, or channel of the input; I sources of a connection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neurodeploy.accounting.conventions import CONVENTION, CONVENTIONS, Connected, Sent, Wires, by_convention, wires
from neurodeploy.accounting.tally import INPUT, Counter, Spread, Tally, check_suits, tally

__all__ = ["CONVENTION", "INPUT", "Connected", "Counter", "Spread", "Tally", "count", "row_of", "tally"]

MESSAGES = (
    "one message per spike and connection over which it reaches a non-zero weight, the input's included; a spike that "
    "goes to several cores of one layer is sent several times, which only a placement knows"
)
MACS = (
    "the synops of connections whose source sends values (counts, graded spikes or real numbers), which multiply "
    "instead of only adding; they are part of the synops"
)


def count(
    connections: Sequence[Connected],
    sizes: Mapping[str, int],
    run: Tally,
    n_steps: int,
    *,
    known: Sequence[Wires] | None = None,
) -> dict[str, Any]:
    """Return the counts of a run as plain values for JSON, per connection, per layer and in sum.

    Args:
        connections: Of the Program or the network that ran.
        sizes: Neurons of each layer.
        run: What was sent.
        n_steps: Steps the network ran for each sample.
        known: The sizes of the connections where a `Counter` has them.

    Keys, all per sample where they say so: `convention`, `synops_per_sample`, `synops` {mean, min, max, sd} over the
    samples, `by_convention` (the same run by others' rules; None where the run did not keep the values sent) and
    `conventions` (what each says), `dense_macs_per_sample` (were nothing skipped), `macs_per_sample` and
    `messages_per_sample` with `macs` and `messages` (what they are), `neuron_updates_per_sample`,
    `input_spikes_per_sample`, `spikes_per_sample`, `connections`, `layers`.

    Raises:
        DataError: the run is of another network.
    """
    check_suits(connections, sizes, run.spikes)
    known = [wires(one) for one in connections] if known is None else known
    told = [by_convention(run.sent(one.source), to) for one, to in zip(connections, known, strict=True)]
    rows = [
        {"name": one.name, "source": one.source, "target": one.target, "kind": "conv" if one.window else "dense"}
        | row_of(found, run.sent(one.source), to, run.n_samples, n_steps, values=one.source in run.values)
        for one, to, found in zip(connections, known, told, strict=True)
    ]
    # Summed before the division, so that the mean over the samples is this number too.
    whole = {name: _divided(_sum(one[name] for one in told), run.n_samples) for name in CONVENTIONS}
    products = _sum(
        found["nonzero_weights"] for one, found in zip(connections, told, strict=True) if one.source in run.values
    )
    layers: list[dict[str, Any]] = [
        {
            "name": name,
            "neurons": size,
            "spikes_per_sample": float(run.spikes[name].sum()) / run.n_samples,
            "rate_per_step": float(run.spikes[name].sum()) / (run.n_samples * size) / n_steps,
            "updates_per_sample": size * n_steps,
            "synops_per_sample": _sum(row["synops_per_sample"] for row in rows if row["target"] == name),
            "messages_per_sample": _sum(row["messages_per_sample"] for row in rows if row["source"] == name),
        }
        for name, size in sizes.items()
    ]
    return {
        "convention": CONVENTION,
        "samples": run.n_samples,
        "steps": n_steps,
        "synops_per_sample": whole["nonzero_weights"],
        "synops": None if run.spread is None else run.spread.plain(),
        "by_convention": whole,
        "conventions": CONVENTIONS,
        "macs_per_sample": _divided(products, run.n_samples),
        "macs": MACS,
        "dense_macs_per_sample": sum(row["dense_macs_per_sample"] for row in rows),
        "messages_per_sample": _sum(row["messages_per_sample"] for row in rows),
        "messages": MESSAGES,
        "neuron_updates_per_sample": sum(layer["updates_per_sample"] for layer in layers),
        "input_spikes_per_sample": float(run.spikes[INPUT].sum()) / run.n_samples,
        "spikes_per_sample": sum(layer["spikes_per_sample"] for layer in layers),
        "connections": rows,
        "layers": layers,
    }


def row_of(
    operations: Mapping[str, float | None], sent: Sent, to: Wires, n_samples: int, n_steps: int, *, values: bool
) -> dict[str, Any]:
    """Return the counts of one connection per sample.

    Args:
        operations: By every convention, of all samples.
        values: Its source sends values instead of spikes.
    """
    found = {name: _divided(value, n_samples) for name, value in operations.items()}
    return {
        "recurrent": to.loop,
        "values": values,
        "synapses": int(to.any_I.sum()),
        "nonzero_synapses": int(to.nonzero_I.sum()),
        "synops_per_sample": found["nonzero_weights"],
        "dense_synops_per_sample": found["all_weights"],
        "macs_per_sample": found["nonzero_weights"] if values else 0.0,
        "dense_macs_per_sample": to.macs * n_steps,
        "messages_per_sample": int(sent.events_I[to.nonzero_I > 0].sum()) / n_samples,
        "by_convention": found,
    }


def _sum(values: Any) -> float | None:
    """Return the sum; None where one of the values is not known."""
    found = list(values)
    return None if None in found else sum(found)


def _divided(value: float | None, n_samples: int) -> float | None:
    return None if value is None else value / n_samples
