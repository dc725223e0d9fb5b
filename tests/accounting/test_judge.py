"""Which budgets a run keeps, by how much it fails the others, and what cannot be judged."""

from __future__ import annotations

import math
from typing import Any

import pytest

from neurodeploy.accounting.budget import Budget
from neurodeploy.accounting.judge import judge
from neurodeploy.accounting.recorded import Recorded
from neurodeploy.errors import BudgetError, RunError
from tests.accounting.finished import BAND, LATENCY, finished, unplaced


def rows(asked: dict[str, Any], report: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    run = Recorded(finished() if report is None else report, "runs/small")
    wanted = Budget.model_validate(asked)
    found = judge(run, wanted, Recorded(run.table("fit"), run.run) if wanted.places else None)
    return [row.to_dict() for row in found]


def one(asked: dict[str, Any], report: dict[str, Any] | None = None) -> dict[str, Any]:
    (row,) = rows(asked, report)
    return row


FOUND = {
    "max_accuracy_drop": 0.025,
    "max_synops": 1000.0,
    "max_spikes": 60.0,
    "max_macs": 0,
    "max_energy_j": BAND["high"],
    "max_latency_s": LATENCY["high"],
    "max_cores": 3,
    "max_chips": 1,
}
"""What the small report holds, under the defaults."""


@pytest.mark.parametrize("key", FOUND)
def test_what_is_allowed_may_be_reached_and_not_passed(key: str) -> None:
    found = FOUND[key]
    at = one({key: found})
    assert (at["budget"], at["found"], at["passed"], at["excess"]) == (key, found, True, 0.0)
    above = one({key: found + 1 if isinstance(found, int) or found > 1 else 1})
    assert (above["passed"], above["excess"], above["relative"]) == (True, 0.0, 0.0)
    if found == 0:
        return
    below = found - 1 if isinstance(found, int) else math.nextafter(found, 0)
    row = one({key: below})
    assert (row["passed"], row["allowed"], row["excess"]) == (False, below, found - below)
    assert row["relative"] == (row["excess"] / below if below else None)


def test_accuracy_is_that_of_the_integers_and_must_reach_the_budget() -> None:
    assert one({"min_accuracy": 0.95})["passed"]
    row = one({"min_accuracy": 0.96})
    assert (row["passed"], row["found"], row["basis"]) == (False, 0.95, "fixed, 80 samples")
    assert row["excess"] == pytest.approx(0.01)
    assert one({"min_accuracy": 0.96, "accuracy": "quantised"})["found"] == 0.9625
    assert one({"min_accuracy": 0.96, "accuracy": "lava"})["basis"] == "lava, 8 samples"


def test_the_loss_against_float_is_on_the_same_samples() -> None:
    assert one({"max_accuracy_drop": 0, "accuracy": "lava"})["found"] == -0.0125
    assert one({"max_accuracy_drop": 0, "accuracy": "ptq"})["found"] == pytest.approx(0.075)


@pytest.mark.parametrize(
    ("key", "choice", "band"), [("max_energy_j", "energy", BAND), ("max_latency_s", "latency", LATENCY)]
)
def test_the_end_of_a_band_can_be_chosen(key: str, choice: str, band: dict[str, float]) -> None:
    for end, value in band.items():
        row = one({key: 1, choice: end})
        assert row["found"] == value
        assert row["basis"].startswith(f"{end} of the band, loihi2")


def test_the_whole_energy_can_be_asked_about() -> None:
    report = finished()
    report["energy"]["whole_j"] = {end: 10 * value for end, value in BAND.items()}
    row = one({"max_energy_j": 1, "energy_of": "whole"}, report)
    assert (row["what"], row["found"]) == ("dynamic and static energy per sample", 10 * BAND["high"])
    assert one({"max_energy_j": 1}, report)["what"] == "dynamic energy per sample"
    with pytest.raises(BudgetError, match="max_energy_j: runs/small has no dynamic and static energy: loihi2 has no"):
        one({"max_energy_j": 1, "energy_of": "whole"})
    report["energy"]["scope"] = "all-in"
    row = one({"max_energy_j": 1, "energy_of": "whole"}, report)
    assert (row["what"], row["found"]) == ("all-in energy per sample", BAND["high"])


def test_layers_are_charged_for_everything_into_them() -> None:
    asked = {"layers": {"hidden": {"max_synops": 899, "max_spikes": 50}, "out": {"max_synops": 100}}}
    found = {row["budget"]: (row["found"], row["passed"]) for row in rows(asked)}
    assert found == {
        "layers.hidden.max_synops": (900.0, False),
        "layers.hidden.max_spikes": (50.0, True),
        "layers.out.max_synops": (100.0, True),
    }


def test_proofs_fail_with_their_reason() -> None:
    report = finished()
    report["certificate"] |= {"passed": False, "failures": ["fixed: lost too much"], "bit_exact": {"fixed/lava": False}}
    first, second = rows({"certificate": True, "bit_exact": True}, report)
    assert (first["passed"], first["reason"]) == (False, "fixed: lost too much")
    assert (second["budget"], second["passed"]) == ("bit_exact", False)
    assert all(row["passed"] for row in rows({"certificate": True, "bit_exact": True}))


def test_a_network_that_does_not_fit_fails_with_the_limit() -> None:
    limit = {"name": "neurons_per_core", "used": 9000, "limit": 8192}
    report = finished(fit={"fits": False, "chip": "loihi2", "cores": None, "chips": None, "binding_limit": limit})
    found = rows({"fits": "loihi2", "max_cores": 4}, report)
    assert [row["passed"] for row in found] == [False, False]
    assert {row["reason"] for row in found} == {"neurons_per_core: 9,000 of 8,192"}
    report["fit"]["problems"] = ["hidden: neuron 3 alone needs too much", "more"]
    assert one({"fits": "loihi2"}, report)["reason"] == "hidden: neuron 3 alone needs too much"
    assert (one({"fits": "loihi2"})["passed"], one({"fits": "loihi2"})["basis"]) == (True, "3 cores, 1 chip")


NOT_MEASURED = [
    (
        {"max_macs": 1},
        finished(counts={}),
        "max_macs: MACs per sample was not measured in runs/small; .* mode='resume'",
    ),
    ({"max_latency_s": 1}, unplaced(), "max_latency_s: latency was not measured in runs/small; .* mode='resume'"),
    ({"max_energy_j": 1}, finished(energy=None), "max_energy_j: energy was not measured"),
    (
        {"max_latency_s": 1},
        finished(latency={"latency_s": None, "latency_band_s": None, "unpriced": ["hop_s", "barrier_s"]}),
        "max_latency_s: runs/small has no latency: loihi2 has no published numbers for hop_s, barrier_s; take",
    ),
    ({"min_accuracy": 0, "accuracy": "lava"}, finished(accuracy={"fixed": 1.0}), "min_accuracy: Lava was not run"),
    ({"min_accuracy": 0}, finished(accuracy={"float": 1.0}), "no accuracy of 'fixed'; choose one of float"),
    ({"max_accuracy_drop": 0, "accuracy": "reference"}, finished(accuracy={"fixed": 1.0}), "'reference'; .* fixed"),
    ({"max_accuracy_drop": 1, "accuracy": "lava"}, finished(certificate={}), "max_accuracy_drop: Lava was not run"),
    ({"max_cores": 1}, finished(fit={"fits": True, "chip": "loihi2"}), "max_cores: .* does not say how many cores"),
    ({"layers": {"hiden": {"max_synops": 1}}}, None, "layers.hiden: .* no such layer; did you mean 'hidden'"),
    ({"certificate": True}, finished(certificate={}), "certificate: runs/small has none; make it with"),
]


@pytest.mark.parametrize(("asked", "report", "says"), NOT_MEASURED, ids=str)
def test_what_was_not_measured_is_said_and_not_passed(
    asked: dict[str, Any], report: dict[str, Any] | None, says: str
) -> None:
    with pytest.raises(BudgetError, match=says) as error:
        rows(asked, report)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("recipe", "then"), [("auto", "mode='resume'"), ("never", "settings='certificate.lava=always', mode='overwrite'")]
)
def test_without_lava_nothing_is_bit_exact(recipe: str, then: str) -> None:
    report = finished(lava={"ran": False, "reason": "no environment; make one"})
    report["certificate"]["bit_exact"] = {}
    report["recipe"]["certificate"]["lava"] = recipe
    says = rf"bit_exact: Lava was not run in runs/small \(no environment\); .*neurodeploy lava setup, .*{then}"
    with pytest.raises(BudgetError, match=says):
        rows({"bit_exact": True}, report)


@pytest.mark.parametrize(
    ("damage", "asked", "says"),
    [
        ({"accuracy": {"fixed": "high"}}, {"min_accuracy": 0}, "accuracy.fixed is 'high', a finite number"),
        ({"accuracy": {"fixed": math.nan}}, {"min_accuracy": 0}, "accuracy.fixed is nan, a finite number"),
        ({"accuracy": {"fixed": True}}, {"min_accuracy": 0}, "accuracy.fixed is True, a finite number"),
        ({"counts": 3}, {"max_synops": 0}, "counts is 3, a table"),
        ({"counts": {"layers": [3]}}, {"layers": {"a": {"max_synops": 1}}}, "counts.layers is .3., a list of tables"),
        ({"certificate": {"passed": "yes"}}, {"certificate": True}, "certificate.passed is 'yes', true or false"),
    ],
)
def test_a_damaged_report_is_said(damage: dict[str, Any], asked: dict[str, Any], says: str) -> None:
    with pytest.raises(RunError, match=f"runs/small/report.json: {says} was expected; it is damaged, make it again"):
        rows(asked, finished(**damage))
