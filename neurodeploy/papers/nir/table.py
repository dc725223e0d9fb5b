"""The NIR paper's table as Markdown: each task, our runs beside the paper's numbers; its words are in `table.md.j2`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from neurodeploy.papers.nir.platforms import HERE, Row, most_samples, rows_of, stated, title_of
from neurodeploy.report import words

NOTHING = "-"


def markdown(result: dict[str, Any]) -> str:
    """Return the whole table of `figure nir-paper`."""
    options: dict[str, Any] = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    made = Environment(loader=FileSystemLoader(Path(__file__).parent), **options)
    made.filters |= {"percent": words.percent, "agreement": words.agreement, "title_of": title_of, "zip": zip}
    tasks = []
    for name, task in result["tasks"].items():
        notes: list[str] = []
        rows = list(_lif(task, notes) if name == "lif" else _classified(name, task, notes))
        tasks.append((name, task, rows, notes))
    return made.get_template("table.md.j2").render(result=result, tasks=tasks).rstrip() + "\n"


def _mark(notes: list[str], text: str) -> str:
    """Return the mark of a note below a table, numbered as they are first referred to; "" for none."""
    if text and text not in notes:
        notes.append(text)
    return f" [{notes.index(text) + 1}]" if text else ""


def _lif(task: dict[str, Any], notes: list[str]) -> Iterator[list[str]]:
    """Yield a row for each run and platform."""
    for row in task["rows"]:
        here = row["by"] == "here"
        title = " ".join(filter(None, (HERE[row["platform"]], row.get("version")))) if here else ""
        title = title or title_of(row["platform"])
        where = "here" if here else "paper"
        if row["refused"]:
            why = _refusal(task, row["platform"], row)
            yield [title, where, f"no{_mark(notes, why)}", NOTHING, NOTHING]
            continue
        gaps = _gaps(task, row["platform"], "approximate") if here else ""
        rms = NOTHING if row["rms"] is None else f"{100 * row['rms']:.2f} %"
        late = NOTHING if row["lag"] is None else str(row["lag"])
        yield [title + _mark(notes, gaps), where, off_in_words(row["off"], len(row["spikes"])), rms, late]


def _gaps(task: dict[str, Any], framework: str, *statuses: str) -> str:
    """Return what the doctor knows of an importer and this graph."""
    known = task["gaps"].get(framework, {})
    return "; ".join(reason for status in statuses for reason in known.get(status, []))


def _refusal(task: dict[str, Any], framework: str, row: dict[str, Any]) -> str:
    """Return why a framework could not run a graph, without what to try; and what the doctor knows of it."""
    said = (row["refused"] or row["refused_as_is"]).removesuffix("; `inspect` says what it cannot take").rstrip(".:")
    return "; ".join(filter(None, (said, _gaps(task, framework, "unsupported", "approximate"))))


def off_in_words(off: list[int] | None, n_spikes: int) -> str:
    """Return where the spikes are beside the analytic solution's.

    >>> off_in_words([0, 0], 2), off_in_words([1, 1], 2), off_in_words([-10, 0], 2), off_in_words(None, 3)
    ('all 2 equal', 'all 2 late by 1', 'off by -10, 0', '3 instead')
    """
    if off is None:
        return f"{n_spikes} instead"
    if len(set(off)) != 1:
        return "off by " + ", ".join(map(str, off))
    if not off[0]:
        return f"all {n_spikes} equal"
    return f"all {n_spikes} {'late' if off[0] > 0 else 'early'} by {abs(off[0])}"


def _classified(name: str, task: dict[str, Any], notes: list[str]) -> Iterator[list[str]]:
    """Yield the head, and a row for each platform."""
    full = most_samples(task["rows"])
    parts = [f"{part} part, {n_samples}" for part, n_samples in full.items()]
    paper = f"paper, {stated()['samples'][name]:,} test samples"
    yield ["platform", *parts, "hidden spikes", "output spikes", paper]
    yield from (_cells(row, task, full, notes) for row in rows_of(task))


def _cells(row: Row, task: dict[str, Any], full: dict[str, int], notes: list[str]) -> list[str]:
    # Ten thousand samples deserve a second decimal.
    decimals = 2 if max(one["samples"] for one in task["paper"]) >= 1000 else 1
    paper = NOTHING if row.paper is None else f"{100 * row.paper:.{decimals}f} %"
    here = row.here
    if here is None:
        return [row.title, *[NOTHING] * (len(full) + 2), paper]
    if here["refused"]:
        cells = [f"no{_mark(notes, _refusal(task, row.key, here))}", *[NOTHING] * (len(full) + 1)]
        return [row.title, *cells, paper]
    cells = []
    for part, n_samples in full.items():
        found = here["parts"].get(part)
        fewer = "" if found is None or found["samples"] == n_samples else f" of {found['samples']}"
        cells.append(NOTHING if found is None else words.percent(found["accuracy"]) + fewer)
    hidden, output = agreements(here)
    same = hidden in (None, 1) and output in (None, 1)
    gaps = "" if same else _gaps(task, row.key, "approximate")
    if here["refused_as_is"]:
        gaps = (
            f"run from the file that `inspect --repair --for {row.key}` writes; the paper's own: "
            f"{_refusal(task, row.key, here)}"
        )
    equal = {True: " (equal to our integers in every state)", False: " (NOT equal to our integers)"}
    title = row.title + equal.get(here["equal_to_fixed"], "") + _mark(notes, gaps)
    return [title, *cells, words.agreement(hidden), words.agreement(output), paper]


def agreements(row: dict[str, Any]) -> tuple[float | None, float | None]:
    """Return the agreement of the hidden layers' spikes, each spike counting alike, and of the output's."""
    layers = row["layers"]
    hidden = [layer for name, layer in layers.items() if name != row["output"]]
    # Of a layer, agreement times the sum of both runs' spikes is twice the common ones.
    both = [layer["spikes_per_sample"] + layer["reference_per_sample"] for layer in hidden]
    common = sum(layer["agreement"] * one for layer, one in zip(hidden, both, strict=True))
    return (common / sum(both) if sum(both) else None), layers.get(row["output"], {}).get("agreement")
