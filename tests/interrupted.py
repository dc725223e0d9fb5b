"""A command line in a process of its own that is interrupted while it holds at a known point, however fast it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from tests.hangs import ONLY_A_HANG_S

AT_THE_POINT = "at the point"

HOLD = f"""
import signal, sys, threading
from neurodeploy.cli import main

# Whoever starts the tests in the background of a shell starts them with Ctrl-C ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

def hold(stopped=threading.Event().is_set):
    print({AT_THE_POINT!r}, file=sys.stderr, flush=True)
    while not stopped():
        threading.Event().wait(0.01)
"""
"""Defines `hold`, for code that puts it where the command should be interrupted. It never returns by itself."""


def interrupted(code: str, arguments: Sequence[object], env: Mapping[str, str] | None = None) -> list[str]:
    """Run a command line up to where `code` holds it, send it Ctrl-C, and return its lines on stderr.

    It must leave with 130 and print nothing on stdout.

    Args:
        code: Python that makes the command call `hold()` at the point; runs before the command does.
        arguments: Of the command line.
    """
    command = [sys.executable, "-c", f"{HOLD}{code}\nmain()", *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ if env is None else env)
    ) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.strip() == AT_THE_POINT:
                process.send_signal(signal.SIGINT)
                break
        out, rest = process.communicate(timeout=ONLY_A_HANG_S)
    assert AT_THE_POINT in map(str.strip, lines), "".join(lines)
    assert process.returncode == 130, "".join(lines) + rest
    assert out == ""
    return lines + rest.splitlines()
