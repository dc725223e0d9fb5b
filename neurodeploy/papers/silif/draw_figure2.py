"""Figure 2 of the SiLIF paper twice: by its script's formula, and by what the networks do.

Each row holds the paper's panels: all poles with the unit circle, and the part around the positive real
axis with histograms of real and imaginary parts. The paper's axes end at 1; ours go a little further,
because the poles outside the circle lie there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.ticker import FixedLocator, NullLocator

from neurodeploy.neurons.poles import pole_summary
from neurodeploy.report.printed import COLOURS, LINE, MUTED, panel, printed

SIZE_INCHES = (9.0, 7.6)
WHOLE = 1.1
ZOOM_RE, ZOOM_IM = (-0.2, 1.1), (-0.55, 0.55)
N_BINS = 30
DOT = 5.0
ROWS = {"paper": "Formula of the paper's script", "implemented": "Dynamics that the networks implement"}


@printed
def draw_figure2(poles: Mapping[str, Mapping[str, np.ndarray]], layer: int) -> Figure:
    """Draw one layer's poles by both formulas.

    Args:
        poles: By formula, a key of `ROWS`, then by network, a key of `COLOURS`: complex, shape (N, 2).
        layer: Which hidden layer this is, for the heading.
    """
    figure = Figure(figsize=SIZE_INCHES, layout=ConstrainedLayoutEngine(h_pad=0.04, w_pad=0.06))
    figure.suptitle(
        f"Hidden layer {layer} of the published SSC networks. "
        "Counted: neurons with complex poles, neurons with a pole outside the unit circle",
        fontsize=8,
        x=0.01,
        ha="left",
    )
    rows: Any = figure.subfigures(len(ROWS), 1)
    for row, (formula, title), letters in zip(rows, ROWS.items(), ("ab", "cd"), strict=True):
        _row(row, poles[formula], title, letters)
    return figure


def _row(row: SubFigure, poles: Mapping[str, np.ndarray], title: str, letters: str) -> None:
    grid = row.add_gridspec(2, 3, width_ratios=(5, 4.2, 1.3), height_ratios=(1.25, 4))
    whole, zoom = row.add_subplot(grid[:, 0]), row.add_subplot(grid[1, 1])
    top, side = row.add_subplot(grid[0, 1], sharex=zoom), row.add_subplot(grid[1, 2], sharey=zoom)
    for axes in (whole, zoom):
        _scatter(axes, poles)
    whole.set(xlim=(-WHOLE, WHOLE), ylim=(-WHOLE, WHOLE), aspect="equal")
    zoom.set(xlim=ZOOM_RE, ylim=ZOOM_IM)
    _histogram(top, [one.real.ravel() for one in poles.values()], poles, ZOOM_RE, "vertical")
    _histogram(side, [one.imag.ravel() for one in poles.values()], poles, ZOOM_IM, "horizontal")
    panel(whole, letters[0], title)
    panel(top, letters[1], "The same around the positive real axis")
    _legend(row, poles)


def _scatter(axes: Axes, poles: Mapping[str, np.ndarray]) -> None:
    axes.axhline(0, color=LINE, linewidth=0.6)
    axes.axvline(0, color=LINE, linewidth=0.6)
    axes.add_patch(Circle((0, 0), 1, fill=False, edgecolor=MUTED, linewidth=0.8, linestyle=(0, (4, 2))))
    for network, poles_N2 in poles.items():
        axes.scatter(
            poles_N2.real.ravel(),
            poles_N2.imag.ravel(),
            s=DOT,
            color=COLOURS[network],
            alpha=0.55,
            linewidths=0,
            zorder=2,
        )
    axes.set_xlabel("Re λ")
    axes.set_ylabel("Im λ")


def _histogram(
    axes: Axes, values: list[np.ndarray], networks: Mapping[str, np.ndarray], limits: tuple[float, float], way: str
) -> None:
    """Draw 30 bins over the panel's range, a bar per network in each."""
    axes.hist(
        values,
        bins=np.linspace(*limits, N_BINS + 1).tolist(),
        color=[COLOURS[network] for network in networks],
        orientation=way,  # type: ignore[arg-type]
        log=True,
    )
    across, along = (axes.yaxis, axes.xaxis) if way == "vertical" else (axes.xaxis, axes.yaxis)
    (axes.set_ylim if way == "vertical" else axes.set_xlim)(0.8, 2000)
    across.set_major_locator(FixedLocator([1, 10, 100, 1000]))
    across.set_major_formatter("{x:g}")
    across.set_minor_locator(NullLocator())
    across.set_label_text("poles")
    along.set_tick_params(labelbottom=False, labelleft=False)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(row: SubFigure, poles: Mapping[str, np.ndarray]) -> None:
    """Name the networks, with what the dots hide: how many neurons oscillate, and how many are unstable."""
    handles = []
    for network, poles_N2 in poles.items():
        found = pole_summary(poles_N2)
        label = f"{network}: {found['complex_neurons']} complex, {found['outside_neurons']} outside"
        handles.append(Line2D([], [], marker="o", linestyle="", markersize=4.5, color=COLOURS[network], label=label))
    row.legend(handles=handles, loc="outside upper left", ncols=len(handles), handletextpad=0.1, columnspacing=1.4)
