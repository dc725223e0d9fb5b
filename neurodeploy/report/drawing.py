"""From a matplotlib Figure to SVG text that sits in the page and follows its colours.

The page has a light and a dark face. So pictures are drawn in stand-in colours, and every stand-in
becomes a CSS variable of the page. Text stays text: small, selectable, in the page's own font.
"""

import functools
import hashlib
import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurodeploy.report.printed import styled

WIDTH = 420
"""Units of a picture's width; the page shows them at 340 to 520 px, so that 12 units stay readable."""
NAME_LENGTH = 16

INK, MUTED, LINE, BEFORE, AFTER, GOOD, BAD, SHADE = (f"#0{index}0{index}0{index}" for index in range(1, 9))
PARTS = ("#0a0a0a", "#0b0b0b", "#0c0c0c", "#0d0d0d", "#0e0e0e")
"""Parts of a whole, from strong to pale: told apart in grey too."""
PANEL = "#0f0f0f"
"""What is behind a picture: the colour of edges between parts."""
NAMES = ("ink", "muted", "line", "before", "after", "good", "bad", "shade", "panel")
NAMED = zip(NAMES, (INK, MUTED, LINE, BEFORE, AFTER, GOOD, BAD, SHADE, PANEL), strict=True)
VARIABLES = {colour: f"var(--{name})" for name, colour in NAMED}
VARIABLES |= {part: f"var(--part{index})" for index, part in enumerate(PARTS, start=1)}

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "neurodeploy",
    # Names of layers and classes are a user's: a dollar sign in one is no formula.
    "text.parse_math": False,
    "font.sans-serif": ["DejaVu Sans"],
    "figure.dpi": 72,
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize", "xtick.labelsize", "ytick.labelsize"), 12),
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "figure.facecolor": "none",
}

_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_TARGET = re.compile(r"#([\w.-]+)")
_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_VALUE = "value:"
_AXIS = "matplotlib.axis"
_DROPPED = (f"{_SVG}metadata", f"{_SVG}style")

P = ParamSpec("P")


def picture(label: str) -> Callable[[Callable[P, Figure]], Callable[P, Markup]]:
    """Turn a function that draws a Figure into one that returns it as inline SVG.

    Args:
        label: What a screen reader says instead of the picture.
    """

    def decorate(draw: Callable[P, Figure]) -> Callable[P, Markup]:
        @functools.wraps(draw)
        def drawn(*args: P.args, **kwargs: P.kwargs) -> Markup:
            with styled(STYLE):
                return Markup(_svg(draw(*args, **kwargs), label))

        return drawn

    return decorate


def new_figure(height: float) -> Figure:
    """Return an empty figure of the common width; `height` in the same units."""
    return Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")


def new_axes(height: float, grid: str) -> tuple[Figure, Axes]:
    """Return a figure of one axes, made `bare`; `height` as of `new_figure`."""
    figure = new_figure(height)
    axes = figure.add_subplot()
    bare(axes, grid=grid)
    return figure, axes


def row_axes(names: Sequence[str], height: float, above: float = 0.6) -> tuple[Figure, Axes]:
    """Return axes of rows with these names, the first on top; `above` it is so much of a row."""
    figure, axes = new_axes(height, "x")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -above)
    return figure, axes


def tell(axes: Axes, x: float, y: float, text: str, value: float, **style: Any) -> None:
    """Write a number of the report into a picture; `text` is how `value` reads."""
    axes.text(x, y, text, **{"va": "center", "color": INK, "gid": value_id(value)} | style)


def bare(axes: Axes, *, grid: str | None = None) -> None:
    """Take an axes' tick marks away, and lay a light grid along one direction."""
    axes.tick_params(length=0)
    if grid == "x":
        axes.grid(visible=True, axis="x")
        axes.spines["left"].set_visible(False)
    elif grid == "y":
        axes.grid(visible=True, axis="y")


def short(name: str, most: int = NAME_LENGTH) -> str:
    """Return a name fit for a picture: printable, on one line, not too long. Layers of a block differ at their ends.

    >>> short("encoder.block.3.lif")
    'encod…lock.3.lif'
    """
    printable = "".join(letter if letter.isprintable() else " " for letter in name)
    first = most // 3
    return printable if len(printable) <= most else f"{printable[:first]}…{printable[first + 1 - most :]}"


def value_id(value: float, kind: str = "") -> str:
    """Return the `gid` of a text that shows a number of the report: it becomes the element's data-value.

    Args:
        kind: As of `marked.mark`; "tally" for how many cores of a chip or a layer there are.
    """
    return f"{_VALUE}{value!r} {kind}".rstrip()


def _svg(figure: Figure, label: str) -> str:
    """Return a figure as an <svg> element without a size of its own, with short numbers, no free ids."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing)
    root = ElementTree.fromstring(buffer.getvalue())
    for parent in list(root.iter()):
        for child in [one for one in parent if one.tag in _DROPPED]:
            parent.remove(child)
    # Ids must be unique in the page, and only those that something points at are needed.
    salt = "p" + hashlib.sha256(buffer.getvalue().encode()).hexdigest()[:8]
    values = " ".join(value for element in root.iter() for value in element.attrib.values())
    ids = {element.get("id") for element in root.iter()} & set(_TARGET.findall(values))
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        if not (element.text or "").strip():
            element.text = None
        element.tail = None
        for name, value in list(element.attrib.items()):
            del element.attrib[name]
            if name == "id" and value.startswith(_VALUE):
                number, _, kind = value.removeprefix(_VALUE).partition(" ")
                element.set("data-value", number)
                if kind:
                    element.set("class", kind)
            elif name == "id" and value.startswith(_AXIS):
                # Numbers here are a scale's, not the report's.
                element.set("class", "axis")
            elif name != "id":
                element.set("href" if name == _LINK else name, _tidy(value, salt, ids))
            elif value in ids:
                element.set("id", f"{salt}-{value}")
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", label)
    return ElementTree.tostring(root, encoding="unicode")


def _tidy(value: str, salt: str, ids: set[str | None]) -> str:
    """Return an attribute with the page's colours and ids, and numbers of two decimals."""
    for colour, variable in VARIABLES.items():
        value = value.replace(colour, variable)
    value = _TARGET.sub(lambda found: f"#{salt}-{found[1]}" if found[1] in ids else found[0], value)
    # A hundredth of a unit is invisible, and digits are most of a picture's bytes.
    return " ".join(_NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value).split())
