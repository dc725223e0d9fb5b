"""Energy of a run: a band with the source of every constant, and what is not priced."""

from __future__ import annotations

import statistics
from typing import Any

from neurodeploy.hardware.chips import Chip


def price(counts: dict[str, Any], chip: Chip) -> dict[str, Any]:
    """Return the dynamic energy per sample in joules, as plain values for JSON.

    Args:
        counts: From `synops.count`.

    Keys: `energy_j` {low, mid, high}: least, median and most over the chip's energy models; `models`:
    each with its terms, evidence and source; `unpriced`.
    """
    synops, updates = counts["synops_per_sample"], counts["neuron_updates_per_sample"]
    reads = counts.get("host_reads_per_sample", 0)
    models = [
        {
            "synops_j": synops * model.synop_j,
            "neuron_updates_j": updates * model.neuron_update_j,
            "host_reads_j": reads * model.read_j,
            "total_j": synops * model.synop_j + updates * model.neuron_update_j + reads * model.read_j,
            "synop_j": model.synop_j,
            "neuron_update_j": model.neuron_update_j,
            "read_j": model.read_j,
            "evidence": model.evidence,
            "source": model.source,
        }
        for model in chip.energy
    ]
    totals = sorted(float(model["total_j"]) for model in models)  # type: ignore[arg-type]
    return {
        "chip": chip.name,
        "energy_j": {"low": totals[0], "mid": statistics.median(totals), "high": totals[-1]},
        "models": models,
        "unpriced": list(chip.unpriced),
    }
