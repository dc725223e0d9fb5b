"""The PLIF paper's six networks at full size with random weights: graph, Program, cores, and operations of two samples.

    python benchmarks/plif_sizes.py [mnist cifar10 ...] [--folder DIR]

Every step runs in a fresh process; its seconds of CPU and its largest memory are printed. Batch norms know one batch
and full layers are scaled to it, so that every layer spikes; pictures and events are random, as dense as the data sets
are.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scale import peak_mb

from neurodeploy.backends import fixed
from neurodeploy.graph.files import write_graph
from neurodeploy.hardware.chips import chip_named
from neurodeploy.mapping.placement.advice import fit_of
from neurodeploy.mapping.placement.placement import described
from neurodeploy.pipeline.costs import synops_of
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.inputs import compiled, read_network
from neurodeploy.program.file import read_program, write_program
from neurodeploy.verbs.profile import profile

SEED, N_SAMPLES = 0, 2
STEPS = ("graph", "program", "loihi2", "loihi1", "synops", "profile")


class Size(NamedTuple):
    """A network's settings, the shape of a step, classes, steps, and which part of the input is not 0."""

    settings: dict[str, Any]
    shape: tuple[int, int, int]
    n_classes: int
    n_steps: int
    density: float


EVENTS = {"encoder": "each_step"}
NETWORKS = {
    "mnist": Size({}, (1, 28, 28), 10, 8, 0.19),
    "fashion": Size({}, (1, 28, 28), 10, 8, 0.5),
    "cifar10": Size({"channels": 256, "stages": [3, 3], "dropout": [0.5, 0.0]}, (3, 32, 32), 10, 8, 1.0),
    "nmnist": Size(EVENTS, (2, 34, 34), 10, 10, 0.15),
    "cifar10dvs": Size(EVENTS | {"stages": [1] * 4}, (2, 128, 128), 10, 20, 0.15),
    "dvs128": Size(EVENTS | {"stages": [1] * 5, "hidden": 512}, (2, 128, 128), 11, 20, 0.1),
}


def graph(name: str, folder: Path) -> dict[str, Any]:
    """Write a network's graph and its input."""
    import torch

    from neurodeploy.bench.plif_inference import random_network, read

    one, random = NETWORKS[name], np.random.default_rng(SEED)
    n_steps = 1 if one.shape[0] != 2 else one.n_steps
    sizes = (N_SAMPLES, n_steps, int(np.prod(one.shape)))
    counts = random.integers(1, 256, sizes) if n_steps == 1 else 1 + random.poisson(0.3, sizes)
    spikes = (counts * (random.random(sizes) < one.density)).astype(np.uint8).repeat(one.n_steps // n_steps, axis=1)
    x_BTI = torch.from_numpy(spikes).float()
    network = random_network(one.settings, one.shape, one.n_classes, x_BTI)
    write_graph(folder / f"{name}.nir", read(network, x_BTI).graph)
    np.save(folder / f"{name}.npy", spikes)
    return {"parameters": sum(value.numel() for value in network.parameters())}


def measured(name: str, step: str, folder: Path) -> dict[str, Any]:
    """Return what one step found."""
    program = folder / f"{name}.npz"
    if step == "graph":
        return graph(name, folder)
    if step == "program":
        options = GraphOptions()
        made = compiled(read_network(folder / f"{name}.nir", options), options)[0].program
        write_program(program, made)
        return {"layers": len(made.layers), "neurons": sum(layer.n_neurons for layer in made.layers)}
    made = read_program(program)
    if step in ("loihi1", "loihi2"):
        found = described(fit_of(made, chip_named(step)))
        advice = [one["effect"] for one in found["advice"][:1]]
        return {"cores": found["cores"], "limit": (found["binding_limit"] or {}).get("message"), "advice": advice}
    spikes = np.load(folder / f"{name}.npy").astype(np.int32)
    if step == "profile":
        found = profile(program, spikes, threads=1)
        return {"synops": round(found["synops_per_sample"]), "latency_s": found["latency_s"]}
    fixed.make_ready(made)
    started = time.perf_counter()
    trace = fixed.run(made, spikes, threads=1)
    seconds = time.perf_counter() - started
    rates = [float(counts.mean()) / made.n_steps(trace.n_input_steps) for counts in trace.counts.values()]
    counts = synops_of(made, trace)
    return {
        "synops": round(counts.synops_per_sample),
        "seconds_a_sample": seconds / len(spikes),
        "least_rate": min(rates),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", choices=(*NETWORKS, []), default=[])
    parser.add_argument("--folder", type=Path, help="Where the files stay from run to run")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        print(json.dumps(measured(asked.networks[0], asked.inside, asked.folder) | {"peak_mb": peak_mb()}))
        return
    with tempfile.TemporaryDirectory() as made:
        folder = asked.folder or Path(made)
        folder.mkdir(exist_ok=True)
        for name in asked.networks or NETWORKS:
            for step in STEPS:
                command = [sys.executable, __file__, name, "--inside", step, "--folder", str(folder)]
                before = os.times()
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                seconds = sum(os.times()[2:4]) - sum(before[2:4])  # of the child
                if done.returncode:
                    print(f"{name:10s} {step:8s} {done.stderr.strip().splitlines()[-1]}", flush=True)
                    continue
                found = json.loads(done.stdout)
                peak = found.pop("peak_mb")
                print(f"{name:10s} {step:8s} {seconds:6.1f} s {peak:6.0f} MB  {words(found)}", flush=True)


def words(found: dict[str, Any]) -> str:
    """Return numbers and texts as a line."""
    return "; ".join(
        f"{key.replace('_', ' ')} {value:,}" if isinstance(value, int) else f"{key.replace('_', ' ')} {value}"
        for key, value in found.items()
        if value not in ([], None)
    )


if __name__ == "__main__":
    main()
