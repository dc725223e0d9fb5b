"""Whether choosing precision on samples pays: agreement with the float graph on fresh samples, by size and as chosen.

    python benchmarks/calibration.py [--samples 1,2,4,16,64] [--fresh 128] [--draws 3] [--only dense,conv,large]

Eight snnTorch networks with every number of samples, drawn so many times; and three larger ones, each with the largest
two: the N-MNIST network of the NIR paper on N-MNIST, a convolutional snnTorch network, and a resonator network of the
SiLIF family. Each row has the share that agrees, of all neurons together and as a mean over layers, and the choice.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import snntorch
import torch
from torch import nn

from neurodeploy.backends import fixed, reference
from neurodeploy.backends.search import calibrate
from neurodeploy.data.load import open_samples
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import compile_network
from neurodeploy.networks.families.folded import deployable
from neurodeploy.networks.families.silif import SilifSettings, build
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.inputs import read_network
from neurodeploy.program.program import Program
from neurodeploy.reading import graph_of
from neurodeploy.verbs.deploy import network_of

Draw = Callable[[int, int], np.ndarray]
"""Gives so many samples (B, T, I), others for each seed."""
DT_S, STEPS = 1e-3, 30
FRESH = 1000
"""Seed of the samples that nothing is chosen on."""
NMNIST = "nir__cnn_sinabs__89e0a618.nir"


def agreement(network: Network, program: Program, spikes_BTI: np.ndarray) -> tuple[float, float]:
    """Return what agrees in percent: all spikes together, and the mean over layers (of readouts, their potentials)."""
    found, size, spiking = [], 4, [one.spiking for one in network.populations]
    for first in range(0, len(spikes_BTI), size):
        some = spikes_BTI[first : first + size]
        real, whole = reference.run(network, some, record=True), fixed.run(program, some, record=True, threads=1)
        found.append([])
        for name, one in real.layers.items():
            layer = program.layer(name)
            mine = whole.layers[name].steps(layer.start, layer.start + some.shape[1])
            a, b = one.spikes_BTN, mine.spikes_BTN
            if not network.population(name).spiking:
                a, b = one.v_BTN, (mine.v_BTN - layer.v_offset) / layer.v_per_unit
            found[-1].append((np.abs(a.astype(float) - b).sum(), np.abs(a).sum() + np.abs(b).sum()))
    differ, both = np.sum(found, axis=0).T
    layers = 1 - differ[both > 0] / both[both > 0]
    return 100 * (1 - differ[spiking].sum() / max(both[spiking].sum(), 1)), 100 * float(layers.mean())


def spikes(shape: tuple[int, ...], rate: float = 0.15) -> Draw:
    """Return random spikes, flat for our backends."""

    def draw(n_samples: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return (rng.random((n_samples, STEPS, int(np.prod(shape)))) < rate).astype(np.uint8)

    return draw


def leaky(beta: float, reset: str) -> nn.Module:
    return snntorch.Leaky(beta=beta, reset_mechanism=reset, init_hidden=True)


def dense(reset: str) -> list[nn.Module]:
    sizes = ((40, 60), (60, 60), (60, 10))
    return [layer for n_in, n_out in sizes for layer in (nn.Linear(n_in, n_out), leaky(0.9, reset))]


def conv(reset: str, channels: tuple[int, int] = (6, 8), side: int = 16) -> list[nn.Module]:
    first, second = channels
    layers = [nn.Conv2d(2, first, 3, padding=1), leaky(0.5, reset), nn.AvgPool2d(2)]
    layers += [nn.Conv2d(first, second, 3, padding=1), leaky(0.5, reset), nn.AvgPool2d(2), nn.Flatten()]
    return [*layers, nn.Linear(second * (side // 4) ** 2, 10), leaky(0.5, reset)]


def read(layers: Callable[[], list[nn.Module]], shape: tuple[int, ...], seed: int, gain: float) -> tuple[Network, Draw]:
    """Return the graph of an untrained snnTorch network whose weights are made larger, so that it spikes."""
    torch.manual_seed(seed)
    module = nn.Sequential(*layers()).eval()
    for one in module:
        if isinstance(one, nn.Linear | nn.Conv2d):
            one.weight.data.mul_(gain)
    sample = torch.from_numpy(spikes(shape)(1, seed)).float().reshape(1, STEPS, *shape).transpose(0, 1)
    return network_of(graph_of(module, sample, dt_s=DT_S), "net"), spikes(shape)


def trials(only: list[str]) -> Iterator[tuple[str, Network, Draw]]:
    kinds: dict[str, tuple[Any, ...]] = {"dense": (dense, (40,), 4.0), "conv": (conv, (2, 16, 16), 5.0)}
    for kind in only:
        for reset in ("zero", "subtract") if kind in kinds else ():
            for seed in (0, 1):
                make, shape, gain = kinds[kind]
                yield f"{kind} {reset} {seed}", *read(lambda m=make, r=reset: m(r), shape, seed, gain)  # type: ignore[misc]


def larger() -> Iterator[tuple[str, Network, Draw]]:
    yield "conv, larger", *read(lambda: conv("subtract", (12, 16), 32), (2, 32, 32), 0, 5.0)
    torch.manual_seed(0)
    family = build(SilifSettings(model="csilif", hidden=(64, 64), dropout=0.0), (40,), 10, 4e-3)
    counts = spikes((40,), 0.3)
    for layer in family.layers:
        layer.norm.weight.data.fill_(20.0)
    with torch.no_grad():
        for seed in range(20):  # for the batch norms
            family(torch.from_numpy(counts(16, seed)).float())
    folded = graph_of(deployable(family.eval()), torch.zeros(1, 3, 40), dt_s=4e-3)
    yield "SiLIF family", network_of(folded, "family"), counts
    source = open_samples("nmnist_small", split="test")
    path = Path(os.environ["NEURODEPLOY_DATA"]) / "nir_corpus" / NMNIST
    network = read_network(path, GraphOptions(dt_s=1.0, reset="zero"))

    def draw(n_samples: int, seed: int) -> np.ndarray:
        return source.at(np.random.default_rng(seed).permutation(len(source))[:n_samples]).spikes_BTI

    yield "N-MNIST", network, draw


def row(name: str, network: Network, draw: Draw, n_samples: int, fresh: int, seed: int = 1) -> np.ndarray:
    """Print a row and return the gains in points: of all spikes together, and of the mean over layers."""
    test, started = draw(fresh, FRESH), time.perf_counter()
    found = calibrate(network, draw(n_samples, seed))
    seconds = time.perf_counter() - started
    by_size = np.array(agreement(network, compile_network(network).program, test))
    chosen = compile_network(found.network, plan=found.plan).program
    gain = np.array(agreement(network, chosen, test)) - by_size
    held_out = "" if found.choice.gain is None else f"{found.choice.gain:+.2f}"
    columns = "  ".join(f"{before:6.2f} {more:+6.2f}" for before, more in zip(by_size, gain, strict=True))
    print(f"{name:18} {n_samples:4}  {columns}  {found.choice.chosen:10} {seconds:6.1f} s  {held_out}", flush=True)
    return gain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", default="1,2,4,16,64")
    parser.add_argument("--fresh", type=int, default=128)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--only", default="dense,conv,large")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    sizes, only = [int(one) for one in asked.samples.split(",")], asked.only.split(",")
    print("network            samples  all by size, gain   layers by size, gain   chosen, time, gain held out")
    draws = range(1, asked.draws + 1)
    gains = [(n, row(*one, n, asked.fresh, seed)) for one in trials(only) for n in sizes for seed in draws]
    if "large" in only:
        gains += [(n, row(*one, n, min(asked.fresh, 16))) for one in larger() for n in sizes[-2:]]
    for n in sizes:
        some = np.array([gain for size, gain in gains if size == n])
        mean, worst = some.mean(axis=0), some.min(axis=0)
        rows = (("mean gain", mean), ("worst", worst))
        told = ", ".join(f"{what} {one[0]:+.2f} (layers {one[1]:+.2f})" for what, one in rows)
        print(f"{n:4} samples, {len(some)} trials: {told}")


if __name__ == "__main__":
    main()
