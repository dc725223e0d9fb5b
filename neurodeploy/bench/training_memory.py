"""The memory that training steps take: what a fresh process takes for some of them beyond what it took before."""

import json
import subprocess
import sys
from typing import Any

from neurodeploy.bench.contenders import threads_of_torch
from neurodeploy.bench.training import Options
from neurodeploy.bench.training_works import WORKS
from neurodeploy.errors import NeurodeployError

OURS = "neurodeploy"
STEPS = 3


def memory_bytes(who: str, options: Options) -> int:
    """Return the bytes that our training steps, or a peer's, take."""
    # By way of a small process: a process's largest memory counts that of the one it came from.
    between = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:], check=False).returncode)"
    numbers = map(str, (options.hidden, options.steps, options.batch, options.threads))
    command = [sys.executable, "-c", between, sys.executable, "-m", __name__, who, options.work, *numbers]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NeurodeployError(f"bench: {who} failed in a fresh process: {done.stderr.strip().splitlines()[-1:]}")
    return int(json.loads(done.stdout.splitlines()[-1]))


def _main(who: str, work: str, *numbers: str) -> None:
    import resource

    hidden, steps, batch, threads = map(int, numbers)
    options, training = Options(work, hidden, steps, batch, threads), WORKS[work]
    builds: dict[str, Any] = {OURS: training.ours} | {peer.name: peer.build for peer in training.peers}
    with threads_of_torch(options.threads):
        small = options._replace(hidden=training.least, steps=2, batch=2)
        builds[who](training.made(small))(0)  # loads kernels and libraries
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        step = builds[who](training.made(options))
        for index in range(STEPS):
            step(index)
        unit = 1 if sys.platform == "darwin" else 1024
        print(json.dumps((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit))


if __name__ == "__main__":
    _main(*sys.argv[1:])
