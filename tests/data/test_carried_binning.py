"""The binning that a graph carries comes back as it was, and nothing else is taken for one."""

from __future__ import annotations

import re
from typing import Any

import pytest

from neurodeploy.data.binning import Binning
from neurodeploy.data.load import DataSettings, step_s, wanted_of
from neurodeploy.data.settings import binning_of
from neurodeploy.errors import DataError, RecipeError
from neurodeploy.recipes import load_recipe, validated

ENTRIES = {"binning": "paper", "n_steps": 300, "max_time_s": 1.2, "spatial_bin": 5, "counts": True}


@pytest.mark.parametrize(
    "settings",
    [
        DataSettings(dataset="fsdd_spikes"),
        DataSettings(dataset="fsdd_spikes", n_steps=100, counts=False),
        DataSettings(dataset="speech_commands_spikes", binning="floor", max_time_s=0.5, spatial_bin=10),
    ],
)
def test_what_is_carried_is_the_binning(settings: DataSettings) -> None:
    wanted = wanted_of(settings)
    assert binning_of("graph", wanted.carried()) == wanted.binning
    assert wanted.carried()["partition"] == wanted.partition
    assert step_s(settings) == wanted.binning.dt_s  # type: ignore[union-attr]


def test_data_without_timed_events_carry_none() -> None:
    assert wanted_of(DataSettings(dataset="digits")).carried() == {}
    assert binning_of("graph", {"dataset": "digits", "n_steps": 24}) is None
    assert binning_of("graph", ENTRIES) == Binning(300, 1.2, 5)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"binning": "mean"}, "its metadata say binning = 'mean', which means nothing"),
        ({"max_time_s": -1.0}, "its metadata say max_time_s = -1.0"),
        ({"spatial_bin": "five"}, "its metadata say spatial_bin = 'five'"),
        ({"spatial_bin": 3}, "found 3, it must divide the 700 units"),
        ({"counts": None, "max_time_s": None}, "its metadata lack max_time_s and counts"),
    ],
)
def test_entries_that_mean_nothing_are_told(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=re.escape(says)):
        binning_of("graph", ENTRIES | changed)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("data.partition=ssc", "data.partition: 'ssc' is unknown to fsdd_spikes"),
        ("data.spatial_bin=3", "data.spatial_bin: found 3, it must divide the 700 units"),
        ("data.n_steps=1", "data.n_steps: found 1, 2..1000000 are allowed"),
        ("data.max_time_s=inf", "data.max_time_s"),
        ("data.max_time_s=1e9", "data.max_time_s: input should be less than or equal to 1000000"),
        ("data.binning=mean", "data.binning: input should be 'paper', 'floor', 'number' or 'time'"),
    ],
)
def test_a_recipe_with_such_settings_is_refused_at_once(setting: str, says: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(says)) as error:
        load_recipe("digits", ("data.dataset=fsdd_spikes", setting))
    assert "\n" not in str(error.value)


def test_present_recipes_say_nothing_of_it() -> None:
    recipe = load_recipe("digits")
    assert not {"binning", "partition", "counts"} & set(re.findall(r"\w+", recipe.to_toml().partition("[network]")[0]))
    table = {"dataset": "fsdd_spikes", "max_time_s": 0.8}
    assert validated({"name": "n", "data": table}, "n").data.max_time_s == 0.8
