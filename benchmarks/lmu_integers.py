"""Images a second of an LMUFFT as integers in one thread, beside its 16-bit products alone as the compiled engine takes
them; all else a run says itself.

    python benchmarks/lmu_integers.py RUN [--images 640]

RUN is a folder of `neurodeploy run psmnist_lmufft --out RUN` (or digits_lmufft). Data are looked for under
NEURODEPLOY_DATA.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import neurodeploy
from neurodeploy.backends.fixed.native.jit import kernel
from neurodeploy.backends.fixed.native.synapses import products


@kernel
def floor(weights: np.ndarray, sent: np.ndarray, found: np.ndarray, n_steps: int) -> None:
    """Multiply one matrix of 16-bit weights (N, W) with messages (W,), `n_steps` times."""
    for _ in range(n_steps):
        for row in range(len(found)):
            found[row] = products(weights[row], sent)


def products_s(size: int, n_steps: int) -> float:
    """Return the seconds of an image's products alone."""
    rng = np.random.default_rng(0)
    width = -(-size // 32) * 32
    weights, sent = (rng.integers(-999, 999, shape).astype(np.int16) for shape in ((size, width), width))
    found = np.zeros(size, np.int32)
    floor(weights, sent, found, 1)
    times = []
    for _ in range(5):
        began = time.process_time()
        floor(weights, sent, found, n_steps)
        times.append(time.process_time() - began)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--images", type=int, default=640)
    asked = parser.parse_args()
    neurodeploy.simulate(asked.run, limit=1, threads=1)  # compiles
    found = neurodeploy.simulate(asked.run, limit=asked.images, threads=1)
    size = neurodeploy.read_program(asked.run / "program.npz").layers[0].n_neurons
    ratio = 1 / found["samples_per_second"] / products_s(size, found["steps"])
    print(f"{size} potentials, {found['steps']} steps, {found['samples']} images: {100 * found['accuracy']:.2f} %")
    print(f"{found['samples_per_second']:.0f} images a second of one thread, {ratio:.2f} x the products alone")


if __name__ == "__main__":
    main()
