"""`neurodeploy conformance`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from neurodeploy.cli.options import Json
from neurodeploy.cli.show import bars, emit, table, within
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
    if other_frameworks:
        if networks is not None or seed is not None or engines_only:
            raise NeurodeployError("--frameworks: runs its own graphs; leave --networks, --seed and --engines-only out")
        return _frameworks(as_json=as_json)
    from neurodeploy.conformance.run import check_conformance as call

    with bars() as progress:
        result = call(networks or 500, seed or 0, engines_only=engines_only, progress=progress)
    emit(result, _lines(result), as_json=as_json)
    return 0 if result["passed"] else 1


def _frameworks(*, as_json: bool) -> int:
    from neurodeploy.cli.conformance_frameworks import lines
    from neurodeploy.conformance.frameworks.check import check_frameworks as call

    with bars() as progress:
        result = call(progress=progress)
    emit(result, lines(result), as_json=as_json)
    return 0 if result["passed"] else 1


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
