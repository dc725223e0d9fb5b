"""`neurodeploy check` and `compare`."""

from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from neurodeploy.cli.options import Replace, chosen
from neurodeploy.cli.show import noted, table
from neurodeploy.cli.verb import verb


def _lines(result: dict[str, Any]) -> list[str]:
    lines = [f"{'passed' if row['passed'] else 'FAILED'}  {row['text']}" for row in result["checks"]]
    kept = len(result["checks"]) - len(result["failed"])
    lines.append(f"budgets: {kept} of {len(result['checks'])} kept" + ("" if result["passed"] else ", FAILED"))
    return lines + ([f"junit    {result['junit']}"] if result["junit"] else [])


@verb(_lines, call="check_run", passed=itemgetter("passed"))
def check(
    run: Annotated[Path, Argument(help="Run folder of a finished run.")],
    min_accuracy: Annotated[float | None, Option(metavar="SHARE", help="Minimum accuracy, 0 to 1.")] = None,
    max_accuracy_drop: Annotated[float | None, Option(metavar="SHARE", help="Maximum drop from float.")] = None,
    accuracy: Annotated[
        str | None,
        chosen(
            *("float", "ptq", "quantised", "reference", "fixed", "lava"), help="Whose accuracy; fixed (the integers)."
        ),
    ] = None,
    certificate: Annotated[
        bool | None, Option("--certificate/--no-certificate", help="The certificate must have passed.")
    ] = None,
    bit_exact: Annotated[
        bool | None, Option("--bit-exact/--no-bit-exact", help="Must equal Lava in every state.")
    ] = None,
    max_synops: Annotated[float | None, Option(metavar="N", help="Maximum synops per sample.")] = None,
    max_spikes: Annotated[float | None, Option(metavar="N", help="Maximum spikes per sample.")] = None,
    max_macs: Annotated[float | None, Option(metavar="N", help="Maximum MACs per sample.")] = None,
    max_energy_j: Annotated[float | None, Option(metavar="J", help="Maximum energy per sample.")] = None,
    energy: Annotated[str | None, chosen("low", "mid", "high", help="End of the energy band; high by default.")] = None,
    energy_of: Annotated[
        str | None, chosen("dynamic", "whole", help="The dynamic energy (default), or with the static.")
    ] = None,
    max_latency_s: Annotated[float | None, Option(metavar="S", help="Maximum time per sample.")] = None,
    latency: Annotated[
        str | None, chosen("low", "mid", "high", help="End of the latency band; high if not said.")
    ] = None,
    fits: Annotated[str | None, Option(metavar="CHIP", help="Must fit on this chip.")] = None,
    max_cores: Annotated[int | None, Option(metavar="N", help="Maximum cores of that chip.")] = None,
    max_chips: Annotated[int | None, Option(metavar="N", help="Maximum chips.")] = None,
    budget_file: Annotated[
        Path | None, Option("--budget", metavar="FILE", help="TOML file of budgets; options override the file.")
    ] = None,
    junit: Annotated[Path | None, Option(metavar="OUT", help="Write the result as JUnit XML.")] = None,
    overwrite: Replace = False,
) -> dict[str, Any]:
    """A run against its budgets; exit status 1 when one is not kept."""
    given = locals()
    from neurodeploy.accounting.budget import Budget, named_budget

    asked = {name: given[name] for name in Budget.model_fields if given.get(name) is not None}
    return dict.fromkeys(asked) | {"budget": named_budget(asked)}


def _compared(result: dict[str, Any]) -> list[str]:
    names = [run["name"] for run in result["runs"]]
    lines = table(["", *names], [[row["title"], *map(_cell, row["cells"])] for row in result["rows"]])
    lines += ["", f"* best of its row, where accuracies differ by more than chance; changes are against {names[0]}"]
    if result["settings"]:
        lines += ["", *table(["setting", *names], [[row["key"], *row["cells"]] for row in result["settings"]])]
    else:
        lines += ["", "settings: all equal"]
    lines += noted(result["notes"])
    return lines + ([f"page  {result['path']}"] if result["path"] else [])


def _cell(cell: dict[str, Any]) -> str:
    change = f" ({cell['change']})" if cell["change"] else ""
    return f"{cell['text']}{change}{' *' if cell['best'] else ''}"


@verb(_compared, call="compare_runs")
def compare(
    runs: Annotated[list[Path], Argument(help="Run folders of finished runs; changes are against the first.")],
    out: Annotated[Path | None, Option(metavar="FILE", help="Write the comparison as an HTML page.")] = None,
    overwrite: Replace = False,
) -> None:
    """Finished runs side by side: accuracy, costs, and the settings that differ."""
