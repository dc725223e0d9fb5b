"""The page of a comparison says what was compared, needs nothing but itself, and stands odd runs."""

from __future__ import annotations

import re
import shutil
import subprocess
from html import escape
from pathlib import Path
from typing import Any

import pytest

from neurodeploy.report.compare_page import render
from neurodeploy.verbs.compare import compare_runs
from tests.accounting.finished import finished, unplaced, write_run
from tests.hangs import ONLY_A_HANG_S
from tests.report.test_page import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = "<script>alert(1)</script>{{ 7 * 7 }}&amp;\"'"


def compared(folder: Path, *reports: dict[str, Any]) -> dict[str, Any]:
    return compare_runs([write_run(folder / f"run{index}", report) for index, report in enumerate(reports)])


@pytest.fixture
def other() -> dict[str, Any]:
    report = finished()
    report["recipe"] |= {"chip": "loihi1", "network": {"hidden": [64]}}
    report["counts"]["synops_per_sample"] = 800.0
    report["accuracy"]["fixed"] = 0.9
    return report


def test_the_page_holds_every_value_and_setting(tmp_path: Path, other: dict[str, Any]) -> None:
    comparison = compared(tmp_path, finished(), other)
    page = Page(render(comparison))
    assert [attributes["id"] for tag, attributes in page.tags if tag in ("header", "section")] == [
        "runs",
        "results",
        "settings",
    ]
    assert sum(tag == "svg" for tag, _ in page.tags) == 3
    for row in comparison["rows"]:
        assert row["title"] in page.text
        for cell in row["cells"]:
            assert cell["text"].replace(" u", " µ") in page.text
    assert "800 best \N{MINUS SIGN}20 %" in page.text
    assert "network.hidden [128] [64]" in page.text
    for note in comparison["notes"]:
        assert note in page.text


def test_nothing_is_loaded_and_no_name_is_taken_for_html(tmp_path: Path) -> None:
    report = finished()
    report["recipe"] |= {"name": HOSTILE, "description": HOSTILE, "extra": {HOSTILE: HOSTILE}}
    report["energy"]["chip"] = HOSTILE
    html = render(compared(tmp_path, report, finished()))
    page = Page(html)
    assert not {tag for tag, _ in page.tags} & {"script", "img", "iframe", "object"}
    assert not re.findall(r"(?:src|href)=\"(?!data:,|#)[^\"]*\"|@import|url\((?!#)", html)
    assert HOSTILE in page.text


@pytest.mark.parametrize(
    "reports",
    [
        (unplaced(), unplaced()),
        (finished(), unplaced(), finished()),
        (finished(energy=None, accuracy={}), finished(energy=None, accuracy={})),
        (
            finished(),
            finished(energy={"chip": "board", "scope": "all-in", "energy_j": {"low": 1, "mid": 2, "high": 3}}),
        ),
        (finished(accuracy={"fixed": 0.0}), finished(accuracy={"fixed": 1.0}, samples={"test": 0})),
        tuple(finished() for _ in range(9)),
    ],
    ids=["unplaced", "mixed", "bare", "scopes", "ends", "many"],
)
def test_odd_runs_make_whole_pages(tmp_path: Path, reports: tuple[dict[str, Any], ...]) -> None:
    page = Page(render(compared(tmp_path, *reports)))
    assert "None" not in page.text.replace("None: the recipes are equal.", "")
    assert "nan" not in page.text


def test_the_same_comparison_gives_the_same_bytes(tmp_path: Path, other: dict[str, Any]) -> None:
    comparison = compared(tmp_path, finished(), other)
    assert render(comparison) == render(comparison)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.parametrize("width", [360, 1160])
@pytest.mark.parametrize("n_runs", [2, 9])
def test_a_browser_shows_it_without_overflow(tmp_path: Path, width: int, n_runs: int) -> None:
    """The page measures itself in a frame as wide as the screen: a script of the test puts widths into the title."""
    html = render(compared(tmp_path, *[finished()] * n_runs))
    widths = "document.documentElement.scrollWidth + '/' + document.documentElement.clientWidth"
    html = html.replace("</body>", f"<script>parent.document.title = {widths}</script></body>")
    path = tmp_path / "page.html"
    path.write_text(
        f'<title></title><iframe style="border: 0" width="{width}" height="900" srcdoc="{escape(html)}"></iframe>'
    )
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--dump-dom")
    arguments = [str(CHROMIUM), *options, f"--user-data-dir={tmp_path / 'profile'}", path.as_uri()]
    said = subprocess.run(arguments, capture_output=True, text=True, timeout=ONLY_A_HANG_S, check=True)
    assert f"<title>{width}/{width}</title>" in said.stdout
