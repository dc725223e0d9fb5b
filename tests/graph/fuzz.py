"""Valid files with bytes changed, read one after the other in a process that may not grow by more than 700 MB.

    python -m tests.graph.fuzz KIND CASES SEED FOLDER

Prints one JSON object: how many were read and refused, the first that ended in any other way, and the peak of the
memory. A hang, a crash of the process or its being killed is seen by whoever started it.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.hangs import ONLY_A_HANG_S
from tests.memory import peak_mb

CASES = int(os.environ.get("NEURODEPLOY_FUZZ", "2000"))
"""NEURODEPLOY_FUZZ=N in the environment runs so many cases instead of 2,000."""
MOST_GROWTH = 700 << 20
"""libhdf5 itself asks for what a damaged header claims, so that without a limit a file can take all memory."""


def fuzzed(kind: str, folder: Path, *, cases: int = CASES, seed: int = 7) -> dict[str, Any]:
    """Return what a child process found; it must end by itself and in order."""
    command = [sys.executable, "-m", "tests.graph.fuzz", kind, str(cases), str(seed), str(folder)]
    here = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=ONLY_A_HANG_S)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def mutated(whole: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with bytes flipped, overwritten, cut out, doubled, or its end missing."""
    made = bytearray(whole)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(len(made)))
        length = int(rng.integers(1, 33))
        kind = rng.integers(6)
        if kind <= 2:  # most of a small HDF5 file is padding: flip where there is something
            used = np.flatnonzero(np.frombuffer(bytes(made), np.uint8))
            made[int(rng.choice(used))] ^= int(rng.integers(1, 256))
        elif kind == 3:
            made[at : at + length] = rng.integers(0, 256, length, np.uint8).tobytes()[: len(made) - at]
        elif kind == 4:
            made[at : at + length] = b"\xff" * min(length, len(made) - at)
        elif rng.random() < 0.3:
            del made[at : at + length]
        else:
            made[at:at] = made[at : at + length]
    return bytes(made)


def run(kind: str, cases: int, seed: int, folder: Path, *, limited: bool = True) -> dict[str, Any]:
    """Read the cases; only our own errors, of one line, may end a reading.

    Args:
        limited: The process may not grow by more than 700 MB from then on.
    """
    from neurodeploy.errors import NeurodeployError
    from tests.graph.fuzz_kinds import KINDS

    sources, read, mutate = KINDS[kind](folder)
    rng = np.random.default_rng(seed)
    found: dict[str, Any] = {"read": 0, "refused": 0, "failures": []}
    whole = [path.read_bytes() for path in sources]
    for path in sources:
        read(path)  # whatever loads late is loaded, and the limit is for the files alone
    if limited:
        _limit()
    for case in range(cases):
        path = folder / f"mutated{sources[0].suffix}"
        path.write_bytes((mutate or mutated)(whole[case % len(whole)], rng))
        said = ""
        try:
            read(path)
            found["read"] += 1
        except NeurodeployError as error:
            found["refused"] += 1
            said = "" if "\n" not in str(error) else repr(str(error))
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        if said and len(found["failures"]) < 3:
            kept = path.rename(folder / f"failed{case}{path.suffix}")
            found["failures"].append(f"case {case}, {kept}: {said}")
    return found | {"peak_mb": peak_mb()}


def _limit() -> None:
    """Let the process's memory grow by 700 MB, and no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MOST_GROWTH
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


Reader = Callable[[Path], Any]
Mutate = Callable[[bytes, np.random.Generator], bytes] | None

if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))))
