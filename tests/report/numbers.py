"""Every number that a page shows, and whether a report holds it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "link", "br"}
SILENT = {"style", "pre", "script"}
"""Elements whose text is no sentence; the recipe in `pre` has a test of its own."""
UNITS = {"%": 1e-2, "m": 1e-3, "µ": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
PLAIN = {"J", "s", "W"}
NUMBER = re.compile(r"-?[\d,]*\.?\d+(?:e[-+]?\d+)?")
FIXED = (
    "Lava 0.10.0",
    "95 % interval",
    "100 % when all are equal, 0 % when none is",
    "100 % wherever",
    "States are 24 bits wide",
    "A state of 1",
    "1 to 9",
    "10 to 99",
    "100 to 999",
    "1,000 to 9,999",
    "10,000 and more",
    "first 128 drawn",
    "float64",
    "0 to 100 % of what closes a core",
    "8-bit",
    "SHA-256 of samples",
)
"""What the page says of itself, with digits in it."""


@dataclass(frozen=True)
class Shown:
    """A marked number: what it reads as, the value it carries, and what kind it is."""

    text: str
    value: float
    kind: str


class Numbers(HTMLParser):
    """The marked numbers of a page, and the text outside of them that is not a scale's, a footnote mark's or code."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.marked: list[Shown] = []
        self.loose: list[str] = []
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self._open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if any(tag in SILENT or one.get("class") in ("axis", "ref") for tag, one in self._open):
            return
        for tag, one in self._open:
            value = one.get("value") if tag == "data" else one.get("data-value")
            if value is not None:
                self.marked.append(Shown(data.strip(), float(value), one.get("class") or ""))
                return
        if any(letter.isdigit() for letter in data):
            self.loose.append(" ".join(data.split()))


def problems(html: str, report: dict[str, Any]) -> list[str]:
    """Return every number of a page that `report` does not hold, or that reads otherwise than its value."""
    held, lengths, texts = set(_numbers(report)), set(_lengths(report)), _texts(report)
    found = Numbers(html)
    known = {"length": lengths, "tally": set(_tallies(report))}
    wrong = [f"{one} is not in the report" for one in found.marked if one.value not in known.get(one.kind, held)]
    wrong += [f"{one} reads otherwise" for one in found.marked if not reads_right(one)]
    return wrong + [f"{text!r} has an unmarked number" for text in found.loose if _unknown(text, texts)]


def reads_right(one: Shown) -> bool:
    """True where the text is the value, rounded to the digits that are shown.

    >>> [reads_right(Shown(text, 1.4476e-6, "")) for text in ("1.45 µJ", "1.44 µJ", "1.45 nJ")]
    [True, False, False]
    """
    found = list(NUMBER.finditer(one.text))
    # "chip 0: 128 cores" names the chip before it counts.
    return any(_reads(match, one) for match in (found if one.kind == "tally" else found[:1]))


def _reads(match: re.Match[str], one: Shown) -> bool:
    shown, unit = match[0].replace(",", ""), one.text[match.end() :].strip()
    decimals = len(shown.partition("e")[0].partition(".")[2])
    power = float("1e" + (shown.partition("e")[2] or "0"))
    value = one.value + 1 if one.kind == "ordinal" else one.value
    # A number whose unit stands further on, or that is in points, may have any of the scales.
    scales = [UNITS.get(unit[0], 1.0) if unit not in PLAIN else 1.0] if unit else [1.0, *UNITS.values()]
    half = 0.5000001 * power * 10.0**-decimals
    return any(abs(abs(float(shown)) * scale - abs(value)) <= half * scale for scale in scales)


def _unknown(text: str, texts: list[str]) -> bool:
    for known in (*texts, *FIXED):
        text = re.sub(rf"(?<!\w){re.escape(known)}(?!\w)", " ", text)
    return any(letter.isdigit() for letter in text)


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def _lengths(value: Any) -> Iterator[int]:
    if isinstance(value, dict | list):
        if isinstance(value, list):
            yield len(value)
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _lengths(inner)


def _tallies(report: dict[str, Any]) -> Iterator[int]:
    """Yield how many cores each chip has, and each layer on it."""
    cores = (report.get("fit") or {}).get("core_list") or []
    for keys in (("chip",), ("chip", "layer")):
        yield from Counter(tuple(one[key] for key in keys) for one in cores).values()


def _texts(report: Any) -> list[str]:
    """Return the report's own words with digits, longest first; lone numbers among them prove nothing."""
    found = {" ".join(text.split()) for text in _strings(report)}
    found |= {text.replace("_", " ") for text in found}
    found |= {part for text in found for part in text.split(".")[1:-1]}  # of a constant's key
    found |= {text[:10] for text in found if re.match(r"\d{4}-\d\d-\d\dT", text)}
    named = [text for text in found if re.search(r"\d", text) and re.search(r"[^\W\d]|[.-]", text)]
    return sorted([*named, *{text[:5] + "…" + text[-10:] for text in named if len(text) > 16}], key=len, reverse=True)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
