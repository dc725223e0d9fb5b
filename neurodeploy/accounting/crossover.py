"""The spike rate below which a spiking network on its chip takes less energy than an ANN of its shape elsewhere.

    rate   = synops per synapse (non-zero weight) and step
    E_chip = rate x synapses x steps x e_event + E_fixed
    rate*  = (E_ann - E_fixed) / (synapses x steps x e_event)

`e_event` is the energy of what spikes cause (synops, spikes, messages, hops) over this run's synops; `E_fixed` is the
rest (neuron updates, host reads), which no spike rate lowers. Both come from the run's energy, model by model,
so that the crossover is a band. Energies are dynamic: neither side pays for leakage.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from neurodeploy.accounting.counts import Counts
from neurodeploy.accounting.devices import MEASURED
from neurodeploy.accounting.energy import PER_OP, Energy
from neurodeploy.errors import DataError
from neurodeploy.hardware.chips import chip_named
from neurodeploy.hardware.constants import Constant

ARITHMETIC = "arithmetic_int8"
SRAM = ((8 << 10, "sram_8kB"), (32 << 10, "sram_32kB"), (1 << 20, "sram_1MB"))
"""Bytes of a memory, and the model of the chip `ARITHMETIC` that prices its bits."""


def model_constant(model: str, term: str) -> Constant:
    """Return a constant of the 45 nm arithmetic and memory models."""
    return next(one for one in chip_named(ARITHMETIC).energy if one.name == model).terms[term]


def _yan(key: str, written_pj: str, of: str) -> Constant:
    """Return a cost of moving and of routing bits, which the arithmetic models leave out."""
    source = (
        "Z. Yan, Z. Bai, K. Tang, W.-F. Wong, arXiv:2409.08290, as constants in kmheckel/spyx at 38374e96, "
        "research/new/honest_energy_accounting"
    )
    value = float(f"{written_pj}e-12")
    return Constant(f"costs.{key}", value, "J", f"{written_pj} pJ", source, "model", "per-op", of)


ACCUMULATE = _yan("accumulate", "0.0545", "one addition")
MOVED_BIT = _yan("moved_bit", "0.25", "one bit moved on chip, dense")
EVENT_BIT = _yan("event_bit", "3", "one bit of a routed event, sparse")
DAVIES = "M. Davies et al., Proc. IEEE 109(5), 2021: spike message of Loihi 1"
MESSAGE_BITS = Constant("message_bits", 32, "bit", "32 bit", DAVIES, "documented")
STATE_BITS = Constant("state_bits", 24, "bit", "24 bit", "lava-nc, src/lava/proc/lif/models.py", "documented")
PUBLISHED = (
    {"rate": 0.057, "per": "neuron and step", "source": "Yan et al., arXiv:2409.08290v4, at T = 5"},
    {"rate": 0.064, "per": "neuron and step", "source": "Yan et al., arXiv:2409.08290v3"},
    {"rate": [0.15, 1.38], "per": "synapse and inference", "source": "Dampfhoffer et al., IEEE TETCI 7(3), 2023"},
)
"""Others' crossovers, on their networks and accelerators: for orientation, not used."""
PER_EVENT = ("synop", "spike", "message", "hop", "chip_crossing", "memory_bit")
"""What an energy term that grows with the spike rate begins with; "mac" is one too, of values that come as events."""


@dataclass(frozen=True)
class Spiking:
    """What the spiking network does for one sample; from the run's counts.

    Attributes:
        synapses: Non-zero weights of all connections that carry spikes.
        spikes: Of the input and all layers.
        updates: Neuron updates.
    """

    synapses: int
    steps: int
    synops: float
    spikes: float
    updates: float
    weight_bits: int

    @property
    def rate(self) -> float:
        """Synops per synapse and step."""
        return self.synops / (self.synapses * self.steps)


@dataclass(frozen=True)
class Priced:
    """A spiking network's energy in one model: per synop what grows with the spikes, and what does not.

    Attributes:
        end: "mid", or "low" and "high" where the model's constants are at their least and most.
    """

    name: str
    event_j: float
    fixed_j: float
    end: str = "mid"

    def energy_j(self, synops: float) -> float:
        return self.event_j * synops + self.fixed_j


def spiking_of(counts: Counts, weight_bits: int) -> Spiking:
    """Return what a crossover needs of a run's counts.

    Raises:
        DataError: they hold synops, but no steps or no synapses that they went over.
    """
    synapses = sum(row.nonzero_synapses for row in counts.connections if row.synops_per_sample)
    if counts.synops_per_sample and not synapses * counts.steps:
        raise DataError("counts: hold no steps, or no connections; count the run again")
    return Spiking(
        synapses=synapses,
        steps=counts.steps,
        synops=counts.synops_per_sample,
        spikes=counts.spikes_per_sample + counts.input_spikes_per_sample,
        updates=counts.neuron_updates_per_sample,
        weight_bits=weight_bits,
    )


def chip_models(energy: Energy, synops: float) -> list[Priced]:
    """Return a run's energy, model by model, each with its constants at their least, middle and most.

    Models of another scope than per-op are left out: what they say of one event holds at one rate only.
    """
    found = []
    for model in energy.models:
        if model.scope != PER_OP or not synops:
            continue
        for end, of in (("low", "least"), ("mid", "value"), ("high", "most")):
            sums = {True: 0.0, False: 0.0}
            for one in model.terms:
                per_event = one.term == "mac" or one.term.startswith(PER_EVENT)
                sums[per_event] += one.count * getattr(energy.constants[one.constant], of)
            found.append(Priced(model.name, sums[True] / synops, sums[False], end))
    return found


