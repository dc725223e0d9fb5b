"""The process that runs Lava for another Python: one JSON line in for a run, JSON lines out about it.

In: {"folder", "record", "samples_per_run"}; the folder holds `program.npz` and `spikes.npy`. Or, for lava-dl's
netx: {"folder", "net", "entry", "options"}; `net` is the file's path, and the folder holds `spikes.npy`.
Out: {"ready": true} once; then for each run {"progress": [done, total]} and at last
{"done": {"seconds": s}} or {"error": "one line"}, after which the worker ends.

It ends when its input does. Lava's processes are forked from this one and live in its process
group, so that whoever ends the group has ended everything.
"""

import importlib
import json
import os
import queue
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.backends.trace import Progress
from neurodeploy.errors import NeurodeployError
from neurodeploy.program.file import read_program


class Messages:
    """The two ends of the conversation, on file descriptors that nothing else uses.

    Lava and the libraries under it print; what they print goes to stderr from here on.
    """

    def __init__(self) -> None:
        self._input, self._output = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        self._requests: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._folder: str | None = None
        threading.Thread(target=self._listen, daemon=True).start()

    def say(self, **message: Any) -> None:
        os.write(self._output, (json.dumps(message) + "\n").encode())

    def requests(self) -> Iterator[dict[str, Any]]:
        """Yield requests until the input ends."""
        while (request := self._requests.get()) is not None:
            self._folder = request["folder"]
            yield request
            self._folder = None

    def _listen(self) -> None:
        # Plain reads: a forked child closes sys.stdin, and must not find its lock taken.
        rest = b""
        while chunk := os.read(self._input, 1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._requests.put(json.loads(line))
        self._requests.put(None)
        if self._folder is not None:
            # Whoever asked is gone in the middle of a run: leave neither files nor processes.
            shutil.rmtree(self._folder, ignore_errors=True)
            os.killpg(0, signal.SIGTERM)


def main() -> int:
    """Serve requests until there are no more; the return value is the exit status."""
    messages = Messages()
    # Imported here, so that a Lava that does not import is an error line and not a silent end.
    try:
        importlib.import_module("neurodeploy.backends.lava.network")
    except Exception as error:
        return _fail(messages, error)
    messages.say(ready=True)

    def progress(done: int, total: int) -> None:
        messages.say(progress=[done, total])

    for request in messages.requests():
        try:
            seconds = done(request, progress)
        except Exception as error:
            return _fail(messages, error)
        messages.say(done={"seconds": seconds})
    return 0


def done(request: dict[str, Any], progress: Progress) -> float:
    """Do what a request asks, leave the states in its folder, and return the seconds inside Lava's run()."""
    folder = Path(request["folder"])
    spikes = np.load(folder / "spikes.npy", allow_pickle=False)
    if "net" in request:
        from neurodeploy.backends.lava.netx import run_net

        asked = {key: request[key] for key in ("entry", "options")}
        return run_net(Path(request["net"]), spikes, folder, progress=progress, **asked)
    from neurodeploy.backends.lava.network import run_blocks

    asked = {key: request[key] for key in ("record", "samples_per_run")}
    return run_blocks(read_program(folder / "program.npz"), spikes, folder, progress=progress, **asked)


def _fail(messages: Messages, error: Exception) -> int:
    traceback.print_exc(file=sys.stderr)
    told = f"{type(error).__name__}: {error}"
    if isinstance(error, NeurodeployError):
        told = error.at(*(one for one in error.places if one != "lava")).line()
    messages.say(error=" ".join(told.split()))
    return 1
