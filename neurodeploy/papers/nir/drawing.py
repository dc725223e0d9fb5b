"""The NIR paper's comparison drawn: one neuron's potential, its distance from the analytic solution, accuracies.

What was measured here is filled, the paper's own numbers, on other samples, are hollow.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from neurodeploy.papers.nir.platforms import HERE, Row, most_samples, rows_of, short, title_of
from neurodeploy.report.printed import INK, LINE, MUTED, panel, printed

OURS, PAPER, CROSS, BAND = "#264653", "#e76f51", "#2a9d8f", "#e9c46a"
WIDTH = 7.2
LIF_HEIGHT, ROW_HEIGHT, HEAD = 2.6, 0.17, 1.05
"""Inches: of the neuron's panels, of a platform's line, and of what is around a panel."""
MARKER = 5.0
PARTS = {"training": (CROSS, 7.5), "test": (OURS, MARKER)}
"""Colour and size of what was measured here; the smaller lies on the larger."""
PALE = 0.4
"""Opacity of an accuracy on a part of the samples."""
TITLES = {"cnn": "N-MNIST", "rnn_zero": "Braille, reset to zero", "rnn_subtract": "Braille, subtraction"}
DRAWN = {"reference": (OURS, "our reference"), "fixed": (CROSS, "our integers = Lava")}


@printed
def draw_nir_paper(result: dict[str, Any]) -> Figure:
    """Return the figure of `papers.nir.figure.nir_paper`'s result, of the tasks that it holds."""
    tasks = result["tasks"]
    classified = {name: task for name, task in tasks.items() if name != "lif"}
    names = list(dict.fromkeys(short(row.title) for task in classified.values() for row in rows_of(task)))
    heights = ([LIF_HEIGHT] if "lif" in tasks else []) + ([HEAD + ROW_HEIGHT * len(names)] if classified else [])
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.3), layout=ConstrainedLayoutEngine(h_pad=0.05, w_pad=0.05))
    strips: Any = np.ravel(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)).tolist()
    letters = iter("abcde")
    if "lif" in tasks:
        left, right = strips.pop(0).subplots(1, 2, width_ratios=(2.1, 1))
        _potentials(left, tasks["lif"], next(letters))
        _distances(right, tasks["lif"], next(letters))
    if classified:
        axes = np.ravel(strips[0].subplots(1, len(classified), squeeze=False, sharey=True))
        for one, (name, task) in zip(axes, classified.items(), strict=True):
            _accuracies(one, rows_of(task), names, next(letters), TITLES[name])
            one.set_xlabel(f"accuracy, %\n{_samples(task)}")
        strips[0].legend(handles=_key(classified), loc="outside lower left", ncols=3, handletextpad=0.2)
    return figure


