"""A run's spiking network on its chip beside the ANN of its shape: every crossover, with constants and sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from neurodeploy.accounting import crossover as x
from neurodeploy.accounting.counts import Counts
from neurodeploy.accounting.devices import MEASURED
from neurodeploy.accounting.energy import Energy
from neurodeploy.hardware.constants import Constant

ON_CHIP, OFF_CHIP = "int8_on_chip", "int8_off_chip"
FORMULA = "rate* = (E_ann - E_fixed) / (synapses x steps x e_event)"
DEFINITION = (
    "rate: synops per synapse with a non-zero weight and step; e_event: energy of synops, spikes, messages and hops "
    "over this run's synops; E_fixed: neuron updates and host reads; dynamic energy on both sides"
)


def crossover(
    counts: Counts, energy: Energy, ann: dict[str, Any], records: Sequence[dict[str, Any]]
) -> dict[str, Any] | None:
    """Return where spiking on the chip begins to pay, against the ANN on a memory model and on each measured device.

    Args:
        counts, energy: Of the run's report.
        ann: Of devices.json.
        records: Of devices.json; of the ANN's, those with an energy.

    Returns:
        `model` (the strictest: weights on chip on both sides), `rate`, `rate_band`, `rate_here`, `wins`, `verdict`,
        `spikes_per_synapse` and `spikes_per_synapse_here` (per inference), `formula`, `definition`, `chip`,
        `against` [...], `same_technology` [...], `published`, `constants`. None where the run sends no spikes or its
        chip has no energies per operation.
    """
    network = x.spiking_of(counts, ann["weight_bits"])
    models = x.chip_models(energy, network.synops)
    if not models or not network.synops:
        return None
    rows, same = [], []
    for name, where, off_chip in (
        (ON_CHIP, "weights in its own SRAM", False),
        (OFF_CHIP, "weights from DRAM for each sample", True),
    ):
        terms = x.ann_terms(ann, off_chip=off_chip)
        total = sum(one["energy_j"] for one in terms)
        title = f"int8 MACs and a memory model, {where}"
        rows.append(x.against(name, title, total, models, network, evidence="model", terms=terms))
        twin = x.same_technology(network, off_chip=off_chip)
        same.append(x.against(name, f"both networks on it: {title}", total, [twin], network, evidence="model"))
    rows += _on_devices(records, models, network)
    first = rows[0]
    return {
        "model": first["model"],
        "rate": first["rate"]["mid"],
        "rate_band": first["rate"],
        "rate_here": network.rate,
        "wins": first["wins"],
        "verdict": first["verdict"],
        "spikes_per_synapse": first["spikes_per_synapse"]["mid"],
        "spikes_per_synapse_here": network.rate * network.steps,
        "formula": FORMULA,
        "definition": DEFINITION,
        "chip": {
            "name": energy.chip,
            "synapses": network.synapses,
            "steps": network.steps,
            "synops_per_sample": network.synops,
            "models": [asdict(one) for one in models],
        },
        "against": rows,
        "same_technology": same,
        "published": [dict(one) for one in x.PUBLISHED],
        "constants": _constants(ann, energy),
    }


def _on_devices(
    records: Sequence[dict[str, Any]], models: Sequence[x.Priced], network: x.Spiking
) -> list[dict[str, Any]]:
    """Compare with the ANN's records: measured energy without idle, as the chip's is dynamic too; else the floor.

    A floor is the least a device may take, so that only a network below it is known to win; the floor of another device
    decides nothing.
    """
    rows: list[dict[str, Any]] = []
    for one in records:
        measured = one["energy_source"] in MEASURED
        energy = one["energy_idle_subtracted_j"] if measured else one["energy_per_sample_j"]
        if one["what"] != "ann" or energy is None or energy <= 0:
            continue
        if not measured and any(row["device"] == one["device"] for row in rows):
            continue  # a floor is the same for every batch
        stands_in = not measured and not one.get("floor", {}).get("exact", True)
        how = f"datasheet floor{' of another device' * stands_in}, not measured"
        if measured:
            how = f"measured by {one['energy_source']}, idle subtracted"
        row = x.against(
            f"{one['kind']}_batch_{one['batch']}",
            f"ANN on {one['device']}, batch {one['batch']}: {how}",
            energy,
            models,
            network,
            evidence="measured" if measured else "datasheet",
            device=one["device"],
            batch=one["batch"],
            energy_source=one["energy_source"],
            energy_with_idle_j=one["energy_per_sample_j"] if measured else None,
        )
        if stands_in or (not measured and row["verdict"] == "loses"):
            row["verdict"] = "open"
        rows.append(row)
    return rows


def _constants(ann: dict[str, Any], energy: Energy) -> dict[str, Any]:
    """Return every constant of the memory model with its source; the chip's stand beside its energy."""
    n_bytes = ann["weights"] * ann["weight_bits"] / 8
    bit_j = x.memory_bit_j(n_bytes)
    used = [
        x.model_constant("arithmetic_only", "mac"),
        *(x.model_constant(name, "memory_bit") for _, name in x.SRAM),
        x.model_constant("dram", "memory_bit"),
        *(x.ACCUMULATE, x.MOVED_BIT, x.EVENT_BIT, x.MESSAGE_BITS, x.STATE_BITS),
    ]
    between = Constant(
        "sram_of_the_weights",
        bit_j,
        "J",
        f"{1e12 * bit_j:.3g} pJ",
        "linear between the sizes of SRAM, as in E. Lemaire et al., 2022",
        "model",
        "per-op",
        f"one bit of an SRAM of {n_bytes / 1024:,.1f} KiB",
    )
    return {one.key: one.to_dict() for one in (*used, between, *energy.constants.values())}
