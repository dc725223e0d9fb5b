"""A chip file of one's own, narrower than any shipped chip: every verb uses it, and refuses in the same words.

Axes: B sample, T step.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurodeploy
from neurodeploy.errors import ChipError, PrecisionError
from neurodeploy.hardware.chips import chip_named
from neurodeploy.program.connection import Connection
from neurodeploy.program.file import read_program, write_program
from neurodeploy.program.program import INPUT
from tests.backends.lava_support import layer, program
from tests.cli import graphs
from tests.pipeline.test_deploy import DT_S, N_IN, B, T, network, spikes

SOURCE = 'source = "bench of ours", evidence = "inferred"'
CHIP = f"""
name = "narrow"
program = true
[energy.one]
synop = {{ value = 3, unit = "pJ", scope = "per-op", {SOURCE} }}
[limits]
"""
LIMITS = {
    "weight_bits": "[2, 4]",
    "state_bits": "24",
    "delay_bits": "3",
    "message_bits": "16",
    "cores_per_chip": "3",
    "neurons_per_core": "4",
    "input_axons_per_core": "64",
    "output_axons_per_core": "64",
    "synapse_memory_bits_per_core": "9000",
}
DEPLOY = {"dt_s": DT_S, "max_accuracy_drop": 1}


def chip_file(folder: Path, **changed: str) -> Path:
    rows = [f'{key} = {{ value = {one}, unit = "{_unit(key)}", {SOURCE} }}' for key, one in (LIMITS | changed).items()]
    path = folder / "narrow.toml"
    path.write_text(CHIP + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def _unit(key: str) -> str:
    return {"cores_per_chip": "core", "neurons_per_core": "neuron"}.get(
        key, "bit" if "bits" in key else "axon" if "input" in key else "slot"
    )


@pytest.fixture
def chip(tmp_path: Path) -> Path:
    return chip_file(tmp_path)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return graphs.write_good(tmp_path / "model.nir")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return graphs.write_data(tmp_path / "data.npz")


def test_every_verb_uses_the_chip_that_it_is_given(chip: Path, graph: Path, data: Path, tmp_path: Path) -> None:
    """Weights get the chip's 4 bits where nobody asks, and five hidden neurons take two of its cores."""
    out = tmp_path / "p.npz"
    compiled = neurodeploy.compile(graph, out=out, chip=chip, dt_s=1e-3)
    assert compiled["chip"] == read_program(out).chip == "narrow"
    assert {one["weight_bits"] for one in compiled["connections"]} == {4}
    for file, step in ((graph, {"dt_s": 1e-3}), (out, {})):
        fitted = neurodeploy.fit(file, chip=chip, **step)
        assert (fitted["chip"], fitted["program"], fitted["cores"]) == ("narrow", compiled["program"], 3)
        profiled = neurodeploy.profile(file, data, chip=chip, **step)
        assert (profiled["chip"], profiled["program"], profiled["fit"]["cores"]) == ("narrow", compiled["program"], 3)
        assert profiled["energy_j"]["mid"] == pytest.approx(3e-12 * profiled["synops_per_sample"])
    certified = neurodeploy.certify(graph, data, chip=chip, dt_s=1e-3, max_accuracy_drop=1)
    assert certified["program"] == compiled["program"]
    assert neurodeploy.simulate(graph, data, chip=chip, dt_s=1e-3)["accuracy"] == certified["stages"][1]["accuracy"]
    deployed = neurodeploy.deploy(network(), spikes(B, T, N_IN), chip=chip, **DEPLOY)
    assert deployed.program.chip == "narrow"
    assert {one["weight_bits"] for one in deployed.program.plan["connections"].values()} == {4}
    assert deployed.fit()["chip"] == "narrow"


def test_a_run_uses_it_too(chip: Path, tmp_path: Path) -> None:
    settings = (f"chip={chip}", "network.hidden=[4]", "training.epochs=1", "certificate.lava=never")
    with pytest.raises(PrecisionError, match=r"^quantize\.weight_bits: 8-bit weights, narrow holds 4 bits;"):
        neurodeploy.run("digits", out=tmp_path / "run", settings=settings)
    assert not (tmp_path / "run").exists()
    narrower = (*settings, "quantize.method=ptq", "quantize.weight_bits=4", "certificate.max_accuracy_drop=1")
    neurodeploy.run("digits", out=tmp_path / "run", settings=narrower)
    assert read_program(tmp_path / "run" / "program.npz").chip == "narrow"


def words(call: Callable[[], Any]) -> str:
    """Return why a chip is refused, or why a network does not fit it."""
    try:
        found = call()
    except PrecisionError as error:
        return str(error)
    fit = found.get("fit", found)
    assert not fit["fits"]
    return fit["problems"][0]


def test_refusals_agree_word_for_word(chip: Path, graph: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.npz"
    eight = {"chip": chip, "dt_s": 1e-3, "weight_bits": 8}
    neurodeploy.compile(graph, out=tmp_path / "wide.npz", dt_s=1e-3)
    said = {
        words(lambda: neurodeploy.compile(graph, out=out, **eight)),
        words(lambda: neurodeploy.fit(graph, **eight)),
        words(lambda: neurodeploy.profile(graph, data, **eight)),
        words(lambda: neurodeploy.certify(graph, data, **eight)),
        words(lambda: neurodeploy.simulate(graph, data, **eight)),
        words(lambda: neurodeploy.fit(tmp_path / "wide.npz", chip=chip)),
        words(lambda: neurodeploy.profile(tmp_path / "wide.npz", data, chip=chip)),
    }
    assert said == {"fc1: 8-bit weights, narrow holds 4 bits; quantise to that width"}
    assert not out.exists()
    with pytest.raises(PrecisionError, match=": 8-bit weights, narrow holds 4 bits; quantise to that width"):
        neurodeploy.deploy(network(), spikes(B, T, N_IN), chip=chip, weight_bits=8, **DEPLOY)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"state_bits": "16"}, "narrow: has states of 16 bit, a Program's have 24; choose another chip"),
        ({"delay_bits": "2", "weight_bits": "8"}, r": waits \d steps, narrow at most 3; shorten the delay"),
    ],
    ids=["states", "delays"],
)
def test_other_widths_count_too(changed: dict[str, str], says: str, tmp_path: Path) -> None:
    wires = [Connection("in", INPUT, "a", np.array([[64, 32]]), delay=np.array([[1, 5]]))]
    made = program(2, [layer("a", 1)], wires)
    write_program(tmp_path / "p.npz", made)
    found = neurodeploy.fit(tmp_path / "p.npz", chip=chip_file(tmp_path, **changed))
    assert any(re.search(says, one) for one in found["problems"])


def test_a_program_chip_without_its_widths_is_refused(tmp_path: Path) -> None:
    path = chip_file(tmp_path)
    path.write_text(re.sub("delay_bits.*\n", "", path.read_text()))
    with pytest.raises(ChipError, match=r"limits\.delay_bits: is missing; a chip with program = true says weight_bits"):
        chip_named(path)


def test_weights_narrower_than_they_are_declared_fit(tmp_path: Path) -> None:
    weight = np.array([[64, -64], [128, 0]])
    made = program(2, [layer("a", 2)], [Connection("in", INPUT, "a", weight)])
    declared = replace(made, plan={"connections": {"in": {"weight_bits": 8}}})
    assert neurodeploy.fit(declared, chip=chip_file(tmp_path))["fits"]
