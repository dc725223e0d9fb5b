"""The page's pictures: one function each, from parts of report.json to inline SVG."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from neurodeploy.certificate.accuracy import wilson
from neurodeploy.report import drawing as draw
from neurodeploy.report.words import count, percent, quantity, scale_of

ROW = 24
"""Height of one row of bars or dots."""
COST_ROW = 26
"""The same in the pictures of costs."""
BAR = 0.6
MOST_NAMED_CORES = 12
"""Cores that get a row with their layer's name; more become one column each."""
LEAST_RATE = 1e-4
"""Left end of the crossovers' scale, at the least."""
BOUNDS = {"memory": draw.PARTS[0], "compute": draw.PARTS[2], "traffic": draw.PARTS[3]}


@draw.picture("Accuracy of every stage")
def accuracy(rows: list[dict[str, Any]], limit: float) -> Figure:
    """Draw a dot per stage, with the interval its number of samples leaves and the certificate's limit.

    Args:
        rows: `name`, `accuracy`, `samples`, `drop` against float on the same samples (None: no stage),
            `fewer`: on a part of the samples only, so that float on that part is shown too.
        limit: Allowed drop.
    """
    figure, axes = draw.row_axes([row["name"] for row in rows], 58 + ROW * len(rows))
    lowest = 1.0
    for y, row in enumerate(rows):
        here, colour = 100 * row["accuracy"], draw.MUTED if row["drop"] is None else draw.AFTER
        low, high = wilson(row["accuracy"], row["samples"])
        axes.plot([100 * low, 100 * high], [y, y], color=colour, linewidth=5, alpha=0.3, solid_capstyle="butt")
        lowest = min(lowest, low)
        if row["drop"] is not None:
            baseline = row["accuracy"] + row["drop"]
            # The certificate allows a tenth of a sample more, against float arithmetic; so does the mark.
            least = max(0.0, baseline - limit - 0.1 / row["samples"])
            colour = draw.BAD if row["accuracy"] < least else colour
            axes.plot([100 * least] * 2, [y - 0.36, y + 0.36], color=draw.BAD, linewidth=1.5)
            lowest = min(lowest, least)
            if row["fewer"]:
                hollow: dict[str, Any] = {"markersize": 7, "markerfacecolor": "none", "clip_on": False}
                axes.plot([100 * baseline], [y], "o", color=draw.AFTER, **hollow)
        axes.plot([here], [y], "o", color=colour, markersize=7)
    margin = max(0.5, 2 * (1 - lowest))
    axes.set_xlim(100 * lowest - margin, 100 + margin / 2)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("accuracy, %")
    return figure


@draw.picture("Loss and accuracy over the epochs of training")
def training(epochs: list[dict[str, float]], n_trained: int, best: list[float]) -> Figure:
    """Draw loss above accuracy.

    Args:
        epochs: Of training, then of fine-tuning.
        n_trained: Epochs before fine-tuning.
        best: Kept epochs, counted from 1 through both phases; halves stand for what a phase began with.
    """
    figure = draw.new_figure(300)
    loss, scores = figure.subplots(2, sharex=True, height_ratios=(2, 3))
    x = range(1, len(epochs) + 1)
    for phase in (slice(0, n_trained), slice(n_trained, len(epochs))):
        part = epochs[phase]
        if part:
            at, dot = x[phase], "o-" if len(part) == 1 else "-"
            loss.plot(at, [one["loss"] for one in part], dot, color=draw.INK, linewidth=1.4, markersize=4)
            for key, colour in (("train_accuracy", draw.BEFORE), ("validation_accuracy", draw.AFTER)):
                percent = [100 * one[key] for one in part]
                scores.plot(at, percent, dot, color=colour, linewidth=1.4, markersize=4)
    for axes in (loss, scores):
        draw.bare(axes, grid="y")
        if len(epochs) > n_trained:
            axes.axvspan(n_trained + 0.5, len(epochs) + 0.5, color=draw.SHADE, linewidth=0)
        for epoch in best:
            axes.axvline(epoch, color=draw.GOOD, linewidth=1.2, linestyle=(0, (3, 2)))
    scores.set_xlim(0.5, len(epochs) + 0.5)
    scores.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    scores.yaxis.set_major_locator(MaxNLocator(5))
    loss.yaxis.set_major_locator(MaxNLocator(4))
    # Room for a dot: the usual margin is a part of the losses' range, which may be next to nothing.
    loss.set_ylim(0, 1.08 * max([one["loss"] for one in epochs], default=0.0) or 1.0)
    loss.set_ylabel("loss")
    scores.set_ylabel("accuracy, %")
    scores.set_xlabel("epoch")
    figure.align_ylabels()
    return figure


