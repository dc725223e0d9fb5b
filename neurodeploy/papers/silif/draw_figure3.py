"""Figure 3 of the SiLIF paper, and two panels of ours: accuracy against operations, energy and weight bits.

Operations are drawn by the paper's convention, so that its points and ours lie on one axis; an arrow head
beside a point shows our exact count. What was measured is filled, the paper's own points are hollow, constants of
the literature are grey crosses with their name. Where one network lies far below the rest, the accuracy
axis is cut in two.
"""

import itertools
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from neurodeploy.papers.silif.points_cited import Point
from neurodeploy.report.printed import COLOURS, INK, MUTED, panel, printed
from neurodeploy.report.words import scale_of

SIZE_INCHES = (7.2, 6.4)
OTHERS = ("#6d597a", "#8ab17d", "#b56576", "#577590", "#bc6c25", "#90a955", "#9d4edd", "#4a4e69")
"""Colours of networks that the paper does not draw, in order of appearance."""
WORLDS: dict[str, tuple[Any, float, str]] = {
    "float": ("o", 5.5, "measured, float"),
    "integer": ("s", 7.0, "measured, integer Program"),
    "paper": ("o", 5.5, "the paper's own points"),
    "cited": ("X", 7.0, "cited constants"),
}
LEAST_GAP = 0.08
"""Accuracy that must separate two groups for the axis to be cut between them."""
WIDE = 8.0
"""Ratio of the largest to the least energy from which the axis is logarithmic."""
LARGEST_CUT = 6.0
EXACT: Literal[4] = 4
"""Matplotlib's marker of an arrow head to the left, its tip at the point."""
DODGE = 0.06
ROW = 0.13
"""Height of a row of the key, as a part of its cell."""
TITLE_LETTERS, NOTE_LETTERS = 105, 145
"""Of a line."""
SEEN = 0.05
"""Part by which two counts must differ for both to be seen: less, and one marker hides the other."""

Limits = tuple[float, float]


@printed
def draw_figure3(points: Sequence[Point], bits_points: Sequence[Point], title: str, note: str = "") -> Figure:
    """Draw Figure 3.

    Args:
        points: Measured points, and those of the literature (`literature_points`).
        bits_points: Integer points of each network over the width of its weights.
        title: Names the data that the measured points stand for, and how many samples and seeds.
        note: What else the reader must know, as of networks that have no integer points; below the panels.
    """
    figure = Figure(figsize=SIZE_INCHES, layout=ConstrainedLayoutEngine(h_pad=0.03, w_pad=0.05))
    figure.suptitle(textwrap.fill(title, TITLE_LETTERS), fontsize=9, x=0.01, ha="left")
    colours = _colours([*points, *bits_points])
    drawn = [point for point in points if point.synops_paper is not None or point.synops_exact is not None]
    priced = [point for point in points if point.energy_j is not None]
    strips = accuracy_strips([*drawn, *priced])
    heights = [high - low for low, high in strips]
    # A cut axis needs room for its ticks, however few points lie there.
    ratios = [max(height, sum(heights) / LARGEST_CUT) for height in heights]
    outer = figure.add_gridspec(2, 2, width_ratios=(3, 2), height_ratios=(3, 2))
    panels = (
        ("a", "Accuracy against synaptic operations", drawn, _operations),
        ("b", "Against energy on Loihi 2", priced, _energies),
    )
    for column, (letter, heading, chosen, draw) in enumerate(panels):
        cells = outer[0, column].subgridspec(len(strips), 1, height_ratios=ratios, hspace=0.04)
        axes = [figure.add_subplot(cells[index]) for index in range(len(strips))]
        for one, limits in zip(axes, strips, strict=True):
            draw(one, chosen, colours)
            one.set_ylim(100 * limits[0], 100 * limits[1])
            one.yaxis.set_major_locator(MaxNLocator(6 if limits == strips[0] else 2, steps=[1, 2, 5, 10]))
            one.grid(visible=True)
        _cut(axes)
        panel(axes[0], letter, heading)
        axes[0].set_ylabel("accuracy, %")
    bits = figure.add_subplot(outer[1, 0])
    _bits(bits, bits_points, points, colours)
    panel(bits, "c", "Against the width of the weights")
    _key(figure.add_subplot(outer[1, 1]), drawn, priced, bits_points, colours)
    notes = "\n".join(filter(None, (textwrap.fill(note, NOTE_LETTERS), _notes(points))))
    figure.supxlabel(notes, fontsize=6.5, color=MUTED, x=0.01, ha="left")
    return figure


