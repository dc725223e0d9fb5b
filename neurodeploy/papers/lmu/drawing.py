"""The pictures of `paper lmu`: accuracy and operations by one setting, and the delay network."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FixedLocator, NullFormatter, NullLocator

from neurodeploy.papers.lmu.delay import DT_S, WINDOW
from neurodeploy.report.printed import INK, LINE, MUTED, panel, printed

COLOURS = ("#2a9d8f", "#264653", "#e76f51")
OURS, PAPER = "#264653", "#e76f51"
LOOKS = {
    "float": ("o", 7, "--", "float"),
    "fixed": ("o", 3.5, "-", "integers"),
    "rounded": ("x", 5, ":", "float, A rounded"),
}
"""Marker, its size, line and words: where all are equal, all are seen."""


@printed
def draw_sweep(records: list[dict[str, Any]], key: str, label: str) -> Figure:
    """Draw accuracy and synops against one setting, a colour for each network that it was changed in.

    Args:
        records: As `measure.measured` returns them.
        key: "memory" or "bits", which lies on the x axis; the other one tells the networks apart.
        label: Of the x axis.
    """
    figure = Figure(figsize=(7.2, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    by_bits = key == "bits"
    networks = sorted({one["memory"] for one in records}) if by_bits else [None]
    for colour, network in zip(COLOURS[-len(networks) :] if by_bits else [OURS], networks, strict=True):
        own = [one for one in records if network in (None, one["memory"])]
        called = "" if network is None else f"d = {network}, "
        for what, (marker, size, line, words) in LOOKS.items():
            shown = [(one[key], 100 * one[what]) for one in own if one[what] is not None]
            if shown and (by_bits or what != "rounded"):
                face = "white" if what == "float" else colour
                look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": size, "linestyle": line}
                look |= {"markerfacecolor": face, "linewidth": 1, "label": called + words}
                left.plot(*zip(*shown, strict=True), **look)
        counted = [(one[key], one["synops"]) for one in own if one["synops"] is not None]
        if counted:
            right.plot(*zip(*counted, strict=True), color=colour, marker="o", markersize=3.5, linewidth=1)
    for axes in (left, right):
        places = sorted({one[key] for one in records})
        if not by_bits:
            axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(places[:: 2 if by_bits else 1]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel(label)
        axes.grid(visible=True)
        axes.spines[["top", "right"]].set_visible(False)
    if by_bits:
        refused = [one["bits"] for one in records if one["memory"] == networks[-1] and one["refused"]]
        if refused:
            left.axvspan(min(refused) - 0.5, max(refused) + 0.5, color=LINE, alpha=0.4, linewidth=0, zorder=0)
            left.text(min(refused) - 0.4, 103, f"d = {networks[-1]} grows", color=MUTED, fontsize=7, va="bottom")
        left.set_ylim(top=111)
        for axes in (left, right):
            axes.set_xlim(min(places) - 0.7, max(places) + 0.7)
    right.set_yscale("log")
    right.yaxis.set_major_formatter(EngFormatter(sep=" "))
    right.yaxis.set_minor_formatter(NullFormatter())
    left.set_ylabel("accuracy, %")
    right.set_ylabel("synops a sample")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    panel(left, "a", f"Accuracy, {records[0]['samples']:,} test samples")
    panel(right, "b", "Operations on the chip")
    return figure


@printed
def draw_delay(delay: dict[str, Any]) -> Figure:
    """Draw a signal delayed by the whole window, and every error beside the published ones."""
    figure = Figure(figsize=(7.2, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    signal, late = np.array(delay["example"]["signal"]), delay["example"]["delayed"]
    time_s = DT_S * np.arange(len(signal))
    left.plot(time_s, signal, color=LINE, linewidth=1.2, label="signal")
    left.plot(time_s[WINDOW:], signal[:-WINDOW], color=INK, linewidth=1.6, label="delayed by 100 ms")
    first = delay["rows"][0]["what"]
    left.plot(time_s, late[first], color=PAPER, linewidth=1, linestyle=(0, (3, 2)), label="by integers")
    left.set(xlabel="time, s", ylabel="signal", xlim=(0, time_s[-1]))
    left.set_ylim(top=1.9 * max(signal))
    left.legend(loc="upper left", ncols=2, handlelength=1.6, columnspacing=1.2)
    left.spines[["top", "right"]].set_visible(False)
    rows = [(one["what"], one["interval"], False) for one in delay["published"]["rows"]]
    rows += [(one["what"], one["ideal"], True) for one in delay["rows"] if one["ideal"][2] > 0]
    for at, (_, values, here) in enumerate(rows):
        middle, colour = (values[0] + values[-1]) / 2, OURS if here else PAPER
        right.plot([values[0], values[-1]], [at, at], color=colour, linewidth=3, solid_capstyle="butt")
        right.plot([middle], [at], "o", color=colour, markerfacecolor=colour if here else "white", markersize=4.5)
    right.set_xscale("log")
    right.xaxis.set_major_formatter("{x:g}")
    right.yaxis.set_major_locator(FixedLocator(range(len(rows))))
    right.set_yticklabels([what.replace(", A of ", ", ") if here else what for what, _, here in rows])
    right.invert_yaxis()
    right.grid(visible=True, axis="x")
    right.set_xlabel("error against the ideal states\n(hollow: published, not run here)")
    right.spines[["top", "right"]].set_visible(False)
    panel(left, "a", "One signal")
    panel(right, "b", "95 % intervals of the error")
    return figure
