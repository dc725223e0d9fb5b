"""What only a fresh process can tell: its seconds from command to result, and its largest memory.

Axes: B sample, T step, I channel.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.bench.workloads import Work
from neurodeploy.data.files import shd_file
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


def second_process(work: Work) -> dict[str, Any]:
    """Return what the second of two fresh processes takes for the first result of one sample."""
    with tempfile.TemporaryDirectory(prefix="neurodeploy-bench-") as name:
        data = Path(name) / "data.npz"
        np.savez(data, spikes=work.spikes_BTI[:1], labels=np.zeros(1, np.int64))
        _simulated(work, data)
        return _simulated(work, data)


def stream(work: Work, n_samples: int) -> dict[str, Any]:
    """Return `seconds` and `peak_bytes` of a fresh process that simulates a file of many samples."""
    with tempfile.TemporaryDirectory(prefix="neurodeploy-bench-") as name:
        data = Path(name) / "data.h5"
        write_events(data, work, n_samples)
        return _simulated(work, data) | {"samples": n_samples, "file_bytes": data.stat().st_size}


def _simulated(work: Work, data: Path) -> dict[str, Any]:
    program = data.with_name("program.npz")
    write_program(program, work.program)
    return measured([sys.executable, "-m", "neurodeploy", "simulate", str(program), "--data", str(data), "--json"])


def write_events(path: Path, work: Work, n_samples: int) -> None:
    """Write the work's samples, over and over, as events in SHD layout."""
    events = [np.nonzero(sample) for sample in work.spikes_BTI[:n_samples]]
    with shd_file(path, [0] * n_samples, keys=["any"], times="float32") as file:
        for index in range(n_samples):
            steps, channels = events[index % len(events)]
            # In the middle of a step, so that no rounding moves an event; the last step is never empty.
            file.write(index, (steps + 0.5) * work.program.dt_s, channels)
