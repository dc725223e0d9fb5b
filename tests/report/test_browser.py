"""The page in a headless Chromium: narrow, wide and printed, it fits, says nothing and asks for nothing."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tests.report.browser import Browser, running_browser
from tests.report.rendered import today

NARROW, WIDE, PAPER = 400, 1200, 720
CUT = """[...document.querySelectorAll('td, th, p, li, h1, h2, h3, svg text, data, figcaption')].filter(one => {
  const box = one.getBoundingClientRect();
  return box.width && (box.right > WIDTH + 1 || box.left < -1 || one.scrollWidth > one.clientWidth + 1
    && getComputedStyle(one).overflow !== 'visible');
}).map(one => one.textContent)"""
SMALLEST = """Math.min(...[...document.querySelectorAll('main *')].filter(one => one.childNodes.length
  && [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()) && one.getBoundingClientRect().width)
  .map(one => {
    const to = one.getScreenCTM ? one.getScreenCTM() : {a: 1, b: 0};
    return parseFloat(getComputedStyle(one).fontSize) * Math.hypot(to.a, to.b);
  }))"""
OVERLAPS = """[...document.querySelectorAll('svg')].flatMap(svg => {
  const all = [...svg.querySelectorAll('text')].map(one => [one.textContent, one.getBoundingClientRect()]);
  return all.flatMap(([text, a], at) => all.slice(at + 1).filter(([, b]) => Math.min(a.right, b.right)
    - Math.max(a.left, b.left) > 2 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
    .map(([other]) => text + ' | ' + other));
})"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser") / "profile") as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("page") / "today.html"
    page.write_text(today(), encoding="utf-8")
    return page


@pytest.mark.parametrize(
    ("width", "dark", "media"),
    [(NARROW, False, ""), (WIDE, False, ""), (NARROW, True, ""), (PAPER, False, "print")],
    ids=["narrow", "wide", "dark", "print"],
)
def test_the_page_fits_says_nothing_and_asks_for_nothing(
    browser: Browser, page: Path, width: int, dark: bool, media: str
) -> None:
    browser.open(page, width=width, dark=dark, media=media)
    assert browser.complaints() == []
    assert all(address.startswith(("file:", "data:,")) for address in browser.requests())
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(CUT.replace("WIDTH", str(width))) == []
    assert browser.value(OVERLAPS) == []
    assert browser.value(SMALLEST) >= 9
    picture = imread(io.BytesIO(browser.screenshot()), format="png")
    assert picture.shape[1] == width
    assert picture.shape[0] > 3000
    # The corner is the page's own colour, and something is written on it.
    assert bool(picture[2, 2, :3].mean() < 0.3) is dark
    assert picture[:1500, :, :3].std() > 0.05


def test_an_error_an_overflow_and_a_request_are_noticed(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        '<!DOCTYPE html><meta name="viewport" content="width=device-width"><title>x</title>'
        '<p style="width: 900px">wide</p><img src="http://localhost:9/x.png">'
        '<script>console.error("no"); nothing()</script>'
    )
    browser.open(page, width=NARROW)
    assert browser.value("document.documentElement.scrollWidth") > NARROW
    assert "wide" in browser.value(CUT.replace("WIDTH", str(NARROW)))
    assert any(address.startswith("http:") for address in browser.requests())
    assert len(browser.complaints()) >= 2


def test_the_parts_of_a_bar_are_told_apart_in_grey(browser: Browser, page: Path) -> None:
    for dark in (False, True):
        browser.open(page, width=WIDE, dark=dark)
        colours = browser.value(
            """[1, 2, 3, 4, 5].map(n => getComputedStyle(document.documentElement).getPropertyValue('--part' + n))"""
        )
        rgb = np.array([[int(one.strip()[at : at + 2], 16) for at in (1, 3, 5)] for one in colours])
        grey = np.sort(rgb @ [0.2126, 0.7152, 0.0722])
        assert np.diff(grey).min() > 20


def test_a_click_on_a_columns_head_sorts_by_numbers_and_a_third_one_puts_back(browser: Browser, page: Path) -> None:
    browser.open(page, width=WIDE)
    names = "[...document.querySelectorAll('#classes tbody th')].map(one => one.textContent).join()"
    click = f"document.querySelectorAll('#classes thead th')[3].click(), {names}"
    assert [browser.value(click) for _ in range(3)] == ["two,zero,one", "one,zero,two", "zero,one,two"]
    assert browser.complaints() == []


def test_the_printed_page_is_paper_and_keeps_rows_whole(browser: Browser, page: Path) -> None:
    browser.open(page, width=WIDE)
    printed = browser.pdf()
    assert printed.startswith(b"%PDF")
    assert 4 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 12
    browser.open(page, width=PAPER, media="print")
    uncut = (
        "[...document.querySelectorAll('tr, figure, .tiles > div, .sources > li')].every(one => "
        "getComputedStyle(one).breakInside === 'avoid')"
    )
    assert browser.value(uncut)
    assert browser.value(
        "[...document.querySelectorAll('h2, h3')].every(one => getComputedStyle(one).breakAfter === 'avoid')"
    )
    # What may be longer than a page, or what is left of one, may be cut: else half-empty pages are printed.
    assert browser.value(
        "[...document.querySelectorAll('section, .columns, .cards, table')].every(one => "
        "getComputedStyle(one).breakInside === 'auto')"
    )
    assert browser.value("getComputedStyle(document.querySelector('thead')).display") == "table-header-group"
    assert browser.value("getComputedStyle(document.querySelector('nav')).display") == "none"
