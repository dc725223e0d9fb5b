"""`compare`: finished runs side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurodeploy.errors import RunError, plain
from neurodeploy.files import check_target, write_text
from neurodeploy.pipeline.run_results import read_finished
from neurodeploy.report.side_by_side import notes, settings, side_by_side


def compare_runs(
    runs: Sequence[str | Path], *, out: str | Path | None = None, overwrite: bool = False
) -> dict[str, Any]:
    """Put finished runs side by side.

    Args:
        runs: Two or more run folders with a report.json; changes are against the first.
        out: Where to write the comparison as an HTML page that needs nothing but itself.
        overwrite: Replace the page where there is one.

    Returns:
        `runs` [{name, path, recipe, description, chip}], `rows` (as `report.side_by_side` gives them),
        `settings` [{key, values, cells}] of the recipes that differ, `notes` (what makes the results hard
        to compare), `path` of the page or None.

    Raises:
        RunError: there is one run only, a folder holds no finished run, or a report is damaged.
    """
    if isinstance(runs, str | Path) or len(runs) < 2:
        found = "one run" if runs else "no run"
        raise RunError(f"compare: found {found}, two or more are needed; name another run folder")
    page = None if out is None else check_target(out, overwrite, [Path(run, "report.json") for run in runs])
    read = [read_finished(run) for run in runs]
    names = _names([str(run) for run in runs])
    result: dict[str, Any] = {
        "runs": [
            {
                "name": name,
                "path": run.run,
                "recipe": run.text("recipe", "name"),
                "description": run.text("recipe", "description"),
                "chip": run.text("recipe", "chip"),
            }
            for name, run in zip(names, read, strict=True)
        ],
        "rows": side_by_side(read),
        "settings": settings(read),
        "notes": notes(read, names),
        "path": None if page is None else str(page),
    }
    if page is not None:
        from neurodeploy.report.compare_page import render  # draws, and that takes a second to load

        write_text(page, render(result))
    return result


def _names(paths: Sequence[str]) -> list[str]:
    """Return the folders' own names where they differ, else their paths; numbered where those are equal too."""
    names = [Path(path).resolve().name for path in paths]
    if len(set(names)) < len(names):
        names = list(paths)
    return [
        plain(name) + (f" ({names[: index + 1].count(name)})" if name in names[:index] else "")
        for index, name in enumerate(names)
    ]
