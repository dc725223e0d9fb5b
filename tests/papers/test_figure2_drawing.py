"""Figure 2 from made-up poles: both formulas, every network, legible."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from neurodeploy.neurons.poles import conjugate_poles
from neurodeploy.papers.silif.figure2 import ROWS, draw_figure2
from neurodeploy.report.printed import COLOURS
from tests.report.overlaps import text_problems


def poles() -> dict[str, dict[str, np.ndarray]]:
    """Poles in the unit circle, except one neuron of cAdLIF in the first row."""
    generator = np.random.default_rng(0)
    found = {
        formula: {
            network: conjugate_poles(generator.uniform(0.2, 0.99, 50) * np.exp(1j * generator.uniform(0.01, 1, 50)))
            for network in COLOURS
        }
        for formula in ROWS
    }
    found["paper"]["cAdLIF"][0] = [1.05, 0.5]
    return found


@pytest.fixture(scope="module")
def figure() -> Figure:
    return draw_figure2(poles(), 1)


def test_texts_keep_apart(figure: Figure) -> None:
    assert text_problems(figure) == []


def test_both_formulas_are_labelled_and_counted(figure: Figure) -> None:
    titles = [axes.get_title(loc="left") for row in figure.subfigs for axes in row.axes]
    for words in ROWS.values():
        assert any(words in title for title in titles)
    legends = [[text.get_text() for text in row.legends[0].get_texts()] for row in figure.subfigs]
    assert legends[0][0] == "cAdLIF: 49 complex, 1 outside"
    assert legends[1] == [f"{network}: 50 complex, 0 outside" for network in COLOURS]


def test_every_pole_is_drawn_in_both_panels(figure: Figure) -> None:
    for row, networks in zip(figure.subfigs, poles().values(), strict=True):
        scatters = [axes for axes in row.axes if len(axes.collections) == len(networks)]
        assert len(scatters) == 2
        for axes in scatters:
            for dots, expected in zip(axes.collections, networks.values(), strict=True):
                drawn = np.asarray(dots.get_offsets())
                np.testing.assert_array_equal(drawn[:, 0] + 1j * drawn[:, 1], expected.ravel())
    whole = figure.subfigs[0].axes[0]
    assert whole.get_xlim()[1] > 1.05
