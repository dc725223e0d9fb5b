"""`neurodeploy inspect`."""

from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from neurodeploy.cli.options import GRAPH, Replace, chosen
from neurodeploy.cli.show import percent, table
from neurodeploy.cli.verb import verb
from neurodeploy.phrases import plural
from neurodeploy.report.words import cell, small_percent


def _lines(result: dict[str, Any]) -> list[str]:
    if "nodes" not in result:
        every = "every part runs on a chip with graded messages"
        return [*_modules(result["modules"]), "", every if result["ok"] else f"not {every}"]
    targets = result["targets"]
    rows = [
        [one["name"], one["type"], _shape(one["shape"]), *(_cell(one["targets"][name]) for name in targets)]
        for one in result["nodes"]
    ]
    lines = table(["node", "type", "output", *targets], rows) if rows else ["no nodes"]
    source = {"file": "of the file", "given": "as given", "assumed": "assumed, the file has none"}[result["dt_source"]]
    lines += ["", f"time step   {result['dt_s']:g} s, {source}"]
    measured = result["measured"]
    if measured is not None:
        lines.append(
            f"percentages are spikes that agree with the reference, or the largest error of a weight (w): "
            f"{plural(measured['samples'], 'random sample')} of {plural(measured['steps'], 'step')}, "
            f"{percent(measured['input_rate'])} of the inputs spiking"
        )
    lines += ["", *_reasons(result)]
    problems = result["problems"]
    lines += ["", f"problems    {len(problems)}"] if problems else ["", "problems    none"]
    for one in problems:
        where = f"{one['node']}: " if one["node"] else ""
        remedy = f" -> {one['remedy']}" if one["remedy"] else ""
        lines.append(f"  {one['severity']}  {one['kind']:<11} {where}{one['text']}{remedy}")
    for one in result.get("memories", ()):
        lines += ["", *_memory(one)]
    if "modules" in result:
        lines += ["", *_modules(result["modules"])]
    if result["path"]:
        lines += ["", f"repaired    {result['path']}", *(f"  {line}" for line in result["repaired"])]
    return [*lines, "", "it can be deployed" if result["ok"] else "it cannot be deployed as it is"]


def _modules(found: dict[str, Any]) -> list[str]:
    """Return what a chip runs of each stage, in multiply-adds a step or the modules, and each reason once."""
    lines = table(list(found["stages"][0]), [[*map(cell, one.values())] for one in found["stages"]])
    lines += ["", "multiply-adds of one sample's step, were all of them made"]
    for one in found["reasons"]:
        change = f" -> {one['change']}" if one["change"] else ""
        lines.append(f"  {one['what']}: {one['reason']}{change}")
        lines.append(f"    {_names(one['parts'])}")
    return lines


def _names(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _memory(found: dict[str, Any]) -> list[str]:
    """Return what ways to hold a linear memory lose and cost; above a spectral radius of 1 it grows by itself."""
    told = f"memory {found['name']}: {found['neurons']} potentials, spectral radius {found['spectral_radius']:.4f}, "
    rows = [
        [
            one["way"],
            f"{one['spectral_radius']:.4f}{', grows' if one['spectral_radius'] > 1 else ''}",
            small_percent(one["error"]),
            f"{one['synapses']:,}",
            f"{one['synops_per_step']:,.0f}",
        ]
        for one in found["ways"]
        if "refused" not in one
    ]
    refused = [f"{one['way']}: {one['refused']}" for one in found["ways"] if "refused" in one]
    heads = ["as integers", "spectral radius", f"error after {found['steps']} steps", "synapses", "synops a step"]
    return [f"{told}forgets an input in {found['steps']} steps", *table(heads, rows), *refused]


def _shape(shape: list[int] | None) -> str:
    return "unknown" if shape is None else "x".join(map(str, shape)) or "1"


def _cell(said: dict[str, Any]) -> str:
    if said["status"] != "approximate":
        return {"exact": "exact", "unsupported": "no"}[said["status"]]
    error = said.get("error", {})
    if error.get("spikes"):
        return f"~ {percent(round(error['spike_agreement'], 4))}"
    return f"~ w {small_percent(error['weight_error'])}" if "weight_error" in error else "~"


def _reasons(result: dict[str, Any]) -> list[str]:
    """Return for each target why it is not exact, each reason once with its nodes."""
    lines = []
    for name, target in result["targets"].items():
        found: dict[tuple[str, str], list[str]] = {}
        for node in result["nodes"]:
            said = node["targets"][name]
            if said["status"] != "exact":
                found.setdefault((said["status"], said["reason"]), []).append(node["name"])
        lines.append(f"{target['title']}: {target['status']}")
        for (status, reason), names in found.items():
            lines.append(f"  {'no' if status == 'unsupported' else '~ '} {_names(names)}: {reason}")
    return lines


@verb(
    _lines,
    call="inspect_graph",
    passed=itemgetter("ok"),
    graph=[name for name in GRAPH if name not in ("calibrate", "chip")],
    quiet=True,
)
def inspect(
    file: Annotated[Path, Argument(help="A .nir graph, or a run folder.")],
    repair: Annotated[
        Path | None, Option(metavar="OUT", help="Write the graph with every unambiguous fault repaired.")
    ] = None,
    overwrite: Replace = False,
    for_framework: Annotated[
        str | None,
        chosen("snntorch", "norse", "spikingjelly", "nirtorch", flag="--for", help="Repair it for this framework."),
    ] = None,
) -> None:
    """The NIR doctor: what is wrong with a graph, and what each target does with it."""
