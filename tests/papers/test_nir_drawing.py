"""The NIR paper's table and picture, from a small result whose numbers are known."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from matplotlib.axes import Axes

from neurodeploy.papers.nir.drawing import PAPER, draw_nir_paper
from neurodeploy.papers.nir.platforms import rows_of, stated
from neurodeploy.papers.nir.table import agreements, markdown


def layer(spikes: float, reference: float, agreement: float) -> dict[str, float]:
    return {"spikes_per_sample": spikes, "reference_per_sample": reference, "agreement": agreement}


def row(backend: str, accuracy: float, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "backend": backend,
        "version": "",
        "refused": None,
        "refused_as_is": "",
        "parts": {"test": {"samples": 174, "accuracy": accuracy, "prediction_agreement": 1.0}},
        "layers": {"hidden": layer(10, 10, 1.0), "out": layer(5, 5, 1.0)},
        "output": "out",
        "equal_to_fixed": None,
    }
    return found | more


REFUSED = {"refused": "snntorch: it refuses; `inspect` says what it cannot take", "parts": {}, "layers": {}}
BRAILLE: dict[str, Any] = {
    "title": "Braille",
    "rows": [
        row("reference", 0.97),
        row("fixed", 0.96, layers={"hidden": layer(10, 10, 0.7), "out": layer(5, 5, 0.6)}),
        row("lava", 0.9655, equal_to_fixed=True),
        row("snntorch", 0, **REFUSED),
        row("norse", 0.95, version="1.1.0", layers={"hidden": layer(10, 10, 0.9), "out": layer(5, 5, 0.8)}),
    ],
    "gaps": {
        "snntorch": {"unsupported": ["a gap of snnTorch"], "approximate": []},
        "norse": {"unsupported": [], "approximate": ["a gap of Norse"]},
    },
    "paper": [
        {"platform": "lava", "accuracy": 0.4857, "stated": 0.486, "samples": 140},
        {"platform": "spyx", "accuracy": 0.843, "stated": 0.843, "samples": 140},
    ],
    "activity": {
        "platforms": [
            {"platform": "lava", "spikes": 109, "agreement": 0.3, "lag": 0},
            {"platform": "snntorch", "spikes": 119, "agreement": 1.0, "lag": 0},
        ],
        "against": "snntorch",
        "nearest": {"samples": 984, "sample": 3, "agreement": 0.26},
    },
    "worth": [
        {"what": "as the graph says", "accuracy": 0.97, "samples": 174},
        {"what": "no recurrent bias", "accuracy": 0.52, "samples": 174},
        {"what": "recurrent bias from step 1", "accuracy": 0.95, "samples": 174},
        {"what": "other reset", "accuracy": 0.94, "samples": 174},
    ],
}
NEURON: dict[str, Any] = {
    "title": "One neuron",
    "exact": {"spikes": [2], "threshold": 0.1},
    "dt_s": 1e-4,
    "reset": "subtract",
    "input": [1],
    "rows": [
        {"platform": "reference", "by": "here", "refused": None, "version": "", "spikes": [2], "off": [0]}
        | {"lag": 0, "rms": 0.004, "scale": 1.0},
        {"platform": "norse", "by": "here", "refused": None, "version": "1.1.0", "spikes": [], "off": None}
        | {"lag": None, "rms": None, "scale": None},
        {"platform": "lava_loihi_fixed", "by": "paper", "refused": None, "spikes": [3], "off": [1]}
        | {"lag": 1, "rms": 0.0102, "scale": 0.5},
    ],
    "traces": {"exact": [0, 0.5, 1], "reference": [0, 0.5, 1], "lava_loihi_fixed (paper)": [0, 0, 0.5]},
    "gaps": {"norse": {"approximate": ["falls to 0"]}},
}
RESULT: dict[str, Any] = {
    "citation": "Somebody, 2024",
    "source": "github.com/somebody",
    "limit": None,
    "tasks": {"lif": NEURON, "rnn_zero": BRAILLE},
}


def test_the_table_says_what_was_found() -> None:
    text = markdown(RESULT)
    lines = text.splitlines()
    assert "| our reference | here | all 1 equal | 0.40 % | 0 |" in lines
    assert "| Norse 1.1.0 [1] | here | 0 instead | - | - |" in lines
    assert "| Lava, Loihi | paper | all 1 late by 1 | 1.02 % | 1 |" in lines
    assert "| Lava 0.10.0 (equal to our integers in every state) | 96.5 % | 100 % | 100 % | 48.6 % |" in lines
    assert "| snnTorch | no [1] | - | - | - |" in lines
    assert "| Norse 1.1.0 [2] | 95.0 % | 90.0 % | 80.0 % | - |" in lines
    assert "| Spyx | - | - | - | 84.3 % |" in lines
    assert "[1] snntorch: it refuses; a gap of snnTorch." in lines
    assert "[2] a gap of Norse." in lines
    assert "**Lava: 48.6 % in the paper, 96.5 % here.**" in lines
    assert "Our reference has 97.0 %, without that bias 52.0 %." in text


def test_a_framework_with_every_spike_has_no_note() -> None:
    other = deepcopy(RESULT)
    norse = other["tasks"]["rnn_zero"]["rows"][-1]
    norse["layers"] = {"hidden": layer(10, 10, 1.0), "out": layer(5, 5, 1.0)}
    assert "| Norse 1.1.0 | 95.0 % | 100 % | 100 % | - |" in markdown(other)


def test_a_framework_that_ran_a_repaired_file_says_so() -> None:
    other = deepcopy(RESULT)
    other["tasks"]["rnn_zero"]["rows"][3] = row("snntorch", 0.95, refused_as_is="snntorch: it refuses")
    lines = markdown(other).splitlines()
    assert "| snnTorch [1] | 95.0 % | 100 % | 100 % | - |" in lines
    assert any("--for snntorch` writes" in line and "it refuses; a gap of snnTorch" in line for line in lines)


def test_lava_that_differs_or_ran_less_is_told() -> None:
    other = deepcopy(RESULT)
    lava = other["tasks"]["rnn_zero"]["rows"][2]
    lava["equal_to_fixed"] = False
    lava["parts"]["test"]["samples"] = 24
    assert "| Lava 0.10.0 (NOT equal to our integers) | 96.5 % of 24 |" in markdown(other)


def test_spikes_of_all_hidden_layers_count_alike() -> None:
    one = row("fixed", 1.0, layers={"a": layer(10, 10, 1.0), "b": layer(30, 30, 0.5), "out": layer(1, 1, 0.2)})
    assert agreements(one) == (pytest.approx((20 * 1.0 + 60 * 0.5) / 80), 0.2)
    assert agreements(row("norse", 1.0, layers={"out": layer(1, 1, 0.2)})) == (None, 0.2)


def test_the_papers_platforms_stand_in_the_rows_of_ours_and_below() -> None:
    rows = rows_of(BRAILLE)
    assert [one.key for one in rows] == ["reference", "fixed", "lava", "snntorch", "norse", "spyx"]
    assert [one.paper for one in rows] == [None, None, 0.4857, None, None, 0.843]


def test_every_number_of_the_table_is_drawn() -> None:
    figure = draw_nir_paper(RESULT)
    axes = [one for one in figure.findobj(Axes) if isinstance(one, Axes)]
    assert len(axes) == 3
    assert [one.get_text() for one in axes[1].get_yticklabels()] == ["our reference", "Lava, Loihi"]
    dots = [line for line in axes[2].get_lines() if line.get_marker() == "o"]
    ends: list[Any] = [(*line.get_xdata(), *line.get_ydata()) for line in dots]  # type: ignore[misc]
    drawn = {(round(x, 2), y, line.get_color() == PAPER) for (x, y), line in zip(ends, dots, strict=True)}
    assert drawn == {
        (97.0, 0, False),
        (96.0, 1, False),
        (96.55, 2, False),
        (48.57, 2, True),
        (95.0, 4, False),
        (84.3, 5, True),
    }
    # Points of different samples are not joined, and the axis says whose are how many.
    assert all(len(line.get_xdata()) == 1 for line in axes[2].get_lines())  # type: ignore[arg-type]
    assert axes[2].get_xlabel() == "accuracy, %\nof 174 test samples\nthe paper: of 140"
    left, right = axes[2].get_xlim()
    assert left < 48.57 < 97 < right


@pytest.mark.parametrize("task", ["lif", "rnn_zero"])
def test_one_task_alone_is_drawn(task: str) -> None:
    assert draw_nir_paper(RESULT | {"tasks": {task: RESULT["tasks"][task]}}).findobj(Axes)


def test_what_is_cited_has_its_source() -> None:
    found = stated()
    assert "Nature Communications 15:8122" in found["citation"]
    assert "7232ada" in found["source"]
    assert all(0 < accuracy < 1 for task in found["stated"].values() for accuracy in task.values())
