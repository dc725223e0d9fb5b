"""Networks that cannot become a Program: what counts as that, and what is left of their points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.settings import DataSettings
from neurodeploy.errors import DataError, GraphError, MappingError, NetworkError, PrecisionError, ProgramError
from neurodeploy.networks.families.silif import SilifModel, SilifSettings, build
from neurodeploy.papers.silif import measure as measuring
from neurodeploy.papers.silif.clips import Clips
from neurodeploy.papers.silif.measure import IntegerTask, PlanTask, Subject, measure
from neurodeploy.papers.silif.points import measured_points, refused, refused_lines, refused_note
from neurodeploy.papers.silif.survey import Case, Found

DIGITS = Clips("digits", DataSettings(dataset="digits"), limit=20)


def made_up(folder: Path, model: SilifModel, n_inputs: int = 64, **over: float) -> Subject:
    """An untrained network in a file, with some parameters of its first layer set."""
    torch.manual_seed(1)
    network = build(SilifSettings(model=model, hidden=(6,)), (n_inputs,), 10, 4e-3)
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    for name, value in over.items():
        arrays[f"snn.0.{name}"][:] = value
    np.savez(folder / f"{model}.npz", **arrays)
    return Subject(model, folder / f"{model}.npz", "")


def planned(subject: Subject, clips: Clips) -> list[dict[str, Any]]:
    """The records of the Programs of 2 and 8 bits."""
    plans = measure(PlanTask(subject, clips, clips.dt_s, (2, 8)))["plans"]
    return [measure(IntegerTask(subject, clips, bits, plans[str(bits)])) for bits in (2, 8)]


def test_a_pole_outside_the_unit_circle_is_refused_at_every_width(tmp_path: Path) -> None:
    for record in planned(made_up(tmp_path, "adlif", alpha=0.96, beta=0.99, a=-1.0), DIGITS):
        assert list(record) == ["refused"]
        assert record["refused"].startswith("adlif1: neuron 0: its pole lies outside the unit circle at 12")


def test_states_without_bound_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "long.npz", spikes=rng.poisson(0.4, (2, 4000, 5)).astype(np.uint8), labels=np.arange(2))
    clips = Clips(str(tmp_path / "long.npz"), binning=SOURCES["ssc"].binning, n_channels=5)
    for record in planned(made_up(tmp_path, "adlif", 5, alpha=0.8, beta=0.99, a=-1.0), clips):
        assert record["refused"].startswith("adlif1: its states grow without bound on the calibration data")


@pytest.mark.parametrize("error", [PrecisionError, MappingError, ProgramError])
@pytest.mark.parametrize("step", ["calibrate", "compile_network"])
def test_what_is_said_of_the_network_is_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: type[Exception]
) -> None:
    """At the widths where it is said, and no others."""
    whole = getattr(measuring, step)
    asked = []

    def choosy(*given: Any, **options: Any) -> Any:
        asked.append(given)
        if len(asked) == 1:
            raise error("lif1: too few bits")
        return whole(*given, **options)

    monkeypatch.setattr(measuring, step, choosy)
    first, second = planned(made_up(tmp_path, "lif"), DIGITS)
    assert first == {"refused": "lif1: too few bits"}
    assert second["samples"] == 20


@pytest.mark.parametrize("error", [DataError, NetworkError, GraphError, ValueError])
@pytest.mark.parametrize("step", ["calibrate", "compile_network", "folded"])
def test_all_else_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: type[Exception]) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise error("not the network's fault")

    monkeypatch.setattr(measuring, step, broken)
    with pytest.raises(error, match="not the network's fault"):
        planned(made_up(tmp_path, "lif"), DIGITS)


def found(accuracy: float, *refused_at: int) -> Found:
    record = {"accuracy": accuracy, "samples": 20, "synops_exact": 1.0, "synops_paper": 1.0}
    integer = record | {"energy_j": {"low": 1.0, "mid": 2.0, "high": 3.0}, "unpriced": []}
    return Found({None: record}, {bits: {"refused": "far out"} if bits in refused_at else integer for bits in (4, 8)})


def refusal(network: str, trained_seed: int | None, bits: int, why: str) -> dict[str, Any]:
    return {"network": network, "trained_seed": trained_seed, "bits": bits, "why": why}


def test_points_are_means_over_those_that_can_become_programs(tmp_path: Path) -> None:
    case = Case(made_up(tmp_path, "rf"), DIGITS, None, (), trained_seed=1)
    cases = [case, replace(case, trained_seed=2), replace(case, trained_seed=3)]
    all_found = [found(0.5), found(0.7, 4), found(0.9, 4, 8)]
    points = {one.bits: one for one in measured_points(cases, all_found)}
    assert {bits: one.accuracies for bits, one in points.items()} == {None: [0.5, 0.7, 0.9], 4: [0.5], 8: [0.5, 0.7]}
    assert points[None].note == "zero initial state, mean of 3 trained networks"
    assert points[4].note == "zero initial state, 1 of 3 trained networks, the others cannot become Programs"
    refusals = refused(cases, all_found)
    assert refusals == [refusal("rf", *one, "far out") for one in ((2, 4), (3, 4), (3, 8))]
    assert refused_lines(refusals) == [
        "rf, seed 2, at 4 bits: far out",
        "rf, seed 3, at 4 and 8 bits: far out",
    ]
    assert refused_note(refusals) == (
        "cannot become an integer Program: "
        "rf (trained from seed 2; at 4 bits), rf (trained from seed 3; at 4 and 8 bits)"
    )
    assert refused_note([]) == ""


def test_published_networks_have_no_seed() -> None:
    refusals = [refusal("RF", None, bits, "RF: far out") for bits in (4, 8)]
    assert refused_lines(refusals) == ["RF, at 4 and 8 bits: RF: far out"]
    assert refused_note(refusals) == "cannot become an integer Program: RF (at 4 and 8 bits)"