@draw.picture("Weights of a connection before and after quantisation")
def weights(histogram: dict[str, Any]) -> Figure:
    """Draw one connection's weights: an outline before, bars after."""
    figure, axes = draw.new_axes(190, "y")
    edges = histogram["edges"]
    axes.stairs(histogram["after"], edges, fill=True, color=draw.AFTER, alpha=0.45, linewidth=0)
    axes.stairs(histogram["before"], edges, color=draw.BEFORE, linewidth=1.4)
    axes.axvline(0, color=draw.LINE, linewidth=0.8)
    axes.set_xlim(edges[0], edges[-1])
    axes.xaxis.set_major_locator(MaxNLocator(6, symmetric=True))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_xlabel("weight, in thresholds")
    axes.set_ylabel("weights")
    return figure


@draw.picture("Amount per layer or connection")
def bars(rows: list[tuple[str, float]], label: str) -> Figure:
    """Draw one bar per row with its value behind it.

    Args:
        rows: Name and value.
        label: What the values are.
    """
    figure, axes = draw.row_axes([draw.short(name) for name, _ in rows], 46 + ROW * len(rows))
    values = [value for _, value in rows]
    most = max([*values, 1e-9])
    axes.barh(range(len(rows)), values, height=0.62, color=draw.AFTER)
    for y, value in enumerate(values):
        draw.tell(axes, value + 0.012 * most, y, count(value), value)
    axes.set_xlim(0, 1.22 * most)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=most >= 4))
    axes.xaxis.set_major_formatter(lambda value, _: count(value))
    axes.set_xlabel(label)
    return figure


@draw.picture("Energy per sample by every model of the chip, split into its terms")
def energy_models(models: list[dict[str, Any]], names: list[str], band: dict[str, float]) -> Figure:
    """Draw each model's energy, its terms stacked, over the band that all models span.

    Args:
        models: `name`, `low_j`, `total_j`, `high_j`, `terms` {name, energy_j}; a whisker where low and high differ.
        names: Terms in the order of their shades; what is not among them gets the last shade.
        band: `low`, `mid` and `high` in joules.
    """
    figure, axes = draw.row_axes([draw.short(model["name"]) for model in models], 56 + COST_ROW * len(models))
    most = max([band["high"], *(model["high_j"] for model in models)])
    unit, name = scale_of(most, "J")
    axes.axvspan(band["low"] / unit, band["high"] / unit, color=draw.MUTED, alpha=0.22, linewidth=0)
    axes.axvline(band["mid"] / unit, color=draw.INK, linewidth=1, linestyle=(0, (3, 2)))
    for y, model in enumerate(models):
        parts = [(names.index(one["name"]) if one["name"] in names else -1, one["energy_j"]) for one in model["terms"]]
        _stack(axes, y, sorted(parts, key=lambda part: part[0] % len(draw.PARTS)), unit)
        if model["low_j"] != model["high_j"]:
            _whisker(axes, y, *(model[key] / unit for key in ("low_j", "total_j", "high_j")))
        draw.tell(axes, 1.03 * most / unit, y, quantity(model["total_j"], "J"), model["total_j"])
    _finish(axes, 1.3 * most / unit, f"energy per sample, {name}")
    return figure


