"""`neurodeploy conformance`."""

from operator import itemgetter
from typing import Annotated, Any

from typer import Option

from neurodeploy.cli.options import Json, counted
from neurodeploy.cli.show import table, within
from neurodeploy.cli.verb import carried_out
from neurodeploy.errors import NeurodeployError
from neurodeploy.phrases import plural

HEADS = {"reads": "graph", "writes": "module"}
_NOTES = (
    "equal     every spike, or every value to a part in 1e5",
    "~ 93 %    it runs, and so many of the spikes are those of the graph",
    "=         the doctor's reason gives it exactly: by the reference with that change, by the file read as told",
    "no        refused",
    "(alone)   the importer is given the graph and nothing else: no time step, no reset rule, several samples",
)


def conformance(
    networks: Annotated[int | None, counted("Random networks to run; 500 if not given.")] = None,
    seed: Annotated[
        int | None,
        Option(metavar="S", callback=within(0), help="Seed of the first network; the next has S + 1. 0 if not given."),
    ] = None,
    engines_only: Annotated[bool, Option("--engines-only", help="Compare our engines alone, without Lava.")] = False,
    other_frameworks: Annotated[
        bool, Option("--frameworks", help="Run small graphs in snnTorch, Norse, SpikingJelly and NIRTorch.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Check on random networks that our engines equal Lava in every state."""
    passed, given = itemgetter("passed"), {"networks": networks, "seed": seed, "engines_only": engines_only}
    if not other_frameworks:
        return carried_out("check_conformance", given, _lines, passed, as_json=as_json)
    if networks is not None or seed is not None or engines_only:
        raise NeurodeployError("--frameworks: runs its own graphs; leave --networks, --seed and --engines-only out")
    return carried_out("check_frameworks", {}, framework_lines, passed, as_json=as_json)


def _lines(result: dict[str, Any]) -> list[str]:
    lines = [
        f"equal     {result['equal']} of {plural(result['networks'], 'network')}, in every one of "
        f"{result['states_compared']:,} spikes, currents and potentials",
        f"engines   {', '.join(result['engines'])}",
        f"seconds   {result['seconds']:.1f}"
        + (f", {result['seconds_lava']:.1f} in Lava" if result["seconds_lava"] else ""),
        "",
        *table(["kind", "networks"], [[kind, str(count)] for kind, count in result["kinds"].items()]),
    ]
    for failure in result["failures"]:
        lines += ["", f"seed {failure['seed']}: {' and '.join(failure['engines'])}: {failure['first_difference']}"]
        lines += [f"  {line}" for line in failure["network"]]
    return lines


def framework_lines(result: dict[str, Any]) -> list[str]:
    """Return a table for each direction, then the list of gaps, and where it is not true."""
    names = list(result["frameworks"])
    found = [*tables(result), *_NOTES, ""]
    for name in names:
        found += _gaps(result["gaps"], name)
    for one in result["unseen"]:
        found.append(f"NOT SEEN  {one['framework']} {one['direction']} {', '.join(one['nodes'])}: {one['when']}")
    for one in result["results"]:
        if one["status"] == "unexpected":
            found.append(f"DIFFERS   {one['framework']} {one['direction']} {_named(one)}: {one['text']}")
    for name, command in result["absent"].items():
        found.append(f"absent    {name}; {command}")
    for name, one in result["frameworks"].items():
        counts = f"{one['equal']} equal, {one['gap']} on the list of gaps, {one['unexpected']} unexpected"
        found.append(f"{name:<13} {one['version']:<7} {counts}")
    return found


def tables(result: dict[str, Any]) -> list[str]:
    """Return a table of cases and frameworks for each direction."""
    names = list(result["frameworks"])
    return [line for direction in HEADS for line in (*_table(result["results"], names, direction), "")]


def _table(rows: list[dict[str, Any]], names: list[str], direction: str) -> list[str]:
    """Return one line for each case; a framework that the case does not concern has no cell."""
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for one in rows:
        if one["direction"] == direction:
            cells.setdefault((one["node"], _named(one)), {})[one["framework"]] = _cell(one)
    shown = [name for name in names if any(name in row for row in cells.values())]
    nodes = list(dict.fromkeys(node for node, _ in cells))
    ordered = sorted(cells.items(), key=lambda one: nodes.index(one[0][0]))
    body = [[node, case, *(row.get(name, "") for name in shown)] for (node, case), row in ordered]
    return table(["node", HEADS[direction], *shown], body) if body else []


def _named(one: dict[str, Any]) -> str:
    return one["case"] + (" (alone)" if one["alone"] else "")


def _cell(one: dict[str, Any]) -> str:
    if one["status"] != "gap":
        return {"equal": "equal", "unexpected": "UNEXPECTED"}[one["status"]]
    if one["refused"]:
        return "no"
    if one["reproduced"] and one["direction"] == "writes":
        return "="
    of = "" if one["agreement"] is None else f" {min(99, int(100 * one['agreement']))} %"
    return f"~{of}{' =' if one['reproduced'] else ''}"


def _gaps(gaps: list[dict[str, Any]], name: str) -> list[str]:
    """Return what a framework loses, one line each, with its own line that loses it."""
    found = []
    for direction, said in (("reads", "reads otherwise"), ("writes", "does not write")):
        mine = [one for one in gaps if (one["framework"], one["direction"]) == (name, direction)]
        found += [f"{name} {said}:"] if mine else []
        for one in mine:
            remedy = f" -> {one['remedy']}" if one["remedy"] else ""
            found.append(f"  {', '.join(one['nodes'])}, {one['when']}: {one['reason']} [{one['source']}]{remedy}")
    return [*found, ""]
