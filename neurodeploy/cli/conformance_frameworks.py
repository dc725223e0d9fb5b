"""What `neurodeploy conformance --frameworks` prints."""

from __future__ import annotations

from typing import Any

from neurodeploy.cli.show import table

HEADS = {"reads": "graph", "writes": "module"}
_NOTES = (
    "equal     every spike, or every value to a part in 1e5",
    "~ 93 %    it runs, and so many of the spikes are those of the graph",
    "=         the doctor's reason gives it exactly: by the reference with that change, by the file read as told",
    "no        refused",
    "(alone)   the importer is given the graph and nothing else: no time step, no reset rule, several samples",
)


def lines(result: dict[str, Any]) -> list[str]:
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
