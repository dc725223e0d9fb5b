"""A comparison of runs as one HTML page that needs nothing but itself."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from neurodeploy.report import compare_figures
from neurodeploy.report.page import environment

TEMPLATE = "compare.html.j2"


def render(comparison: dict[str, Any]) -> str:
    """Return the page of a comparison: no script, nothing loaded from elsewhere.

    Args:
        comparison: From `verbs.compare`. Names in it may be anybody's: all text is escaped.

    The same comparison gives the same bytes.
    """
    return (
        environment({"signs": _signs})
        .get_template(TEMPLATE)
        .render(comparison=comparison, pictures=_pictures(comparison))
    )


def _pictures(comparison: dict[str, Any]) -> list[Markup]:
    names = [run["name"] for run in comparison["runs"]]
    rows = {row["key"]: row for row in comparison["rows"]}
    found = []
    if "accuracy.fixed" in rows:
        samples = rows.get("samples", {"values": [None] * len(names)})["values"]
        found.append(compare_figures.accuracy(names, rows["accuracy.fixed"], samples))
    if "synops" in rows:
        found.append(compare_figures.synops(names, rows["synops"]))
    band = [rows[key] for key in ("energy_j.low", "energy_j.mid", "energy_j.high") if key in rows]
    # One axis would put energies of single operations against all-in ones.
    scopes = {value for value in rows.get("energy_scope", {"values": []})["values"] if value is not None}
    if len(band) == 3 and len(scopes) < 2:
        found.append(compare_figures.energy(names, band[0], band[1], band[2]))
    return [Markup(svg) for svg in found]


def _signs(text: str) -> str:
    """Return an amount with the signs of micro and minus, which a browser has and a terminal may lack.

    >>> _signs("1.2 uJ"), _signs("-30 %"), _signs("-")
    ('1.2 µJ', '\\u221230 %', '-')
    """
    text = text.replace(" uJ", " µJ").replace(" us", " µs")
    return "\N{MINUS SIGN}" + text[1:] if len(text) > 1 and text[0] == "-" else text
