"""The other frameworks: which versions, how they are installed, and quiet while they work."""

import contextlib
import importlib
import importlib.util
import io
import logging
import subprocess
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType

from neurodeploy.errors import FrameworkError, NeurodeployError, nearest

PINS = {"snntorch": "1.0.0", "norse": "1.1.0", "spikingjelly": "2.0.0", "nirtorch": "2.6"}
"""What the conversions were tested with."""
FRAMEWORKS = tuple(PINS)
"""NIRTorch is what the other three import with; alone, it has its default map, which knows no neurons."""
SETUP_HINT = "run: neurodeploy frameworks setup"


def installed(framework: str) -> bool:
    """True where a framework, and the NIRTorch that its importer needs, can be imported."""
    return all(importlib.util.find_spec(one) is not None for one in (check_known(framework), "nirtorch"))


def check_known(framework: str) -> str:
    """Return the name of a framework.

    Raises:
        FrameworkError: it is none of `FRAMEWORKS`.
    """
    if framework not in FRAMEWORKS:
        raise FrameworkError(f"framework {framework!r} is not one that graphs run in; {nearest(framework, FRAMEWORKS)}")
    return framework


def version_of(framework: str) -> str:
    """Return the installed version."""
    return metadata.version(framework)


def imported(framework: str, module: str) -> ModuleType:
    """Return a module of a framework.

    Raises:
        FrameworkError: it is not installed, or it cannot be imported; with the command to try.
    """
    for name in (framework, "nirtorch"):
        if importlib.util.find_spec(name) is None:
            raise FrameworkError(f"{framework}: needs {name}, which is not installed; {SETUP_HINT}")
    try:
        with quiet():
            return importlib.import_module(module)
    except Exception as error:  # a framework's import runs all of its code
        raise FrameworkError(f"{framework}: cannot be imported ({first_line(error)}); {SETUP_HINT}") from None


def carry_out(
    command: Sequence[str | Path], failed: str, log: Callable[[str], None], kind: type[NeurodeployError], where: str
) -> None:
    """Run a command that installs something, and hand each of its lines to `log`.

    Raises:
        NeurodeployError: it failed; of this `kind` and place, with its most useful line.
    """
    lines = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout
        for line in process.stdout:
            lines.append(line.rstrip())
            log(lines[-1])
    if process.returncode:
        last = useful_line(lines, f"exit status {process.returncode}")
        raise kind(f"{failed} ({last})", "check the network and the disk, then run it again", where=where)


def useful_line(lines: list[str], otherwise: str) -> str:
    """Return the last line that names an error, else the last that is not empty.

    >>> useful_line(["ERROR: no such version", "hint: see above", ""], "nothing")
    'ERROR: no such version'
    """
    told = [line.strip() for line in lines if line.strip()]
    errors = [line for line in told if "error" in line.lower()]
    return (errors or told or [otherwise])[-1]


def first_line(error: BaseException) -> str:
    """Return what an error says, in one printable line."""
    said = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
    return "".join(char if char.isprintable() else " " for char in text)[:200]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what a framework prints, logs and warns of from our own output; the doctor says what there is to say."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
