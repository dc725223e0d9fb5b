"""`paper lmu` from the command line: networks of the digits, their integers, and what is said of what ran."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import neurodeploy
from neurodeploy.papers.lmu import make
from neurodeploy.papers.lmu.delay import delay_network
from neurodeploy.recipes import load_recipe
from tests.cli.support import Shell

SMALL = ("--set", "training.epochs=2", "--set", "network.memory=16")

BITS = (2, 8, 12, 16)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "delay_network", lambda: delay_network(4))
    monkeypatch.setattr(make, "BITS", BITS)


@pytest.mark.usefixtures("kernels", "few")
def test_sizes_and_bits_beside_the_published_numbers(shell: Shell) -> None:
    """Accuracies in float are the training's own; synops are counted again from the number of synapses."""
    for name in ("digits_lmufft", "digits_lmu"):
        neurodeploy.train(name, out=name, settings=("training.epochs=3", "network.hidden=16"))
    given = ("--run", "digits_lmu", "--run", "digits_lmufft")
    found = shell.works("paper", "lmu", "--out", "made", *given, *SMALL)
    feedback, plain, *cited = found["rows"]
    accuracy = json.loads(Path("digits_lmufft/metrics.json").read_text())["training"]["test_accuracy"]
    assert plain["what"] == "digits_rows: recipe digits_lmufft, lmufft, 16 + 32, 3 epochs"
    assert (plain["ours"]["float"], plain["published"], plain["ran"]) == (pytest.approx(accuracy), None, True)
    assert plain["ours"]["fixed"] == pytest.approx(accuracy, abs=0.02)
    assert (feedback["ours"]["fixed"], feedback["ran"], feedback["samples"]) == (None, True, plain["samples"])
    assert "no integers here" in feedback["note"]
    assert [one["ran"] for one in cited] == 8 * [False]
    assert {"psMNIST: LSSL": 0.9876}.items() <= {one["what"]: one["published"] for one in cited}.items()
    assert "so chosen on them" in cited[0]["note"]
    assert all(Path("made", name).is_file() for name in found["files"])

    values = json.loads(Path("made/lmu.json").read_text())
    for one in values["orders"]:
        own = json.loads(Path(f"made/runs/memory_{one['memory']}/metrics.json").read_text())["training"]
        assert one["float"] == pytest.approx(own["test_accuracy"])
        assert len(own["epochs"]) == 2
        assert 0.4 * 64 * one["synapses"] < one["synops"] < 65 * one["synapses"]
    assert [one["memory"] for one in values["orders"]] == [2, 4, 8, 16]
    by_bits = {(one["memory"], one["bits"]): one for one in values["bits"]}
    assert set(by_bits) == {(memory, bits) for memory in (8, 32) for bits in BITS}
    for one in by_bits.values():
        assert (one["fixed"] is None) == (one["radius"] > 1.01) == bool(one["refused"])
    assert by_bits[32, 2]["fixed"] is None
    assert by_bits[32, 2]["rounded"] < 0.3
    assert by_bits[32, 16]["rounded"] == pytest.approx(accuracy, abs=0.02)
    assert 1.5 < by_bits[32, 16]["synops"] / by_bits[32, 8]["synops"] < 2.1, "two synapses hold what one held"
    page = Path("made/lmu.md").read_text()
    assert "| Loihi 1 (not run here) | 0.146 to 0.153 | - |" in page
    assert "| 32 | 2 |" in page
    assert "refused: it grows" in page

    again = shell("paper", "lmu", "--out", "made", *given, *SMALL, "--resume")
    assert again.status == 0
    assert "%" in again.out
    assert json.loads(Path("made/lmu.json").read_text()) == values


def test_what_cannot_be_taken_is_one_line(shell: Shell) -> None:
    Path("untrained").mkdir()
    Path("untrained/recipe.toml").write_text(load_recipe("digits_lmufft").to_toml())
    Path("other").mkdir()
    Path("other/recipe.toml").write_text(load_recipe("digits").to_toml())
    shell.refuses("paper", "lmu", "--out", "made", "--run", "untrained", says="has no training yet")
    shell.refuses(
        "paper", "lmu", "--out", "made", "--run", "other", says="is of family lif; paper lmu takes runs of lmu"
    )
    shell.refuses("paper", "plif", "--out", "made", *SMALL[:2], says="'plif' trains no networks; leave --set out")