def memory_bit_j(n_bytes: float) -> float:
    """Return the energy of reading one bit of an SRAM of this size; above 1 MB it is banks of 1 MB.

    Linear between the sizes that are priced, as in E. Lemaire et al., 2022.

    >>> [round(64e12 * memory_bit_j(size << 10), 9) for size in (1, 8, 20, 32, 1024, 9999)]
    [10.0, 10.0, 15.0, 20.0, 100.0, 100.0]
    """
    sizes = [size for size, _ in SRAM]
    return float(np.interp(n_bytes, sizes, [model_constant(name, "memory_bit").value for _, name in SRAM]))


def ann_terms(ann: Mapping[str, Any], *, off_chip: bool) -> list[dict[str, Any]]:
    """Return the ANN's energy on int8 arithmetic at batch 1, term by term.

    Every MAC reads its weight, because batch 1 shares none; every value is moved twice, written and read.

    Args:
        ann: Of devices.json: `macs_per_sample`, none skipped; `weights`, distinct ones, of `weight_bits`;
            `activations_per_sample`, values written and read once more, of `activation_bits`.
        off_chip: Weights come from DRAM, each once per sample, into the memory they are read from.
    """
    macs, bits, stored_bits = ann["macs_per_sample"], ann["weight_bits"], ann["weights"] * ann["weight_bits"]
    moved_bits = 2 * ann["activations_per_sample"] * ann["activation_bits"]
    terms = [
        ("mac", macs, model_constant("arithmetic_only", "mac").value),
        ("weight bit from SRAM", macs * bits, memory_bit_j(stored_bits / 8)),
        ("activation bit moved", moved_bits, MOVED_BIT.value),
    ]
    if off_chip:
        terms.append(("weight bit from DRAM", stored_bits, model_constant("dram", "memory_bit").value))
    keys = ("term", "count", "energy_per_event_j", "energy_j")
    return [dict(zip(keys, (name, count, each_j, count * each_j), strict=True)) for name, count, each_j in terms]


def same_technology(network: Spiking, *, off_chip: bool) -> Priced:
    """Return the spiking network on the ANN's memory model: what the comparison says with the chip left out of it.

    A synop reads its weight and adds; a spike is routed as one message; an update compares, reads and writes a state.
    """
    bit_j = memory_bit_j(network.synapses * network.weight_bits / 8)
    routed = network.spikes / network.synops * MESSAGE_BITS.value * EVENT_BIT.value if network.synops else 0.0
    event = ACCUMULATE.value + network.weight_bits * bit_j + routed
    fixed = network.updates * (ACCUMULATE.value + 2 * STATE_BITS.value * MOVED_BIT.value)
    if off_chip:
        fixed += network.synapses * network.weight_bits * model_constant("dram", "memory_bit").value
    return Priced("same memory model", event, fixed)


def against(
    name: str, title: str, ann_j: float, models: Sequence[Priced], network: Spiking, **more: Any
) -> dict[str, Any]:
    """Return one comparison: the band of crossover rates, and whether the network is below it.

    A crossover of 0 says that what no spike rate lowers already takes more than the ANN.

    Keys: `model`, `title`, `ann_energy_j`, `chip_energy_j` and `rate` {low, mid, high}, `spikes_per_synapse` {...} per
    inference, `wins` (by the middle), `verdict` ("wins" or "loses" in every model, else "open"), and `more`.
    """
    rates = [
        max(0.0, (ann_j - one.fixed_j) / (network.synapses * network.steps * one.event_j)) if one.event_j else math.nan
        for one in models
    ]
    energies = [one.energy_j(network.synops) for one in models]
    won = [energy < ann_j for energy in energies]
    ends = [one.end for one in models]
    rate = _band(rates, ends)
    return {
        "model": name,
        "title": title,
        "ann_energy_j": ann_j,
        "chip_energy_j": _band(energies, ends),
        "rate": rate,
        "spikes_per_synapse": {key: value * network.steps for key, value in rate.items()},
        "wins": network.rate < rate["mid"],
        "verdict": "wins" if all(won) else "loses" if not any(won) else "open",
        **more,
    }


def _band(values: Sequence[float], ends: Sequence[str]) -> dict[str, float]:
    """Return least and most of all, and the median of the models' middles."""
    middles = [value for value, end in zip(values, ends, strict=True) if end == "mid"]
    return {"low": min(values), "mid": statistics.median(middles), "high": max(values)}


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
    network = spiking_of(counts, ann["weight_bits"])
    models = chip_models(energy, network.synops)
    if not models or not network.synops:
        return None
    rows, same = [], []
    for name, where, off_chip in (
        (ON_CHIP, "weights in its own SRAM", False),
        (OFF_CHIP, "weights from DRAM for each sample", True),
    ):
        terms = ann_terms(ann, off_chip=off_chip)
        total = sum(one["energy_j"] for one in terms)
        title = f"int8 MACs and a memory model, {where}"
        rows.append(against(name, title, total, models, network, evidence="model", terms=terms))
        twin = same_technology(network, off_chip=off_chip)
        same.append(against(name, f"both networks on it: {title}", total, [twin], network, evidence="model"))
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
        "published": [dict(one) for one in PUBLISHED],
        "constants": _constants(ann, energy),
    }


def _on_devices(records: Sequence[dict[str, Any]], models: Sequence[Priced], network: Spiking) -> list[dict[str, Any]]:
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
        row = against(
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
    bit_j = memory_bit_j(n_bytes)
    used = [
        model_constant("arithmetic_only", "mac"),
        *(model_constant(name, "memory_bit") for _, name in SRAM),
        model_constant("dram", "memory_bit"),
        *(ACCUMULATE, MOVED_BIT, EVENT_BIT, MESSAGE_BITS, STATE_BITS),
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
