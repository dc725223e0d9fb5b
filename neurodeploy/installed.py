"""The other frameworks: how they are installed, and quiet while they work."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator
from importlib import metadata
from types import ModuleType

from neurodeploy.errors import FrameworkError, nearest

COMMANDS = {
    "snntorch": "pip install snntorch==1.0.0",
    "norse": "pip install --no-deps norse==1.1.0",
    "spikingjelly": "pip install --no-deps spikingjelly==2.0.0 loguru",
    "nirtorch": "pip install nirtorch==2.6",
}
FRAMEWORKS = tuple(COMMANDS)
"""NIRTorch is what the other three import with; alone, it has its default map, which knows no neurons."""


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
            raise FrameworkError(f"{framework}: needs {name}, which is not installed; {COMMANDS[name]}")
    try:
        with quiet():
            return importlib.import_module(module)
    except Exception as error:  # a framework's import runs all of its code
        raise FrameworkError(f"{framework}: cannot be imported ({first_line(error)}); {COMMANDS[framework]}") from None


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
