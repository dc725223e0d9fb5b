"""Figure 3 from made-up points: what was measured, what is cited, and what both look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text

from neurodeploy.papers.silif.draw_figure3 import EXACT, accuracy_strips, draw_figure3
from neurodeploy.papers.silif.points_cited import Point, literature_points
from neurodeploy.report.printed import COLOURS, save_picture
from tests.report.overlaps import text_problems

TITLE = "Re-encoded Speech Commands clips, n = 361; float: mean and standard deviation over 5 seeds"
MADE_UP = {"cAdLIF": (0.848, 6.3e6), "C-SiLIF": (0.867, 9.8e6), "SiLIF": (0.859, 7.1e6), "RF": (0.562, 2e6)}


def measured() -> list[Point]:
    found = []
    for network, (accuracy, synops) in MADE_UP.items():
        found.append(Point(network, "float", accuracy, 0.005, 0.9 * synops, synops, n_samples=361))
        energy = (20e-12 * synops, 21e-12 * synops, 24e-12 * synops)
        found.append(Point(network, "integer", accuracy - 0.004, 0.0, 0.8 * synops, synops, 8, energy, 361))
    return found


def over_bits() -> list[Point]:
    return [
        Point(network, "integer", accuracy * (1 - 0.5 ** (bits - 1)), bits=bits)
        for network, (accuracy, _) in MADE_UP.items()
        for bits in range(2, 9)
    ]


@pytest.fixture(scope="module")
def whole() -> Figure:
    return draw_figure3(measured() + literature_points(), over_bits(), TITLE)


def test_texts_keep_apart(whole: Figure) -> None:
    assert text_problems(whole) == []


@pytest.mark.parametrize(
    ("points", "bits_points"),
    [
        (literature_points(), []),
        ([Point("LIF", "float", 0.9, 0.02, None, 2e5), Point("$adLIF_{1}$", "integer", 0.94, 0.0, 3e5)], over_bits()),
        ([Point("SiLIF", "integer", 1.0, 0.0, 3e5, 3e5, 8, (1e-7, 1e-6, 2e-5))], []),
        ([Point("adLIF", "float", 0.13, 0.1, 3e5, 3e5)], []),
        ([], []),
    ],
    ids=["literature", "others", "wide_band", "no_programs", "nothing"],
)
def test_whatever_there_is_is_drawn(points: list[Point], bits_points: list[Point]) -> None:
    assert text_problems(draw_figure3(points, bits_points, TITLE)) == []


def test_measured_points_stand_where_they_were_measured(whole: Figure) -> None:
    operations = [axes for axes in whole.axes if axes.get_xscale() == "log"]
    assert len(operations) == 2  # an axis cut in two
    for axes in operations:
        for point in measured():
            assert (point.synops_paper, 100 * point.accuracy) in [at[0] for at in map(places, axes.lines)]


def test_cited_and_hollow_points_are_marked(whole: Figure) -> None:
    axes = whole.axes[0]
    for point in literature_points():
        wanted = "o" if point.world == "paper" else "X"
        at = [(point.synops_paper, 100 * point.accuracy)]
        (line,) = (one for one in axes.lines if one.get_marker() == wanted and places(one) == at)
        if point.world == "paper":
            assert same_color(line.get_markerfacecolor(), "white")
            assert same_color(line.get_markeredgecolor(), COLOURS[point.network])
        else:
            assert point.network in [text.get_text() for text in axes.texts]
            assert not any(same_color(line.get_markerfacecolor(), colour) for colour in COLOURS.values())
    assert {"measured, float", "the paper's own points", "cited constants", *COLOURS} <= set(key(whole))
    notes = whole.get_supxlabel()
    assert "S5-RF: Huber et al." in notes
    assert "Event-SSM: as the SiLIF paper states it" in notes


def test_a_note_stands_above_those_of_the_literature_in_lines_that_fit() -> None:
    note = "cannot become an integer Program: " + ", ".join(["adLIF (trained from seeds 13, 42 and 73; at 4 bits)"] * 4)
    drawn = draw_figure3(measured() + literature_points(), over_bits(), TITLE, note)
    said = drawn.get_supxlabel()
    assert said.replace("\n", " ").startswith(f"{note} the paper: ")
    assert text_problems(drawn) == []


def test_the_title_names_the_data(whole: Figure) -> None:
    assert whole.get_suptitle() == TITLE


def test_every_width_of_every_network_is_drawn(whole: Figure) -> None:
    axes = next(one for one in whole.axes if "bits" in one.get_xlabel())
    lines = {line.get_color(): places(line) for line in axes.lines if line.get_marker() == "s"}
    for network, colour in COLOURS.items():
        expected = [100 * point.accuracy for point in over_bits() if point.network == network]
        assert [y for _, y in lines[colour]] == pytest.approx(expected)
        assert [round(x) for x, _ in lines[colour]] == list(range(2, 9))


def test_a_single_width_stands_on_an_axis_of_whole_bits() -> None:
    drawn = draw_figure3(measured(), [point for point in over_bits() if point.bits == 8], TITLE)
    axes = next(one for one in drawn.axes if "bits" in one.get_xlabel())
    assert axes.get_xlim() == (7.5, 8.5)
    assert axes.get_xticks().tolist() == [8]


def test_the_key_names_what_the_panels_show_and_nothing_else(whole: Figure) -> None:
    assert "measured, integer Program (a, b: 8 bits)" in key(whole)
    assert "exact count of its operations" in key(whole)
    bits = [Point("SiLIF", "integer", 0.8, 0.0, 5e6, 1e7, width) for width in (4, 5)]
    drawn = draw_figure3([Point("SiLIF", "float", 0.8, 0.0, 1e7, 1e7)], bits, TITLE)
    assert key(drawn) == ["SiLIF", "measured, float", "measured, integer Program"]


def test_an_exact_count_that_is_the_papers_is_not_drawn_twice() -> None:
    same, other = (Point("SiLIF", "float", 0.8, 0.0, exact, 1e7) for exact in (0.999e7, 0.9e7))
    for point, arrows in ((same, 0), (other, 1)):
        drawn = draw_figure3([point], [], TITLE)
        assert sum(line.get_marker() == EXACT for line in drawn.axes[0].lines) == arrows


def test_axis_is_cut_only_around_a_wide_gap() -> None:
    close = [Point("a", "float", value) for value in (0.79, 0.82, 0.85)]
    assert len(accuracy_strips(close)) == 1
    upper, lower = accuracy_strips([*close, Point("b", "float", 0.56, 0.01)])
    assert lower[0] < 0.55 < 0.57 < lower[1] < upper[0] < 0.79 < 0.85 < upper[1]
    # Not through an error bar, whose point would lie in the cut.
    assert len(accuracy_strips([Point("a", "float", 0.5, 0.1)])) == 1
    ((low, high),) = accuracy_strips(
        [Point("a", "float", 0.5, 0.3), Point("b", "float", 0.7), Point("c", "float", 0.3)]
    )
    assert low < 0.2 < 0.8 < high
    # Spread over the whole range there is no one place to cut.
    assert len(accuracy_strips([Point("a", "float", value / 10) for value in range(10)])) == 1


def test_literature_is_what_the_paper_states() -> None:
    found = {point.network: point for point in literature_points()}
    assert {name: point.world for name, point in found.items()} == {
        "cAdLIF": "paper",
        "C-SiLIF": "paper",
        "SiLIF": "paper",
        "S5-RF": "cited",
        "Event-SSM": "cited",
    }
    assert (found["S5-RF"].accuracy, found["S5-RF"].synops_paper) == (0.788, 250 * 21751)
    assert found["Event-SSM"].accuracy == 0.853
    assert found["Event-SSM"].synops_paper == 8000 * 64 * 64 * 2 + 1000 * 64 * 64 * 8
    assert all(point.note and "arXiv" in point.source for point in found.values())


def test_the_file_has_the_same_bytes_twice(tmp_path: Path) -> None:
    for name in "ab":
        save_picture(draw_figure3(measured() + literature_points(), over_bits(), TITLE), tmp_path / f"{name}.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def places(line: Line2D) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]


def key(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in legend_texts(axes)]


def legend_texts(axes: Axes) -> list[Text]:
    """Return the texts of all legends of an axes; matplotlib knows only the last one as its legend."""
    return [text for one in axes.findobj(Legend) if isinstance(one, Legend) for text in one.get_texts()]
