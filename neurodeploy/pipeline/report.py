"""`report`: the page of a run, from its report.json alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurodeploy.errors import RunError
from neurodeploy.files import read_json, write_text
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.report.page import render


def write_report(run: str | Path) -> dict[str, Any]:
    """Write report.html of a run folder, self-contained, from its report.json.

    Returns:
        `path` of the page, `report` (path of report.json).

    Raises:
        RunError: the folder holds no finished run.
    """
    folder = RunFolder(Path(run))
    if not folder.report_file.exists():
        raise RunError(f"{run}: has no report.json; finish the run with neurodeploy run RECIPE --out {run} --resume")
    page = folder.path / "report.html"
    write_text(page, render(read_json(folder.report_file)))
    return {"path": str(page), "report": str(folder.report_file)}
