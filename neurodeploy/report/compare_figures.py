"""The pictures of a comparison: a row for each run, in the order they were named."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neurodeploy.report.amounts import PREFIXES, apart
from neurodeploy.report.drawing import AFTER, GOOD, INK, new_axes, picture, short
from neurodeploy.report.figures import wilson

ROW = 34
"""Height of a run's row."""
Row = dict[str, Any]


@picture("Accuracy of the integers, by run")
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
        axes.annotate(text, (100 * value, y), (0, 6), textcoords="offset points", ha="center", color=INK)
    margin = max(0.5, 0.1 * (max(ends) - min(ends)))
    axes.set_xlim(min(ends) - margin, max(ends) + margin)
    axes.set_xlabel("accuracy of the integers, %")
    return figure


@picture("Synops per sample, by run")
def synops(names: list[str], row: Row) -> Figure:
    """Draw a bar for each run; the best ones in green."""
    figure, axes = _axes(names)
    known = _known(row)
    most = max([value for _, value, _ in known] + [1e-9])
    for y, value, text in known:
        axes.barh(y, value, height=0.6, color=_colour(row, y))
        axes.text(value + 0.015 * most, y, text, va="center", color=INK)
    axes.set_xlim(0, 1.3 * most)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    axes.set_xlabel("synops per sample")
    return figure


@picture("Energy per sample with its band, by run")
def energy(names: list[str], low: Row, mid: Row, high: Row) -> Figure:
    """Draw each run's band from low to high, and a line at mid."""
    figure, axes = _axes(names)
    known = _known(mid)
    most = max([value for value in high["values"] if value is not None] + [1e-15])
    scale, prefix = next((one for one in PREFIXES if most >= 0.9995 * one[0]), PREFIXES[-1])
    for y, value, text in known:
        colour = _colour(mid, y)
        first, last = low["values"][y], high["values"][y]
        if first is not None and last is not None:
            axes.barh(
                y, max(last - first, 0.004 * most) / scale, left=first / scale, height=0.6, color=colour, alpha=0.45
            )
        axes.plot([value / scale] * 2, [y - 0.3, y + 0.3], color=colour, linewidth=2.5)
        axes.text((value if last is None else last) / scale + 0.015 * most / scale, y, text, va="center", color=INK)
    axes.set_xlim(0, 1.3 * most / scale)
    axes.set_xlabel(f"energy per sample, {prefix.replace('u', 'µ')}J")
    return figure


def _axes(names: list[str]) -> tuple[Figure, Axes]:
    figure, axes = new_axes(50 + ROW * len(names), "x")
    axes.set_yticks(range(len(names)), [short(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.7)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    return figure, axes


def _known(row: Row) -> list[tuple[int, float, str]]:
    """Return position, value and text of the runs that have one."""
    known = [(index, value) for index, value in enumerate(row["values"]) if value is not None]
    texts = apart([value for _, value in known], row["unit"])
    return [(index, value, text.replace(" u", " µ")) for (index, value), text in zip(known, texts, strict=True)]


def _colour(row: Row, index: int) -> str:
    return GOOD if index in row["best"] else AFTER
