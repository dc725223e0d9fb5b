"""Synaptic operations, counted exactly: one per spike and synapse that it drives.

Axes: N neuron of a layer, or channel of the input; I sources of a connection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, eq=False)
class Tally:
    """What counting needs of a run: the spikes of every source, summed over the samples.

    Attributes:
        spikes: Of `INPUT` and of every layer, int64 (N,).
    """

    n_samples: int
    n_input_steps: int
    spikes: dict[str, np.ndarray]

    def __add__(self, other: Tally) -> Tally:
        """Return the tally of both runs' samples."""
        return Tally(
            self.n_samples + other.n_samples,
            self.n_input_steps,
            {name: one + other.spikes[name] for name, one in self.spikes.items()},
        )


def tally(trace: Trace) -> Tally:
    """Return the sums of a run."""
    sent = {INPUT: trace.input_counts_BI, **trace.counts}
    return Tally(trace.n_samples, trace.n_input_steps, {name: one.sum(axis=0) for name, one in sent.items()})


def count(connections: Sequence[Connected], sizes: Mapping[str, int], run: Tally, n_steps: int) -> dict[str, Any]:
    """Return the counts of a run as plain values for JSON, per connection, per layer and in sum.

    Args:
        connections: Of the Program or the network that ran.
        sizes: Neurons of each layer.
        run: What was sent.
        n_steps: Steps the network ran for each sample.

    Keys: `convention`, `synops_per_sample`, `by_convention` (the same run with zero weights counted
    too), `neuron_updates_per_sample`, `spikes_per_sample`, `connections`, `layers`.
    """
    rows: list[dict[str, Any]] = []
    for one in connections:
        fan_out_I, all_I = one.fan_out(), one.fan_out(zeros=True)
        sent_I = run.spikes[one.source]
        rows.append(
            {
                "name": one.name,
                "source": one.source,
                "target": one.target,
                "synapses": int(all_I.sum()),
                "nonzero_synapses": int(fan_out_I.sum()),
                "synops_per_sample": float(sent_I @ fan_out_I) / run.n_samples,
                "dense_synops_per_sample": float(sent_I @ all_I) / run.n_samples,
            }
        )
    layers: list[dict[str, Any]] = [
        {
            "name": name,
            "neurons": size,
            "spikes_per_sample": float(run.spikes[name].sum()) / run.n_samples,
            "rate_per_step": float(run.spikes[name].sum()) / (run.n_samples * size) / n_steps,
            "updates_per_sample": size * n_steps,
        }
        for name, size in sizes.items()
    ]
    total = sum(row["synops_per_sample"] for row in rows)
    return {
        "convention": CONVENTION,
        "samples": run.n_samples,
        "steps": n_steps,
        "synops_per_sample": total,
        "by_convention": {
            "nonzero_weights": total,
            "all_weights": sum(row["dense_synops_per_sample"] for row in rows),
        },
        "neuron_updates_per_sample": sum(layer["updates_per_sample"] for layer in layers),
        "input_spikes_per_sample": float(run.spikes[INPUT].sum()) / run.n_samples,
        "spikes_per_sample": sum(layer["spikes_per_sample"] for layer in layers),
        "connections": rows,
        "layers": layers,
    }
