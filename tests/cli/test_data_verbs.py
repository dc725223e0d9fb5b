"""`data list` and `data fetch`, and recipes on data that are absent or refuse a setting."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest

from tests.cli.support import Shell


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no network in tests")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def test_datasets_are_listed_with_what_can_be_done_about_absent_ones(shell: Shell) -> None:
    rows = {one["name"]: one for one in shell.works("data", "list")["datasets"]}
    assert rows.keys() >= {"shd", "ssc", "gsc", "fsdd_spikes", "speech_commands_spikes"}
    assert rows["ssc"]["fetch"][0] == "https://zenkelab.org/datasets/ssc_train.h5.zip"
    assert rows["shd"]["partitions"] == ["speakers", "stratified", "paper"]
    assert rows["shd"]["binning"]["dt_s"] == 1 / 249
    lines = shell("data", "list").out
    assert "shd/shd_train.h5 with shd_test.h5 beside it, or neurodeploy data fetch shd" in lines


def test_fetch_says_where_files_are_or_go(shell: Shell) -> None:
    assert shell.works("data", "fetch", "digits") == {"name": "digits", "paths": []}
    shell.refuses(
        "data", "fetch", "shd", says=r"cannot be reached \(no network in tests\); download it elsewhere and put"
    )
    shell.refuses("data", "fetch", "fsdd_spikes", says="is not offered for download; put it at")
    shell.refuses("data", "fetch", "gsc", says=r"put it at .*validation_list.txt \(unpack speech_commands_v0.02")
    shell.refuses("data", "fetch", "sdh", says="'sdh' is unknown; did you mean 'shd'")


@pytest.mark.parametrize("dataset", ["shd", "ssc", "gsc", "fsdd_spikes"])
def test_a_recipe_on_absent_data_leaves_no_folder(shell: Shell, dataset: str) -> None:
    shell.refuses("run", "digits", "--out", "run", "--set", f"data.dataset={dataset}", says=f"{dataset}: .*not on this")
    assert not (shell.folder / "run").exists()


def test_a_setting_that_the_dataset_does_not_have_is_refused(shell: Shell) -> None:
    line = ("run", "digits", "--out", "run", "--set")
    shell.refuses(*line, "data.spatial_bin=5", says="digits: data.spatial_bin: digits has no timed events to bin")
    shell.refuses(*line, "data.partition=paper", says="'paper' is unknown to digits")
    shell.refuses(*line, "data.binning=paper", says="has no timed events")
