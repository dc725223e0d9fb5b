"""Every link within the pages leads to a file that is there and to a heading that is there; nothing is fetched."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, without_blocks

LINK = re.compile(r"\]\(([^()\s]+)\)")
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|toml|md|svg|ipynb|html))`")
MOST_BYTES = 200_000
"""Of a picture: README is read over slow lines too."""
MADE = ("runs/", "paper/", "mine/", "RUN/", "mnist/")
"""Folders that commands make, or that are in others' repositories."""


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ +(.*)$", without_blocks(page), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(without_blocks(page)):
        if re.match(r"https?:|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert file.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(file), target
        if file.suffix in (".png", ".svg"):
            assert file.stat().st_size < MOST_BYTES, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_are_named_are_there(page: Path) -> None:
    for name in FILE.findall(without_blocks(page)):
        places = (ROOT, ROOT / "neurodeploy", ROOT / "tests", page.parent)
        assert name.startswith(MADE) or any((place / name).exists() for place in places), name


def test_every_page_is_reached_from_the_index() -> None:
    index = ROOT / "docs/index.md"
    linked = {(index.parent / name.partition("#")[0]).resolve() for name in LINK.findall(without_blocks(index))}
    assert {page for page in PAGES if page.parent == index.parent} - linked == {index}
