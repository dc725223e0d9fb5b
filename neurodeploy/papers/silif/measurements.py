"""Measurements kept in a file as they come, so that an interrupted figure goes on where it was.

Each is found again by everything that it depends on; what was measured otherwise is measured anew.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from neurodeploy import __version__
from neurodeploy.errors import RunError
from neurodeploy.files import check_target, read_json, write_json
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.folder import Mode

FORMAT = 1
"""Of what measurements hold; another one makes them anew."""


class Kept:
    """The measurements of one figure.

    Args:
        file: Work file; it is gone when the figure is finished.
        finished: The figure's own data, whose measurements may be used again.
        mode: "new" refuses a work file that is there, "resume" goes on with it, "overwrite" forgets it.

    Raises:
        RunError: the work file is in the way, damaged, or cannot be written.
    """

    def __init__(self, file: Path, finished: Path, mode: Mode) -> None:
        self.file = check_target(file)
        self.found: dict[str, dict[str, Any]] = {}
        if mode == "new" and os.path.exists(file):
            raise RunError(
                "holds measurements of an interrupted figure",
                Phrase("continue with {mode:resume}, replace with {mode:overwrite}"),
                where=file,
            )
        if mode == "resume":
            self.found = _measurements(finished) | _measurements(file)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return a measurement, or None where it was not done."""
        return self.found.get(key)

    def add(self, key: str, record: dict[str, Any]) -> None:
        """Keep a measurement."""
        self.found[key] = record
        write_json(self.file, {"measurements": self.found})

    def done(self) -> None:
        """Remove the work file."""
        self.file.unlink(missing_ok=True)


def key_of(name: str, **depends: Any) -> str:
    """Return the name of a measurement, with a digest of all that it depends on.

    >>> key_of("silif/float", seed=13)[:12]
    'silif/float '
    """
    text = json.dumps({"version": __version__, "format": FORMAT, **depends}, sort_keys=True)
    return f"{name} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _measurements(file: Path) -> dict[str, dict[str, Any]]:
    if not os.path.exists(file):
        return {}
    stored = read_json(file)
    found = stored.get("measurements") if isinstance(stored, dict) else None
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise RunError(
            "holds no measurements of a figure", Phrase("leave {mode:resume} out, or choose another {out}"), where=file
        )
    return found
