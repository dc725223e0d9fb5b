"""The picture of `paper lmuformer`: accuracy by frames, and the delay of every layer under both definitions."""

import itertools
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neurodeploy.papers.lmuformer.measure import WHOLE
from neurodeploy.report.printed import INK, MUTED, panel, printed

COLOURS = ("#264653", "#e76f51", "#2a9d8f", "#e9c46a")
WAITS, LOST = "#264653", "#e9c46a"


@printed
def draw(result: dict[str, Any]) -> Figure:
    """Draw accuracies of `make.make`'s networks beside the published ones, and the delays of the last network."""
    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    _accuracies(left, result)
    _delays(right, result["networks"][-1]["delays"])
    figure.legend(loc="outside lower center", ncols=2)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    panel(left, "a", "Accuracy by frames")
    panel(right, "b", "Delay after each layer")
    return figure


def _accuracies(axes: Axes, result: dict[str, Any]) -> None:
    for colour, one in zip(itertools.cycle(COLOURS), result["networks"]):
        for (way, had), line in zip(one["ways"].items(), ("--", "-", ":"), strict=False):
            shown = [(frames, 100 * share) for frames, share in enumerate(had["curve"], 1) if share is not None]
            look: dict[str, Any] = {"color": colour, "linestyle": line, "linewidth": 1.2}
            axes.plot(*zip(*shown, strict=True), label=f"{one['model']}, {one['dataset']}, {way}", **look)
            if (kept := had["enough"]) is not None:
                face = "white" if way == WHOLE else colour
                axes.plot([kept], [100 * had["curve"][kept - 1]], "o", color=colour, markerfacecolor=face, markersize=4)
    points = [(frames, 100 * share) for frames, share in result["published"]["prefixes"]]
    label = "spiking, Speech Commands, whole clip (published)"
    axes.plot(*zip(*points, strict=True), ":o", color=MUTED, markerfacecolor="white", markersize=5, label=label)
    axes.set(xlabel="frames (dot: from here on 99 % of the last)", ylabel="accuracy, %")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 103)
    axes.grid(visible=True)


def _delays(axes: Axes, rows: list[dict[str, Any]]) -> None:
    for at, one in enumerate(rows):
        if one["waits"] is None:
            axes.text(0, at, " the whole clip", va="center", color=INK, fontsize=7)
            continue
        for offset, key, colour in ((-0.2, "waits_so_far", WAITS), (0.2, "lost_so_far", LOST)):
            axes.barh(at + offset, one[key], 0.38, color=colour)
    axes.barh([0], [0], color=WAITS, label="later frames that are waited for, padded as coded")
    axes.barh([0], [0], color=LOST, label="frames lost without padding, as the paper draws it")
    axes.set_yticks(range(len(rows)), [one["layer"].removeprefix("patch_embed.") for one in rows])
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("frames")
    axes.grid(visible=True, axis="x")
