"""Synaptic operations, counted exactly: one per spike and synapse that it drives.

Axes: B sample, I sources of a connection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from neurodeploy.backends.trace import Trace

CONVENTION = (
    "one synop per spike and synapse with a non-zero weight; input and recurrent connections included, "
    "biases and neuron updates not; spikes of the last step count, though the run ends before they arrive; "
    "mean per sample"
)
INPUT = "input"


class Connected(Protocol):
    """What a Program's connection and a network's synapses have in common."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def target(self) -> str: ...
    def fan_out(self, *, zeros: bool = False) -> np.ndarray: ...


def count(connections: Sequence[Connected], sizes: Mapping[str, int], trace: Trace, n_steps: int) -> dict[str, Any]:
    """Return the counts of a run as plain values for JSON, per connection, per layer and in sum.

    Args:
        connections: Of the Program or the network that ran.
        sizes: Neurons of each layer.
        n_steps: Steps the network ran for each sample.

    Keys: `convention`, `synops_per_sample`, `by_convention` (the same run with zero weights counted
    too), `neuron_updates_per_sample`, `spikes_per_sample`, `connections`, `layers`.
    """
    sent = {INPUT: trace.input_counts_BI, **trace.counts}
    rows: list[dict[str, Any]] = []
    for one in connections:
        fan_out_I, all_I = one.fan_out(), one.fan_out(zeros=True)
        spikes_BI = sent[one.source]
        rows.append(
            {
                "name": one.name,
                "source": one.source,
                "target": one.target,
                "synapses": int(all_I.sum()),
                "nonzero_synapses": int(fan_out_I.sum()),
                "synops_per_sample": float((spikes_BI @ fan_out_I).mean()),
                "dense_synops_per_sample": float((spikes_BI @ all_I).mean()),
            }
        )
    layers: list[dict[str, Any]] = [
        {
            "name": name,
            "neurons": size,
            "spikes_per_sample": float(trace.counts[name].sum(axis=1).mean()),
            "rate_per_step": float(trace.counts[name].mean() / n_steps),
            "updates_per_sample": size * n_steps,
        }
        for name, size in sizes.items()
    ]
    total = sum(row["synops_per_sample"] for row in rows)
    return {
        "convention": CONVENTION,
        "samples": trace.n_samples,
        "steps": n_steps,
        "synops_per_sample": total,
        "by_convention": {
            "nonzero_weights": total,
            "all_weights": sum(row["dense_synops_per_sample"] for row in rows),
        },
        "neuron_updates_per_sample": sum(layer["updates_per_sample"] for layer in layers),
        "input_spikes_per_sample": float(trace.input_counts_BI.sum(axis=1).mean()),
        "spikes_per_sample": sum(layer["spikes_per_sample"] for layer in layers),
        "connections": rows,
        "layers": layers,
    }
