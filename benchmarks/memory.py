"""How much memory training takes as a data set grows: event-camera digits of N-MNIST's shape, made here.

For each number of samples one process bins random events into a file, piece by piece, and another trains a network for
an epoch on samples drawn at random from all over that file. Shown is the most that each held at once, beside what all
samples would take as dense bytes.

    python benchmarks/memory.py [--samples 1000,10000,60000] [--events 4000] [--batches 20] [--official]

With --official the events lie in N-MNIST's own folder, Train/<digit>/<number>.bin, one file a sample, and are counted
in 10 frames by number.

The largest file takes 4 to 5 bytes an event, 1.2 GB with the numbers above, in the temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
SHAPE, N_CLASSES = (2, 34, 34), 10
N_STEPS, MAX_TIME_S = 60, 0.3
PIECE = 500
"""Samples that are binned together."""
BATCH = 64
MIB = 1 << 20


def events(n_samples: int, n_events: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield times and units of samples."""
    generator = np.random.default_rng(0)
    for _ in range(n_samples):
        times = np.sort(generator.uniform(0, MAX_TIME_S, n_events))
        yield times, generator.integers(0, int(np.prod(SHAPE)), n_events)


def official(folder: Path, n_samples: int, n_events: int) -> None:
    """Write N-MNIST's training folder; as a hundred recordings are enough for that, they come again and again."""
    some = []
    for times, units in events(min(100, n_samples), n_events):
        rows = np.zeros((n_events, 5), np.uint8)
        polarity, rows[:, 1], rows[:, 0] = np.unravel_index(units, SHAPE)
        rows[:, 2:] = (1e6 * times).astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:]
        rows[:, 2] |= polarity.astype(np.uint8) << 7
        some.append(rows.tobytes())
    for digit in range(N_CLASSES):
        (folder / "Train" / str(digit)).mkdir(parents=True)
    for number in range(n_samples):
        (folder / "Train" / str(number % N_CLASSES) / f"{number:05}.bin").write_bytes(some[number % len(some)])


def opened(n_samples: int, n_events: int, folder: str) -> Any:
    """Return the samples, binned where they are not on the disk yet."""
    if folder:
        from neurodeploy.data.load import open_part
        from neurodeploy.data.settings import DataSettings

        return open_part(DataSettings(dataset=folder, validation_part=1e-3), "train")
    from neurodeploy.data.binning import Binning, Counts, count_events
    from neurodeploy.data.cache import kept_counts, key_of
    from neurodeploy.data.stream import from_counts

    binning, n_units = Binning(N_STEPS, MAX_TIME_S, counts=False, rule="floor"), int(np.prod(SHAPE))

    def make(add: Callable[[Counts], None]) -> dict[str, np.ndarray]:
        for first in range(0, n_samples, PIECE):
            add(count_events("made", events(min(PIECE, n_samples - first), n_events), binning, n_units, first))
        return {"labels": np.arange(n_samples) % N_CLASSES}

    found = kept_counts("memory", key_of(n_samples=n_samples, n_events=n_events), make)
    return from_counts("made", found.counts, found.labels, binary=True, shape=SHAPE)


def trained(n_samples: int, n_events: int, n_batches: int, folder: str) -> None:
    """Train an epoch of so many batches, drawn from all samples."""
    import torch

    from neurodeploy.networks.families.lif import LifSettings, build
    from neurodeploy.training.fit import fit
    from neurodeploy.training.settings import TrainingSettings

    source = opened(n_samples, n_events, folder)
    chosen = np.random.default_rng(1).permutation(len(source))[: n_batches * BATCH]
    torch.manual_seed(0)
    network = build(LifSettings(hidden=(64,)), source.shape, N_CLASSES, MAX_TIME_S / N_STEPS)
    fit(network, source.take(chosen), source.take(chosen[-BATCH:]), TrainingSettings(epochs=1, batch_size=BATCH))


def child(arguments: argparse.Namespace) -> None:
    sys.path.insert(0, str(ROOT))
    from tests.memory import peak_mb

    started = time.perf_counter()
    if arguments.child == "make":
        opened(arguments.samples, arguments.events, arguments.folder)
    else:
        trained(arguments.samples, arguments.events, arguments.batches, arguments.folder)
    print(json.dumps({"peak": peak_mb(), "seconds": time.perf_counter() - started}))


def asked(what: str, n_samples: int, arguments: argparse.Namespace, folder: str) -> dict[str, float]:
    """Return what a process of its own says."""
    command = [sys.executable, __file__, "--child", what, "--samples", str(n_samples)]
    command += ["--events", str(arguments.events), "--batches", str(arguments.batches)]
    command += ["--folder", f"{folder}/nmnist"] if arguments.official else []
    environment = os.environ | {"NEURODEPLOY_CACHE": folder}
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
    return json.loads(found.stdout)  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", default="1000,10000,60000", help="numbers of samples, separated by commas")
    parser.add_argument("--events", type=int, default=4000, help="events of a sample; N-MNIST has 4,200")
    parser.add_argument("--batches", type=int, default=20, help=f"batches of the epoch, {BATCH} samples each")
    parser.add_argument("--official", action="store_true", help="read them from a folder of N-MNIST's")
    parser.add_argument("--folder", default="", help=argparse.SUPPRESS)
    parser.add_argument("--child", choices=("make", "train"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        arguments.samples = int(arguments.samples)
        child(arguments)
        return
    print(
        f"{'samples':>8} {'file MiB':>12} {'dense MiB':>12} {'binning MiB':>12} {'binning s':>12} {'training MiB':>12} "
        f"{'training s':>12}"
    )
    for n_samples in map(int, arguments.samples.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            if arguments.official:
                official(Path(folder) / "nmnist", n_samples, arguments.events)
            made = asked("make", n_samples, arguments, folder)
            size = sum(path.stat().st_size for path in Path(folder).rglob("*.npz"))
            epoch = asked("train", n_samples, arguments, folder)
        dense = n_samples * (10 if arguments.official else N_STEPS) * int(np.prod(SHAPE))
        found = (size / MIB, dense / MIB, made["peak"], made["seconds"], epoch["peak"], epoch["seconds"])
        print(" ".join([f"{n_samples:>8,}", *(f"{one:>12,.0f}" for one in found)]), flush=True)


if __name__ == "__main__":
    main()
