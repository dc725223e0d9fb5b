"""Figures for print: one style, three formats, the same bytes every time."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurodeploy.errors import RunError
from neurodeploy.files import check_target, written_whole

FORMATS: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""Suffixes, and what each would otherwise say of the day or of the program."""
DPI = 300
INK, MUTED, LINE = "#222222", "#666666", "#c8c8c8"

COLOURS = {"cAdLIF": "#e9c46a", "C-SiLIF": "#2a9d8f", "SiLIF": "#264653", "RF": "#e76f51"}
"""The paper's colours, in the order in which it draws the networks."""

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "axes.titlesize": 8.5,
    **dict.fromkeys(("font.size", "axes.labelsize"), 8),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 7.5),
    "legend.frameon": False,
    "text.color": INK,
    # Titles hold a user's names of data: a dollar sign in one is no formula.
    "text.parse_math": False,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.5,
    **dict.fromkeys(("xtick.color", "ytick.color"), MUTED),
    **dict.fromkeys(("axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK),
    **dict.fromkeys(("xtick.major.width", "ytick.major.width"), 0.7),
    **dict.fromkeys(("xtick.minor.width", "ytick.minor.width"), 0.5),
    "savefig.dpi": DPI,
    "svg.hashsalt": "neurodeploy",
    "pdf.fonttype": 42,
}


@contextmanager
def styled(style: dict[Any, Any]) -> Iterator[None]:
    """Draw in one style, whatever the user's matplotlib settings are."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A name may have a letter that the font lacks: a box in the picture is no reason to stop.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(style)
        yield


printed = styled(STYLE)
"""Lets a function draw its Figure in the style for print."""


def check_picture(out: str | Path, overwrite: bool | str = True) -> Path:
    """Return the path a picture would be written to, see `files.check_target`.

    Raises:
        RunError: its suffix names no format, or the path cannot be written.
    """
    suffix = Path(out).suffix.lower()
    if suffix not in FORMATS:
        found = f"the suffix {suffix}" if suffix else "no suffix"
        raise RunError(f"{out}: has {found}, pictures are {', '.join(FORMATS)}; name one of these")
    return check_target(out, overwrite)


def save_picture(figure: Figure, out: str | Path) -> None:
    """Write a figure in the format of the suffix: PNG at 300 dpi, SVG or PDF; whole or not at all.

    Raises:
        RunError: see `check_picture`.
    """
    target = check_picture(out)
    suffix = target.suffix.lower()
    with styled(STYLE), written_whole(target) as beside:
        figure.savefig(beside, format=suffix[1:], metadata=FORMATS[suffix])


@printed
def draw_spikes(layers: Sequence[Mapping[str, Any]], n_steps: int) -> Figure:
    """Draw one sample's spikes, a panel for the input and each layer.

    Args:
        layers: `name`, and `steps` and `indices` of the spikes.
        n_steps: Chip steps of the sample.
    """
    figure = Figure(figsize=(6, 0.5 + 0.9 * len(layers)), layout="constrained")
    for axes, layer in zip(figure.subplots(len(layers), sharex=True, squeeze=False)[:, 0], layers, strict=True):
        axes.plot(layer["steps"], layer["indices"], "|", color=INK, markersize=3)
        axes.set_ylabel(layer["name"], rotation=0, ha="right")
        axes.set_xlim(-0.5, n_steps - 0.5)
    axes.set_xlabel("chip step")
    return figure


def panel(axes: Axes, letter: str, title: str) -> None:
    """Give a panel its letter and its title, to the left above it."""
    axes.set_title(f"{letter}   {title}", loc="left", fontweight="bold")
