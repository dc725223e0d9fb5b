"""A comparison of runs as one HTML page that needs nothing but itself; its pictures have a row for each run."""

from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neurodeploy.certificate.accuracy import wilson
from neurodeploy.report import drawing as draw
from neurodeploy.report.amounts import apart
from neurodeploy.report.page import environment
from neurodeploy.report.words import scale_of

TEMPLATE = "compare.html.j2"
ROW = 34
"""Height of a run's row."""
Row = dict[str, Any]


def render(comparison: dict[str, Any]) -> str:
    """Return the page of a comparison: no script, nothing loaded from elsewhere.

    Args:
        comparison: From `verbs.compare`. Names in it may be anybody's: all text is escaped.

    The same comparison gives the same bytes.
    """
    template = environment({"signs": _signs}).get_template(TEMPLATE)
    return template.render(comparison=comparison, pictures=_pictures(comparison))


def _pictures(comparison: dict[str, Any]) -> list[Markup]:
    names = [run["name"] for run in comparison["runs"]]
    rows = {row["key"]: row for row in comparison["rows"]}
    found: list[Markup] = []
    if "accuracy.fixed" in rows:
        samples = rows.get("samples", {"values": [None] * len(names)})["values"]
        found.append(accuracy(names, rows["accuracy.fixed"], samples))
    if "synops" in rows:
        found.append(synops(names, rows["synops"]))
    band = [rows[key] for key in ("energy_j.low", "energy_j.mid", "energy_j.high") if key in rows]
    # One axis would put energies of single operations against all-in ones.
    scopes = {value for value in rows.get("energy_scope", {"values": []})["values"] if value is not None}
    if len(band) == 3 and len(scopes) < 2:
        found.append(energy(names, *band))
    return found


def _signs(text: str) -> str:
    """Return an amount with the signs of micro and minus, which a browser has and a terminal may lack.

    >>> _signs("1.2 uJ"), _signs("-30 %"), _signs("-")
    ('1.2 µJ', '\\u221230 %', '-')
    """
    text = text.replace(" uJ", " µJ").replace(" us", " µs")
    return "\N{MINUS SIGN}" + text[1:] if len(text) > 1 and text[0] == "-" else text


@draw.picture("Accuracy of the integers, by run")
def accuracy(names: list[str], row: Row, samples: list[int | None]) -> Figure:
    """Draw a dot for each run, the best ones in green, on the interval that its number of samples leaves."""
    figure, axes = _axes(names)
    known = _known(row)
    ends = [100 * value for _, value, _ in known]
    for y, value, text in known:
        if (samples[y] or 0) > 0:
            interval = [100 * end for end in wilson(value, samples[y] or 1)]
            axes.plot(interval, [y, y], color=_colour(row, y), linewidth=5, alpha=0.3, solid_capstyle="butt")
            ends += interval
        axes.plot([100 * value], [y], "o", color=_colour(row, y), markersize=8, clip_on=False)
        axes.annotate(text, (100 * value, y), (0, 6), textcoords="offset points", ha="center", color=draw.INK)
    margin = max(0.5, 0.1 * (max(ends) - min(ends)))
    axes.set_xlim(min(ends) - margin, max(ends) + margin)
    axes.set_xlabel("accuracy of the integers, %")
    return figure


@draw.picture("Synops per sample, by run")
def synops(names: list[str], row: Row) -> Figure:
    """Draw a bar for each run; the best ones in green."""
    figure, axes = _axes(names)
    known = _known(row)
    most = max([value for _, value, _ in known] + [1e-9])
    for y, value, text in known:
        axes.barh(y, value, height=0.6, color=_colour(row, y))
        axes.text(value + 0.015 * most, y, text, va="center", color=draw.INK)
    axes.set_xlim(0, 1.3 * most)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    axes.set_xlabel("synops per sample")
    return figure


@draw.picture("Energy per sample with its band, by run")
def energy(names: list[str], low: Row, mid: Row, high: Row) -> Figure:
    """Draw each run's band from low to high, and a line at mid."""
    figure, axes = _axes(names)
    known = _known(mid)
    most = max([value for value in high["values"] if value is not None] + [1e-15])
    scale, unit = scale_of(most, "J")
    for y, value, text in known:
        colour = _colour(mid, y)
        first, last = low["values"][y], high["values"][y]
        if first is not None and last is not None:
            width = max(last - first, 0.004 * most) / scale
            axes.barh(y, width, left=first / scale, height=0.6, color=colour, alpha=0.45)
        axes.plot([value / scale] * 2, [y - 0.3, y + 0.3], color=colour, linewidth=2.5)
        right = (value if last is None else last) / scale + 0.015 * most / scale
        axes.text(right, y, text, va="center", color=draw.INK)
    axes.set_xlim(0, 1.3 * most / scale)
    axes.set_xlabel(f"energy per sample, {unit}")
    return figure


def _axes(names: list[str]) -> tuple[Figure, Axes]:
    figure, axes = draw.row_axes([draw.short(name) for name in names], 50 + ROW * len(names), above=0.7)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    return figure, axes


def _known(row: Row) -> list[tuple[int, float, str]]:
    """Return position, value and text of the runs that have one."""
    known = [(index, value) for index, value in enumerate(row["values"]) if value is not None]
    texts = apart([value for _, value in known], row["unit"])
    return [(index, value, text.replace(" u", " µ")) for (index, value), text in zip(known, texts, strict=True)]


def _colour(row: Row, index: int) -> str:
    return draw.GOOD if index in row["best"] else draw.AFTER
