"""Where a Python 3.10 is: the only version that Lava 0.10.0 imports on.

A candidate is taken only after it ran and said 3.10: version managers put stand-ins on the PATH
that exist, are executable, and fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from neurodeploy.errors import LavaError
from neurodeploy.phrases import Phrase

VERSION = (3, 10)
ANSWER_WITHIN_S = 30.0
"""A cold interpreter on a busy machine answers in a few seconds."""

_QUESTION = "import sys; print(*sys.version_info[:2]); print(sys.executable)"


def find_python310(explicit: str | Path | None = None) -> Path:
    """Return the path of a Python 3.10 that runs.

    Args:
        explicit: The only candidate where it is given; a path, or a command on the PATH.

    Raises:
        LavaError: `explicit` does not run or is another version, or nothing was found.
    """
    if explicit is not None:
        answer = _ask(str(explicit))
        if answer is None:
            raise LavaError(f"{explicit} does not run as a Python", "name a Python 3.10", where="lava", option="python")
        if answer[0] != VERSION:
            found = f"{explicit} is Python {'.'.join(map(str, answer[0]))}"
            raise LavaError(found, "Lava 0.10.0 needs 3.10", where="lava", option="python")
        return answer[1]
    for candidate in _candidates():
        answer = _ask(candidate)
        if answer and answer[0] == VERSION:
            return answer[1]
    raise LavaError(
        f"no Python 3.10 found on the PATH, in {_pyenv_root() / 'versions'} or by uv",
        Phrase(
            "Lava 0.10.0 runs on no other; try: uv python install 3.10, or pyenv install 3.10, or name "
            "one with {python}"
        ),
        where="lava",
    )


def _candidates() -> Iterator[str]:
    if sys.version_info[:2] == VERSION:
        yield sys.executable
    # Every folder of the PATH, because the first python3.10 may be a stand-in that fails.
    for folder in os.get_exec_path():
        found = shutil.which("python3.10", path=folder)
        if found:
            yield found
    kept = _pyenv_root() / "versions"
    releases = [path for path in kept.glob("3.10.*") if path.name[5:].isdigit()]
    for path in sorted(releases, key=lambda path: int(path.name[5:]), reverse=True):
        yield str(path / "bin" / "python3.10")
    if shutil.which("uv"):
        yield from _first_line(["uv", "python", "find", "3.10"])


def _pyenv_root() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")


def _ask(python: str) -> tuple[tuple[int, ...], Path] | None:
    """Return the version and real path that the interpreter names, or None where it fails."""
    lines = _first_line([python, "-I", "-c", _QUESTION], 2)
    try:
        major, minor = lines[0].split()
        return (int(major), int(minor)), Path(lines[1])
    except (IndexError, ValueError):
        return None


def _first_line(command: list[str], n_lines: int = 1) -> list[str]:
    """Return the first lines that a command prints, none where it fails."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=ANSWER_WITHIN_S,
            check=True,
            text=True,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return []
    return done.stdout.splitlines()[:n_lines]
