"""The picture of `paper transformers`: energy by convention and part, and of an ANN of the same layers."""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurodeploy.papers.transformers.counting import PARTS
from neurodeploy.papers.transformers.energy import (
    ANN,
    ANN_MEMORY,
    ANN_SHARED,
    ANNS,
    EXACT,
    JELLY,
    MEMORY,
    RATE,
    UPDATES,
)
from neurodeploy.report.printed import panel, printed

ARITHMETIC, WITH_MEMORY = (RATE, JELLY, EXACT, ANN), (MEMORY, ANN_MEMORY, ANN_SHARED)
COLOURS = dict(
    zip((*PARTS, UPDATES), ("#264653", "#2a9d8f", "#d62828", "#8ab17d", "#e9c46a", "#6d597a", "#b0b0b0"), strict=True)
)
ANN_COLOUR = "#f4a261"


@printed
def draw(result: dict[str, Any]) -> Figure:
    """Draw the networks of `make.make`'s result, two panels each: arithmetic alone, and with memory."""
    networks = result["networks"]
    columns = min(3, len(networks))
    rows = math.ceil(len(networks) / columns)
    figure = Figure(figsize=(7.2, 0.6 + 3.0 * rows), layout="constrained")
    places = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=(4, 3) * rows)
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        pair = places[2 * row : 2 * row + 2, column]
        if number >= len(networks):
            for axes in pair:
                axes.set_visible(False)
            continue
        one = networks[number]
        for axes, names in zip(pair, (ARITHMETIC, WITH_MEMORY), strict=True):
            _bars(axes, one, names, named=column == 0)
        panel(pair[0], chr(ord("a") + number), _title(one))
    handles, labels = places[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def _title(one: dict[str, Any]) -> str:
    """Return a recipe's name, with the data where it is of others, in two lines where it is long."""
    before, _, name = one["what"].rpartition(" recipe ")
    if before and not name.startswith(one["data"]):
        return f"{one['data']}:\n{name}"
    first, _, last = name.rpartition("_")
    return f"{first}_\n{last}" if first and len(name) > 16 else name


def _bars(axes: Axes, one: dict[str, Any], names: tuple[str, ...], *, named: bool) -> None:
    most = max(one["total_j"][name] for name in names)
    per_j, unit = (1e3, "mJ") if most >= 1e-3 else (1e6, "uJ")
    for part, colour in COLOURS.items():
        axes.barh([0], [0], color=colour, label=part)
    axes.barh([0], [0], color=ANN_COLOUR, label="ANN of the same layers")
    for at, name in enumerate(names):
        left, prices = 0.0, one["energy_j"][name]
        if name in ANNS:
            axes.barh(at, per_j * one["total_j"][name], 0.7, color=ANN_COLOUR)
            continue
        for part, colour in COLOURS.items():
            width = per_j * prices.get(part, 0.0)
            axes.barh(at, width, 0.7, left=left, color=colour)
            left += width
    axes.set_yticks(range(len(names)), names if named else [""] * len(names))
    axes.invert_yaxis()
    axes.set_xlabel(f"{unit} a sample")
    axes.grid(visible=True, axis="x")
    axes.spines[["top", "right"]].set_visible(False)
