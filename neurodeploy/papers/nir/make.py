"""`paper nir`: the three tasks on every backend that is here, and a row for each platform that classifies."""

from typing import Any

from neurodeploy.backends.lava.environment import status
from neurodeploy.backends.table import is_integer
from neurodeploy.installed import installed
from neurodeploy.papers.nir.figure import nir_paper
from neurodeploy.papers.nir.platforms import Row, rows_of, stated
from neurodeploy.papers.nir.targets import BACKENDS, FRAMEWORKS, OWN
from neurodeploy.papers.paper import Asked, Made, PaperRow


def make(asked: Asked) -> Made:
    """Run the paper's graphs where they can run on this machine, and write its table and picture into a folder."""
    here = {name for name in FRAMEWORKS if installed(name)} | {one for one in OWN if one != "lava" or status().ready}
    backends = [name for name in BACKENDS if name in here]
    folder, limit, mode, progress, *_ = asked
    drawn = nir_paper(out=folder / "nir_paper.png", backends=backends, limit=limit, mode=mode, progress=progress)
    rows = [
        _row(name, task, row)
        for name, task in drawn["tasks"].items()
        if name != "lif"  # it is no accuracy; the picture and the table hold it
        for row in rows_of(task)
    ]
    return Made(rows, [f"nir_paper.{end}" for end in ("png", "md", "json")])


def _row(name: str, task: dict[str, Any], row: Row) -> PaperRow:
    what = f"{task['title']}: {row.title}"
    of = f"published on {stated()['samples'][name]} samples of the paper's own, ours on {task['dataset']}"
    parts = {} if row.here is None else row.here["parts"]
    if not parts:
        refused = None if row.here is None else row.here.get("refused")
        return PaperRow(what, row.paper, note=of if refused is None else f"{row.title}: {refused}")
    accuracy, samples = parts["test"]["accuracy"], parts["test"]["samples"]
    floating, fixed = (None, accuracy) if row.key in OWN and is_integer(row.key) else (accuracy, None)
    return PaperRow(what, row.paper, floating, fixed, samples, 1, ran=True, note=of)