def _potentials(axes: Axes, task: dict[str, Any], letter: str) -> None:
    """Draw the analytic solution, ours on it, and the span of the paper's platforms behind."""
    traces = {name: np.asarray(one) for name, one in task["traces"].items()}
    time_ms = 1e3 * task["dt_s"] * np.arange(len(traces["exact"]))
    lags = {row["platform"]: row["lag"] for row in task["rows"] if row["by"] == "paper"}
    # A trace that lags is shifted back in time; its end is held.
    late = [(one, lags[name.removesuffix(" (paper)")]) for name, one in traces.items() if "(paper)" in name]
    paper = [np.pad(one[lag:], (0, lag), "edge") for one, lag in late]
    if paper:
        low, high = np.min(paper, axis=0), np.max(paper, axis=0)
        axes.fill_between(time_ms, low, high, color=BAND, alpha=0.7, linewidth=0, label="the paper's platforms")
    axes.plot(time_ms, traces["exact"], color=INK, linewidth=1.6, label="analytic")
    for name, (colour, label) in DRAWN.items():
        if name in traces:
            style = "-" if name == "reference" else (0, (2, 2))
            axes.plot(time_ms, traces[name], color=colour, linewidth=0.9, linestyle=style, label=label)
    axes.vlines(1e3 * task["dt_s"] * np.asarray(task["input"]), -0.14, -0.06, color=MUTED, linewidth=0.7)
    spikes_ms = 1e3 * task["dt_s"] * np.asarray(task["exact"]["spikes"])
    axes.plot(spikes_ms, [1.07] * len(spikes_ms), marker="v", linestyle="", color=INK, markersize=4)
    axes.axhline(1, color=LINE, linewidth=0.7, zorder=0)
    axes.set(xlim=(0, time_ms[-1]), ylim=(-0.2, 1.42), xlabel="time, ms", ylabel="potential, of the threshold")
    axes.yaxis.set_major_locator(FixedLocator([0, 0.5, 1]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", ncols=2, borderaxespad=0.1, columnspacing=1.2, handlelength=1.6)
    panel(axes, letter, "One neuron: inputs below, spikes above")


def _distances(axes: Axes, task: dict[str, Any], letter: str) -> None:
    rows = [row for row in task["rows"] if row.get("rms") is not None]
    rows.sort(key=lambda row: row["rms"])
    names = []
    for at, row in enumerate(rows):
        here = row["by"] == "here"
        _dot(axes, 100 * row["rms"], at, OURS if here else PAPER, filled=here)
        names.append(short(HERE[row["platform"]]) if here else title_of(row["platform"]))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([0.3, 1, 3, 10]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlim=(0.25, 20), xlabel="off by (RMS), % of threshold")
    _lines(axes, names)
    panel(axes, letter, "Off the analytic one")


def _accuracies(axes: Axes, rows: Sequence[Row], names: Sequence[str], letter: str, title: str) -> None:
    """Draw a line per platform; the lines are those of every panel."""
    least = min(min(_values(row), default=1.0) for row in rows)
    margin = 0.08 * (100 - 100 * least) + 0.3
    left = 100 * least - margin
    full = most_samples([row.here for row in rows if row.here is not None])
    for row in rows:
        at = names.index(short(row.title))
        parts = {} if row.here is None else row.here["parts"]
        for part, (colour, size) in PARTS.items():
            if part in parts:
                alpha = 1 if parts[part]["samples"] == full[part] else PALE
                _dot(axes, 100 * parts[part]["accuracy"], at, colour, filled=True, size=size, alpha=alpha)
        if row.paper is not None:
            _dot(axes, 100 * row.paper, at, PAPER, filled=False)
        if row.here is not None and row.here["refused"]:
            axes.plot([left + margin / 2], [at], marker="x", color=MUTED, markersize=MARKER, linestyle="")
    axes.set_xlim(left, 100 + margin)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    _lines(axes, names)
    panel(axes, letter, title)


def _samples(task: dict[str, Any]) -> str:
    """Return how many samples each colour of a panel stands for: no two of them are the same ones."""
    full = most_samples(task["rows"])
    told = ", ".join(f"{full[part]:,} {part}" for part in PARTS if part in full)
    paper = [f"the paper: of {n:,}" for n in sorted({one["samples"] for one in task["paper"]})]
    return "\n".join([f"of {told} samples"] * bool(told) + paper)


def _values(row: Row) -> list[float]:
    """Return the accuracies of a line, 0..1."""
    here = [] if row.here is None else [part["accuracy"] for part in row.here["parts"].values()]
    return here + ([] if row.paper is None else [row.paper])


def _dot(axes: Axes, x: float, y: float, colour: str, *, filled: bool, size: float = MARKER, alpha: float = 1) -> None:
    face = colour if filled else "white"
    style: dict[str, Any] = {"linestyle": "", "zorder": 3, "alpha": alpha, "markeredgewidth": 1.0 if alpha == 1 else 0}
    axes.plot([x], [y], marker="o", color=colour, markerfacecolor=face, markersize=size, **style)


def _lines(axes: Axes, names: Sequence[str]) -> None:
    """Give each platform its line, the first on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=True, axis="both")
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _key(tasks: dict[str, Any]) -> list[Line2D]:
    rows = [row for task in tasks.values() for row in task["rows"]]
    found = {part for row in rows for part in row["parts"]}
    entries = [("o", *PARTS[part], PARTS[part][0], f"here, {part} part") for part in PARTS if part in found]
    entries.append(("o", PAPER, MARKER, "white", "the paper's, on its own samples"))
    if any(row["refused"] for row in rows):
        entries.append(("x", MUTED, MARKER, MUTED, "its importer cannot take the graph"))
    handles = [
        Line2D([], [], marker=marker, linestyle="", color=colour, markerfacecolor=face, markersize=size, label=label)
        for marker, colour, size, face, label in entries
    ]
    full = [(row["parts"], most_samples(task["rows"])) for task in tasks.values() for row in task["rows"]]
    if any(part["samples"] < most[name] for parts, most in full for name, part in parts.items()):
        label = "pale: on some of the samples"
        handles.append(Line2D([], [], marker="o", linestyle="", color=OURS, alpha=PALE, markersize=MARKER, label=label))
    return handles
