"""`neurodeploy profile`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neurodeploy.cli.options import GRAPH, Data, Engine, Limit, Threads
from neurodeploy.cli.show import noted, percent, table
from neurodeploy.cli.verb import verb
from neurodeploy.report.amounts import amount, band


def _lines(result: dict[str, Any]) -> list[str]:
    spread, energy, latency, fit = result["synops"], result["energy"], result["latency"], result["fit"]
    said = [f"samples            {result['samples']}, {result['steps']} steps each"]
    if result["accuracy"] is not None:
        said += [f"accuracy           {percent(result['accuracy'])}"]
    said += [
        f"synops per sample  {result['synops_per_sample']:,.0f}, from {spread['min']:,} to {spread['max']:,}",
        f"neuron updates     {result['neuron_updates_per_sample']:,.0f}",
        f"spikes, messages   {result['spikes_per_sample']:,.0f}, {result['messages_per_sample']:,.0f}",
    ]
    if result["macs_per_sample"]:
        said += [f"of these MACs      {result['macs_per_sample']:,.0f} (their source sends values)"]
    kind = "all-in" if energy["scope"] == "all-in" else "dynamic"
    said += [f"energy per sample  {band(energy['energy_j'], 'J')} on {energy['title']} ({kind}, estimated)"]
    if energy["all_in_j"] and energy["scope"] != "all-in":
        said += [
            f"all-in instead     {band(energy['all_in_j'], 'J')}, a whole chip's power over its events: never added"
        ]
    if energy["static_j"]:
        said += [f"static energy      {band(energy['static_j'], 'J')} more, for being on"]
    if latency is not None and latency["latency_s"] is not None:
        bound = max(latency["bound"], key=latency["bound"].get)
        most = f"{percent(latency['bound'][bound])} of steps are {bound}-bound"
        said += [f"latency            {amount(latency['latency_s'], 's')}; {most}"]
    if fit is not None:
        said += [_fit(fit)]
    said += ["", "the same run by other conventions:"]
    rows = [
        [name.replace("_", " "), "-" if value is None else f"{value:,.0f}"]
        for name, value in result["by_convention"].items()
    ]
    said += [f"  {line}" for line in table(["convention", "per sample"], rows)]
    if energy["by_layer"]:
        rows = [[row["name"], band(row, "J")] for row in energy["by_layer"]]
        said += ["", *table(["layer", "energy per sample"], rows)]
    said += [f"not priced: {one}" for one in energy["unpriced"]]
    return said + noted(result["notes"])


def _fit(fit: dict[str, Any]) -> str:
    if not fit["fits"]:
        return f"fit                does not fit: {fit['problems'][0]}"
    chips = "1 chip" if fit["chips"] == 1 else f"{fit['chips']} chips"
    return f"fit                {fit['cores']} cores on {chips}; {fit['binding_limit']['message']}"


@verb(_lines, graph=GRAPH)
def profile(
    file: Annotated[Path, typer.Argument(help="A Program, a .nir graph or a run folder.")],
    data: Data = None,
    limit: Limit = None,
    traces: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Instead of data: a run that simulate --traces recorded.")
    ] = None,
    threads: Threads = None,
    engine: Engine = None,
) -> None:
    """Operations, energy, fit and latency of a network on data, for a chip."""