@draw.picture("Energy per sample of every layer, with its band")
def energy_layers(rows: list[dict[str, Any]], names: list[str]) -> Figure:
    """Draw a bar per layer, the middle model's terms stacked, and the band over all models as a whisker.

    Args:
        rows: `name`, `low`, `mid`, `high` in joules and `parts` {term: joules} of the middle model;
            without parts the bar is solid to the middle.
        names: Terms in the order of their shades.
    """
    figure, axes = draw.row_axes([draw.short(row["name"]) for row in rows], 56 + COST_ROW * len(rows))
    most = max([*(row["high"] for row in rows), 0.0])
    unit, name = scale_of(most, "J")
    for y, row in enumerate(rows):
        parts = [(names.index(term) if term in names else -1, part) for term, part in row["parts"].items()]
        _stack(axes, y, sorted(parts, key=lambda part: part[0] % len(draw.PARTS)) or [(0, row["mid"])], unit)
        low, mid, high = (row[key] / unit for key in ("low", "mid", "high"))
        _whisker(axes, y, low, mid, high)
        draw.tell(axes, high + 0.03 * most / unit, y, quantity(row["mid"], "J"), row["mid"])
    _finish(axes, 1.3 * max(most / unit, 1e-9), f"energy per sample, {name}")
    return figure


def _stack(axes: Axes, y: float, parts: list[tuple[int, float]], unit: float) -> None:
    """Draw one bar of parts, each with the shade of its index."""
    left = 0.0
    for index, part in parts:
        colour = draw.PARTS[min(index, len(draw.PARTS) - 1)]
        axes.barh([y], [part / unit], left=left, height=BAR, color=colour, edgecolor=draw.PANEL, linewidth=0.6)
        left += part / unit


def _whisker(axes: Axes, y: float, low: float, mid: float, high: float) -> None:
    """Draw a band over a bar: in ink, with an edge in the colour of the page, so that it is seen on any shade."""
    for colour, width in ((draw.PANEL, 4.5), (draw.INK, 1.5)):
        axes.plot([low, high], [y, y], color=colour, linewidth=width, solid_capstyle="projecting")
        for at, half in ((low, 0.16), (mid, 0.3), (high, 0.16)):
            axes.plot([at, at], [y - half, y + half], color=colour, linewidth=width, solid_capstyle="projecting")


