"""Runs side by side: what is best, what changed, which settings differ, and what is hard to compare."""

from __future__ import annotations

from typing import Any

import pytest

from neurodeploy.accounting.recorded import Recorded
from neurodeploy.errors import RunError
from neurodeploy.report.side_by_side import notes, settings, side_by_side
from tests.accounting.finished import finished, unplaced


def recorded(*reports: dict[str, Any]) -> list[Recorded]:
    return [Recorded(report, f"runs/{index}") for index, report in enumerate(reports)]


def rows(*reports: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in side_by_side(recorded(*reports))}


def changed(table: str, **values: Any) -> dict[str, Any]:
    report = finished()
    report[table] = report[table] | values
    return report


def said(*reports: dict[str, Any]) -> list[str]:
    return notes(recorded(*reports), [f"run{index}" for index in range(len(reports))])


def texts(row: dict[str, Any]) -> list[str]:
    return [f"{cell['text']}|{cell['change']}|{'*' if cell['best'] else ''}" for cell in row["cells"]]


def test_the_best_and_the_change_from_the_first() -> None:
    found = rows(finished(), changed("counts", synops_per_sample=800.0), changed("counts", synops_per_sample=1500.0))
    row = found["synops"]
    assert row["values"] == [1000.0, 800.0, 1500.0]
    assert row["difference"] == [0.0, -200.0, 500.0]
    assert row["change"] == [0.0, -0.2, 0.5]
    assert row["best"] == [1]
    assert texts(row) == ["1,000||", "800|-20 %|*", "1,500|+50 %|"]


def test_every_row_is_of_what_it_says() -> None:
    report = finished(quantisation={"weight_bits": 6})
    report["counts"] |= {"macs_per_sample": 7, "messages_per_sample": 61.0}
    report["energy"]["static_j"] = {"low": 1e-7, "mid": 2e-7, "high": 3e-7}
    for row in report["counts"]["connections"]:
        row["nonzero_synapses"] = 5
    assert {key: row["values"][1] for key, row in rows(finished(), report).items()} == {
        **{f"accuracy.{stage}": accuracy for stage, accuracy in report["accuracy"].items()},
        "certificate": True,
        "bit_exact": True,
        "synops": 1000.0,
        "macs": 7,
        "neuron_updates": 3588,
        "spikes": 60.0,
        "messages": 61.0,
        "energy_chip": "loihi2",
        "energy_scope": "per-op",
        "energy_j.low": 1e-6,
        "energy_j.mid": 2e-6,
        "energy_j.high": 4e-6,
        "static_j.mid": 2e-7,
        "latency_band_s.low": 1e-4,
        "latency_band_s.mid": 2e-4,
        "latency_band_s.high": 8e-4,
        "fit_chip": "loihi2",
        "fits": True,
        "cores": 3,
        "chips": 1,
        "binding_limit": "neurons_per_core",
        "weight_bits": 6,
        "synapses": 15,
        "steps": 26,
        "samples": 80,
    }


def test_more_accuracy_is_better_and_changes_in_points() -> None:
    row = rows(finished(), changed("accuracy", fixed=0.9), changed("accuracy", fixed=0.975))["accuracy.fixed"]
    assert row["best"] == []  # of 80 samples, 2.5 points are chance
    assert texts(row) == ["95 %||", "90 %|-5 points|", "97.5 %|+2.5 points|"]


def test_only_what_is_beyond_chance_is_the_best_accuracy() -> None:
    worse = changed("accuracy", fixed=0.7)
    assert rows(worse, finished())["accuracy.fixed"]["best"] == [1]
    assert rows(worse, finished(), changed("accuracy", fixed=0.9))["accuracy.fixed"]["best"] == []
    many = [changed("accuracy", fixed=share) for share in (0.95, 0.9)]
    for report in many:
        report["certificate"] = {"stages": [{"name": "fixed", "samples": 8000}]}
    assert rows(*many)["accuracy.fixed"]["best"] == [0]


def test_equal_values_have_no_best_and_several_can_be_it() -> None:
    assert rows(finished(), finished())["synops"]["best"] == []
    assert rows(finished(), finished())["certificate"]["best"] == []
    fewer = changed("counts", synops_per_sample=999.9)
    row = rows(fewer, finished(), fewer)["synops"]
    assert row["best"] == [0, 2]
    assert texts(row) == ["999.9||*", "1,000|+0.01 %|", "999.9||*"]


