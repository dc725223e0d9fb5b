"""A trained LMUFFT as integers: what it keeps of accuracy and states, whether Lava agrees, and images a second.

    python benchmarks/lmu_integers.py RUN [--images 8670] [--lava 4]

RUN is a folder of `neurodeploy train psmnist_lmufft --out RUN` (or digits_lmufft). The floor is the products of 16-bit
numbers alone, as the compiled engine takes them, in one thread of this run. Data are looked for under NEURODEPLOY_DATA.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

import neurodeploy
from neurodeploy.backends import fixed, lava
from neurodeploy.backends.fixed.native.jit import kernel
from neurodeploy.backends.fixed.native.synapses import products
from neurodeploy.pipeline.conversion import part
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.stages import trained_network

BATCH = 64


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
    parser.add_argument("--images", type=int, default=1 << 20)
    parser.add_argument("--lava", type=int, default=4)
    asked = parser.parse_args()
    folder = RunFolder(asked.run)
    network, recipe = trained_network(folder), folder.recipe()
    calibration = part(recipe, "train").first(16)
    test = part(recipe, "test").first(asked.images)
    made = neurodeploy.deploy(network, torch.tensor(calibration.at(range(16)).spikes_BTI).float(), dt_s=1e-3)
    assert made.certificate["passed"], made.certificate["failures"]
    memory = made.program.layers[0]
    error = made.certificate["stages"][1]["layers"][0]["state_error"]
    print(f"{memory.n_neurons} potentials, {len(error)} steps, certificate passed")
    print(f"relative error of the states: {100 * np.mean(error):.2f} % on average, {100 * error[-1]:.2f} % at the end")
    right = np.zeros(2)
    seconds, n_images, labels = 0.0, 0, test.labels_B
    for batch in test.batches(BATCH):
        values = torch.tensor(batch.spikes_BTI).float()
        with torch.no_grad():
            own = network(values)[0].argmax(1).numpy()
        sent = made.read.feed(values).astype(np.int32)
        began = time.process_time()
        found = fixed.run(made.program, sent, threads=1).predictions_B
        seconds += time.process_time() - began
        classes = labels[n_images : n_images + len(own)]
        right += np.array([(own == classes).sum(), (found == classes).sum()])
        n_images += len(own)
    of_float, of_integers = 100 * right / n_images
    print(f"{n_images} test images: {of_float:.2f} % in float32, {of_integers:.2f} % as integers")
    alone = products_s(memory.n_neurons, len(error))
    print(
        f"{n_images / seconds:.0f} images a second of one thread, {seconds / n_images / alone:.2f} x the products alone"
    )
    if asked.lava:
        some = made.read.feed(torch.tensor(test.at(range(asked.lava)).spikes_BTI).float()).astype(np.int32)
        ours, theirs = (run(made.program, some, record=True).layers[memory.name] for run in (fixed.run, lava.run))
        same = all(np.array_equal(getattr(ours, key), getattr(theirs, key)) for key in ("v_BTN", "spikes_BTN"))
        print(f"Lava, {asked.lava} images, {ours.v_BTN.shape[1]} steps: every state {'equal' if same else 'NOT equal'}")


if __name__ == "__main__":
    main()