def accuracy_strips(points: Iterable[Point]) -> list[Limits]:
    """Return the parts of the accuracy axis that are shown, the highest first: one, or two around a wide gap.

    >>> points = [Point("a", "float", 0.86), Point("b", "float", 0.5)]
    >>> [[round(end, 3) for end in one] for one in accuracy_strips(points)]
    [[0.85, 0.87], [0.49, 0.51]]
    """
    # Spans, not their ends: a cut through a wide error bar would hide the point in its middle.
    spans = sorted((one.accuracy - one.accuracy_sd, one.accuracy + one.accuracy_sd) for one in points)
    if not spans:
        return [(0.0, 1.0)]
    highest = list(itertools.accumulate((end for _, end in spans), max))
    low, high = spans[0][0], highest[-1]
    between = zip(highest, (start for start, _ in spans[1:]), strict=False)
    gap, below, above = max(((start - end, end, start) for end, start in between), default=(0.0, low, low))
    if gap < LEAST_GAP or gap < (high - low) / 2:
        return [_padded(low, high)]
    return [_padded(above, high), _padded(low, below)]


def _padded(low: float, high: float) -> Limits:
    margin = max(0.01, 0.12 * (high - low))
    return max(0.0, low - margin), min(1.01, high + margin)


def _colours(points: Iterable[Point]) -> dict[str, str]:
    """Return a colour per network; the paper's where it has one."""
    found = {name: colour for name, colour in COLOURS.items() if any(one.network == name for one in points)}
    for point in points:
        if point.network not in found and point.world != "cited":
            others = len([name for name in found if name not in COLOURS])
            found[point.network] = OTHERS[others % len(OTHERS)]
    return found


def _operations(axes: Axes, points: Sequence[Point], colours: dict[str, str]) -> None:
    _log(axes, lambda value, _: f"{value / 1e6:g}")
    for point in points:
        x = point.synops_paper if point.synops_paper is not None else point.synops_exact
        assert x is not None
        y = 100 * point.accuracy
        if _counts_differ(point):
            assert point.synops_exact is not None
            colour = colours[point.network]
            axes.plot([point.synops_exact, x], [y, y], color=colour, linewidth=0.8, linestyle=":", zorder=2)
            axes.plot([point.synops_exact], [y], marker=EXACT, color=colour, markersize=4, zorder=2)
        _mark(axes, point, x, colours)
        if point.world == "cited":
            look: dict[str, Any] = {"ha": "center", "va": "bottom", "color": MUTED, "fontsize": 7}
            axes.annotate(point.network, (x, y), (0, 6), textcoords="offset points", **look)
    axes.margins(x=0.08)
    counts = [one for point in points for one in (point.synops_paper, point.synops_exact) if one is not None]
    _widen(axes, min(counts, default=1.0), max(counts, default=1.0))
    axes.set_xlabel("synaptic operations per sample, millions, by the paper's convention")


def _counts_differ(point: Point) -> bool:
    """Return whether the exact count of a measured point stands far enough from the paper's to be seen."""
    if point.synops_exact is None or point.synops_paper is None or point.world not in ("float", "integer"):
        return False
    return abs(point.synops_exact - point.synops_paper) > SEEN * point.synops_paper


def _energies(axes: Axes, points: Sequence[Point], colours: dict[str, str]) -> None:
    """Draw each point at the middle of its energy, over the band that the chip's constants leave."""
    bands = [point.energy_j for point in points if point.energy_j is not None]
    if not bands:
        _nothing(axes, "no energy estimated")
        return
    least, most = min(band[0] for band in bands), max(band[2] for band in bands)
    unit, name = scale_of(most, "J")
    if most > WIDE * least > 0:
        _log(axes, "{x:g}")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    for point in points:
        assert point.energy_j is not None
        low, mid, high = (value / unit for value in point.energy_j)
        y = 100 * point.accuracy
        axes.plot([low, high], [y, y], color=colours[point.network], linewidth=9, alpha=0.3, solid_capstyle="butt")
        _mark(axes, point, mid, colours)
    _widen(axes, least / unit, most / unit)
    axes.set_xlabel(f"dynamic energy per sample, {name}")


def _log(axes: Axes, words: Any) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(words)
    axes.xaxis.set_minor_locator(NullLocator())


def _widen(axes: Axes, low: float, high: float) -> None:
    """Give points that all stand at one place, as those of silent networks do, an axis around it."""
    if high <= 1.02 * low:
        # Not set_xlim alone: it would ask for the automatic limits first, which are one place.
        axes.set_autoscalex_on(False)
        axes.set_xlim(0.8 * low or -1.0, 1.2 * high or 1.0)


