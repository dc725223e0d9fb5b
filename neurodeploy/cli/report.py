"""`neurodeploy report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurodeploy.cli.options import Json
from neurodeploy.cli.show import emit


def report(run: Annotated[Path, typer.Argument(help="Run folder of a finished run.")], as_json: Json = False) -> int:
    """Write report.html of a run again, from its report.json."""
    from neurodeploy.verbs.report import write_report as call

    result = call(run)
    emit(result, [f"report  {result['path']}"], as_json=as_json)
    return 0
