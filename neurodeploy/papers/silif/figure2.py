"""`figure 2`: the poles of the published networks, drawn by two formulas, with every number beside.

Each row holds the paper's panels: all poles with the unit circle, and the part around the positive real
axis with histograms of real and imaginary parts. The paper's axes end at 1; ours go a little further,
because the poles outside the circle lie there.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.ticker import FixedLocator, NullLocator

from neurodeploy.errors import DataError, NetworkError
from neurodeploy.files import check_target, write_text
from neurodeploy.networks.families.silif import CALLED
from neurodeploy.networks.published import load_published
from neurodeploy.neurons.poles import FAMILY, pole_summary
from neurodeploy.papers.silif.cases import published_files
from neurodeploy.report.printed import COLOURS, LINE, MUTED, check_picture, panel, printed, save_picture

DIGITS = 9
"""Significant digits kept beside the picture; float32, in which the networks were trained, has seven."""
WORDS = {
    "paper": "as the script behind the paper's Figure 2 computes them",
    "implemented": "of the linear part of the step that the networks do, with parameters clipped as they clip them",
}

Poles = dict[str, dict[str, dict[int, np.ndarray]]]
"""By formula, network and hidden layer: complex, shape (N, 2)."""


def figure2(
    *, out: str | Path, checkpoints: str | Path | None = None, layer: int = 0, overwrite: bool = False
) -> dict[str, Any]:
    """Draw Figure 2 of the SiLIF paper, by its script's formula and by the dynamics really implemented.

    Args:
        out: Picture to write: .png, .svg or .pdf. The data are written beside it as .json.
        checkpoints: Folder with cadlif.npz, csilif.npz, silif.npz and rf.npz; without it, the folder
            silif_ssc_reference where datasets are looked for.
        layer: Hidden layer to draw, from 0; the data hold all.
        overwrite: Replace picture and data where there are any.

    Returns:
        `points`: one per network, formula and layer: `re` and `im` (lists of pairs, one per neuron),
        and `summary`; `figure`, `layer`, `formulas` (what each is), `checkpoints` (SHA-256 of each
        file); `path` and `data`, where picture and data lie.

    Raises:
        RunError: the picture cannot be written, or not in this format.
        DataError: a checkpoint or the layer is absent.
        NetworkError: a checkpoint is damaged, or another network.
    """
    picture = check_picture(out, overwrite)
    beside = check_target(Path(out).with_suffix(".json"), overwrite)
    files = published_files(checkpoints, tuple(FAMILY))
    poles = _all_poles(files)
    fewest = min(len(layers) for networks in poles.values() for layers in networks.values())
    if not 0 <= layer < fewest:
        raise DataError(f"found {layer}, the networks have the hidden layers 0 to {fewest - 1}", option="layer")
    drawn = {
        formula: {CALLED[network]: layers[layer] for network, layers in networks.items()}
        for formula, networks in poles.items()
    }
    data = {
        "figure": 2,
        "layer": layer,
        "formulas": WORDS,
        "checkpoints": {network: hashlib.sha256(path.read_bytes()).hexdigest() for network, path in files.items()},
        "points": [
            _point(CALLED[network], formula, index, poles_N2)
            for formula, networks in poles.items()
            for network, layers in networks.items()
            for index, poles_N2 in layers.items()
        ],
    }
    save_picture(draw_figure2(drawn, layer), picture)
    write_text(beside, json.dumps(data, sort_keys=True, allow_nan=False) + "\n")
    return data | {"path": str(picture), "data": str(beside)}


def _all_poles(files: dict[str, Path]) -> Poles:
    """Return the poles of every hidden layer."""
    found: Poles = {formula: {network: {} for network in files} for formula in WORDS}
    for name, path in files.items():
        network, settings = load_published(path)
        if settings.model != name:
            raise NetworkError(f"{path}: holds {settings.model}, needed is {name}; give the published {path.name}")
        formulas = FAMILY[name]
        for index, layer in enumerate(network.layers):
            parameters = {one: getattr(layer, one).detach().numpy() for one in formulas.parameters}
            for formula in WORDS:
                with np.errstate(all="ignore"):  # what comes out is checked
                    poles_N2 = getattr(formulas, formula)(parameters)
                _check(path, index, parameters, poles_N2)
                found[formula][name][index] = poles_N2
    return found


def _check(path: Path, layer: int, parameters: dict[str, np.ndarray], poles_N2: np.ndarray) -> None:
    bad = np.flatnonzero(~np.isfinite(poles_N2).all(axis=1))
    if len(bad):
        values = ", ".join(f"{name} {float(vector[bad[0]]):g}" for name, vector in parameters.items())
        found = f"layer {layer}, neuron {bad[0]} has no finite pole ({values})"
        raise DataError(found, f"give the published {path.name}", where=path)


def _point(network: str, formula: str, layer: int, poles_N2: np.ndarray) -> dict[str, Any]:
    return {
        "network": network,
        "formula": formula,
        "layer": layer,
        "summary": pole_summary(poles_N2),
        "re": _rounded(poles_N2.real),
        "im": _rounded(poles_N2.imag),
    }


def _rounded(values_N2: np.ndarray) -> list[list[float]]:
    # Adding 0 makes -0 a plain 0.
    return [[float(f"{value:.{DIGITS}g}") + 0.0 for value in pair] for pair in values_N2.tolist()]


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
        look: dict[str, Any] = {"s": DOT, "color": COLOURS[network], "alpha": 0.55, "linewidths": 0, "zorder": 2}
        axes.scatter(poles_N2.real.ravel(), poles_N2.imag.ravel(), **look)
    axes.set_xlabel("Re λ")
    axes.set_ylabel("Im λ")


def _histogram(
    axes: Axes, values: list[np.ndarray], networks: Mapping[str, np.ndarray], limits: tuple[float, float], way: str
) -> None:
    """Draw 30 bins over the panel's range, a bar per network in each."""
    bins, colours = np.linspace(*limits, N_BINS + 1).tolist(), [COLOURS[network] for network in networks]
    axes.hist(values, bins=bins, color=colours, orientation=way, log=True)  # type: ignore[arg-type]
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
