"""`neurodeploy simulate` and `certify`: a network on data, by one backend or by several held against each other."""

from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from neurodeploy.cli.options import GRAPH, Data, Engine, Limit, Replace, Threads, chosen, words
from neurodeploy.cli.run import verdict
from neurodeploy.cli.show import noted, percent, within
from neurodeploy.cli.verb import verb
from neurodeploy.phrases import plural


def _simulated(result: dict[str, Any]) -> list[str]:
    return [
        f"backend            {result['backend']}",
        f"accuracy           {percent(result['accuracy'])} of {plural(result['samples'], 'sample')}, "
        f"{plural(result['steps'], 'step')}",
        f"synops per sample  {result['synops_per_sample']:,.0f}",
        f"speed              {result['samples_per_second']:.4g} samples/s",
        *([f"note: the engine is {result['engine']}"] if "because" in (result["engine"] or "") else []),
        *noted(result["data_notes"]),
        *([f"traces             {result['traces']}"] if result["traces"] else []),
    ]


@verb(_simulated, graph=GRAPH)
def simulate(
    file: Annotated[Path, Argument(help="A .nir graph, a Program, or a run folder.")],
    data: Data = None,
    backend: Annotated[str, chosen("reference", "fixed", "lava", help="What runs it.")] = "fixed",
    limit: Limit = None,
    traces: Annotated[Path | None, Option(metavar="OUT", help="Write every state to this .npz.")] = None,
    overwrite: Replace = False,
    probes: Annotated[
        list[str] | None,
        Option("--probe", metavar="LAYER", help="Write the states of this layer only; may be repeated."),
    ] = None,
    threads: Threads = None,
    engine: Engine = None,
) -> None:
    """Run a graph or a Program on data."""


def _certified(result: dict[str, Any]) -> list[str]:
    return [f"precision: {result['precision']}", *noted(result["notes"]), *verdict(result)]


@verb(_certified, passed=itemgetter("passed"), graph=GRAPH)
def certify(
    file: Annotated[Path, Argument(help="A .nir graph, or a run folder.")],
    data: Data = None,
    backends: Annotated[str, Option(metavar="B,B", help="Some of reference, fixed, lava.")] = "reference,fixed",
    limit: Limit = None,
    program: Annotated[Path | None, Option(metavar="FILE", help="Certify this Program against the graph.")] = None,
    max_accuracy_drop: Annotated[
        float | None, Option(callback=within(0, 1), help="Allowed loss against the first stage, 0 to 1 (0.015).")
    ] = None,
) -> dict[str, Any]:
    """The conversion certificate, stage by stage; exit status 1 when it does not pass."""
    return {"backends": words(backends)}
