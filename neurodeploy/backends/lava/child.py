"""A worker process as its parent sees it: started, listened to, and ended with all its children."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import neurodeploy
from neurodeploy.backends.lava.environment import SETUP_HINT
from neurodeploy.errors import LavaError
from neurodeploy.installed import useful_line
from neurodeploy.phrases import Phrase

LOAD_PACKAGE = """
import importlib.util, sys
folder = sys.argv[1]
spec = importlib.util.spec_from_file_location(
    "neurodeploy", folder + "/__init__.py", submodule_search_locations=[folder]
)
sys.modules["neurodeploy"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
"""
"""Loads this very package by its folder, so that nothing else installed beside it leaks in."""

_START_WORKER = LOAD_PACKAGE + "from neurodeploy.backends.lava.worker import main; sys.exit(main())"

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Lava makes one process per layer and connection; more threads in each only get in the way."""

LOOK_EVERY_S = 0.2
END_WITHIN_S = 3.0
TIDY_WITHIN_S = 1.0
LAST_WORDS_BYTES = 4096


class Child:
    """A running worker. Every way it can fail is a LavaError of one line.

    Args:
        python: Interpreter of Lava's environment.
    """

    def __init__(self, python: Path) -> None:
        package = Path(neurodeploy.__file__).parent
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115, closed by `_clear`
        try:
            # A session of its own, and so a process group: Lava forks a process per layer and
            # connection, and all of them must end together.
            self._process = subprocess.Popen(
                [python, "-I", "-c", _START_WORKER, package],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,
                env=os.environ | dict.fromkeys(ONE_THREAD, "1"),
            )
        except OSError as error:
            self._stderr.close()
            raise LavaError(f"{python} does not start ({error.strerror})", SETUP_HINT, where="lava") from None
        self._messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def lives(self) -> bool:
        """The process has not ended."""
        return self._process.poll() is None

    def send(self, message: dict[str, Any]) -> None:
        """Send one message; a worker that is gone is noticed by `receive`."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write((json.dumps(message) + "\n").encode())
            self._process.stdin.flush()

    def receive(self, timeout_s: float) -> dict[str, Any]:
        """Return the next message.

        Raises:
            LavaError: there was none for `timeout_s`, the worker ended, or it sent an error.
        """
        deadline = time.monotonic() + timeout_s
        ended = False
        while True:
            try:
                message = self._messages.get(timeout=min(LOOK_EVERY_S, timeout_s))
            except queue.Empty:
                # Its pipe alone does not tell: Lava's processes inherit it and may outlive the worker.
                if ended:
                    status = self._process.returncode
                    how = f"ended with exit status {status}"
                    if status < 0:
                        how = f"was killed by {signal.Signals(-status).name}"
                    raise LavaError(f"lava: the worker {how}{self._last_words()}") from None
                ended = self._process.poll() is not None
                if not ended and time.monotonic() > deadline:
                    raise LavaError(
                        f"the worker sent nothing for {timeout_s:g} s{self._last_words()}",
                        Phrase("raise NEURODEPLOY_LAVA_TIMEOUT or use fewer samples ({limit})"),
                        where="lava",
                    ) from None
                continue
            if "error" in message:
                raise LavaError(f"the worker failed: {message['error']}", where="lava")
            return message

    def close(self) -> None:
        """Let an idle worker end, and clear away."""
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_WITHIN_S)
        if self._process.returncode == 0:
            self._clear()
        else:
            self.kill()

    def kill(self) -> None:
        """End the worker and every process it made."""
        # First the polite signal: Python's resource tracker ignores it, and stays long enough to
        # take the others' shared memory away. A dead process that nobody waits for still counts
        # as one of the group, so the wait for the others has an end.
        self._signal_group(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_WITHIN_S)
        deadline = time.monotonic() + TIDY_WITHIN_S
        while self._signal_group(0) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S / 10)
        self._clear()

    def _clear(self) -> None:
        self._signal_group(signal.SIGKILL)
        self._process.wait()
        self._listener.join(END_WITHIN_S)
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]

    def _signal_group(self, number: int) -> bool:
        """Signal the worker's process group; False where nothing of it is left."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):
                self._messages.put(json.loads(line))

    def _last_words(self) -> str:
        """Return the end of an error line: the worker's last useful line on stderr, if any."""
        size = os.fstat(self._stderr.fileno()).st_size
        # Read at a place, because the worker shares the file's position.
        told = os.pread(self._stderr.fileno(), LAST_WORDS_BYTES, max(size - LAST_WORDS_BYTES, 0))
        last = useful_line(told.decode(errors="replace").splitlines(), "")
        return f" ({last})" if last else ""
