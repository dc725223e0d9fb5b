"""Finished runs as other verbs read them: report.json of a run folder, and the fit of its network.

Without `RunFolder`, whose settings of training load torch: a check in CI takes a tenth of a second.
"""

from pathlib import Path
from typing import Any

from neurodeploy import toml
from neurodeploy.accounting.recorded import Recorded
from neurodeploy.errors import BudgetError, ChipError, RunError
from neurodeploy.files import read_json
from neurodeploy.phrases import Command, Phrase

MADE = Command("run", "RECIPE", out="DIR")
TABLES = ("accuracy", "certificate", "counts")
"""What every report has had from the first version on."""


def again(run: str | Path) -> Command:
    """Return the call that finishes a run, or makes what it lacks."""
    return Command("run", "RECIPE", out=run, mode="resume")


def recipe_values(run: str | Path) -> dict[str, Any]:
    """Return the recipe of a run folder as plain values.

    Raises:
        RunError: the folder holds no run.
    """
    try:
        return toml.read(Path(run) / "recipe.toml", RunError)[0]
    except RunError as error:
        found = f"holds no run (recipe.toml {error.found})"
        raise RunError(found, Phrase("make one with {made}", made=MADE), where=run) from None


def unfinished(run: str | Path) -> RunError:
    """Return the error of a folder without a report."""
    if not Path(run).is_dir():
        return RunError("is no folder", Phrase("name a run folder, made with {made}", made=MADE), where=run)
    return RunError("has no report.json", Phrase("finish the run with {again}", again=again(run)), where=run)


def read_finished(run: str | Path) -> Recorded:
    """Return what a run folder's report.json holds.

    Raises:
        RunError: the folder holds no finished run, or its report is damaged.
    """
    path = Path(run) / "report.json"
    if not path.exists():
        raise unfinished(run)
    values = read_json(path)
    lacking = [name for name in TABLES if not isinstance(values, dict) or not isinstance(values.get(name), dict)]
    if lacking:
        raise RunError(
            f"is not the report of a run (no table {lacking[0]!r})",
            Phrase("make it again with {again}", again=again(run)),
            where=path,
        )
    return Recorded(values, str(run))


def fit_of(run: Recorded, chip: str | None) -> Recorded:
    """Return the fit of a run's network on a chip: the one in its report, or made now from its Program.

    Args:
        run: A finished run.
        chip: Name of a chip or a .toml file with one; None for the one that the report has a fit of,
            or else the one that the run is for.

    Raises:
        BudgetError: there is no such chip.
        RunError: the folder has no Program to place.
    """
    recorded = run.table("fit")
    if recorded and chip in (None, run.text("fit", "chip")):
        return Recorded(recorded, run.run)
    from neurodeploy.hardware.chips import DEFAULT, chip_named
    from neurodeploy.mapping.placement.place import place
    from neurodeploy.mapping.placement.placement import described
    from neurodeploy.program.file import read_program

    try:
        wanted = chip_named(chip or run.text("recipe", "chip") or DEFAULT)
    except ChipError as error:
        raise BudgetError(error.problem, error.advice, where=error.places, option="fits") from None
    program = Path(run.run) / "program.npz"
    if not program.exists():
        advice = Phrase("make it again with {again}", again=run.again)
        raise RunError(f"is absent, nothing can be placed on {wanted.name}", advice, where=program)
    return Recorded(described(place(read_program(program), wanted)), run.run)
