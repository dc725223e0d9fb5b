"""What `paper lmuformer` measured, as a page of Markdown."""

from collections.abc import Iterable, Sequence
from typing import Any

from neurodeploy.papers.lmuformer.measure import KEEPS, RECEIVED
from neurodeploy.phrases import plural
from neurodeploy.report.words import agreement, cell, small_percent

EVERY = 8
"""Frames from one row of accuracies to the next."""
WAYS = (
    "`whole clip`: the mean score of the first frames of a clip that the network has seen to its end, which its paper "
    "shows; each frame's features are of frames after it too. `streamed`: the mean score of the frames that are "
    "answered when so many have come; integers are a step later for each connection on the way. Clips that are shorter "
    "are followed by frames of zeros."
)
DELAY = (
    "`waits`: later frames that a layer needs before it answers one, with the zeros that its code puts around a clip. "
    "`lost`: frames that a window without them takes from a clip, as the paper draws its delay; `complete`: what is "
    f"then left of {RECEIVED} frames."
)
CHIP = (
    "Multiply-adds of a frame, were all of them made, and modules without any. Messages with values are multiplied by "
    "weights on chips with graded messages."
)


def page(result: dict[str, Any]) -> str:
    """Return the page of `make.make`'s result."""
    published, networks = result["published"], result["networks"]
    lines = ["# Accuracy by frames", "", WAYS, ""]
    curves = {f"{one['model']}, {way}": had["curve"] for one in networks for way, had in one["ways"].items()}
    prefixes, frames = dict(published["prefixes"]), max(map(len, curves.values()))
    shown = sorted({*range(EVERY, frames + 1, EVERY), *prefixes})
    columns = [*(dict(enumerate(one, 1)) for one in curves.values()), prefixes]
    rows = ([str(at), *(_percent(one.get(at)) for one in columns)] for at in shown)
    lines += _table(("frames", *curves, "published, spiking, whole clip (not run here)"), rows)
    lines += ["", f"Published: {published['source']}.", "", *map(_enough, networks)]
    first, last = (published["prefixes"][index] for index in (2, -1))
    kept = f"{first[0]} of {last[0]} frames have {100 * first[1] / last[1]:.1f} % of the accuracy of all"
    lines += [f"- published, Spiking LMUFormer (not run here): {kept}"]
    lines += ["", "# Delay", "", DELAY]
    for one in networks:
        lines += ["", f"## {one['what']}", ""]
        named = ("layer", "waits", "so far", "in ms", "lost", "so far", f"complete of {RECEIVED}")
        lines += _table(named, (_delay(row, one["step_s"]) for row in one["delays"]))
    lines += ["", "# On a chip", "", CHIP]
    for one in networks:
        stages = one["chip"]["stages"]
        lines += ["", f"## {one['what']}", ""]
        lines += _table(list(stages[0]), ([*map(cell, stage.values())] for stage in stages))
        lines += ["", *(f"- {_reason(reason)}" for reason in one["chip"]["reasons"])]
    return "\n".join([*lines, ""])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(one)} |" for one in (head, ["---"] * len(head), *rows)]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"


def _enough(one: dict[str, Any]) -> str:
    told = [f"half of the clips sound for {one['sound']:.0f} frames"]
    for way, had in one["ways"].items():
        when = "only after the last frame" if had["enough"] is None else f"from {had['enough']} frames on"
        told.append(f"{way}: {_percent(had['accuracy'])} in the end, {100 * KEEPS:g} % of the whole clip's {when}")
        if had["late"]:
            told[-1] += f"; each frame is answered {plural(had['late'], 'frame')} later, with its class in "
            told[-1] += f"{agreement(had['same'])}, scores at most {small_percent(had['off'])} of the largest off"
    return f"- {one['what']}: {'. '.join(told)}"


def _delay(one: dict[str, Any], step_s: float) -> list[str]:
    keys = ("waits", "waits_so_far", "ms", "lost", "lost_so_far", "complete")
    if one["waits"] is None:
        return [one["layer"], "the whole clip", *[""] * (len(keys) - 1)]
    return [one["layer"], *(str((one | {"ms": f"{1e3 * step_s * one['waits_so_far']:g}"})[key]) for key in keys)]


def _reason(one: dict[str, Any]) -> str:
    change = f"; to change: {one['change']}" if one["change"] else ""
    return f"{one['what']}: {one['reason']}{change} ({', '.join(f'`{name}`' for name in one['parts'])})"
