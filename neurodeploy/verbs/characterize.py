"""`characterize`: a chip's prices fitted to measured runs, as a chip file of one's own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from neurodeploy.accounting.characterize import ERRORS, Fit, fit, summary
from neurodeploy.accounting.energy import price
from neurodeploy.accounting.measured_runs import COLUMNS, Runs, read_runs
from neurodeploy.errors import RunError
from neurodeploy.files import check_target, write_text
from neurodeploy.hardware.chip import Chip, EnergyModel
from neurodeploy.hardware.chip_file import to_toml, written
from neurodeploy.hardware.chips import DEFAULT, chip_named
from neurodeploy.hardware.constants import Constant
from neurodeploy.phrases import Phrase
from neurodeploy.report.words import small_percent

SECONDS = "seconds"
STATIC = "static_chip_w"
MODEL = "fitted"
INSIDE = ("neuron_update", "spike", "message", "message_in", "hop")
"""Events whose energy the runs' totals hold, so that it is inside the fitted prices where they have none."""


def characterize(
    runs: str | Path, *, chip: str | Path = DEFAULT, out: str | Path | None = None, overwrite: bool = False
) -> dict[str, Any]:
    """Fit prices per event to measured runs, and write them as a chip file where `out` is given.

    Args:
        runs: CSV file: `name`, `energy_j`, counts (`synops`, `neuron_updates`, ...), and `energy_error_j` where known.
        chip: Its limits, times and widths go into the new file, and its own prices are held against the runs.
        out: Chip file to write (.toml).
        overwrite: Replace it where there is one.

    Returns:
        `chip`, `base`, `terms`, `runs` (each with the base chip's band and whether it holds the measured energy),
        `fit_error`, `leave_one_out` {mean, max}, `condition`, `notes`, `source` {file, sha256}, `path` (None where
        nothing was written).

    Raises:
        ChipError: the chip is unknown, the file is wrong, or its runs cannot settle the prices.
        RunError: `out` cannot be written, or is no .toml file.
    """
    if out is not None and check_target(out, overwrite, (runs, chip)).suffix != ".toml":
        raise RunError("a chip file ends in .toml", Phrase("choose such a name for {out}"), where=out)
    base, measured = chip_named(chip), read_runs(runs)
    found = fit(measured)
    result = summary(measured, found)
    made = fitted_chip(base, measured, found, Path(out).stem if out else f"{base.name}_fitted", result)
    if out is not None:
        write_text(out, to_toml(made, (f"Fitted to {measured.file} by neurodeploy characterize.",)))
    for row, run in enumerate(result["runs"]):
        run["base"] = _base_band(base, measured, row)
    for term in result["terms"]:
        one = made.power[STATIC] if term["column"] == SECONDS else made.energy[0].terms[term["term"]]
        term["written"] = one.written
    return {
        "chip": made.name,
        "base": base.name,
        "source": {"file": measured.file, "sha256": measured.digest},
        "path": None if out is None else str(out),
        **result,
    }


def _base_band(base: Chip, runs: Runs, row: int) -> dict[str, Any] | None:
    """Return what a chip's own prices give a run {low, mid, high, holds}; None where it has none for it.

    Runs with a column of seconds are of total energy, so the static energy belongs to theirs. `holds` says whether
    the band and the measured energy, with its error, meet.
    """
    counts = runs.counts(row)
    found = price(counts, base, latency_s=counts.seconds_per_sample).whole_j
    if found is None:
        return None
    error = 0.0 if runs.error_R is None else float(runs.error_R[row])
    holds = found.low <= runs.energy_R[row] + error and runs.energy_R[row] - error <= found.high
    return found.to_dict() | {"holds": bool(holds)}


def fitted_chip(base: Chip, runs: Runs, found: Fit, name: str, result: dict[str, Any]) -> Chip:
    """Return `base` with the fitted prices as its only energy model; a price of `seconds` is its static power."""
    left = result["leave_one_out"]
    error = "no leave-one-out error" if left is None else f"mean leave-one-out error {small_percent(left['mean'])}"
    source = f"fitted to {len(runs.names)} measured runs of {runs.file} (SHA-256 {runs.digest}), {error}"

    def constant(at: int, key: str, base_unit: str, scope: str) -> Constant:
        value, unit = written(float(found.prices_C[at]), base_unit)
        spread = ERRORS * float(found.errors_C[at])
        return Constant(
            key=key,
            value=float(found.prices_C[at]),
            unit=base_unit,
            written=f"{value:.12g} {unit}",
            source=source,
            evidence="fitted",
            scope=scope,
            operating_point=f"as in the runs; {base.name} otherwise",
            low=max(float(found.prices_C[at]) - spread, 0.0),
            high=float(found.prices_C[at]) + spread,
        )

    terms, power = {}, dict(base.power)
    for at, column in enumerate(runs.columns):
        term = COLUMNS[column]
        if column == SECONDS:
            power[STATIC] = constant(at, f"power.{STATIC}", "W", "")
            power.pop("static_core_w", None)  # the base chip's reading, which the runs replace
        else:
            terms[term] = constant(at, f"energy.{MODEL}.{term}", "J", "per-op")
    # `neurons_...` count neuron updates by the neurons' activity.
    counted = {"neuron_update" if one.startswith("neurons_") else COLUMNS[one] for one in runs.columns}
    inside = tuple(one for one in INSIDE if one not in counted)
    return replace(
        base,
        name=name,
        title=f"{base.title}, fitted to {runs.file}",
        energy=(EnergyModel(MODEL, "per-op", terms, inside),),
        power=power,
        notes=(f"prices of one set of runs, mean relative error {small_percent(result['fit_error']['mean'])}",),
        digest="",
    )
