"""`neurodeploy conformance`."""

from __future__ import annotations

from operator import itemgetter
from typing import Annotated, Any

import typer

from neurodeploy.cli import conformance_frameworks
from neurodeploy.cli.options import Json
from neurodeploy.cli.show import table, within
from neurodeploy.cli.verb import carried_out
from neurodeploy.errors import NeurodeployError


def conformance(
    networks: Annotated[
        int | None, typer.Option(metavar="N", callback=within(1), help="Random networks to run; 500 if not given.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="S", callback=within(0), help="Seed of the first network; the next has S + 1. 0 if not given."
        ),
    ] = None,
    engines_only: Annotated[
        bool, typer.Option("--engines-only", help="Compare our engines among each other, without Lava.")
    ] = False,
    other_frameworks: Annotated[
        bool, typer.Option("--frameworks", help="Run small graphs in snnTorch, Norse, SpikingJelly and NIRTorch.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Check on random networks that our engines equal Lava in every state."""
    passed, given = itemgetter("passed"), {"networks": networks, "seed": seed, "engines_only": engines_only}
    if not other_frameworks:
        return carried_out("check_conformance", given, _lines, passed, as_json=as_json)
    if networks is not None or seed is not None or engines_only:
        raise NeurodeployError("--frameworks: runs its own graphs; leave --networks, --seed and --engines-only out")
    return carried_out("check_frameworks", {}, conformance_frameworks.lines, passed, as_json=as_json)


def _lines(result: dict[str, Any]) -> list[str]:
    lines = [
        f"equal     {result['equal']} of {result['networks']} networks, in every one of "
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
