"""PLIF against LIF on Fashion-MNIST, the same small budget for all: docs/training.md's table.

    python benchmarks/plif_or_lif.py [--seeds 3]

6,000 training images, 3 epochs, 16 channels, 4 steps; the first 4,000 test pictures. Data are looked for under
NEURODEPLOY_DATA.
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np

from neurodeploy.data.load import open_parts
from neurodeploy.pipeline.conversion import new_network
from neurodeploy.recipes import load_recipe
from neurodeploy.training.fit import evaluate, fit, time_constants

BUDGET = ("training.epochs=3", "network.channels=16", "data.n_steps=4")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    for neuron, tau0 in (("plif", 2.0), ("lif", 2.0), ("plif", 16.0), ("lif", 16.0)):
        reached, taus = [], []
        for seed in seeds:
            settings = (f"network.neuron={neuron}", f"network.tau0={tau0}", f"training.seed={seed}", *BUDGET)
            recipe = load_recipe("fashion_plif", settings)
            parts = open_parts(recipe.data)
            chosen = np.sort(np.random.default_rng(1).permutation(len(parts["train"]))[:6000])
            network = new_network(recipe)
            fit(network, parts["train"].take(chosen), parts["validation"].first(500), recipe.training)
            reached.append(100 * evaluate(network, parts["test"].first(4000)))
            taus += time_constants(network)
        spread = statistics.stdev(reached) if len(reached) > 1 else 0.0
        print(f"{neuron} from {tau0:g} steps: {statistics.fmean(reached):.1f} ± {spread:.1f} %", end=", ")
        print(f"time constants {min(taus):.1f} to {max(taus):.1f}", flush=True)


if __name__ == "__main__":
    main()
