"""Every graph in every framework and every module back: the table, and whether the doctor's lists are true."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from neurodeploy.conformance.frameworks.cases import all_cases
from neurodeploy.conformance.frameworks.importing import EQUAL, GAP, TOLD, UNEXPECTED, Outcome, imported, prepared
from neurodeploy.errors import FrameworkError, nearest
from neurodeploy.graph.doctor.frameworks import Framework, Lost, Rule, frameworks
from neurodeploy.installed import FRAMEWORKS, SETUP_HINT, installed, version_of
from neurodeploy.progress import Progress, silent

READ, WRITTEN = "reads", "writes"
"""Directions: a framework reads a graph; we read what a framework writes."""
UNLESS = {
    "dt": "give its importer the graph's time step",
    "reset": "give its importer the reset rule",
    "one sample": "run one sample at a time",
}


def check_frameworks(names: Sequence[str] | None = None, *, progress: Progress = silent) -> dict[str, Any]:
    """Run small graphs of every node in other frameworks by their importers, and read what their exporters write.

    What differs must be on the doctor's list (`graph/doctor/frameworks.toml`), and all that is on it must be seen
    to differ: anything else fails.

    Args:
        names: Of `frameworks.run.FRAMEWORKS`; None for those that are installed.
        progress: Hears how far the work is.

    Returns:
        `passed`; `frameworks`: by name `version` and the counts `equal`, `gap`, `unexpected`; `absent`: by name how
        to install it; `results`: a row for each run with `framework`, `direction`, `node`, `case`, `alone` (its
        importer got the graph and nothing else), `status`, `text`, `sources`, `agreement` of the spikes (None
        without any), `reproduced` (our reference with the doctor's changes, or our reader told what to do, gives
        the framework's spikes, every one), `refused`; `gaps`: the list, with `framework`, `direction`, `nodes`,
        `when`, `reason`, `source` and `remedy`; `unseen`: those of it that no run shows; `seconds`.

    Raises:
        FrameworkError: a framework is unknown, or none is installed.
    """
    started = time.perf_counter()
    chosen, absent = _chosen(names)
    rows: list[dict[str, Any]] = []
    shown: dict[str, set[Rule | str]] = {one.name: set() for one in chosen}
    cases = all_cases()
    for done, case in enumerate(cases):
        progress("graphs", done, len(cases), case.name)
        ready = prepared(case)
        for one in chosen:
            for told in (TOLD, ()) if case.alone else (TOLD,):
                outcome = imported(one, ready, told)
                shown[one.name].update(outcome.shown)
                rows.append(_row(one, READ, case.about, case.name, outcome, alone=not told))
    progress("graphs", len(cases), len(cases), "")
    gaps = [_gap(one, rule) for one in chosen for rule in one.rules]
    unseen = [_gap(one, rule) for one in chosen for rule in one.rules if rule not in shown[one.name]]
    for one in chosen:
        written, seen = _written(one, progress)
        rows += written
        gaps += [_gap(one, lost) for lost in one.exports]
        unseen += [_gap(one, lost) for lost in one.exports if lost.what not in seen]
    of_each = Counter((one["framework"], one["status"]) for one in rows)
    counts = {one.name: {key: of_each[one.name, key] for key in (EQUAL, GAP, UNEXPECTED)} for one in chosen}
    return {
        "passed": not unseen and not any(one["status"] == UNEXPECTED for one in rows),
        "frameworks": {one.name: {"version": version_of(one.name)} | counts[one.name] for one in chosen},
        "absent": absent,
        "results": rows,
        "gaps": gaps,
        "unseen": unseen,
        "seconds": time.perf_counter() - started,
    }


def _chosen(names: Sequence[str] | None) -> tuple[list[Framework], dict[str, str]]:
    for name in names or ():
        if name not in FRAMEWORKS:
            raise FrameworkError(f"framework {name!r} is not one that graphs run in; {nearest(name, FRAMEWORKS)}")
    wanted = [one for one in frameworks() if one.name in (names or FRAMEWORKS)]
    absent = {one.name: SETUP_HINT for one in wanted if not installed(one.name)}
    if len(absent) == len(wanted) or (names and absent):
        name, command = next(iter(absent.items()))
        raise FrameworkError(f"framework {name}: is not installed; {command}")
    return [one for one in wanted if one.name not in absent], absent


def _written(framework: Framework, progress: Progress) -> tuple[list[dict[str, Any]], set[Rule | str]]:
    """Return the rows of what a framework's exporter writes, and the list's entries that they show."""
    from neurodeploy.conformance.frameworks.exporting import exported
    from neurodeploy.conformance.frameworks.modules import MODULES

    rows: list[dict[str, Any]] = []
    shown: set[Rule | str] = set()
    modules = list(MODULES[framework.name]()) if framework.name in MODULES else []
    for done, module in enumerate(modules):
        progress(f"{framework.name}'s modules", done, len(modules), module.name)
        outcome = exported(framework, module)
        shown.update(outcome.shown)
        rows.append(_row(framework, WRITTEN, module.about, module.name, outcome))
    progress(f"{framework.name}'s modules", len(modules), len(modules), "")
    return rows, shown


def _row(
    framework: Framework, direction: str, node: str, case: str, outcome: Outcome, *, alone: bool = False
) -> dict[str, Any]:
    about = {"framework": framework.name, "direction": direction, "node": node, "case": case, "alone": alone}
    said = {key: value for key, value in vars(outcome).items() if key != "shown"}
    return about | said | {"sources": list(outcome.sources)}


def _gap(framework: Framework, one: Rule | Lost) -> dict[str, Any]:
    if isinstance(one, Rule):
        said = {"direction": READ, "nodes": list(one.nodes), "when": one.when, "remedy": UNLESS.get(one.unless, "")}
    else:
        said = {"direction": WRITTEN, "nodes": list(one.layers), "when": one.what, "remedy": one.remedy}
    return {"framework": framework.name, "reason": one.reason, "source": one.source, **said}
