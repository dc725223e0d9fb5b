"""The page's pictures: one function each, from parts of report.json to inline SVG."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neurodeploy.certificate.accuracy import wilson
from neurodeploy.report import drawing as draw
from neurodeploy.report.words import count

ROW = 24
"""Height of one row of bars or dots."""


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
            least = baseline - limit - 0.1 / row["samples"]
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
    loss.set_ylim(bottom=0)
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
