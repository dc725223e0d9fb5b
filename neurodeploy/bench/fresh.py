"""What only a fresh process can tell: its seconds from command to result, and its largest memory.

Axes: B sample, T step, I channel.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurodeploy.bench.workloads import Work
from neurodeploy.errors import NeurodeployError
from neurodeploy.program.file import write_program

MEASURE = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
seconds = time.perf_counter() - started
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
print(json.dumps({"seconds": seconds, "peak_bytes": peak, "status": done.returncode, "error": done.stderr[-500:]}))
"""
"""Starts the command from a small process: a process's largest memory counts that of the one it came from."""
AT_ONCE = 256
"""Samples written together."""


def measured(command: list[str]) -> dict[str, Any]:
    """Run a command and return its `seconds` and `peak_bytes`.

    Raises:
        NeurodeployError: it failed.
    """
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NeurodeployError(f"bench: the measuring process ended with status {done.returncode}; free some memory")
    found = json.loads(done.stdout)
    if found["status"]:
        said = found["error"].strip().splitlines()
        raise NeurodeployError(f"bench: {' '.join(command[1:4])} failed with status {found['status']}: {said[-1:]}")
    return {key: found[key] for key in ("seconds", "peak_bytes")}


def simulate_command(program: Path, data: Path) -> list[str]:
    return [sys.executable, "-m", "neurodeploy", "simulate", str(program), "--data", str(data), "--json"]


def second_process(work: Work) -> dict[str, Any]:
    """Return what the second of two fresh processes takes for the first result of one sample."""
    with tempfile.TemporaryDirectory(prefix="neurodeploy-bench-") as name:
        program, data = Path(name) / "program.npz", Path(name) / "data.npz"
        write_program(program, work.program)
        np.savez(data, spikes=work.spikes_BTI[:1], labels=np.zeros(1, np.int64))
        command = simulate_command(program, data)
        measured(command)
        return measured(command)


def stream(work: Work, n_samples: int) -> dict[str, Any]:
    """Return `seconds` and `peak_bytes` of a fresh process that simulates a file of many samples."""
    with tempfile.TemporaryDirectory(prefix="neurodeploy-bench-") as name:
        program, data = Path(name) / "program.npz", Path(name) / "data.h5"
        write_program(program, work.program)
        write_events(data, work, n_samples)
        return measured(simulate_command(program, data)) | {"samples": n_samples, "file_bytes": data.stat().st_size}


def write_events(path: Path, work: Work, n_samples: int) -> None:
    """Write the work's samples, over and over, as events in SHD layout."""
    dt_s = work.program.dt_s
    events = [np.nonzero(sample) for sample in work.spikes_BTI[:n_samples]]
    # In the middle of a step, so that no rounding moves an event; the last step is never empty.
    times = [((steps + 0.5) * dt_s).astype(np.float32) for steps, _ in events]
    units = [channels.astype(np.int32) for _, channels in events]
    with h5py.File(path, "w") as stored:
        arrays: dict[str, tuple[np.dtype, list[np.ndarray]]] = {
            "spikes/times": (h5py.vlen_dtype(np.float32), times),
            "spikes/units": (h5py.vlen_dtype(np.int32), units),
        }
        for key, (kind, lists) in arrays.items():
            made = stored.create_dataset(key, (n_samples,), kind, chunks=(min(AT_ONCE, n_samples),))
            for first in range(0, n_samples, AT_ONCE):
                after = min(first + AT_ONCE, n_samples)
                some = np.empty(after - first, object)
                some[:] = [lists[index % len(lists)] for index in range(first, after)]
                made[first:after] = some
        stored["labels"] = np.zeros(n_samples, np.uint8)
