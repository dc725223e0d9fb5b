"""`neurodeploy profile`, `fit` and `characterize`: what a network costs on a chip, where it goes, and the prices."""

from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from neurodeploy.cli.options import GRAPH, Data, Engine, Limit, Replace, Threads
from neurodeploy.cli.show import noted, percent, table
from neurodeploy.cli.verb import verb
from neurodeploy.phrases import plural
from neurodeploy.report.amounts import amount, band


def _profiled(result: dict[str, Any]) -> list[str]:
    spread, energy, latency, fit = result["synops"], result["energy"], result["latency"], result["fit"]
    said = [f"samples            {result['samples']}, {plural(result['steps'], 'step')} each"]
    if result["accuracy"] is not None:
        said += [f"accuracy           {percent(result['accuracy'])}"]
    said += [
        f"synops per sample  {result['synops_per_sample']:,.0f}, from {spread['min']:,} to {spread['max']:,}",
        f"neuron updates     {result['neuron_updates_per_sample']:,.0f}",
        f"spikes, messages   {result['spikes_per_sample']:,.0f}, {result['messages_per_sample']:,.0f}",
    ]
    if result["macs_per_sample"]:
        said += [f"of these MACs      {result['macs_per_sample']:,.0f} (their source sends values)"]
    if result.get("logic_per_sample"):
        said += [f"of these logic     {result['logic_per_sample']:,.0f} (AND and OR of spikes)"]
    kind = "all-in" if energy["scope"] == "all-in" else "dynamic"
    said += [f"energy per sample  {band(energy['energy_j'], 'J')} on {energy['title']} ({kind}, estimated)"]
    if energy["all_in_j"] and energy["scope"] != "all-in":
        said += [
            f"all-in instead     {band(energy['all_in_j'], 'J')}, a whole chip's power over its events: never added"
        ]
    if energy["static_j"]:
        said += [f"static energy      {band(energy['static_j'], 'J')} more per sample, for being on"]
        if energy["scope"] != "all-in":
            said += [f"both together      {band(energy['whole_j'], 'J')}"]
    said += [result[key]["text"] for key in ("host", "products") if key in result]
    if latency is not None and latency["latency_s"] is not None:
        bound = max(latency["bound"], key=latency["bound"].get)
        most = f"{percent(latency['bound'][bound])} of steps are {bound}-bound"
        said += [f"latency            {amount(latency['latency_s'], 's')} per sample; {most}"]
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
    size = f"{plural(fit['cores'], 'core')} on {plural(fit['chips'], 'chip')}"
    return f"fit                {size}; {fit['binding_limit']['message']}"


@verb(_profiled, graph=GRAPH)
def profile(
    file: Annotated[Path, Argument(help="A Program, a .nir graph or a run folder.")],
    data: Data = None,
    limit: Limit = None,
    traces: Annotated[Path | None, Option(metavar="FILE", help="Instead of data: a run of simulate --traces.")] = None,
    threads: Threads = None,
    engine: Engine = None,
) -> None:
    """Operations, energy, fit and latency of a network on data, for a chip."""


def _placed(result: dict[str, Any]) -> list[str]:
    said = []
    if result["fits"]:
        said += [f"fits {result['chip']}: {plural(result['cores'], 'core')} on {plural(result['chips'], 'chip')}"]
        said += [f"binding limit  {result['binding_limit']['message']}", ""]
        rows = [
            [
                one["name"],
                str(one["neurons"]),
                str(one["cores"]),
                one["binding"].removesuffix("_per_core").replace("_", " "),
                percent(one["utilisation"][one["binding"]]),
                ", ".join(f"{name}: {how}, {one['weight_bits'][name]} bits" for name, how in one["encoding"].items()),
            ]
            for one in result["layers"]
        ]
        said += table(["layer", "neurons", "cores", "binding", "fullest", "stored"], rows)
    else:
        said += [f"does not fit {result['chip']}: {problem}" for problem in result["problems"]]
    if result["advice"]:
        said += ["", "what would take less (tried and placed; only exact changes keep what the network does):"]
        said += [f"  {one['effect']}{'  (exact)' if one['exact'] else ''}" for one in result["advice"]]
    said += noted(result["notes"])
    return said + ([f"map: {result['path']}"] if result["path"] else [])


@verb(_placed, passed=itemgetter("fits"), graph=GRAPH, quiet=True)
def fit(
    file: Annotated[Path, Argument(help="A Program, a .nir graph or a run folder.")],
    out: Annotated[Path | None, Option(metavar="PICTURE", help="Map of the cores to write: .svg, .png, .pdf.")] = None,
    overwrite: Replace = False,
) -> None:
    """Does it fit a chip, on how many cores, and what would take fewer; exit status 1 when it does not fit."""


def _fitted(result: dict[str, Any]) -> list[str]:
    terms = [
        [one["term"], one["written"], f"{one['low']:.3g}", f"{one['high']:.3g}", one["unit"]] for one in result["terms"]
    ]
    rows = [
        [one["name"], f"{one['energy_j']:.3g}", f"{one['fitted_j']:.3g}", _signed(one["left_out_error"]), _base(one)]
        for one in result["runs"]
    ]
    left = result["leave_one_out"]
    return [
        *table(["price", "fitted", "low", "high", "unit"], terms),
        *table(["run", "measured, J", "fitted, J", "left out", f"{result['base']}'s band"], rows),
        f"error of the fit     {_errors(result['fit_error'])}",
        f"leave-one-out error  {_errors(left) if left else 'none'}",
        *noted(result["notes"]),
        *([f"chip: {result['path']}"] if result["path"] else []),
    ]


def _errors(found: dict[str, float]) -> str:
    return f"{percent(found['mean'])} in the mean, {percent(found['max'])} at most"


def _signed(error: float | None) -> str:
    return "-" if error is None else f"{100 * error:+.2g} %"


def _base(run: dict[str, Any]) -> str:
    if run["base"] is None:
        return "-"
    return "holds it" if run["base"]["holds"] else f"{run['base']['low']:.3g} to {run['base']['high']:.3g}"


@verb(_fitted)
def characterize(
    runs: Annotated[Path, Argument(help="CSV: name, energy_j, synops, neuron_updates, ... of measured runs.")],
    chip: Annotated[str, Option(help="Chip or chip file whose limits the new file takes.")] = "loihi2",
    out: Annotated[Path | None, Option(metavar="C.toml", help="Chip file to write.")] = None,
    overwrite: Replace = False,
) -> None:
    """Fit a chip's energy per operation to measured runs."""
