"""Where spiking begins to pay: worked by hand on a small network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from neurodeploy.accounting import crossover as x
from neurodeploy.accounting.counts import ConnectionCounts, Counts
from neurodeploy.accounting.crossover import OFF_CHIP, ON_CHIP, crossover
from neurodeploy.accounting.energy import Energy, ModelEnergy, PricedTerm
from neurodeploy.hardware.constants import Constant

NETWORK = x.Spiking(synapses=1000, steps=10, synops=2000.0, spikes=100.0, updates=500.0, weight_bits=8)


def energy(fixed_pj: float = 2.0) -> Energy:
    """A chip of 10 pJ a synop (8 to 14) and `fixed_pj` a neuron update, and an all-in number that says nothing here."""

    synop, update = (
        Constant("s", 10e-12, "J", "10 pJ", "here", "measured", "per-op", low=8e-12, high=14e-12),
        Constant("u", fixed_pj * 1e-12, "J", f"{fixed_pj} pJ", "there", "measured", "per-op"),
    )

    def model(name: str, scope: str, *terms: tuple[str, float, Constant]) -> ModelEnergy:
        told = tuple(PricedTerm(term, None, n, one.value, n * one.value, one.key) for term, n, one in terms)
        return ModelEnergy(name, scope, "measured", (), "here", 0.0, 0.0, 0.0, told, ())

    return Energy(
        chip="loihi2",
        title="Loihi 2",
        chip_digest="",
        scope="per-op",
        energy_j=None,
        all_in_j=None,
        static_j=None,
        models=(
            model(
                "one", "per-op", ("synop_dense", 2000, synop), ("neuron_update", 500, update), ("host_read", 4, update)
            ),
            model("whole", "all-in", ("synop", 2000, update)),
        ),
        by_layer=(),
        unpriced=(),
        unpriced_events=(),
        constants={"s": synop, "u": update},
        notes=(),
    )


def counts() -> Counts:
    return Counts(
        steps=10,
        synops_per_sample=2000.0,
        spikes_per_sample=60.0,
        input_spikes_per_sample=40.0,
        neuron_updates_per_sample=500,
        connections=(
            ConnectionCounts(nonzero_synapses=1000, synops_per_sample=2000.0),
            ConnectionCounts(nonzero_synapses=77, synops_per_sample=0.0),
        ),
    )


ANN = {
    "macs_per_sample": 1000,
    "weights": 1000,
    "activations_per_sample": 70,
    "weight_bits": 8,
    "activation_bits": 4,
}


def record(energy_j: float | None, source: str | None = "nvml", **more: Any) -> dict[str, Any]:
    found = {
        "what": "ann",
        "device": "GPU",
        "kind": "gpu",
        "batch": 1,
        "energy_source": source,
        "energy_per_sample_j": energy_j,
        "energy_idle_subtracted_j": None if energy_j is None else energy_j / 2,
    }
    return found | more


def test_counts_become_a_rate_per_synapse_and_step() -> None:
    assert x.spiking_of(counts(), 8) == NETWORK
    assert NETWORK.rate == pytest.approx(0.2)


def test_models_split_into_what_spikes_cause_and_what_they_do_not() -> None:
    models = x.chip_models(energy(), NETWORK.synops)
    assert [one.end for one in models] == ["low", "mid", "high"]
    assert [one.event_j for one in models] == pytest.approx([8e-12, 10e-12, 14e-12])
    assert [one.fixed_j for one in models] == pytest.approx([504 * 2e-12] * 3)


def test_the_crossover_is_where_both_take_the_same() -> None:
    models = x.chip_models(energy(), NETWORK.synops)
    ann_j = 15e-9
    found = x.against("m", "t", ann_j, models, NETWORK)
    assert found["rate"]["mid"] == pytest.approx((15e-9 - 1.008e-9) / (1000 * 10 * 10e-12))
    assert found["rate"]["low"] == pytest.approx((15e-9 - 1.008e-9) / (1000 * 10 * 14e-12))
    mid = next(one for one in models if one.end == "mid")
    assert mid.energy_j(found["rate"]["mid"] * 1000 * 10) == pytest.approx(ann_j)
    assert found["spikes_per_synapse"]["mid"] == pytest.approx(10 * found["rate"]["mid"])


@pytest.mark.parametrize(
    ("ann_j", "wins", "verdict"),
    [(30e-9, True, "wins"), (25e-9, True, "open"), (20e-9, False, "open"), (16e-9, False, "loses")],
)
def test_the_verdict_is_open_where_the_band_holds_the_ann(ann_j: float, wins: bool, verdict: str) -> None:
    """The chip takes 17.0, 21.0 or 29.0 nJ."""
    found = x.against("m", "t", ann_j, x.chip_models(energy(), NETWORK.synops), NETWORK)
    assert (found["wins"], found["verdict"]) == (wins, verdict)


def test_where_fixed_energy_is_more_than_the_anns_no_rate_is_low_enough() -> None:
    found = x.against("m", "t", 0.5e-9, x.chip_models(energy(), NETWORK.synops), NETWORK)
    assert found["rate"] == {"low": 0.0, "mid": 0.0, "high": 0.0}
    assert found["verdict"] == "loses"


def test_the_ann_reads_a_weight_for_every_mac_and_dram_once() -> None:
    work = ANN | {"macs_per_sample": 3000}
    terms = {one["term"]: one for one in x.ann_terms(work, off_chip=True)}
    assert terms["mac"]["energy_j"] == pytest.approx(3000 * 0.23e-12)
    assert terms["weight bit from SRAM"]["energy_j"] == pytest.approx(3000 * 8 * 10e-12 / 64)
    assert terms["weight bit from DRAM"]["energy_j"] == pytest.approx(1000 * 8 * 20.3125e-12)
    assert terms["activation bit moved"]["energy_j"] == pytest.approx(2 * 70 * 4 * 0.25e-12)
    assert "weight bit from DRAM" not in {one["term"] for one in x.ann_terms(work, off_chip=False)}


def test_both_networks_on_one_memory_model() -> None:
    twin = x.same_technology(NETWORK, off_chip=False)
    assert twin.event_j == pytest.approx(0.0545e-12 + 8 * 10e-12 / 64 + 100 / 2000 * 32 * 3e-12)
    assert twin.fixed_j == pytest.approx(500 * (0.0545e-12 + 2 * 24 * 0.25e-12))
    assert x.same_technology(NETWORK, off_chip=True).fixed_j - twin.fixed_j == pytest.approx(8000 * 20.3125e-12)


def test_the_comparison_holds_every_model_and_device_with_sources() -> None:
    records = [
        record(4e-6),
        record(8e-6, "datasheet floor", device="CPU", kind="cpu", floor={"exact": False}),
        record(8e-6, "datasheet floor", device="CPU", kind="cpu", batch=8, floor={"exact": False}),
        record(None, None, device="Other"),
        record(-1e-9, device="Noisy"),
        record(1e-6, what="snn"),
    ]
    found = crossover(counts(), energy(), ANN, records)
    assert found is not None
    assert [one["model"] for one in found["against"]] == [ON_CHIP, OFF_CHIP, "gpu_batch_1", "cpu_batch_1"]
    gpu, cpu = found["against"][2:]
    assert (gpu["ann_energy_j"], gpu["energy_with_idle_j"], gpu["evidence"]) == (2e-6, 4e-6, "measured")
    assert (cpu["ann_energy_j"], cpu["evidence"]) == (8e-6, "datasheet")
    assert "not measured" in cpu["title"]
    assert "another device" in cpu["title"]
    assert found["rate"] == found["against"][0]["rate"]["mid"]
    assert found["rate_here"] == pytest.approx(0.2)
    assert all(one["source"] and "value" in one for one in found["constants"].values())


@pytest.mark.parametrize(
    ("energy_j", "source", "exact", "verdict"),
    [
        (1e-6, "datasheet floor", True, "wins"),
        (1e-9, "datasheet floor", True, "open"),
        (1e-6, "datasheet floor", False, "open"),
        (1e-6, "rapl", True, "wins"),
        (1e-9, "rapl", True, "loses"),
    ],
)
def test_a_floor_can_be_won_against_and_not_lost(energy_j: float, source: str, exact: bool, verdict: str) -> None:
    found = crossover(counts(), energy(), ANN, [record(energy_j, source, floor={"exact": exact})])
    assert found is not None
    assert found["against"][2]["verdict"] == verdict


def test_costs_of_moving_bits_are_those_of_yan() -> None:
    assert x.ACCUMULATE.value == pytest.approx(0.0545e-12, rel=1e-9, abs=0)
    assert x.EVENT_BIT.value / x.MOVED_BIT.value == pytest.approx(12, rel=1e-9, abs=0)


def test_a_run_without_spikes_has_no_crossover() -> None:
    silent = replace(counts(), synops_per_sample=0.0)
    assert crossover(silent, energy(), ANN, []) is None
