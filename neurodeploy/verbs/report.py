"""`report`: the page of a run, from its report.json alone."""

from pathlib import Path
from typing import Any

import jinja2

from neurodeploy.accounting.devices import read_devices
from neurodeploy.errors import RunError
from neurodeploy.files import read_json, write_json, write_text
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.run_results import again, unfinished
from neurodeploy.report.page import render


def write_report(run: str | Path) -> dict[str, Any]:
    """Write report.html of a run folder, self-contained, from its report.json.

    What `bench devices` measured of the run since is taken into report.json first.

    Args:
        run: Run folder of a finished run.

    Returns:
        `path` of the page, `report` (path of report.json).

    Raises:
        RunError: the folder holds no finished run.
    """
    folder = RunFolder(Path(run))
    if not folder.report_file.exists():
        raise unfinished(run)
    page = folder.path / "report.html"
    report = read_json(folder.report_file)
    devices = read_devices(folder.path)
    if isinstance(report, dict) and devices != report.get("devices"):
        report["devices"] = devices
        write_json(folder.report_file, report)
    try:
        text = render(report)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, jinja2.UndefinedError) as error:
        raise RunError(
            f"is not the report of a run ({type(error).__name__}: {error})",
            Phrase("make it again with {again}", again=again(run)),
            where=folder.report_file,
        ) from None
    write_text(page, text)
    return {"path": str(page), "report": str(folder.report_file)}
