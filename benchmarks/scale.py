"""CPU seconds and memory of every verb on large networks, each in a fresh process, and how both grow with the work.

    python benchmarks/scale.py                          # dense networks of 0.6 to 20 M synapses, and the convolutions
    python benchmarks/scale.py dense73 --steps compile,fit

Works: `conv`, three convolutions of 128 channels over 2 x 128 x 128, with sum pooling and a dense end (2.75 M
neurons); `denseM`, 700-N-N-35 with about M million synapses. Weights are random, parameters alike for all neurons.
Memory is the largest that the process held, the interpreter and its libraries (some 75 MB) included; `compile` reads
the graph first, and `fit` the Program. `certify` runs 3,000 samples of 100 steps through the graph and its Program.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nir
import numpy as np

from neurodeploy.backends import fixed
from neurodeploy.graph.files import write_graph
from neurodeploy.hardware.chips import chip_named
from neurodeploy.mapping.placement.advice import fit_of
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.inputs import compiled, read_network
from neurodeploy.pipeline.samples import samples_for
from neurodeploy.pipeline.stage_runs import certified
from neurodeploy.program.file import read_program, write_program
from neurodeploy.progress import silent

DT_S, SEED, N_STEPS, RATE = 1e-3, 0, 20, 0.02
CLASSES, CHANNELS = 10, 128
SIZES = {"dense0.6": 487, "dense1.8": 1024, "dense5.7": 2048, "dense20": 4120, "dense73": 8192}
WORKS = ("conv", *SIZES)
STEPS = ("write-nir", "read-nir", "compile", "write", "read", "fit", "simulate")
CERTIFY, CERTIFIED = "certify", (3000, 100)
USUAL = ("conv", "dense0.6", "dense1.8", "dense5.7", "dense20")


def neurons(n_neurons: int | tuple[int, ...]) -> nir.LIF:
    """Return leaky neurons that are all alike."""
    ones = np.ones(n_neurons, np.float32)
    return nir.LIF(tau=10 * DT_S * ones, r=10 * ones, v_leak=0 * ones, v_threshold=ones)


def graph(work: str) -> nir.NIRGraph:
    """Return one work's graph."""
    random = np.random.default_rng(SEED)

    def weight(*shape: int) -> np.ndarray:
        return random.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)

    nodes: dict[str, nir.NIRNode] = {}
    if work == "conv":
        nodes["input"] = nir.Input({"input": np.array([2, 128, 128])})
        for index, (size, channels) in enumerate(((128, 2), (64, CHANNELS), (32, CHANNELS))):
            kernel = weight(CHANNELS, channels, 3, 3)
            nodes[f"conv{index}"] = nir.Conv2d((size, size), kernel, 1, 1, 1, 1, np.zeros(CHANNELS, np.float32))
            nodes[f"lif{index}"] = neurons((CHANNELS, size, size))
            nodes[f"pool{index}"] = nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
        nodes["flat"] = nir.Flatten({"input": np.array([CHANNELS, 16, 16])}, 0, -1)
        widths = [CHANNELS * 16 * 16, CLASSES]
    else:
        widths = [700, SIZES[work], SIZES[work], 35]
        nodes["input"] = nir.Input({"input": np.array(widths[:1])})
    for index, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        nodes[f"fc{index}"] = nir.Linear(weight(outputs, inputs))
        nodes[f"out{index}"] = neurons(outputs)
    nodes["output"] = nir.Output({"output": np.array(widths[-1:])})
    names = list(nodes)
    return nir.NIRGraph(nodes, list(itertools.pairwise(names)), type_check=False)