def _bits(axes: Axes, bits_points: Sequence[Point], points: Sequence[Point], colours: dict[str, str]) -> None:
    """Draw a line per network, and its float accuracy beside as a dashed one."""
    integers = [point for point in bits_points if point.bits is not None]
    shown = [name for name in colours if any(one.network == name for one in integers)]
    if not shown:
        _nothing(axes, "no integer Programs")
        return
    for index, network in enumerate(shown):
        colour = colours[network]
        line = sorted((one for one in integers if one.network == network), key=lambda one: one.bits or 0)
        # Aside of the whole number, so that networks of the same accuracy do not hide each other.
        aside = DODGE * (index - (len(shown) - 1) / 2)
        x = [(one.bits or 0) + aside for one in line]
        y = [100 * one.accuracy for one in line]
        deviations = [100 * one.accuracy_sd for one in line]
        face = _face("integer", colour)
        axes.plot(x, y, "s-", color=colour, markerfacecolor=face, markersize=4, linewidth=1.2)
        if any(deviations):
            axes.errorbar(x, y, yerr=deviations, color=colour, fmt="none", capsize=2, elinewidth=1.0)
        for point in points:
            if point.network == network and point.world == "float":
                axes.axhline(100 * point.accuracy, color=colour, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    widths = sorted({one.bits or 0 for one in integers})
    axes.set_xlim(widths[0] - 0.5, widths[-1] + 0.5)
    axes.set_xlabel("bits of the weights; dashed: float")
    axes.set_ylabel("accuracy, %")
    axes.set_xticks(widths)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid(visible=True)
    axes.spines[["top", "right"]].set_visible(False)


def _nothing(axes: Axes, why: str) -> None:
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color=MUTED)
    axes.set_xticks([])
    axes.set_yticks([])


def _mark(axes: Axes, point: Point, x: float, colours: dict[str, str]) -> None:
    marker, size, _ = WORLDS[point.world]
    colour = colours.get(point.network, MUTED)
    face = _face(point.world, colour)
    edge: tuple[str, float] = (colour, 1.1) if face != colour else ("white", 0.6)
    deviation = [100 * point.accuracy_sd] if point.accuracy_sd else None
    look: dict[str, Any] = {"fmt": marker, "markersize": size, "color": colour, "markerfacecolor": face}
    look |= {"markeredgecolor": edge[0], "markeredgewidth": edge[1], "capsize": 2.5, "elinewidth": 1.0}
    # Float over integer, which is larger: where the two coincide, both are seen.
    axes.errorbar([x], [100 * point.accuracy], yerr=deviation, zorder=4 if point.world == "float" else 3, **look)


def _face(world: str, colour: str) -> str:
    """Return what fills a marker: of an integer point a lighter colour, on which an error bar is still seen."""
    red, green, blue = (0.45 * part + 0.55 for part in to_rgb(colour))
    return {"paper": "white", "integer": to_hex((red, green, blue))}.get(world, colour)


def _cut(axes: Sequence[Axes]) -> None:
    """Let two strips look like one axis with a piece cut out, and put the labels below the lowest."""
    label = axes[-1].get_xlabel()
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
    if len(axes) == 2:
        upper, lower = axes
        lower.set_xlim(upper.get_xlim())
        upper.spines["bottom"].set_visible(False)
        upper.set_xlabel("")
        upper.tick_params(axis="x", which="both", bottom=False, labelbottom=False)
        look: dict[str, Any] = {"marker": [(-1, -0.6), (1, 0.6)], "markersize": 8, "markeredgewidth": 1}
        for one, height in ((upper, 0), (lower, 1)):
            one.plot([0], [height], transform=one.transAxes, linestyle="none", color=MUTED, clip_on=False, **look)
    axes[-1].set_xlabel(label)


def _key(
    axes: Axes,
    drawn: Sequence[Point],
    priced: Sequence[Point],
    bits_points: Sequence[Point],
    colours: dict[str, str],
) -> None:
    """Explain in the free cell the colours and markers of what the panels show, and nothing else."""
    axes.set_axis_off()
    networks = [Line2D([], [], color=colour, linewidth=5, label=name) for name, colour in colours.items()]
    shown = [*drawn, *priced]
    widths = sorted({point.bits for point in shown if point.bits is not None})
    entries = [
        (marker, size, _face(world, MUTED), label + _of_widths(widths) * (world == "integer"))
        for world, (marker, size, label) in WORLDS.items()
        if any(point.world == world for point in (*shown, *bits_points))
    ]
    if any(_counts_differ(point) for point in drawn):
        entries.append((EXACT, 3.5, MUTED, "exact count of its operations"))
    worlds = [
        Line2D([], [], linestyle="", marker=marker, markersize=size, color=MUTED, markerfacecolor=face, label=label)
        for marker, size, face, label in entries
    ]
    first = axes.legend(handles=networks, loc="upper left", ncols=2, handlelength=1, labelcolor=INK)
    axes.add_artist(first)
    rows = -(-len(networks) // 2)
    axes.legend(handles=worlds, loc="upper left", bbox_to_anchor=(0, 1 - 0.06 - ROW * rows), labelcolor=INK)


def _of_widths(widths: Sequence[int]) -> str:
    """Return the width of the weights that panels a and b show.

    >>> _of_widths([8]), _of_widths([])
    (' (a, b: 8 bits)', '')
    """
    return f" (a, b: {', '.join(map(str, widths))} bits)" if widths else ""


def _notes(points: Sequence[Point]) -> str:
    """Return a line for every different note of the literature's points, and whose it is."""
    cited = [point for point in points if point.world in ("paper", "cited") and point.note]
    whose = ("the paper" if point.world == "paper" else point.network for point in cited)
    return "\n".join(dict.fromkeys(f"{name}: {point.note}" for name, point in zip(whose, cited, strict=True)))
