"""A spiking transformer of full size for CIFAR-10 with random weights: its Program, fit and synops.

    python benchmarks/transformers_full.py sdt|qkformer [--pictures 2]

`sdt` is 2-512 and `qkformer` 4-384 with token QK attention alone; both pool spikes and take 4 steps. Untrained neurons
would be silent, so batch norms take their statistics from a few random pictures, with a gain and a shift that make the
neurons spike. Printed are seconds and the largest memory so far after each stage, cores of Loihi 2 or what is too
large, and synops of a picture as the chip counts them and by every other convention, of the same integers.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import neurodeploy
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import choose_plan, compile_network
from neurodeploy.networks.families.transformer import TransformerSettings, build, deployable
from neurodeploy.networks.untrained import normed_by
from neurodeploy.pipeline.conversion import read_network
from neurodeploy.program.file import write_program

SIZES: dict[str, dict[str, Any]] = {
    "sdt": {"model": "sdt", "width": 512, "depth": 2, "heads": 8},
    "qkformer": {"model": "qkformer", "width": 384, "heads": 8, "attention": ["token", "token", "token"]},
}
SHAPE, N_STEPS = (3, 32, 32), 4


def random_network(model: str, x_BTI: torch.Tensor) -> Any:
    """Return a network whose neurons spike: their batch norms know these pictures."""
    settings = TransformerSettings(**SIZES[model], pools_spikes=True, host_encoder=True)
    return normed_by(build(settings, SHAPE, 10, 1e-3), x_BTI, 0.2)


class Stages:
    """Tells of each stage the seconds of the one core that it took."""

    def __init__(self) -> None:
        self.began = time.process_time()

    def done(self, what: str) -> None:
        now, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{what:26s} {now - self.began:6.1f} s, {now:6.1f} s in all, peak {peak:.2f} GiB", flush=True)
        self.began = now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=SIZES)
    parser.add_argument("--pictures", type=int, default=2)
    asked = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    pictures = torch.randn(asked.pictures, 1, 3 * 32 * 32).expand(-1, N_STEPS, -1)
    stages = Stages()
    network = random_network(asked.model, pictures)
    stages.done("random network")
    made = deployable(network)
    stages.done("populations and synapses")
    graph = read_network(made, 1e-3).graph
    read = discretised(GraphFile(Path(asked.model), asked.model, graph, stores_reset=True))
    stages.done("NIR, discretised")
    program = compile_network(read, plan=choose_plan(read, 8, None)).program
    n_neurons = sum(one.n_neurons for one in program.layers)
    n_weights = sum(int(np.count_nonzero(one.weight)) for one in program.connections)
    stages.done("Program")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.npz"
        write_program(path, program)
        print(f"{n_neurons:,} neurons, {n_weights:,} weights that are not 0, depth {program.depth} steps", end="; ")
        print(f"file of {path.stat().st_size / 1e6:.1f} MB")
    stages.done("file")
    found = neurodeploy.fit(program, chip="loihi2", advise=False)
    print(f"fits: {found['fits']}, cores: {found['cores']}; {found['problems'] or found['binding_limit']['message']}")
    stages.done("fit on Loihi 2")
    sent = made.host.currents(pictures.numpy())
    few = neurodeploy.profile(program, sent, chip="loihi2", threads=1)
    rates = [one["rate_per_step"] for one in few["layers"]]
    print(f"synops a picture {few['synops_per_sample']:,.0f}, in ", end="")
    print(f"{few['steps']} steps; spikes of a neuron and step, median of layers {np.median(rates):.3f}")
    print("by convention", {key: value and round(value) for key, value in few["by_convention"].items()})
    stages.done(f"synops of {asked.pictures} pictures")


if __name__ == "__main__":
    main()
