"""`paper plif`: the paper's accuracies, networks and learned time constants, beside those of run folders."""

import statistics
from pathlib import Path
from typing import Any

from neurodeploy import toml
from neurodeploy.accounting.recorded import Recorded
from neurodeploy.errors import RunError
from neurodeploy.files import write_text
from neurodeploy.papers.paper import Asked, Made, PaperRow

PUBLISHED = Path(__file__).parent / "published.toml"
VARIANTS = ("PLIF, tau0 2", "PLIF, tau0 16", "LIF, tau 2", "LIF, tau 16", "PLIF, tau0 2, average pools")
"""In the order of the published maxima."""
VALIDATED = "accuracy-B: test accuracy at the epoch that is best on a validation part"
MOST = "accuracy-A: the most of all epochs on the test part, and so chosen on it; compare with accuracy-B"
NETWORKS = "networks.md"


def make(asked: Asked) -> Made:
    """Write the tables of networks and time constants into a folder, and return the rows of accuracies.

    Nothing is run here. Of the runs, of recipes of the PLIF family, seeds of one recipe are a row.
    """
    data = toml.read(PUBLISHED, RunError)[0]["data"]
    groups: dict[str, list[Recorded]] = {}
    for run in asked.runs:
        groups.setdefault(str(run.text("recipe", "name")), []).append(run)
    rows = [PaperRow(f"{one['title']}: {VARIANTS[0]}", one["validated"], note=VALIDATED) for one in data]
    for index, variant in enumerate(VARIANTS):
        rows += [PaperRow(f"{one['title']}: {variant}, most", one["most"][index], note=MOST) for one in data]
    ours = [_ours(name, some, data) for name, some in groups.items()]
    write_text(asked.folder / NETWORKS, networks(data, groups))
    return Made([*ours, *rows], [NETWORKS])


def _ours(name: str, runs: list[Recorded], data: list[dict[str, Any]]) -> PaperRow:
    """Return the row of one recipe's seeds, beside the paper's accuracy-B on the same data."""
    first = runs[0]
    dataset = str(first.text("recipe", "data", "dataset"))
    theirs = next((one for one in data if dataset.startswith(one["key"])), None)
    network = first.table("recipe", "network")

    def mean(stage: str) -> float | None:
        found = [value for run in runs if (value := run.share("accuracy", stage)) is not None]
        return statistics.fmean(found) if found else None

    channels = network.get("channels")
    told = " and ".join(map(str, channels)) if isinstance(channels, list) else channels
    size = f"{told} channels, {network.get('hidden')} hidden neurons"
    of = "" if theirs is None else f"; published: its own network of {theirs['parameters']:,} parameters, {VALIDATED}"
    return PaperRow(
        what=f"{dataset}: recipe {name}, {size}",
        # On a part of another data set's name the paper has no number.
        published=None if theirs is None or theirs["key"] != dataset else theirs["validated"],
        floating=mean("float"),
        fixed=mean("fixed"),
        samples=first.number("certificate", "samples"),  # type: ignore[arg-type]
        seeds=len(runs),
        ran=True,
        note=f"{name} is a smaller network, not the paper's{of}",
    )


def networks(data: list[dict[str, Any]], groups: dict[str, list[Recorded]]) -> str:
    """Return the page with the paper's networks, the parameters of ours of their settings, and time constants."""
    import torch

    from neurodeploy.networks.families.plif import PlifSettings, build

    lines = [
        "# Networks",
        "",
        "| data | layers | steps | parameters, published | ours |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in data:
        with torch.device("meta"):
            network = build(PlifSettings(**one["settings"]), tuple(one["shape"]), one["classes"], 1e-3)
        own = sum(value.numel() for value in network.parameters())
        lines.append(f"| {one['title']} | {one['layers']} | {one['steps']} | {one['parameters']:,} | {own:,} |")
    lines += ["", "# Time constants after training, in steps", "", "| what | layers, from the first |", "| --- | --- |"]
    for one in data:
        for tau0, values in one.get("tau", {}).items():
            lines.append(f"| {one['title']}, from {tau0}, published | {', '.join(f'{tau:g}' for tau in values)} |")
    for name, runs in groups.items():
        lines += [f"| {name}, {run.run} | {', '.join(f'{tau:.2f}' for tau in learned(run))} |" for run in runs]
    return "\n".join([*lines, ""])


def learned(run: Recorded) -> list[float]:
    """Return the time constants of a run's layers, steps, from its graph."""
    from neurodeploy.graph.network import Population
    from neurodeploy.pipeline.graph_options import GraphOptions
    from neurodeploy.pipeline.inputs import read_network

    found = read_network(run.run, GraphOptions()).populations
    leaky = [one for one in found if isinstance(one, Population) and float(one.beta.max()) > 0]
    return [1 / (1 - float(one.beta.flat[0])) for one in leaky]