def _finish(axes: Axes, right: float, label: str) -> None:
    axes.set_xlim(0, right or 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel(label)


@draw.picture("Time of a step in every core")
def cores(rows: list[dict[str, Any]]) -> Figure:
    """Draw what a step takes in every core, shaded by what binds it; the busiest sets the step.

    Args:
        rows: `core`, `layer`, `step_s`, `bound`.
    """
    most = max([*(row["step_s"] for row in rows), 0.0])
    unit, name = scale_of(most, "s")
    shades = [BOUNDS.get(row.get("bound") or "", draw.PARTS[4]) for row in rows]
    times = [row["step_s"] / unit for row in rows]
    label = f"time of a step, {name}"
    if len(rows) <= MOST_NAMED_CORES:
        names = [f"{row['core']}: {draw.short(row.get('layer') or '', 12)}" for row in rows]
        figure, axes = draw.row_axes(names, 56 + COST_ROW * len(rows))
        axes.barh(range(len(rows)), times, height=BAR, color=shades)
        for y, row in enumerate(rows):
            draw.tell(axes, times[y] + 0.015 * most / unit, y, quantity(row["step_s"], "s"), row["step_s"])
        _finish(axes, 1.25 * most / unit, label)
        return figure
    figure, axes = draw.new_axes(210, "y")
    axes.bar(range(len(rows)), times, width=1.0, color=shades, linewidth=0)
    axes.axhline(most / unit, color=draw.INK, linewidth=1, linestyle=(0, (3, 2)))
    draw.tell(axes, len(rows) - 0.5, 1.02 * most / unit, quantity(most, "s"), most, ha="right", va="bottom")
    axes.set_xlim(-0.5, len(rows) - 0.5)
    axes.set_ylim(0, 1.16 * most / unit or 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel("core")
    axes.set_ylabel(label)
    return figure


@draw.picture("Energy per sample here and on other devices, on a logarithmic scale")
def devices(rows: list[dict[str, Any]]) -> Figure:
    """Draw energies per sample: measured ones filled, floors hollow, the chip's estimate as a band.

    Args:
        rows: `name`; `band` {low, mid, high}, or `energy_j`, `subtracted_j` (or None) and `floor`: True where it
            was not measured.
    """
    figure, axes = draw.row_axes([draw.short(row["name"], 20) for row in rows], 56 + COST_ROW * len(rows))
    axes.set_xscale("log")
    seen = []
    for y, row in enumerate(rows):
        if row.get("band"):
            low, mid, high = (row["band"][key] for key in ("low", "mid", "high"))
            axes.plot([low, high], [y, y], color=draw.AFTER, linewidth=9, alpha=0.45, solid_capstyle="butt")
            axes.plot([mid], [y], "|", color=draw.AFTER, markersize=15, markeredgewidth=2.5)
            seen += [low, high]
            continue
        at, (marker, face) = row["energy_j"], ("<", "none") if row["floor"] else ("o", None)
        axes.plot([at], [y], marker, color=draw.BEFORE, markersize=8, markerfacecolor=face)
        seen.append(at)
        if row.get("subtracted_j"):
            axes.plot([row["subtracted_j"], at], [y, y], color=draw.BEFORE, linewidth=1.2)
            axes.plot([row["subtracted_j"]], [y], "D", color=draw.BEFORE, markersize=5)
            seen.append(row["subtracted_j"])
    seen = [one for one in seen if one > 0]
    if seen:
        axes.set_xlim(min(seen) / 3, 3 * max(seen))
    _log_scale(axes, lambda value: quantity(value, "J"))
    axes.set_xlabel("energy per sample")
    return figure


@draw.picture("The spike rates below which this network takes less energy, and the rate at which it stands")
def crossovers(rows: list[dict[str, Any]], here: float) -> Figure:
    """Draw a strip for each comparison: solid where this network wins by every model, paler where by some.

    Args:
        rows: `letter`, `band` {low, mid, high} of the crossover's rate; 0 where no rate would do.
        here: The network's own rate.
    """
    figure, axes = draw.row_axes([row["letter"] for row in rows], 64 + COST_ROW * len(rows), above=1.1)
    axes.set_xscale("log")
    seen = [one for row in rows for one in row["band"].values() if one > 0] + [here]
    left, right = max(min(seen) / 3, LEAST_RATE), max(1.0, here)
    for y, row in enumerate(rows):
        low, mid, high = (min(max(row["band"][key], left), right) for key in ("low", "mid", "high"))
        axes.barh([y], [right - left], left=left, height=BAR, color=draw.SHADE)
        axes.barh([y], [high - left], left=left, height=BAR, color=draw.GOOD, alpha=0.35)
        axes.barh([y], [low - left], left=left, height=BAR, color=draw.GOOD)
        if left < mid < right:
            axes.plot([mid, mid], [y - 0.3, y + 0.3], color=draw.INK, linewidth=1.5)
    axes.axvline(here, color=draw.BAD, linewidth=2)
    side, shift = ("left", 6) if here < (left * right) ** 0.5 else ("right", -6)
    look: dict[str, Any] = {"ha": side, "va": "center", "color": draw.INK, "gid": draw.value_id(here)}
    axes.annotate(f"here {percent(here)}", (here, -0.75), (shift, 0), textcoords="offset points", **look)
    axes.set_xlim(left, right)
    _log_scale(axes, lambda value: f"{100 * value:.3g} %")
    axes.set_xlabel("spikes per synapse and step")
    return figure


def _log_scale(axes: Axes, words: Any) -> None:
    axes.xaxis.set_major_locator(LogLocator(numticks=5))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: words(value))
