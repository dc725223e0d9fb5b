"""Which classes are taken for which: the rows and the picture of report.json's `classes`."""

from typing import Any

from matplotlib.figure import Figure

from neurodeploy.report import drawing as draw
from neurodeploy.report import marked
from neurodeploy.report.rasters import OPACITIES, draw_boxes

MOST_NUMBERS = 12
"""Classes up to which the cells of the picture hold numbers."""
MOST_NAMES = 36
"""Classes up to which the rows are named."""
MOST_PAIRS = 5


def classes(report: dict[str, Any]) -> dict[str, Any]:
    """Return rows by class, the picture and the pairs that are confused most."""
    rows, confusion = (report["classes"][key] for key in ("rows", "confusion"))
    names = [row["name"] for row in rows]
    wrong = sorted(
        (-n, label, predicted)
        for label, row in enumerate(confusion)
        for predicted, n in enumerate(row)
        if n and label != predicted
    )
    return {
        "rows": rows,
        "stages": [stage["name"] for stage in report["certificate"]["stages"] if stage["name"] in rows[0]["accuracy"]],
        "svg": confusions(names, confusion),
        "numbers": len(rows) <= MOST_NUMBERS,
        "pairs": [
            marked.say("{} taken for {} ({})", names[label], names[predicted], marked.plain(-n))
            for n, label, predicted in wrong[:MOST_PAIRS]
        ],
    }


@draw.picture("Confusions: labels down, predictions across")
def confusions(names: list[str], confusion: list[list[int]]) -> Figure:
    """Draw a cell per label and prediction, darker by its part of the label's samples."""
    n_classes = len(names)
    numbers, named = n_classes <= MOST_NUMBERS, n_classes <= MOST_NAMES
    figure, axes = draw.new_axes(60 + (30 if numbers else 14) * min(n_classes, MOST_NAMES), "")
    for right in (True, False):
        for level, opacity in enumerate(OPACITIES):
            cells = [
                (predicted - 0.47, label - 0.47, predicted + 0.47, label + 0.47)
                for label, row in enumerate(confusion)
                for predicted, n in enumerate(row)
                if n and (label == predicted) is right and min(int(n / sum(row) * 5), 4) == level
            ]
            draw_boxes(axes, cells, facecolor=draw.AFTER if right else draw.BAD, alpha=0.6 * opacity)
    if numbers:
        for label, row in enumerate(confusion):
            for predicted, n in enumerate(row):
                if n:
                    draw.tell(axes, predicted, label, f"{n:,}", n, ha="center")
    axes.set_xticks(range(n_classes if numbers else 0), [draw.short(one, 5) for one in names if numbers])
    axes.set_yticks(range(n_classes if named else 0), [draw.short(one, 10) for one in names if named])
    axes.set_xlim(-0.5, n_classes - 0.5)
    axes.set_ylim(n_classes - 0.5, -0.5)
    axes.set_xlabel("prediction")
    axes.set_ylabel("label")
    return figure
