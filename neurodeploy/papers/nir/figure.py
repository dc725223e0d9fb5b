"""`figure nir-paper`: the NIR paper's table from runs made here, beside the paper's own numbers, with a plot."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurodeploy.backends.table import backend_named
from neurodeploy.data.nir_paper import GRAPHS, paper_folder
from neurodeploy.errors import GraphError, nearest
from neurodeploy.files import check_target, write_json, write_text
from neurodeploy.graph.doctor.conditions import facts_of
from neurodeploy.graph.doctor.frameworks import APPROXIMATE, UNSUPPORTED, frameworks, held_rules
from neurodeploy.graph.files import mended, stored_graph
from neurodeploy.papers.nir import stored
from neurodeploy.papers.nir.bias_effect import worth
from neurodeploy.papers.nir.classify import TASKS, Task, measured
from neurodeploy.papers.nir.drawing import draw_nir_paper
from neurodeploy.papers.nir.lif import DT_S, RESET, measured_lif
from neurodeploy.papers.nir.platforms import stated
from neurodeploy.papers.nir.table import markdown
from neurodeploy.papers.nir.targets import BACKENDS, FRAMEWORKS, OWN
from neurodeploy.papers.silif.measurements import Kept
from neurodeploy.pipeline.folder import Mode
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.inputs import read_network
from neurodeploy.progress import Progress, silent
from neurodeploy.report.printed import check_picture, save_picture

NAMES = {"lif": ("lif",), "cnn": ("cnn",), "rnn": ("rnn_zero", "rnn_subtract")}
"""The paper's three tasks; the last has two graphs."""


def nir_paper(
    *,
    out: str | Path,
    data: str | Path | None = None,
    tasks: Sequence[str] = tuple(NAMES),
    backends: Sequence[str] = BACKENDS,
    limit: int | None = None,
    lava_samples: int | None = None,
    framework_samples: int | None = None,
    mode: Mode = "new",
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run the NIR paper's graphs here, and write the table beside the paper's numbers with a plot.

    Args:
        out: Picture to write: .png, .svg or .pdf; the table beside it as .md, every number as .json.
        data: Folder with the paper's files; `nir_paper` where datasets are looked for when None.
        tasks: Of "lif" (one neuron against the analytic solution), "cnn" (N-MNIST), "rnn" (both Braille graphs).
        backends: Of "reference", "fixed", "lava", "snntorch", "norse", "spikingjelly".
        limit: First samples of each part only.
        lava_samples: Samples of each graph, part after part, that Lava runs; when None the 72 of N-MNIST's test part,
            and all of Braille.
        framework_samples: Likewise for the other frameworks.
        mode: "resume" an interrupted run or add to a finished one, "overwrite" what is there.
        progress: Hears how far the work is.

    Returns:
        `tasks`: by name what was measured and what the paper's files hold; `citation`, `source`; `path`, `table` and
        `json`, where picture, table and numbers lie; `seconds`.

    Raises:
        DataError: the paper's files or a dataset are absent.
        GraphError: a task or backend is unknown.
        LavaError: Lava is asked for and not there.
        RunError: the picture cannot be written, or an interrupted run's measurements are in the way.
    """
    started = time.perf_counter()
    picture = check_picture(out, mode)
    beside, table = (check_target(Path(out).with_suffix(end), mode) for end in (".json", ".md"))
    _check("tasks", tasks, tuple(NAMES))
    _check("backends", backends, BACKENDS)
    for name in set(backends) & set(OWN):
        backend_named(name).check()
    folder = paper_folder(data)
    kept = Kept(Path(out).with_suffix(".work.json"), beside, mode)
    found: dict[str, Any] = {}
    ordered = [one for one in BACKENDS if one in backends]
    for name in (name for task, names in NAMES.items() if task in tasks for name in names):
        progress(name, 0, 0)
        if name == "lif":
            found[name] = {"title": "One LIF neuron against the analytic solution"} | measured_lif(folder, ordered)
            found[name]["gaps"] = _gaps(folder / GRAPHS["lif"], ordered, DT_S, RESET)
            continue
        rows = measured(
            TASKS[name],
            folder / GRAPHS[name],
            ordered,
            limit=limit,
            lava_samples=lava_samples,
            framework_samples=framework_samples,
            kept=kept,
            progress=progress,
        )
        found[name] = _classified(folder, TASKS[name], rows, limit)
    result = {
        "figure": "nir-paper",
        "citation": stated()["citation"],
        "source": stated()["source"],
        "limit": limit,
        "tasks": found,
    }
    save_picture(draw_nir_paper(result), picture)
    write_text(table, markdown(result))
    write_json(beside, result | {"measurements": kept.found})
    kept.done()
    paths = {"path": str(picture), "table": str(table), "json": str(beside)}
    return result | paths | {"seconds": time.perf_counter() - started}


def _check(option: str, given: Sequence[str], allowed: Sequence[str]) -> None:
    odd = [one for one in given if one not in allowed]
    if odd:
        raise GraphError(f"{odd[0]!r} is unknown", nearest(odd[0], allowed), option=option)
    if not given or len(set(given)) != len(given):
        raise GraphError(f"found {','.join(given)!r}", f"name each of {', '.join(allowed)} at most once", option=option)


def _classified(folder: Path, task: Task, rows: list[dict[str, Any]], limit: int | None) -> dict[str, Any]:
    path = folder / GRAPHS[task.name]
    found = {
        "title": task.title,
        "dataset": task.dataset,
        "dt_s": task.dt_s,
        "reset": task.reset,
        "rows": rows,
        "gaps": _gaps(path, [row["backend"] for row in rows], task.dt_s, task.reset),
        "paper": stored.accuracies(folder, task.name),
    }
    if task.name == "cnn":
        return found | {"speck": stored.speck(folder)}
    return found | {
        "activity": stored.activity(folder, task.name, task.dt_s, task.reset, limit=limit),
        "worth": worth(path, task.dataset, task.dt_s, task.reset, limit=limit),
    }


def _gaps(path: Path, backends: Sequence[str], dt_s: float, reset: str) -> dict[str, dict[str, list[str]]]:
    return {name: known_gaps(path, name, dt_s, reset) for name in backends if name in FRAMEWORKS}


def known_gaps(path: Path, framework: str, dt_s: float, reset: str) -> dict[str, list[str]]:
    """Return what an importer does otherwise than NIR says, though it is given step, reset and single samples.

    Args:
        framework: A name of the doctor's table.
        reset: Rule of the graph.

    Returns:
        Sentences by "unsupported" (what stops it) and "approximate" (what it does otherwise).
    """
    importer = next(one for one in frameworks() if one.name == framework)
    network = read_network(path, GraphOptions(dt_s, reset))
    facts = facts_of(mended(path, stored_graph(path))[0], dt_s, network).values()
    rules = [rule for one in facts for rule in held_rules(importer, one, ("dt", "reset", "one sample"))]
    return {
        status: list(dict.fromkeys(rule.reason for rule in rules if rule.status == status))
        for status in (UNSUPPORTED, APPROXIMATE)
    }
