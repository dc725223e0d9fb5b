"""Single pictures: any name can be drawn, colours are the page's, bytes stay few."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from neurodeploy.report import figures, rasters
from tests.report.example import SPIKE, compared


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("text")]


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("lif1", "lif1"),
        ("日本語の層", "日本語の層"),
        ("$\\frac{1}$", "$\\frac{1}$"),
        ("<b>&amp;", "<b>&amp;"),
        ("a\nb\x00c\x1b", "a b c "),
        ("x" * 300, "x" * 5 + "…" + "x" * 10),
        ("patch_embed.proj_lif2", "patch….proj_lif2"),
    ],
)
def test_any_name_is_drawn_as_text(name: str, drawn: str) -> None:
    assert drawn.strip() in [text.strip() for text in texts(figures.bars([(name, 3.0)], "spikes"))]


def test_colours_are_variables_of_the_page() -> None:
    svg = figures.bars([("a", 3.0)], "spikes")
    assert "fill: var(--after)" in svg
    assert not re.findall(r"(?:fill|stroke): #", svg)


def test_no_accuracy_below_zero_is_drawn() -> None:
    row = {"name": "fixed", "accuracy": 0.3, "samples": 359, "drop": 0.0, "fewer": False}
    drawn = texts(figures.accuracy([row], limit=1.0))
    assert "0" in drawn
    assert not [text for text in drawn if text.startswith(("-", "\N{MINUS SIGN}"))]


@pytest.mark.parametrize("losses", [[2.3], [2.3, 2.2999], [0.0]])
def test_every_loss_is_drawn_whole(losses: list[float]) -> None:
    epochs = [{"loss": one, "train_accuracy": 0.5, "validation_accuracy": 0.6} for one in losses]
    drawn: Any = figures.training.__wrapped__(epochs, len(epochs) - 1, [1])  # type: ignore[attr-defined]
    drawn.draw_without_rendering()
    axes = drawn.axes[0]
    top = max(axes.transData.transform((1, one))[1] for one in losses)
    assert top + 2 * drawn.dpi / 72 < axes.get_window_extent().y1  # a dot's radius is 2 points


def test_a_strip_has_one_path_per_decade_and_a_mark() -> None:
    layers = [compared("lif1", SPIKE), compared("lif2", None)]
    svg = rasters.difference_strip(layers, SPIKE, "input step")
    assert [f"opacity: {opacity:g}" in svg for opacity in rasters.OPACITIES[:4]] == [True, True, True, False]
    assert "var(--bad)" in svg
    assert {"lif1", "lif2", "input step"} <= set(texts(svg))


def test_a_large_raster_is_thinned() -> None:
    steps = [step for step in range(200) for _ in range(128)]
    busy = {"name": "a", "neurons": 700, "start": 1, "steps": steps, "indices": list(range(128)) * 200}
    layers = [busy, busy | {"name": "b"}]
    every = rasters.kept_neurons(layers)
    assert every == 9
    assert len(rasters.raster(layers, 201)) < 50 * rasters.MOST_SPIKES
    few = busy | {"steps": [1, 2], "indices": [3, 127]}
    assert rasters.kept_neurons([few]) == 1
