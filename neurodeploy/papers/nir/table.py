"""The NIR paper's table as Markdown: every task, our runs beside the paper's numbers, and why they differ."""

from typing import Any

from neurodeploy.papers.nir.platforms import HERE, Row, most_samples, rows_of, stated, title_of
from neurodeploy.report import words

NOTHING = "-"
LAVA_DL = (
    "lava-dl's recurrent block, which the paper's script uses, feeds back through the recurrent weights alone, so "
    "their bias never acts (lava-dl 0.6.0, slayer/utils/recurrent.py, custom_recurrent)"
)


def markdown(result: dict[str, Any]) -> str:
    """Return the whole table of `figure nir-paper`."""
    lines = ["# The NIR paper's table", ""]
    lines += [f"Paper: {result['citation']}; its numbers: {result['source']}.", ""]
    if result["limit"] is not None:
        lines += [f"Only the first {result['limit']} samples of each part were run.", ""]
    for name, task in result["tasks"].items():
        lines += _lif(task) if name == "lif" else _classified(name, task)
    return "\n".join(lines).rstrip() + "\n"


def _mark(notes: list[str], text: str) -> str:
    """Return the mark of a note below a table, numbered as they are first referred to; "" for none."""
    if text and text not in notes:
        notes.append(text)
    return f" [{notes.index(text) + 1}]" if text else ""


def _below(notes: list[str]) -> list[str]:
    return [f"[{number}] {text}." for number, text in enumerate(notes, start=1)]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(one) + " |" for one in (head, ["---"] * len(head), *rows)]


def _lif(task: dict[str, Any]) -> list[str]:
    notes: list[str] = []
    rows = []
    for row in task["rows"]:
        here = row["by"] == "here"
        title = " ".join(filter(None, (HERE[row["platform"]], row.get("version")))) if here else ""
        title = title or title_of(row["platform"])
        where = "here" if here else "paper"
        if row["refused"]:
            why = _refusal(task, row["platform"], row)
            rows.append([title, where, f"no{_mark(notes, why)}", NOTHING, NOTHING])
            continue
        gaps = _gaps(task, row["platform"], "approximate") if here else ""
        rms = NOTHING if row["rms"] is None else f"{100 * row['rms']:.2f} %"
        late = NOTHING if row["lag"] is None else str(row["lag"])
        rows.append([title + _mark(notes, gaps), where, off_in_words(row["off"], len(row["spikes"])), rms, late])
    steps = ", ".join(map(str, task["exact"]["spikes"]))
    return [
        f"## {task['title']}",
        "",
        f"Analytic solution (`lif_exact.csv`, reset by subtraction): it spikes at the steps {steps} of "
        f"{1e3 * task['dt_s']:g} ms.",
        "",
        *_table(["platform", "run", "spikes", "potential off by (RMS, of the threshold)", "steps late"], rows),
        "",
        "Potentials of the paper's platforms are in units that their files do not state: each is taken with the factor "
        "and the lag that bring it nearest to the analytic solution, ours with the graph's own unit. Other frameworks "
        "do not show theirs.",
        *_below(notes),
        "",
    ]


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


def _classified(name: str, task: dict[str, Any]) -> list[str]:
    notes: list[str] = []
    full = most_samples(task["rows"])
    head = [
        "platform",
        *(f"{part} part, {n_samples}" for part, n_samples in full.items()),
        "hidden spikes",
        "output spikes",
    ]
    head.append(f"paper, {stated()['samples'][name]:,} test samples")
    lines = [f"## {task['title']}", "", *_table(head, [_cells(row, task, full, notes) for row in rows_of(task)])]
    lines += ["", "Spikes: how many are those of our reference (twice the common ones over the sum of both)."]
    if name == "cnn":
        lines += [
            "The graph was trained elsewhere, on N-MNIST's training part: those samples are a cross-check only. "
            "They are the last of that part; the integers' precision was chosen on its first.",
            *_speck(task["speck"]),
        ]
    else:
        lines += [
            "The paper's own test samples are not among its files. Ours are of the pool that the graph was trained and "
            "validated on, which may flatter it: rows compare with each other, less so with the paper's column."
        ]
        lines += _gain(name, task)
    lines += _below(notes)
    return [*lines, "", *(_activity(task) if name != "cnn" else [])]


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


def _gain(name: str, task: dict[str, Any]) -> list[str]:
    """Return what Lava gains over the paper's Lava, and what the parts that others lose are worth."""
    lava = next((row for row in task["rows"] if row["backend"] == "lava" and row["parts"]), None)
    paper = next((one["accuracy"] for one in task["paper"] if one["platform"] == "lava"), None)
    worth = {one["what"]: words.percent(one["accuracy"]) for one in task["worth"]}
    lines = []
    if lava is not None:
        here = words.percent(lava["parts"]["test"]["accuracy"])
        before = "the paper's files hold none" if paper is None else f"{words.percent(paper)} in the paper"
        lines.append(f"**Lava: {before}, {here} here.**")
    if name == "rnn_zero" and "no recurrent bias" in worth:
        lines.append(
            f"Why: {LAVA_DL}. Our reference has {worth['as the graph says']}, without that bias "
            f"{worth['no recurrent bias']}. With it, but not in the first step, in which Norse and SpikingJelly feed "
            f"nothing back: {worth['recurrent bias from step 1']}. With the other reset rule: {worth['other reset']}."
        )
    elif worth:
        lines.append(
            f"Our reference has {worth['as the graph says']}, with the other reset rule {worth['other reset']}; "
            "integers move single spikes, and a few samples with them."
        )
    return lines


def _activity(task: dict[str, Any]) -> list[str]:
    found = task["activity"]
    against = title_of(found["against"])
    rows = [
        [title_of(one["platform"]), str(one["spikes"]), words.agreement(one["agreement"]), str(one["lag"])]
        for one in sorted(found["platforms"], key=lambda one: -one["agreement"])
    ]
    near = found["nearest"]
    return [
        f"The hidden layer in the paper's own files, for one sample, beside {against}, which trained the graph. That "
        f"sample is not here: of our {near['samples']}, none has more than {words.agreement(near['agreement'])} of its "
        "spikes on our reference, so ours cannot be compared.",
        "",
        *_table(["platform", "spikes", f"those of {against}", "steps late"], rows),
        "",
    ]


def _speck(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    digits = found["digits"]
    least, most = (pick(one["correlation"] for one in digits.values()) for pick in (min, max))
    best = sum(one["is_best"] for one in digits.values())
    return [
        f"Speck's recorded first layer: {len(digits)} of its 10 samples are among ours. Over the 4,096 neurons, the "
        f"chip's spike counts and our reference's correlate by {least:.2f} to {most:.2f}, and for {best} of "
        f"{len(digits)} no other of our {found['samples']} test samples correlates better. The chip takes single "
        "events instead of frames, and spikes more."
    ]
