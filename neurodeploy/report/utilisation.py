"""The cores of a placement as tiles: one for each, by chip and layer, darker the fuller its binding limit is."""

import itertools
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from neurodeploy.phrases import plural
from neurodeploy.report import printed as ink
from neurodeploy.report.drawing import AFTER, INK, LINE, MUTED, PANEL, WIDTH, new_figure, picture, short, value_id

LABEL = 132
"""Width of the column of names."""
TILE, SMALL = 27, 13
"""Size of a tile with its number in it, and without."""
MOST_NUMBERED = 96
"""Cores up to which a tile says how full it is."""
FAINTEST = 0.12
"""Opacity of a core that holds next to nothing."""
SHORT = {
    "neurons_per_core": "neurons",
    "input_axons_per_core": "axons in",
    "output_axons_per_core": "axons out",
    "synapse_memory_bits_per_core": "synapses",
    "state_words_per_core": "state",
    "neuron_parameter_sets_per_core": "decays",
    "threshold_sets_per_core": "thresholds",
    "synapse_formats_per_core": "formats",
    "delay_slots_per_core": "delays",
    "groups_per_core": "groups",
}


@dataclass(frozen=True)
class Colours:
    """Of tiles, and of text on and beside them."""

    tile: str
    text: str
    muted: str
    line: str
    on_dark: str


PAGE = Colours(AFTER, INK, MUTED, LINE, PANEL)
PRINT = Colours("#1d6f8f", ink.INK, ink.MUTED, ink.LINE, "#ffffff")


@picture("Utilisation map: every core, and how full its binding limit is")
def utilisation_map(fit: dict[str, Any]) -> Figure:
    """Draw a placement for the report, in the page's colours.

    Args:
        fit: From `mapping.placement.placement.described`, of a network that fits.
    """
    return _drawn(fit, PAGE)


@ink.printed
def draw_utilisation(fit: dict[str, Any]) -> Figure:
    """Return the same picture for a file, see `printed.save_picture`."""
    return _drawn(fit, PRINT)


def _drawn(fit: dict[str, Any], colours: Colours) -> Figure:
    layers = {one["name"]: one for one in fit["layers"]}
    size = TILE if len(fit["core_list"]) <= MOST_NUMBERED else SMALL
    across = (WIDTH - LABEL) // size
    tiles: list[tuple[float, float, dict[str, Any]]] = []
    texts: list[tuple[float, float, str, float, str, int | None]] = []
    y = 4.0
    for chip, on_chip in itertools.groupby(fit["core_list"], key=lambda one: one["chip"]):
        cores = list(on_chip)
        if fit["chips"] > 1:
            texts.append((3, y + 8, f"chip {chip}: {plural(len(cores), 'core')}", 12, colours.text, len(cores)))
            y += 22
        for name, of_layer in itertools.groupby(cores, key=lambda one: one["layer"]):
            own = list(of_layer)
            binding = SHORT.get(layers[name]["binding"], layers[name]["binding"])
            texts.append((3, y + 8, short(name), 12, colours.text, None))
            texts.append((3, y + 22, f"{plural(len(own), 'core')}, {binding}", 11, colours.muted, len(own)))
            tiles += [(LABEL + size * (n % across), y + size * (n // across), one) for n, one in enumerate(own)]
            y += max(34, size * -(-len(own) // across) + 7)
    figure = new_figure(y + 36)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, WIDTH), ylim=(y + 36, 0))
    axes.set_axis_off()
    for left, top, core in tiles:
        _tile(axes, left, top, size, core["utilisation"][layers[core["layer"]]["binding"]], colours)
    for left, top, text, height, colour, cores_named in texts:
        gid = value_id(cores_named, "tally") if cores_named is not None and colours is PAGE else None
        axes.text(left, top, text, fontsize=height, color=colour, va="center", gid=gid)
    _legend(axes, y + 12, colours)
    return figure


def _tile(axes: Axes, left: float, top: float, size: float, share: float, colours: Colours) -> None:
    opacity = FAINTEST + (1 - FAINTEST) * min(1.0, share)
    gap = 2 if size == TILE else 1
    axes.add_patch(Rectangle((left, top), size - gap, size - gap, color=colours.tile, alpha=opacity, linewidth=0))
    axes.add_patch(Rectangle((left, top), size - gap, size - gap, fill=False, edgecolor=colours.line, linewidth=0.6))
    if size == TILE:
        colour = colours.on_dark if opacity > 0.55 else colours.text
        x, y = left + (size - gap) / 2, top + (size - gap) / 2
        look: dict[str, Any] = {"fontsize": 11, "color": colour, "ha": "center", "va": "center_baseline"}
        axes.text(x, y, f"{100 * share:.0f}", gid=value_id(share) if colours is PAGE else None, **look)


def _legend(axes: Axes, y: float, colours: Colours) -> None:
    steps = 5
    for step in range(steps):
        _tile(axes, LABEL + SMALL * 1.6 * step, y, SMALL, step / (steps - 1), colours)
    text = "0 to 100 % of what closes a core"
    axes.text(LABEL + SMALL * 1.6 * steps + 4, y + SMALL / 2, text, fontsize=11, color=colours.muted, va="center")
