"""Independent pieces of work in processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import TypeVar

from neurodeploy.errors import RunError
from neurodeploy.phrases import Phrase

Task = TypeVar("Task")
Result = TypeVar("Result")
MOST = 8
"""Processes that are started unless more are asked for; each holds torch, and clips."""


def usual_processes() -> int:
    """Return how many processes this machine has cores for, at most `MOST`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST, cores)


class Workers:
    """Processes that are started when there is work for them, and end with the block.

    Args:
        processes: With 1, everything is done in this process.
    """

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self.others = set(multiprocessing.active_children())
        self.pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.pool is None:
            return
        if kind is not None:
            for process in set(multiprocessing.active_children()) - self.others:
                process.terminate()
        self.pool.shutdown(cancel_futures=True)

    def run(self, call: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[tuple[Task, Result]]:
        """Yield each task with its result as it is done.

        Args:
            call: A function of a module; its errors come back as they are.

        Raises:
            RunError: a process was killed, as for want of memory.
        """
        if self.processes == 1 or (self.pool is None and len(tasks) < 2):
            yield from ((task, call(task)) for task in tasks)
            return
        if self.pool is None:
            # Spawned: a fork would copy torch's and numba's threads in the middle of their work.
            spawned = multiprocessing.get_context("spawn")
            self.pool = ProcessPoolExecutor(min(self.processes, len(tasks)), spawned, _quiet_on_interrupt)
        try:
            waiting = {self.pool.submit(call, task): task for task in tasks}
            for one in as_completed(waiting):
                yield waiting[one], one.result()
        except BrokenProcessPool:
            raise RunError(
                "a worker process was killed (out of memory?)",
                Phrase("resume with {mode:resume} and {processes:1}"),
            ) from None


def _quiet_on_interrupt() -> None:
    """Let Ctrl-C end the process without a word; the one that started it says what there is to say."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
