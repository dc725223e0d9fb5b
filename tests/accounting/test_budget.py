"""Budget files: what one may hold, and the line that a wrong one gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from neurodeploy.accounting.budget import CHOICES, Budget, LayerBudget, read_budget
from neurodeploy.errors import BudgetError


def test_a_file_with_every_key(tmp_path: Path) -> None:
    path = tmp_path / "a{b}.toml"
    path.write_text(
        'min_accuracy = 0.9\nmax_accuracy_drop = 0.01\naccuracy = "lava"\ncertificate = true\nbit_exact = true\n'
        "max_synops = 2_000_000\nmax_spikes = 1e4\nmax_macs = 0\nmax_energy_j = 5e-5\n"
        'energy = "mid"\nenergy_of = "whole"\n'
        'max_latency_s = 1e-3\nlatency = "low"\nfits = "loihi2"\nmax_cores = 12\nmax_chips = 1\n'
        "[layers.hidden]\nmax_synops = 5e5\nmax_spikes = 9\n"
    )
    found = Budget.model_validate(read_budget(path))
    assert set(Budget.model_fields) == set(read_budget(path))
    assert (found.max_synops, found.max_macs, found.max_cores, found.energy) == (2e6, 0.0, 12, "mid")
    assert found.layers == {"hidden": LayerBudget(max_synops=5e5, max_spikes=9)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_synop = 1", "'max_synop' is no budget; did you mean 'max_synops'?"),
        ("[layers.hidden]\nmax_synop = 1", "'layers.hidden.max_synop' is no budget; did you mean 'max_synops'?"),
        ("[layers]\nhidden = 3", "layers.hidden: found 3, a table [layers.NAME] is needed"),
        ("layers = 3", "layers: found 3, a table [layers.NAME] is needed"),
        ("max_synops = -1", "max_synops: found -1, at least 0 is allowed"),
        ("[layers.x]\nmax_spikes = -0.5", "layers.x.max_spikes: found -0.5, at least 0 is allowed"),
        ("[layers.x]\nmax_spikes = '3'", "layers.x.max_spikes: found '3', a number is needed"),
        ("max_energy_j = nan", "max_energy_j: found nan, a finite number is needed"),
        ("max_latency_s = inf", "max_latency_s: found inf, a finite number is needed"),
        ("max_energy_j = '5e-5'", "max_energy_j: found '5e-5', a number is needed"),
        ("max_macs = true", "max_macs: found True, a number is needed"),
        ("max_spikes = 1" + "0" * 400, "max_spikes: found 1000"),
        ("max_cores = 1.5", "max_cores: found 1.5, a whole number is needed"),
        ("max_chips = true", "max_chips: found True, a whole number is needed"),
        ("min_accuracy = 90", "min_accuracy: found 90, a share of 1 is needed: 0.9 for 90 %"),
        ("min_accuracy = 900", "min_accuracy: found 900, a share, at most 1, is allowed"),
        ("certificate = 1", "certificate: found 1, true or false is needed"),
        ("fits = 2", "fits: found 2, the name of a chip, or of its .toml file, is needed"),
        ("energy = 'hihg'", "energy: found 'hihg', did you mean 'high'?"),
        ("latency = 3", "latency: found 3, choose one of high, low, mid"),
        ("accuracy = 'fixd'", "accuracy: found 'fixd', did you mean 'fixed'?"),
        ("max_synops", "is not TOML"),
        ("max_spikes = 1" + "0" * 5000, "is not TOML"),
    ],
)
def test_what_is_no_budget_gives_one_line_with_the_key(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "b{0}.toml"
    path.write_text(text)
    with pytest.raises(BudgetError) as error:
        read_budget(path)
    assert str(error.value).startswith(f"{path}: {says}")
    assert len(str(error.value)) < 200 + len(str(path))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"max_synops": -1}, "max_synops: found -1, at least 0 is allowed"),
        ({"min_accuracy": 95}, "min_accuracy: found 95, a share of 1 is needed: 0.95 for 95 %"),
        ({"max_synop": 1}, "'max_synop' is no budget; did you mean 'max_synops'?"),
        ({"layers": {"lif1": {"max_spikes": -2}}}, "layers.lif1.max_spikes: found -2, at least 0 is allowed"),
    ],
)
def test_a_wrong_value_in_python_is_one_line_too(values: dict[str, Any], says: str) -> None:
    with pytest.raises(BudgetError) as error:
        Budget(**values)
    assert str(error.value) == says


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "budget.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BudgetError, match=r"budget.toml: (is not TOML|cannot be read \(No such file)"):
        read_budget(path)


def test_only_what_compares_something_asks() -> None:
    assert not Budget.model_validate({}).asks
    assert not Budget.model_validate({"energy": "low", "latency": "low", "accuracy": "lava", "certificate": False}).asks
    assert not Budget.model_validate({"layers": {"hidden": {}}}).asks
    assert Budget.model_validate({"layers": {"hidden": {"max_spikes": 0}}}).asks
    others = {"certificate": True, "bit_exact": True, "fits": "loihi2"}
    for key in CHOICES:
        assert Budget.model_validate({key: others.get(key, 0)}).asks, key


def test_what_needs_a_place_on_a_chip() -> None:
    asked = {"fits": "loihi2", "max_cores": 0, "max_chips": 0, "max_synops": 0}
    assert [Budget.model_validate({key: value}).places for key, value in asked.items()] == [True, True, True, False]
