"""Pictures over steps: a sample's spikes, and where two stages differ."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from neurodeploy.report import drawing as draw
from neurodeploy.report.sections import MOST_NEURONS

MOST_SPIKES = 6000
"""Spikes drawn in one raster; above it every second, third, ... neuron is left out."""
OPACITIES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Of a strip's cell, by the decade of how many spikes differ: 1-9, 10-99, and so on."""
STRIP = 22
"""Height of one layer in a strip."""


def kept_neurons(layers: list[dict[str, Any]]) -> int:
    """Return n where a raster shows every n-th neuron, so that it holds at most MOST_SPIKES.

    >>> kept_neurons([{"indices": [0, 1, 2]}])
    1
    """
    every = 1
    while sum(index % every == 0 for layer in layers for index in layer["indices"]) > MOST_SPIKES and every < 64:
        every += 1
    return every


@draw.picture("Raster: spikes of the input and every layer over the chip's steps")
def raster(layers: list[dict[str, Any]], n_steps: int) -> Figure:
    """Draw the spikes of one sample, layers below each other.

    Args:
        layers: `name`, `neurons`, `start` (first chip step), `steps` and `indices` of the spikes.
        n_steps: Chip steps of the sample.
    """
    shown = [min(layer["neurons"], MOST_NEURONS) for layer in layers]
    heights = [max(34.0, min(120.0, 1.6 * n)) for n in shown]
    figure = draw.new_figure(46 + sum(heights) + 10 * len(heights))
    every = kept_neurons(layers)
    rows = figure.subplots(len(layers), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    width = min(2.4, max(0.5, 0.55 * (draw.WIDTH - 110) / n_steps))
    for axes, layer, n_shown, height in zip(rows, layers, shown, heights, strict=True):
        draw.bare(axes)
        half = max(0.4 * every, 0.6 * n_shown / height)
        found = zip(layer["steps"], layer["indices"], strict=True)
        events = [(step, index) for step, index in found if index % every == 0]
        corners = [corner for x, y in events for corner in ((x, y - half), (x, y + half))]
        codes = [Path.MOVETO, Path.LINETO] * len(events)
        _draw(axes, corners, codes, edgecolor=draw.INK, linewidth=width, fill=False)
        if layer["start"]:
            axes.axvspan(-0.5, layer["start"] - 0.5, color=draw.SHADE, linewidth=0)
            axes.axvline(layer["start"] - 0.5, color=draw.GOOD, linewidth=1.4)
        axes.set_ylim(n_shown - 0.5, -0.5)
        axes.set_yticks([(n_shown - 1) / 2], [draw.short(layer["name"], 12)])
        axes.spines["left"].set_color(draw.LINE)
    rows[-1].set_xlim(-0.5, n_steps - 0.5)
    rows[-1].xaxis.set_major_locator(MaxNLocator(8, integer=True))
    rows[-1].set_xlabel("chip step")
    return figure


@draw.picture("Spikes that differ from the stage before, per layer and step")
def difference_strip(layers: list[dict[str, Any]], first: dict[str, Any] | None, step_name: str) -> Figure:
    """Draw a cell per layer and step, darker by the decade of how many spikes differ, and mark the first.

    Args:
        layers: `name` and `differing_by_step` of every layer.
        first: `layer` and `step` of the first difference.
        step_name: What the steps are, for the axis.
    """
    figure = draw.new_figure(52 + STRIP * len(layers))
    axes = figure.add_subplot()
    draw.bare(axes)
    n_steps = max(len(layer["differing_by_step"]) for layer in layers)
    for level, opacity in enumerate(OPACITIES):
        boxes = [
            (start - 0.5, row - 0.4, end - 0.5, row + 0.4)
            for row, layer in enumerate(layers)
            for start, end in _runs(layer["differing_by_step"], level)
        ]
        draw_boxes(axes, boxes, facecolor=draw.AFTER, alpha=opacity)
    names = [layer["name"] for layer in layers]
    if first is not None and first["layer"] in names:
        look: dict[str, Any] = {"markersize": 7, "markerfacecolor": "none", "markeredgewidth": 2, "clip_on": False}
        axes.plot([first["step"]], [names.index(first["layer"])], "D", color=draw.BAD, **look)
    axes.set_yticks(range(len(names)), [draw.short(name, 12) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(-0.5, n_steps - 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel(step_name)
    return figure


def decade(differing: int) -> int:
    """Return the index into OPACITIES of how many spikes differ; -1 for none.

    >>> [decade(n) for n in (0, 1, 9, 10, 999, 10**9)]
    [-1, 0, 0, 1, 2, 4]
    """
    return min(len(str(differing)) if differing > 0 else 0, len(OPACITIES)) - 1


def _runs(differing: list[int], level: int) -> Iterable[tuple[int, int]]:
    """Yield the steps, from and to, over which `differing` stays in one decade."""
    step = 0
    for found, group in groupby(decade(one) for one in differing):
        length = len(list(group))
        if found == level:
            yield step, step + length
        step += length


def draw_boxes(axes: Axes, boxes: list[tuple[float, float, float, float]], **style: Any) -> None:
    """Add boxes (left, top, right, bottom) as one path."""
    corners = [at for x, y, end, low in boxes for at in ((x, y), (end, y), (end, low), (x, low), (x, y))]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(boxes)
    _draw(axes, corners, codes, linewidth=0, **style)


def _draw(axes: Axes, corners: list[tuple[float, float]], codes: list[Any], **style: Any) -> None:
    """Add many separate lines or boxes as one path: a tenth of the bytes of as many elements."""
    if corners:
        path = Path(corners, codes)
        path.should_simplify = False
        axes.add_patch(PathPatch(path, **style))
