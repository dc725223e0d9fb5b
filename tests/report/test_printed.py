"""Pictures for print: formats, the same bytes twice, one style, refusals."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from neurodeploy.errors import RunError
from neurodeploy.report.printed import DPI, FORMATS, STYLE, check_picture, printed, save_picture


@printed
def small() -> Figure:
    """A figure with marks, clipped lines and letters, some of which the font lacks."""
    figure = Figure(figsize=(2, 1))
    axes = figure.add_subplot()
    axes.scatter([0.1, 0.2], [0.3, 0.4], alpha=0.5)
    axes.plot([0, 1], [0, 1])
    axes.set_title("$a_{1}$ 日本")
    return figure


@pytest.mark.parametrize("suffix", FORMATS)
def test_pictures_have_the_same_bytes_twice(suffix: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        save_picture(small(), path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    for word in (b"atplotlib v", b"CreationDate", b"dc:date"):
        assert word not in first
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in paths)


def test_a_png_has_300_dots_per_inch(tmp_path: Path) -> None:
    save_picture(small(), tmp_path / "a.PNG")
    assert imread(tmp_path / "a.PNG", format="png").shape[:2] == (DPI, 2 * DPI)
    assert DPI == 300


def test_a_users_settings_change_nothing_and_stay(tmp_path: Path) -> None:
    save_picture(small(), tmp_path / "a.svg")
    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": "x", "savefig.bbox": "tight"}):
        save_picture(small(), tmp_path / "b.svg")
        assert matplotlib.rcParams["font.size"] == 30 != STYLE["font.size"]
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.bmp", "has the suffix .bmp, pictures are .png, .svg, .pdf"),
        ("a.png.", "has (no suffix|the suffix .), pictures are"),
        ("a", "has no suffix"),
        ("nowhere/a.png", "is no folder"),
        ("folder.png", "is a folder, a file was expected"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(RunError, match=says):
        check_picture(tmp_path / name)
    with pytest.raises(RunError, match=says):
        save_picture(small(), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]
