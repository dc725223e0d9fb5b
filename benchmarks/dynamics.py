"""Samples a second of a network of adaptive neurons or resonators: compiled engine, readable one, and Lava.

    python benchmarks/dynamics.py [--batch 64] [--threads 1] [--repeats 5] [--lava 2]

The network has the size of the published speech networks: 140 counting channels, two layers of 512
neurons and a readout of 35, whose softmax is summed over 300 steps. Its numbers are random, and fixed.
The engines run in turn; medians are printed with their smallest and largest values. `--lava N` also
runs N samples in Lava, one by one, and compares their spike counts.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import closing
from typing import Any

import numpy as np

from neurodeploy.backends import lava
from neurodeploy.backends.fixed import make_ready, run
from neurodeploy.backends.trace import Trace
from neurodeploy.bench import machine
from neurodeploy.bench.contenders import threads_of_torch
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.table import ADAPTIVE, RESONATOR
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import DynamicsLayer, layer_type
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import INPUT, Program

SIZES = (140, 512, 512, 35)
N_STEPS = 300
SEED = 1
ONE = 4096
"""States and coefficients that stand for 1."""
PLAIN_SAMPLES = 8
"""The readable engine gets as many at most."""
MEAN_COUNT = 0.05
"""Of a channel and step: 4.9 % of them count something, mostly 1."""
THRESHOLDS = {ADAPTIVE.name: (1166, 5810), RESONATOR.name: (2662, 8446)}
"""Searched for with these weights, so that about a tenth of each layer's neurons fire in a step."""


def network(kind: type[DynamicsLayer]) -> Program:
    """Return a Program of two layers of such neurons and a leaky readout."""
    random = np.random.default_rng(SEED)
    layers = [_hidden(random, kind, f"hidden{1 + i}", SIZES[1 + i], 1 + i) for i in range(2)]
    return Program(
        name=kind.kind,
        chip="loihi2",
        dt_s=0.004,
        n_inputs=SIZES[0],
        layers=(*layers, _readout(random, "readout", SIZES[3], 3)),
        connections=(
            _matrix(random, INPUT, "hidden1", SIZES[0], SIZES[1]),
            _matrix(random, "hidden1", "hidden2", SIZES[1], SIZES[2]),
            _matrix(random, "hidden2", "readout", SIZES[2], SIZES[3]),
        ),
        output="readout",
        graded_input=True,
        readout=rules.SOFTMAX,
    )


def _matrix(random: np.random.Generator, source: str, target: str, n_sources: int, n_targets: int) -> Connection:
    """Return weights of seven bits and a sign, with an exponent for each row."""
    weight = 2 * np.rint(random.normal(0, 40, (n_targets, n_sources))).clip(-127, 127).astype(np.int64)
    # The readout's sums meet a shift of six bits on their way into the current.
    exponent = random.integers(-6, -3, n_targets) if target == "readout" else random.integers(1, 5, n_targets)
    return Connection(f"{source} to {target}", source, target, weight, exponent)


def _hidden(
    random: np.random.Generator, kind: type[DynamicsLayer], name: str, n_neurons: int, start: int
) -> DynamicsLayer:
    radius, angle = random.uniform(0.8, 0.995, n_neurons), random.uniform(0, 1.5, n_neurons)
    real: dict[str, Any] = {
        "alpha": random.uniform(0.5, 0.95, n_neurons),
        "gain": random.uniform(0.05, 0.4, n_neurons),
        "beta": random.uniform(0.9, 0.99, n_neurons),
        "a": random.uniform(0, 0.1, n_neurons),
        "jump": random.uniform(0, 0.2, n_neurons),
        "drop": random.uniform(0.5, 1.0, n_neurons),
        "drop_y": random.uniform(-0.3, 0.3, n_neurons),
        "re": radius * np.cos(angle),
        "im": radius * np.sin(angle),
        "bias": random.normal(0, 0.05, n_neurons),
        "vth": np.full(n_neurons, THRESHOLDS[kind.kind][start - 1] / ONE),
    }
    units: dict[str, Any] = {key: np.full(n_neurons, float(ONE) if "per" in key else 0.0) for key in kind.units}
    whole = {key: np.rint(real[key] * ONE).astype(np.int64) for key in kind.integers}
    return kind(name=name, start=start, fraction_bits=12, **units, **whole)


def _readout(random: np.random.Generator, name: str, n_neurons: int, start: int) -> Layer:
    none, one = np.zeros(n_neurons, np.int64), np.full(n_neurons, float(ONE))
    return Layer(
        name=name,
        du=none + 4095,
        dv=random.integers(200, 800, n_neurons),
        vth=none + rules.NEVER,
        bias_mant=none,
        bias_exp=0,
        u_init=none,
        v_init=none,
        reset=rules.RESET_ZERO,
        start=start,
        u_per_unit=one,
        v_per_unit=one,
        u_offset=0 * one,
        v_offset=0 * one,
    )


def counts(n_samples: int) -> np.ndarray:
    """Return input (B, T, I)."""
    return np.random.default_rng(SEED).poisson(MEAN_COUNT, (n_samples, N_STEPS, SIZES[0])).astype(np.int32)


def measured(program: Program, batch: int, repeats: int, threads: int) -> tuple[dict[str, list[float]], Trace]:
    """Return the samples a second of each engine in each round, and the Trace of the whole batch."""
    make_ready(program)
    spikes = counts(batch)
    speeds: dict[str, list[float]] = {"native": [], "plain": []}
    for turn in range(1 + repeats):
        for engine, found in speeds.items():
            some = spikes if engine == "native" else spikes[:PLAIN_SAMPLES]
            started = time.perf_counter()
            run(program, some, threads=threads, engine=engine)
            if turn:  # the first one warms up
                found.append(len(some) / (time.perf_counter() - started))
    return speeds, run(program, spikes, threads=threads)


def in_lava(program: Program, trace: Trace, n_samples: int) -> list[float]:
    """Return the samples a second inside Lava's own run(), one by one, after comparing its spikes with ours."""
    with closing(lava.Worker()) as worker:
        found = [worker.run(program, one[None], samples_per_run=1) for one in counts(n_samples)]
    for place, one in enumerate(found):
        for name, spikes in one.counts.items():
            np.testing.assert_array_equal(spikes[0], trace.counts[name][place], err_msg=name)
    return [1 / one.seconds for one in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for option, value in (("--batch", 64), ("--repeats", 5), ("--threads", 1), ("--lava", 0)):
        parser.add_argument(option, type=int, default=value)
    options = parser.parse_args()
    about = machine.describe()
    print(f"on {about['cpu']}, {about['cores']} cores; {'-'.join(map(str, SIZES))}, {N_STEPS} steps")
    for kind in (layer_type(ADAPTIVE), layer_type(RESONATOR)):
        program = network(kind)
        with threads_of_torch(options.threads):
            speeds, trace = measured(program, options.batch, options.repeats, options.threads)
        if options.lava:
            speeds["lava"] = in_lava(program, trace, min(options.lava, options.batch))
        middle = {name: statistics.median(found) for name, found in speeds.items()}
        for name, found in speeds.items():
            ends = f"{min(found):,.1f} to {max(found):,.1f}"
            ratio = middle["native"] / middle[name]
            print(f"{kind.kind:9s} {name:6s} {middle[name]:8,.1f} samples/s ({ends}), {ratio:,.0f} times slower")
        rates = [100 * float(trace.counts[f"hidden{i}"].mean()) / N_STEPS for i in (1, 2)]
        print(f"{kind.kind:9s} firing {rates[0]:.1f} and {rates[1]:.1f} %")


if __name__ == "__main__":
    main()
