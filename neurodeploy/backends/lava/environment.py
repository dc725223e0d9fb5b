"""The environment Lava runs in: where it is, how it is made, and what is in it.

A virtual environment does not survive being moved, so one is not made beside and renamed: its
last step writes a marker, and a folder without the marker is not an environment. A Python 3.10 is taken only after it
ran and said 3.10: version managers put stand-ins on the PATH that exist, are executable, and fail.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from neurodeploy.errors import LavaError, NeurodeployError
from neurodeploy.files import write_json
from neurodeploy.installed import carry_out, useful_line
from neurodeploy.phrases import Phrase

VERSION = (3, 10)
"""The only Python that Lava 0.10.0 imports on."""
ANSWER_WITHIN_S = 30.0
"""A cold interpreter on a busy machine answers in a few seconds."""

_QUESTION = "import sys; print(*sys.version_info[:2]); print(sys.executable)"
PINS = {
    "lava-nc": "0.10.0",
    "numpy": "1.26.4",
    "scipy": "1.15.3",
    "networkx": "2.8.7",
    "scikit-learn": "1.7.2",
    "asteval": "0.9.33",
}
"""What the bit-exactness was measured with; Lava itself takes newer scipy and scikit-learn too."""

NETX_PINS = {"lava-dl": "0.6.0", "h5py": "3.16.0"}
"""For netx, lava-dl's reader of its own `.net` files. Without what they ask for: lava-dl wants 2.8 GB of torch,
torchvision and opencv, and its netx runs without them."""

MARKER = "ready.json"
"""Written last: the versions that were found."""
OURS = "made-by-neurodeploy"
"""Written first: what is in the folder may be deleted, and no other environment is."""
SETUP_HINT = "run: neurodeploy lava setup"
IN_PROCESS, WORKER = "in process", "worker"

Log = Callable[[str], None]

_PROBE = (
    "import json, platform, importlib.metadata as known, lava.magma.core.run_configs, lava.proc.lif.process; "
    f"found = {{name: known.version(name) for name in {sorted(PINS)!r}}}; "
    "there = {one.metadata['Name'].lower() for one in known.distributions() if one.metadata['Name']}; "
    f"found |= {{name: known.version(name) for name in {sorted(NETX_PINS)!r} if name in there}}; "
    "print(json.dumps({'python': platform.python_version(), **found}))"
)


@dataclass(frozen=True)
class Status:
    """What is known about Lava's environment.

    Attributes:
        ready: Lava can be run.
        how: "in process" or "worker".
        folder: The worker's environment, whether or not it exists; empty in process.
        python: The interpreter that runs Lava; None where there is none.
        versions: Of Python, Lava and what it stands on.
        reason: Why it is not ready, one line; empty where it is.
    """

    ready: bool
    how: str
    folder: str
    python: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    reason: str = ""


def default_folder() -> Path:
    """Return the environment's folder: NEURODEPLOY_LAVA_ENV, else one in the user's cache."""
    named = os.environ.get("NEURODEPLOY_LAVA_ENV")
    if named:
        return Path(named).expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "neurodeploy" / f"lava-{PINS['lava-nc']}"


def runs_in_process() -> bool:
    """True on Python 3.10 where Lava can be imported."""
    if sys.version_info[:2] != VERSION:
        return False
    try:
        return importlib.util.find_spec("lava.magma") is not None
    except ModuleNotFoundError:
        return False


def worker_python(folder: Path | None = None) -> Path:
    """Return the interpreter of a ready environment, without starting it.

    Raises:
        LavaError: there is no ready environment.
    """
    folder = folder or default_folder()
    python = folder / "bin" / "python"
    if not (folder / MARKER).is_file() or not python.exists():
        raise LavaError(f"no environment in {folder}", SETUP_HINT, where="lava")
    return python


def check_ready() -> None:
    """Check without starting anything that Lava can be run, before long work that needs it.

    Raises:
        LavaError: there is no ready environment.
    """
    if not runs_in_process():
        worker_python()


def status(folder: str | Path | None = None) -> Status:
    """Return whether Lava is ready, having asked its interpreter to import it."""
    in_process = runs_in_process()
    how, where = (IN_PROCESS, "") if in_process else (WORKER, str(folder or default_folder()))
    python = None
    try:
        python = sys.executable if in_process else str(worker_python(Path(where)))
        return Status(True, how, where, python, _probe(python))
    except LavaError as error:
        return Status(False, how, where, python, reason=str(error))


def setup(python: str | Path | None = None, folder: str | Path | None = None, log: Log | None = None) -> Status:
    """Make the environment and return its status; one that is whole is left as it is, what is missing is added.

    Args:
        python: A Python 3.10; looked for where it is not given.
        folder: Where to make it; `default_folder` where it is not given.
        log: Called with each line that venv and pip print.

    Raises:
        LavaError: no Python 3.10, a folder that cannot be used, or pip failed.
    """
    log = log or (lambda line: None)
    folder = Path(folder).absolute() if folder else default_folder()
    found = status(folder)
    whole = PINS.items() <= found.versions.items()
    if found.ready and (found.how == IN_PROCESS or (whole and NETX_PINS.items() <= found.versions.items())):
        return found
    if not found.ready or not whole:
        interpreter = find_python310(python)
        _claim(folder)
        log(f"{folder}: new environment of {interpreter}")
        carry_out([interpreter, "-I", "-m", "venv", folder], f"{folder}: venv failed", log, LavaError, "lava")
        _install(folder, PINS, [], log)
        _mark(folder)  # Lava itself is there, whatever becomes of the rest
    _install(folder, NETX_PINS, ["--no-deps", "--no-compile"], log)
    _mark(folder)
    return status(folder)


def _mark(folder: Path) -> None:
    """Say that the environment is ready, with the versions found in it."""
    try:
        write_json(folder / MARKER, _probe(folder / "bin" / "python"))
    except LavaError:
        raise
    except NeurodeployError as error:
        raise error.inside("lava", kind=LavaError) from None


def _install(folder: Path, pins: dict[str, str], options: list[str], log: Log) -> None:
    wanted = [f"{name}=={version}" for name, version in pins.items()]
    quiet = ["--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    pip: list[str | Path] = [folder / "bin" / "python", "-I", "-m", "pip", "install"]
    carry_out([*pip, *quiet, *options, *wanted], "pip failed", log, LavaError, "lava")


def _claim(folder: Path) -> None:
    """Make the folder ours, not ready, and empty; one that setup did not make is left as it is."""
    ours = folder / OURS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        foreign = any(folder.iterdir()) and not ours.exists()
        if not foreign:
            ours.touch()
            (folder / MARKER).unlink(missing_ok=True)
            for entry in folder.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                elif entry != ours:
                    entry.unlink()
    except OSError as error:
        advice = "name another folder with NEURODEPLOY_LAVA_ENV"
        raise LavaError(f"{folder}: cannot be written ({error.strerror})", advice, where="lava") from None
    if foreign:
        advice = "name an empty folder with NEURODEPLOY_LAVA_ENV"
        raise LavaError(f"{folder}: holds files that setup did not make", advice, where="lava")


def _probe(python: str | Path) -> dict[str, str]:
    """Return the versions that the interpreter finds when it imports Lava."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=2 * ANSWER_WITHIN_S,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise LavaError(f"{python} does not run ({error})", SETUP_HINT, where="lava") from None
    if done.returncode:
        last = useful_line(done.stderr.splitlines(), f"exit status {done.returncode}")
        raise LavaError(f"Lava does not import in {python} ({last})", SETUP_HINT, where="lava")
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise LavaError(f"{python} gave no versions", SETUP_HINT, where="lava") from None


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
