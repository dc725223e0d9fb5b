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
    models = []
    for model in chip.energy:
        synop_j, update_j, read_j = (
            model.terms[key].value if key in model.terms else 0.0 for key in ("synop", "neuron_update", "host_read")
        )
        models.append(
            {
                "synops_j": synops * synop_j,
                "neuron_updates_j": updates * update_j,
                "host_reads_j": reads * read_j,
                "total_j": synops * synop_j + updates * update_j + reads * read_j,
                "synop_j": synop_j,
                "neuron_update_j": update_j,
                "read_j": read_j,
                "evidence": model.evidence,
                "source": next(iter(model.terms.values())).source,
            }
        )
    totals = sorted(float(model["total_j"]) for model in models)  # type: ignore[arg-type]
    return {
        "chip": chip.name,
        "energy_j": {"low": totals[0], "mid": statistics.median(totals), "high": totals[-1]},
        "models": models,
        "unpriced": list(chip.unpriced),
    }
