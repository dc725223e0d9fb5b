"""What `neurodeploy bench devices` prints for people."""

from __future__ import annotations

from typing import Any

from neurodeploy.cli.show import noted, percent, table
from neurodeploy.report.amounts import amount

HOW = {"nvml": "NVML", "rapl": "RAPL", "datasheet floor": "floor, not measured", None: "-"}


def device_lines(result: dict[str, Any]) -> list[str]:
    """Return the records as a table, then the ANN, the crossovers and the notes."""
    rows = [
        [
            one["what"],
            one["device"],
            str(one["batch"]),
            percent(round(one["accuracy"], 4)),
            measured(one["latency_s"], "s"),
            f"{one['samples_per_second']:,.0f}",
            measured(one["energy_per_sample_j"], "J"),
            measured(one["energy_idle_subtracted_j"], "J"),
            HOW[one["energy_source"]],
        ]
        for one in result["records"]
    ]
    head = ["what", "device", "batch", "accuracy", "latency", "samples/s", "J/sample", "less idle", "energy by"]
    lines = table(head, rows)
    if result["ann"]:
        lines += ["", *_ann(result["ann"])]
    if result["crossover"]:
        lines += ["", *_crossover(result["crossover"])]
    return [*lines, "", *noted(result["notes"]), f"written    {result['path']}"]


def measured(value: float | None, unit: str) -> str:
    """Return an amount, or "-" for none."""
    return "-" if value is None else amount(value, unit)


def _ann(ann: dict[str, Any]) -> list[str]:
    accuracy = ann["accuracy"]
    return [
        f"ann        {percent(round(accuracy['float'], 4))} float, {percent(round(accuracy['quantised'], 4))} with "
        f"{ann['weight_bits']}-bit weights and {ann['activation_bits']}-bit values; {ann['macs_per_sample']:,} MACs a "
        f"sample, {ann['parameters']:,} parameters, {ann['windows']} time window(s)"
    ]


def _rates(rate: dict[str, float]) -> str:
    """Return a band of crossover rates; more than one spike in every synapse and step there is not."""
    if rate["high"] <= 0:
        return "no rate"
    if rate["low"] > 1:
        return "any rate"
    low, high = f"{100 * rate['low']:.3g}", f"{100 * rate['high']:.3g}"
    return f"{low} %" if low == high else f"{low} to {high} %"


def _crossover(found: dict[str, Any]) -> list[str]:
    rows = [
        [
            one["title"],
            measured(one["ann_energy_j"], "J"),
            measured(one["chip_energy_j"]["mid"], "J"),
            _rates(one["rate"]),
            one["verdict"],
        ]
        for one in (*found["against"], *found["same_technology"])
    ]
    return [
        f"spike rate {100 * found['rate_here']:.3g} % of synapses and steps here, "
        f"{found['spikes_per_synapse_here']:.3g} spikes per synapse and inference",
        *table(["the ANN on", "its energy", "ours", "pays below", "this network"], rows),
        f"           {found['formula']}",
    ]
