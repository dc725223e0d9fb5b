"""Energies by hand: which price an event finds, what is left out, and what is never added."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neurodeploy.accounting import energy
from neurodeploy.accounting.counts import Counts
from neurodeploy.accounting.plain import Band
from neurodeploy.accounting.routes import Traffic
from neurodeploy.errors import DataError
from neurodeploy.hardware.chip import Chip
from neurodeploy.hardware.chip_file import chip_of
from neurodeploy.hardware.chips import CHIPS

PJ = 1e-12


def constant(value: float, unit: str = "pJ", scope: str = "per-op", **more: Any) -> dict[str, Any]:
    found = {"value": value, "unit": unit, "source": "A. Author, 2026", "evidence": "measured", **more}
    return found | ({"scope": scope} if scope else {})


def price(
    counts: dict[str, Any],
    chip: Chip,
    traffic: dict[str, Any] | None = None,
    *,
    latency_s: float | Band | None = None,
) -> dict[str, Any]:
    """Return the energy as JSON has it, after reading it back once."""
    found = energy.price(Counts.from_dict(counts), chip, Traffic(**traffic or {}), latency_s=latency_s).to_dict()
    assert energy.Energy.from_dict(json.loads(json.dumps(found))).to_dict() == found
    return found


def chip(*models: dict[str, Any], **more: Any) -> Chip:
    return chip_of({"name": "mine", "energy": {f"m{index}": model for index, model in enumerate(models)}, **more})


COUNTS = {
    "synops_per_sample": 1000.0,
    "macs_per_sample": 200.0,
    "neuron_updates_per_sample": 60.0,
    "spikes_per_sample": 50.0,
    "messages_per_sample": 70.0,
    "host_reads_per_sample": 5.0,
    "connections": [
        {"name": "c1", "target": "a", "kind": "conv", "synops_per_sample": 200.0, "macs_per_sample": 200.0},
        {"name": "c2", "target": "b", "kind": "dense", "synops_per_sample": 800.0, "macs_per_sample": 0.0},
    ],
    "layers": [
        {"name": "a", "updates_per_sample": 40, "spikes_per_sample": 30.0, "messages_per_sample": 30.0},
        {"name": "b", "updates_per_sample": 20, "spikes_per_sample": 20.0, "messages_per_sample": 20.0},
    ],
}


def test_each_event_finds_the_most_specific_price() -> None:
    found = price(
        COUNTS,
        chip(
            {
                "synop": constant(1),
                "synop_dense": constant(2),
                "mac": constant(7),
                "neuron_update": constant(3),
                "spike": constant(4),
                "message": constant(5),
                "host_read": constant(6),
            }
        ),
        latency_s=1.0,
    )
    by_term: dict[str, float] = {}
    for term in found["models"][0]["terms"]:
        by_term[term["term"]] = by_term.get(term["term"], 0.0) + term["energy_j"] / PJ
        assert term["energy_j"] == term["count"] * term["energy_per_event_j"]
        assert term["constant"] in found["constants"]
    # 200 multiplications of the input; 800 dense synops; no synop of another kind.
    assert by_term == pytest.approx(
        {"mac": 1400, "synop_dense": 1600, "neuron_update": 180, "spike": 200, "message": 350, "host_read": 30},
        rel=1e-9,
        abs=0,
    )
    assert found["energy_j"]["mid"] == pytest.approx(sum(by_term.values()) * PJ, rel=1e-9, abs=0)
    rows = {row["name"]: row["mid"] / PJ for row in found["by_layer"]}
    # Twenty messages are the input's and five reads the host's: of no layer.
    assert rows == pytest.approx(
        {"a": 1400 + 120 + 120 + 150, "b": 1600 + 60 + 80 + 100, "network": 20 * 5 + 5 * 6}, rel=1e-9, abs=0
    )
    assert found["unpriced_events"] == []


def test_a_multiplication_without_a_price_costs_a_synop() -> None:
    found = price(COUNTS, chip({"synop": constant(1), "synop_conv": constant(2)}))
    assert found["energy_j"]["mid"] == pytest.approx((200 * 2 + 800 * 1) * PJ, rel=1e-9, abs=0)


def test_totals_alone_do() -> None:
    found = price(
        {"synops_per_sample": 10.0, "macs_per_sample": 4.0}, chip({"synop": constant(1), "mac": constant(100)})
    )
    assert found["energy_j"]["mid"] == pytest.approx((6 * 1 + 4 * 100) * PJ, rel=1e-9, abs=0)
    assert [row["name"] for row in found["by_layer"]] == ["network"]


def test_a_chip_that_keeps_zero_weights_works_on_them_unless_they_are_stored_sparsely() -> None:
    rows = [
        {"target": "a", "kind": "dense", "synops_per_sample": 8.0, "dense_synops_per_sample": 10.0},
        {
            "target": "b",
            "kind": "conv",
            "synops_per_sample": 6.0,
            "dense_synops_per_sample": 9.0,
            "macs_per_sample": 6.0,
        },
    ]
    counts = {"synops_per_sample": 14.0, "macs_per_sample": 6.0, "connections": rows}
    prices = {"synop": constant(1), "mac": constant(100)}
    kept, left = chip(prices, zero_weights=True), chip(prices)
    assert price(counts, left)["energy_j"]["mid"] == pytest.approx((8 + 6 * 100) * PJ, rel=1e-9, abs=0)
    assert price(counts, kept)["energy_j"]["mid"] == pytest.approx((10 + 9 * 100) * PJ, rel=1e-9, abs=0)
    sparse = price(counts, kept, {"encodings": {"a": "sparse"}})
    assert sparse["energy_j"]["mid"] == pytest.approx((8 + 9 * 100) * PJ, rel=1e-9, abs=0)
    assert [name for name in CHIPS if CHIPS[name].zero_weights] == ["loihi1", "loihi2"]


def test_what_no_constant_prices_is_named_and_not_zero() -> None:
    found = price(COUNTS, chip({"synop": constant(1)}, {"synop": constant(2), "spike": constant(3)}, unpriced=["host"]))
    rows = {row["event"]: (row["count_per_sample"], row["models"]) for row in found["unpriced_events"]}
    assert rows == {
        "neuron_update": (60, ["m0", "m1"]),
        "spike": (50, ["m0"]),
        "message": (70, ["m0", "m1"]),
        "host_read": (5, ["m0", "m1"]),
    }
    assert "neuron updates" in found["unpriced"]
    assert "spikes where they are sent (in m0)" in found["unpriced"]
    assert found["unpriced"][-1] == "host"
    assert any(line.startswith("static") for line in found["unpriced"])
    assert [model["unpriced"] for model in found["models"]] == [
        ["host_read", "message", "neuron_update", "spike"],
        ["host_read", "message", "neuron_update"],
    ]


def test_what_a_measured_total_includes_is_not_called_unpriced() -> None:
    includes = ["neuron_update", "spike", "message"]
    found = price(COUNTS, chip({"includes": includes, "synop": constant(1)}))
    assert [row["event"] for row in found["unpriced_events"]] == ["host_read"]


def test_the_band_spans_the_models_with_the_ends_of_their_constants() -> None:
    counts = {"synops_per_sample": 10.0}
    found = price(
        counts,
        chip({"synop": constant(2, low=1, high=3)}, {"synop": constant(5)}, {"synop": constant(11, low=7, high=20)}),
    )
    assert found["energy_j"] == pytest.approx({"low": 10 * PJ, "mid": 50 * PJ, "high": 200 * PJ}, rel=1e-9, abs=0)
    assert found["scope"] == "per-op"
    assert [model["total_j"] / PJ for model in found["models"]] == pytest.approx([20, 50, 110], rel=1e-9, abs=0)


def test_per_op_and_all_in_are_never_added() -> None:
    counts = {"synops_per_sample": 1e6}
    found = price(counts, CHIPS["truenorth"])
    assert found["scope"] == "per-op"
    assert found["energy_j"] == pytest.approx({"low": 2.5e-6, "mid": 2.5e-6, "high": 2.5e-6}, rel=1e-9, abs=0)
    assert found["all_in_j"] == pytest.approx({"low": 26e-6, "mid": 26e-6, "high": 26e-6}, rel=1e-9, abs=0)
    with_hops = price(counts, CHIPS["truenorth"], {"hops_ew_per_sample": 1e6})
    assert with_hops["energy_j"]["mid"] == pytest.approx(4.8e-6, rel=1e-9, abs=0)
    assert with_hops["all_in_j"] == found["all_in_j"]
    for name in CHIPS:
        for model in CHIPS[name].energy:
            assert model.scope == "per-op" or len(model.terms) == 1


def test_where_there_are_only_all_in_numbers_they_are_the_energy_and_say_so() -> None:
    found = price({"synops_per_sample": 10.0}, chip({"synop": constant(3, scope="all-in")}))
    assert (found["scope"], found["energy_j"], found["all_in_j"]) == ("all-in", found["all_in_j"], found["energy_j"])
    assert not any(line.startswith("static") for line in found["unpriced"])


def test_a_power_prices_the_time_of_the_run_and_waits_for_it() -> None:
    counts = {"synops_per_sample": 10.0}
    waiting = price(counts, CHIPS["speck"])
    assert (waiting["scope"], waiting["energy_j"], waiting["models"]) == (None, None, [])
    assert waiting["unpriced"][0].startswith("power over the time of the run (in whole_chip)")
    assert price(counts, CHIPS["speck"], latency_s=2.0)["energy_j"]["mid"] == pytest.approx(1.4e-3, rel=1e-9, abs=0)
    real_time = price(counts | {"seconds_per_sample": 0.5}, CHIPS["speck"], latency_s=2.0)
    assert real_time["energy_j"]["mid"] == pytest.approx(0.35e-3, rel=1e-9, abs=0)


def test_static_energy_is_power_times_time_and_a_band_of_its_own() -> None:
    power = {
        "static_chip_w": constant(100, "mW", "", low=90, high=120),
        "static_core_w": constant(1, "mW", ""),
    }
    made = chip({"synop": constant(1)}, power=power)
    counts = {"synops_per_sample": 10.0}
    assert price(counts, made)["static_j"] is None
    assert price(counts, made, latency_s=2.0)["static_j"] == pytest.approx(
        {"low": 0.18, "mid": 0.2, "high": 0.24}, rel=1e-9, abs=0
    )
    times = Band(low=1.0, mid=2.0, high=4.0)
    found = price(counts, made, {"cores": 10, "chips": 2}, latency_s=times)
    # Ten cores' share at the least, two whole chips at the most.
    assert found["static_j"] == pytest.approx(
        {"low": 0.01, "mid": (0.01 + 0.2) / 2 * 2, "high": 0.24 * 4}, rel=1e-9, abs=0
    )
    assert found["energy_j"]["mid"] == pytest.approx(10 * PJ, rel=1e-9, abs=0)
    assert {"power.static_chip_w", "power.static_core_w"} <= found["constants"].keys()


def test_memory_traffic_is_bits_times_the_price_of_a_bit() -> None:
    traffic = {
        "synop": constant(40, "bit", ""),
        "mac": constant(16, "bit", ""),
        "neuron_update": constant(64, "bit", ""),
    }
    made = chip({"synop": constant(1), "mac": constant(1), "memory_bit": constant(2)}, traffic=traffic)
    found = price(COUNTS, made)
    assert found["energy_j"]["mid"] == pytest.approx((1000 + 2 * (800 * 40 + 200 * 16 + 60 * 64)) * PJ, rel=1e-9, abs=0)
    assert {row["event"] for row in found["unpriced_events"]} == {"neuron_update", "spike", "message", "host_read"}
    alone = price(COUNTS, CHIPS["arithmetic_int8"])
    assert {
        "event": "memory_bit",
        "count_per_sample": 800 * 40 + 200 * 16 + 60 * 64,
        "models": ["arithmetic_only"],
    } in (alone["unpriced_events"])


def test_a_device_that_leaves_nothing_out_pays_for_every_synapse_and_step() -> None:
    spiking = COUNTS | {"dense_macs_per_sample": 9000}
    made = chip({"mac": constant(2, scope="all-in")}, dense=True)
    assert price(spiking, made)["energy_j"]["mid"] == pytest.approx(18_000 * PJ, rel=1e-9, abs=0)
    assert price({"macs_per_sample": 300}, made)["energy_j"]["mid"] == pytest.approx(600 * PJ, rel=1e-9, abs=0)
    unknown = price({"synops_per_sample": 300}, made)
    assert unknown["energy_j"] is None
    rows = [row | {"dense_macs_per_sample": 100} for row in COUNTS["connections"]]  # type: ignore[attr-defined]
    by_rows = price(spiking | {"connections": rows}, made)
    assert {row["name"]: row["mid"] / PJ for row in by_rows["by_layer"]} == pytest.approx(
        {"a": 200, "b": 200, "network": 2 * 8800}, rel=1e-9, abs=0
    )


def test_a_placement_says_what_arrives_how_far_it_goes_and_what_leaves_the_chip() -> None:
    made = chip({"synop": constant(1), "message_in": constant(2), "hop": constant(3), "hop_ns": constant(5)})
    placement = {"messages_in_per_sample": 9, "hops_ew_per_sample": 10, "hops_ns_per_sample": 20}
    found = price(
        {"synops_per_sample": 4, "messages_per_sample": 7}, made, placement | {"chip_crossings_per_sample": 6}
    )
    assert found["energy_j"]["mid"] == pytest.approx((4 * 1 + 9 * 2 + 10 * 3 + 20 * 5) * PJ, rel=1e-9, abs=0)
    assert {row["event"]: row["count_per_sample"] for row in found["unpriced_events"]} == {
        "message": 7,
        "chip_crossing": 6,
    }
    alone = price({"messages_per_sample": 7}, made)
    assert alone["energy_j"]["mid"] == pytest.approx(7 * 2 * PJ, rel=1e-9, abs=0)


def test_where_activity_is_not_told_the_price_of_an_active_neuron_is_the_safe_one() -> None:
    made = chip({"neuron_active": constant(5), "neuron_idle": constant(2)}, {"neuron_update": constant(3)})
    found = price({"layers": [{"name": "a", "updates_per_sample": 10}]}, made)
    assert [model["total_j"] / PJ for model in found["models"]] == pytest.approx([50, 30], rel=1e-9, abs=0)


def test_the_encoding_that_a_placement_chose_sets_the_price() -> None:
    made = chip({"synop": constant(1), "synop_sparse": constant(9)})
    found = price(COUNTS, made, {"encodings": {"b": "sparse"}, "messages_per_sample": 7})
    assert found["energy_j"]["mid"] == pytest.approx((200 * 1 + 800 * 9) * PJ, rel=1e-9, abs=0)
    assert {"event": "message", "count_per_sample": 7, "models": ["m0"]} in found["unpriced_events"]


@pytest.mark.parametrize("name", list(CHIPS))
def test_every_chip_prices_a_run_with_a_source_behind_every_number(name: str) -> None:
    found = price(COUNTS | {"dense_macs_per_sample": 9000}, CHIPS[name], {"hops_ns_per_sample": 3}, latency_s=1e-3)
    band = found["energy_j"]
    assert 0 < band["low"] <= band["mid"] <= band["high"]
    assert found["chip"] == name
    assert found["unpriced"]
    for model in found["models"]:
        assert model["total_j"] == pytest.approx(sum(term["energy_j"] for term in model["terms"]), rel=1e-9, abs=0)
        for term in model["terms"]:
            one = found["constants"][term["constant"]]
            assert one["source"]
            assert one["evidence"]
            assert one["written"]
            assert one["scope"] == model["scope"]
            assert one["operating_point"], term["constant"]
    for row in found["by_layer"]:
        assert row["low"] <= row["mid"] <= row["high"]


def test_published_prices_under_one_name_stay_apart() -> None:
    def spread(name: str, of: Callable[[Any], bool] = lambda model: True) -> float:
        values = [model.terms["synop"].value for model in CHIPS[name].energy if of(model)]
        return max(values) / min(values)

    assert spread("truenorth") == pytest.approx(10.4, rel=1e-9, abs=0)
    assert spread("spinnaker1") == pytest.approx(295.6, rel=1e-3, abs=0)
    assert spread("spinnaker2") == pytest.approx(45, rel=1e-9, abs=0)


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_impossible_counts_and_times_are_refused(wrong: float) -> None:
    with pytest.raises(DataError, match="is no number of events"):
        price({"synops_per_sample": wrong}, CHIPS["loihi2"])
    with pytest.raises(DataError, match="is no time of a sample"):
        price({"synops_per_sample": 1.0}, CHIPS["loihi2"], latency_s=wrong)


def test_no_file_of_a_user_shadows_a_shipped_chip() -> None:
    assert all(Path(name).suffix == "" for name in CHIPS)


def test_the_table_of_the_documentation_is_as_the_models_have_it() -> None:
    page = (Path(__file__).parents[2] / "docs" / "energy.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (\d+) \| ([^|]+) \| ([^|]+) \|$", page, flags=re.MULTILINE)
    counts = {"synops_per_sample": 3.04e6, "neuron_updates_per_sample": 158_509, "spikes_per_sample": 46_605}
    assert len(rows) == 7
    for name, models, bands, scopes in rows:
        found = price(counts, CHIPS[name], latency_s=152.8e-6)
        assert int(models) == len(CHIPS[name].energy)
        shown = dict(zip(scopes.split("; "), bands.split("; "), strict=True))
        wanted = {found["scope"]: found["energy_j"], "all-in": found["all_in_j"]}
        for scope, band in shown.items():
            ends = [joules(*one) for one in re.findall(r"([\d.]+)(?: ([nµm]J))?", band)]
            unit = joules("1", band[-2:])
            ends = [end if end < 1e-1 else end * unit for end in ends]
            assert ends[0] == pytest.approx(wanted[scope]["low"], rel=5e-3, abs=0), name
            assert ends[-1] == pytest.approx(wanted[scope]["high"], rel=5e-3, abs=0), name


def joules(number: str, unit: str) -> float:
    return float(number) * {"nJ": 1e-9, "µJ": 1e-6, "mJ": 1e-3, "": 1.0}[unit]