def test_what_a_run_lacks_is_left_open_and_never_best() -> None:
    found = rows(unplaced(), finished(), changed("fit", cores=4))
    assert texts(found["cores"]) == ["-||", "3||*", "4||"]
    assert found["latency_band_s.high"]["values"] == [None, 8e-4, 8e-4]
    assert found["latency_band_s.high"]["change"] == [None, None, None]
    assert "cores" not in rows(unplaced(), unplaced())


def test_a_change_from_nothing_has_no_part() -> None:
    row = rows(finished(), changed("counts", macs_per_sample=5))["macs"]
    assert (row["change"], row["best"]) == ([None, None], [0])
    assert texts(row) == ["0||*", "5|+5|"]


def test_yes_and_no() -> None:
    report = changed("certificate", passed=False, bit_exact={})
    found = rows(report, finished())
    assert texts(found["certificate"]) == ["NO||", "yes||*"]
    assert texts(found["bit_exact"]) == ["-||", "yes||"]


def test_energies_of_another_scope_are_not_put_against_each_other() -> None:
    all_in = changed("energy", scope="all-in", energy_j={"low": 1.0, "mid": 2.0, "high": 3.0})
    assert rows(finished(), changed("energy", energy_j={"low": 1.0, "mid": 2.0, "high": 3.0}))["energy_j.mid"]["best"]
    assert rows(finished(), all_in)["energy_j.mid"]["best"] == []
    assert rows(finished(), all_in)["energy_j.mid"]["change"] == [None, None]
    assert any("single operations and all-in numbers" in note for note in said(finished(), all_in))


@pytest.mark.parametrize(
    "damage",
    [
        {"accuracy": {"fixed": 1.5}},
        {"accuracy": {"fixed": "high"}},
        {"counts": {"connections": 3}},
        {"fit": {"fits": 3}},
    ],
)
def test_a_damaged_report_is_said(damage: dict[str, Any]) -> None:
    with pytest.raises(RunError, match=r"runs/1/report.json: .* was expected; it is damaged"):
        rows(finished(), finished(**damage))


def test_only_settings_that_differ() -> None:
    one, other = finished(), finished()
    assert settings(recorded(one, other)) == []
    other["recipe"] |= {"name": "other", "description": "more", "network": {"hidden": [64, 64]}}
    other["recipe"]["quantize"] = {"weight_bits": 4, "new": None}
    assert settings(recorded(one, other)) == [
        {"key": "network.hidden", "values": [[128], [64, 64]], "cells": ["[128]", "[64, 64]"]},
        {"key": "quantize.weight_bits", "values": [8, 4], "cells": ["8", "4"]},
    ]


def test_a_setting_that_one_recipe_lacks_and_one_of_another_type() -> None:
    other = finished()
    other["recipe"]["training"] = {"epochs": "40", "seed": 0, "extra": True}
    cells = {row["key"]: row["cells"] for row in settings(recorded(finished(), other))}
    assert cells == {"training.epochs": ["40", '"40"'], "training.extra": ["-", "true"]}


def test_equal_runs_leave_no_note() -> None:
    assert said(finished(), finished()) == []
    assert said(unplaced(), unplaced()) == []


def test_what_is_hard_to_compare_is_said() -> None:
    other = finished(samples={"test": 40})
    other["recipe"] |= {"chip": "loihi1", "data": {"dataset": "shd"}}
    other["energy"] |= {"chip": "loihi1"}
    other["counts"] |= {"convention": "another"}
    assert said(finished(), other, other) == [
        "chips differ (run0: loihi2; run1, run2: loihi1): energy, latency and cores are of different chips",
        "data differ (run0: digits; run1, run2: shd): accuracies are not of the same task",
        "test samples differ (run0: 80; run1, run2: 40)",
        "synops are counted by different conventions: run0: one synop per spike and synapse; run1, run2: another",
    ]
    assert said(finished(), finished(neurodeploy="0.2.0")) == [
        "versions differ (run0: 0.1.0; run1: 0.2.0): the runs were not made by one neurodeploy"
    ]


def test_data_cut_another_way_are_other_data() -> None:
    other = finished()
    other["recipe"]["data"] = {"dataset": "digits", "n_steps": 50}
    assert said(finished(), other) == ["data differ (settings n_steps): accuracies are not of the same task"]


def test_one_chip_priced_with_other_numbers() -> None:
    one = changed("energy", chip_digest="a", constants={"synop": {"value": 1e-12}})
    same = changed("energy", chip_digest="a", constants={"synop_dense": {"value": 2e-12}})
    other = changed("energy", chip_digest="b", constants={"synop": {"value": 1e-12}})
    assert said(one, same) == []
    assert said(one, other) == ["energies on loihi2 are priced with different numbers in run0, run1"]
