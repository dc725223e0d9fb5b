"""Lava as a backend: a Program and spikes in, the Trace that Lava 0.10.0 computes out.

On Python 3.10 with Lava installed it runs in this process, elsewhere in a worker process in
Lava's own environment. Axes: B sample, T step, I channel.
"""

import atexit
import contextlib
import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

import neurodeploy
from neurodeploy.backends.lava.blocks import block_folder, blocks_of, read_part, samples_per_block
from neurodeploy.backends.lava.environment import SETUP_HINT, runs_in_process, worker_python
from neurodeploy.backends.lava.synapses import check_supported, most_side_by_side
from neurodeploy.backends.lava.worker import done
from neurodeploy.backends.trace import Progress, Trace, check_spikes, joined
from neurodeploy.errors import LavaError
from neurodeploy.installed import useful_line
from neurodeploy.phrases import Phrase
from neurodeploy.program.file import write_program
from neurodeploy.program.program import Program

NAME = "lava"
TIMEOUT_S = 300.0

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


_IDLE: dict[tuple[int, Path], Child] = {}
"""What `run` leaves for the next worker, because Lava takes longer to start than to run much; by the process that
started it, which a forked copy of that process is not, and the interpreter."""


def run(
    program: Program,
    spikes_BTI: np.ndarray,
    *,
    record: bool = False,
    samples_per_run: int | None = None,
    timeout_s: float | None = None,
    progress: Progress | None = None,
) -> Trace:
    """Run `program` on every sample in Lava and return the Trace; the worker is kept until this process ends.

    Args:
        spikes_BTI: Input spikes, 0 or 1, or signed values where the input is graded, (samples, steps,
            channels).
        record: Keep every state; without it only spike counts are kept.
        samples_per_run: Samples side by side in one Lava network; never changes the result.
        timeout_s: Longest silence of the worker; else NEURODEPLOY_LAVA_TIMEOUT, else 300 s.

    Raises:
        LavaError: there is no environment, Lava cannot run the Program, or the worker failed, died or hung.
        DataError: the spikes do not fit the Program.
    """
    with Worker(timeout_s=timeout_s, keep=True) as worker:
        return worker.run(program, spikes_BTI, record=record, samples_per_run=samples_per_run, progress=progress)


@atexit.register
def _end_idle() -> None:
    try:
        for key in [key for key in _IDLE if key[0] == os.getpid()]:
            _IDLE.pop(key).close()
    except KeyboardInterrupt:  # out of here it would be a traceback, and be forgotten; the worker ends where we do
        os._exit(128 + signal.SIGINT)


class Worker(AbstractContextManager["Worker"]):
    """Lava kept at hand for several runs; starts with the first, ends with the `with` block.

    A worker that failed is replaced at the next run.

    Args:
        timeout_s: See `run`.
        keep: Leave the process to the next worker, whichever that is, until this process ends.
    """

    def __init__(self, *, timeout_s: float | None = None, keep: bool = False) -> None:
        self._timeout_s = default_timeout_s() if timeout_s is None else timeout_s
        self._python = None if runs_in_process() else worker_python()
        self._child: Child | None = None
        self._keep = keep

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker process, or leave it to the next."""
        if self._child and self._python:
            key = os.getpid(), self._python
            if self._keep and key not in _IDLE:
                _IDLE[key] = self._child
            else:
                self._child.close()
            self._child = None

    def run(
        self,
        program: Program,
        spikes_BTI: np.ndarray,
        *,
        record: bool = False,
        samples_per_run: int | None = None,
        progress: Progress | None = None,
    ) -> Trace:
        """Run `program` as `run` does."""
        spikes = check_spikes(spikes_BTI, program.n_inputs, NAME, graded=program.graded_input)
        check_supported(program, int(np.abs(spikes.astype(np.int64)).max()))
        if samples_per_run is not None and samples_per_run < 1:
            raise LavaError(f"samples_per_run is {samples_per_run}", where="lava", allowed="at least 1 is needed")
        size = samples_per_run or samples_per_block(program, len(spikes), program.n_steps(spikes.shape[1]), record)
        size = min(size, most_side_by_side(program))
        request = {"record": record, "samples_per_run": size}
        return self._trace(NAME, program, spikes, request, blocks_of(len(spikes), size), progress)

    def run_net(
        self,
        file: Path,
        program: Program,
        values_BTI: np.ndarray,
        *,
        entry: str,
        options: dict[str, Any],
        progress: Progress | None = None,
    ) -> Trace:
        """Return what lava-dl's netx makes of a `.net` file: the states of its neurons in every step given.

        Args:
            program: What our reader makes of the file; its layers' names and sizes are used, nothing else.
            values_BTI: Input of all steps to run, (samples, steps, channels), integers.
            entry, options: See `netx.run_net`.

        Raises:
            LavaError: netx refuses the file, or the worker failed, died or hung.
        """
        request = {"net": str(file.absolute()), "entry": entry, "options": options}
        return self._trace("netx", program, values_BTI, request, blocks_of(len(values_BTI), 1), progress)

    def _trace(
        self,
        backend: str,
        program: Program,
        spikes: np.ndarray,
        request: dict[str, Any],
        blocks: Iterable[tuple[int, int]],
        progress: Progress | None,
    ) -> Trace:
        """Have a request done in a folder of its own, and return what its blocks of samples leave there."""
        with tempfile.TemporaryDirectory(prefix="neurodeploy-lava-") as name:
            folder = Path(name)
            if "net" not in request:
                write_program(folder / "program.npz", program)
            np.save(folder / "spikes.npy", spikes, allow_pickle=False)
            seconds = self._ask({"folder": name, **request}, progress or (lambda done, total: None))
            parts = [read_part(block_folder(folder, first), program, after - first) for first, after in blocks]
        return joined(backend, [one.name for one in program.layers], program.output, spikes, parts, seconds)

    def _ask(self, request: dict[str, Any], progress: Progress) -> float:
        """Have a request done here or by the worker, and return the seconds inside Lava's run()."""
        if self._python is None:
            return done(request, progress)
        idle = None if self._child else _IDLE.pop((os.getpid(), self._python), None)
        if idle and not idle.lives:
            idle.close()
            idle = None
        self._child = child = self._child or idle or Child(self._python)
        try:
            child.send(request)
            while "done" not in (message := child.receive(self._timeout_s)):
                if "progress" in message:
                    progress(*message["progress"])
        except BaseException:
            # Ctrl-C and a failing `progress` included: nothing is left running.
            self._child = None
            child.kill()
            raise
        return message["done"]["seconds"]


def default_timeout_s() -> float:
    """Return NEURODEPLOY_LAVA_TIMEOUT in seconds, else 300.

    Raises:
        LavaError: it is not a positive number.
    """
    named = os.environ.get("NEURODEPLOY_LAVA_TIMEOUT") or str(TIMEOUT_S)
    with contextlib.suppress(ValueError):
        if float(named) > 0:
            return float(named)
    raise LavaError(f"NEURODEPLOY_LAVA_TIMEOUT={named!r} is no positive number of seconds", where="lava")
