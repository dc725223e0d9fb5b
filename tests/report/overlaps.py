"""Whether the texts of a figure keep apart and inside of it, measured after laying it out."""

from __future__ import annotations

import itertools

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

TOUCH = 1.0
"""Pixels that two boxes may share: an extent is larger than its letters."""


def text_problems(figure: Figure) -> list[str]:
    """Return what overlaps, and what lies partly outside of the figure."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    hidden = _hidden(figure)
    boxes = [
        (one.get_text(), Bbox(one.get_window_extent(renderer).get_points()))
        for one in figure.findobj(Text)
        if isinstance(one, Text) and one.get_visible() and one.get_text().strip() and id(one) not in hidden
    ]
    whole = Bbox(figure.bbox.get_points())
    problems = [f"{text!r} is outside" for text, box in boxes if not _inside(box, whole)]
    for (text, box), (other, second) in itertools.combinations(boxes, 2):
        shared = Bbox.intersection(box, second)
        if shared is not None and shared.width > TOUCH and shared.height > TOUCH:
            problems.append(f"{text!r} overlaps {other!r}")
    return problems


def _hidden(figure: Figure) -> set[int]:
    """Return the ids of labels that are not drawn: axes keep ticks outside of what they show."""
    found = set()
    for axes in figure.findobj(Axes):
        assert isinstance(axes, Axes)
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not axes.axison or not low <= tick.get_loc() <= high:
                    found |= {id(tick.label1), id(tick.label2)}
    return found


def _inside(box: Bbox, whole: Bbox) -> bool:
    return bool(
        box.x0 >= whole.x0 - TOUCH
        and box.y0 >= whole.y0 - TOUCH
        and box.x1 <= whole.x1 + TOUCH
        and box.y1 <= whole.y1 + TOUCH
    )
