"""The paper's configurations as recipes, value by value; and what they say where their data are absent."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

import neurodeploy
from neurodeploy.data.binning import N_UNITS
from neurodeploy.data.load import source_of, wanted_of
from neurodeploy.errors import DataError
from neurodeploy.networks.families.silif import SilifSettings
from neurodeploy.networks.families.table import build_network
from neurodeploy.recipes import load_recipe


class Row(NamedTuple):
    """One configuration of the paper, and the trainable parameters of its network."""

    model: str
    steps: tuple[int, float] | None
    learning_rate: float
    dropout: float
    batch_size: int
    n_parameters: int
    patience: int = 10
    factor: float = 0.7
    seed: int = 13
    others: dict[str, Any] = {}  # noqa: RUF012


SHD, SSC_4MS, SSC_10MS = (250, 1.0), (300, 1.2), (100, 1.0)
ROWS = {
    "shd_silif": Row("silif", SHD, 0.001, 0.25, 128, 351_292, patience=5),
    "shd_csilif": Row("csilif", SHD, 0.005, 0.1, 128, 350_268, factor=0.9, seed=9, others={"dt_max": 0.5}),
    "shd_cadlif": Row("cadlif", SHD, 0.005, 0.25, 128, 350_268),
    "shd_adlif": Row("adlif", SHD, 0.05, 0.25, 128, 350_268),
    "ssc_silif_4ms": Row("silif", SSC_4MS, 0.01, 0.5, 256, 359_017),
    "ssc_csilif_4ms": Row("csilif", SSC_4MS, 0.01, 0.5, 256, 357_993, others={"dt_max": 5.0}),
    "ssc_cadlif_4ms": Row("cadlif", SSC_4MS, 0.01, 0.5, 256, 357_993),
    "ssc_rf": Row("rf", SSC_4MS, 0.01, 0.25, 256, 355_945),
    "ssc_silif_10ms": Row("silif", SSC_10MS, 0.01, 0.5, 256, 359_017),
    "ssc_csilif_10ms": Row("csilif", SSC_10MS, 0.005, 0.5, 256, 357_993, others={"dt_max": 5.0}),
    "gsc_silif": Row("silif", None, 0.001, 0.5, 32, 307_817, patience=5),
    "gsc_s4d": Row("s4d", None, 0.005, 0.2, 32, 310_691, patience=5, others={"dt_max": 0.1, "state_size": 64}),
}
FEATURES = 40


def data_sizes(name: str) -> tuple[tuple[int], int]:
    """Return channels and classes of a recipe's data, which need not be there."""
    settings = load_recipe(name).data
    binning, n_classes = wanted_of(settings).binning, source_of(settings).n_classes
    return (FEATURES if binning is None else binning.n_channels(N_UNITS),), n_classes


@pytest.mark.parametrize("name", ROWS)
def test_a_recipe_has_the_papers_values_and_size(name: str) -> None:
    row, recipe = ROWS[name], load_recipe(name)
    network, training = recipe.network, recipe.training
    values = network.model_dump()
    assert values.get("model", network.family) == row.model
    assert values["dropout"] == row.dropout
    assert values.get("initial_state", "zero") == ("zero" if row.model == "s4d" else "random")
    assert ("random initial states" in recipe.description) == (row.model != "s4d")
    assert {key: getattr(network, key) for key in row.others} == row.others
    if row.steps is not None:
        assert (recipe.data.n_steps, recipe.data.max_time_s, recipe.data.spatial_bin) == (*row.steps, 5)
    assert training.schedule == "plateau"
    assert (training.learning_rate, training.batch_size) == (row.learning_rate, row.batch_size)
    assert (training.plateau_patience, training.plateau_factor) == (row.patience, row.factor)
    assert (training.seed, training.epochs, training.learning_rate_min) == (row.seed, 100, 1e-6)
    assert training.weight_decay == (0.01 if row.model == "s4d" else 0.0)
    extras = ("gradient_clip", "rate_penalty", "rate_bounds_penalty", "time_shift", "time_stretch", "event_drop")
    assert not any(getattr(training, key) for key in extras)  # none of these in the paper
    built = build_network(network, *data_sizes(name), 4e-3)
    assert sum(one.numel() for one in built.parameters()) == row.n_parameters


@pytest.mark.parametrize("model", ["silif", "csilif", "cadlif"])
def test_the_four_millisecond_networks_have_a_short_name(model: str) -> None:
    short, whole = (load_recipe(f"ssc_{model}{ending}").model_dump() for ending in ("", "_4ms"))
    assert short | {"name": ""} == whole | {"name": ""}


@pytest.mark.parametrize("name", ["shd_silif", "ssc_rf", "gsc_s4d"])
def test_without_the_data_one_line_says_where_to_put_them(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEURODEPLOY_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for proxy in ("http_proxy", "https_proxy", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")  # no download, even where there is a network
    with pytest.raises(DataError) as error:
        neurodeploy.train(name, out=tmp_path / "run")
    assert "\n" not in str(error.value)
    assert "is not on this machine" in str(error.value)
    assert "put it" in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["silif", "csilif", "adlif", "lif"])
def test_the_spoken_digits_recipes_differ_in_the_neuron_alone(name: str) -> None:
    recipe = load_recipe(f"fsdd_{name}")
    assert isinstance(recipe.network, SilifSettings)
    assert (recipe.data.dataset, recipe.network.model) == ("fsdd_spikes", name)
    assert (recipe.network.hidden, recipe.network.initial_state) == ((128, 128), "zero")
    binning = wanted_of(recipe.data).binning
    assert binning is not None
    assert binning.dt_s == pytest.approx(0.004, rel=0.01)
    torch.manual_seed(0)
    built = build_network(recipe.network, *data_sizes(f"fsdd_{name}"), 4e-3)
    per_neuron = {"silif": 5, "csilif": 4, "adlif": 4, "lif": 1}[name]
    n_parameters = 140 * 128 + 128 * 128 + 128 * 10 + 2 * per_neuron * 128 + 4 * 128 + 3 * 10
    assert sum(one.numel() for one in built.parameters()) == n_parameters