def measured(work: str, step: str, folder: Path) -> dict[str, Any]:
    """Return what one step took of this process, and the sizes that it worked on."""
    model, program = folder / f"{work}.nir", folder / f"{work}.npz"
    options, chip = GraphOptions(dt_s=DT_S, reset="zero"), chip_named("loihi2")
    sizes: dict[str, Any] = {}
    if step == "write-nir":
        whole = graph(work)
        return timed(lambda: write_graph(model, whole), sizes)
    if step == "read-nir":
        return timed(lambda: read_network(model, options), sizes)
    if step == CERTIFY:
        network = read_network(model, options)
        made = compiled(network, options)[0]
        samples = samples_for(str(folder / "samples.npz"), network)
        return timed(lambda: certified(("reference", "fixed"), made, network, samples, None, None, silent), sizes)
    if step == "compile":  # what `neurodeploy compile` does, the files aside
        network = read_network(model, options)
        return timed(lambda: compiled(network, options)[0].program.digest, sizes)
    if step == "read":
        return timed(lambda: read_program(program), sizes)
    if step == "write":
        one = compiled(read_network(model, options), options)[0].program
        return timed(lambda: write_program(program, one), sizes)
    one = read_program(program)
    sizes["synapses"] = sum(connection.weight.size for connection in one.connections)
    sizes["neurons"] = sum(layer.n_neurons for layer in one.layers)
    if step == "simulate":
        spikes = (np.random.default_rng(SEED).random((1, N_STEPS, one.n_inputs)) < RATE).astype(np.uint8)
        fixed.make_ready(one, "auto", silent)
        return timed(lambda: fixed.run(one, spikes, threads=1), sizes | {"steps": N_STEPS})

    def fitted() -> None:
        found = fit_of(one, chip)
        sizes["cores"], sizes["pieces of advice"] = found.n_cores, len(found.advice)
        if not found.fits:
            sizes["why"] = found.problems[0]

    return timed(fitted, sizes)


def timed(call: Callable[[], Any], sizes: dict[str, Any]) -> dict[str, Any]:
    """Return the CPU seconds of a call and the largest memory of the process so far, MB, all with the sizes."""
    started = time.process_time()
    call()
    return {"seconds": time.process_time() - started, "peak_mb": peak_mb(), **sizes}


def peak_mb() -> float:
    """Return the largest memory that this process held, MB; Linux only."""
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def in_fresh_process(work: str, step: str, folder: Path) -> dict[str, Any]:
    """Return what `measured` gives in a process of its own; where it fails, the last line it said."""
    command = [sys.executable, __file__, work, "--steps", step, "--inside", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("works", nargs="*", metavar="WORK", choices=(*WORKS, []), default=[])
    parser.add_argument("--steps", default=",".join(STEPS), help="Of " + ", ".join((*STEPS, CERTIFY)))
    parser.add_argument("--folder", type=Path, help="Where the files stay from run to run")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    steps = asked.steps.split(",")
    if asked.inside:
        print(json.dumps(measured(asked.works[0], steps[0], asked.inside)))
        return
    with tempfile.TemporaryDirectory() as made:
        folder = asked.folder or Path(made)
        folder.mkdir(exist_ok=True)
        if CERTIFY in steps:
            spikes = np.random.default_rng(SEED).random((*CERTIFIED, 700), np.float32) < RATE
            np.savez_compressed(folder / "samples.npz", spikes=spikes, labels=np.arange(len(spikes)) % CLASSES)
        rows: dict[str, list[dict[str, Any]]] = {step: [] for step in steps}
        for work in asked.works or USUAL:
            for step in steps:
                found = in_fresh_process(work, step, folder)
                print(line(work, step, found), flush=True)
                if work != "conv" and "failed" not in found:
                    rows[step].append(found | {"work": work})
        for step, some in rows.items():
            if len(some) > 1:
                print(*slopes(step, some), sep="\n")


def line(work: str, step: str, found: dict[str, Any]) -> str:
    """Return one measurement in words."""
    if "failed" in found:
        return f"{work:9s} {step:10s} {found['failed']}"
    sizes = ", ".join(
        f"{value:,} {key}" if isinstance(value, int) else str(value)
        for key, value in found.items()
        if key not in ("seconds", "peak_mb")
    )
    return f"{work:9s} {step:10s} {found['seconds']:8.3f} s {found['peak_mb']:8.0f} MB  {sizes}"


def slopes(step: str, rows: list[dict[str, Any]]) -> list[str]:
    """Return how seconds and memory grow with the synapses: the slope of a line through their logarithms.

    And the seconds with everything else that was counted and differs.
    """
    sizes = {"synapses": [float(SIZES[row["work"]]) ** 2 + 735.0 * SIZES[row["work"]] for row in rows]}
    sizes |= {key: [row[key] for row in rows] for key in ("cores",) if all(row.get(key) for row in rows)}
    said = []
    for what, over in sizes.items():
        for key in ("seconds", "peak_mb") if what == "synapses" else ("seconds",):
            slope = np.polyfit(np.log(over), np.log([row[key] for row in rows]), 1)[0]
            said.append(f"{step:10s} {key} grow with {what}^{slope:.2f}")
    return said


if __name__ == "__main__":
    main()
