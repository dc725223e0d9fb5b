"""Our engines, each as a function of a Program and its input that returns every state, and the first that differs."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from neurodeploy.backends import fixed
from neurodeploy.backends.fixed.native.neurons import KERNELS
from neurodeploy.backends.fixed.run import AUTO, ENGINES
from neurodeploy.backends.trace import Trace
from neurodeploy.certificate.difference import Difference, first_unequal
from neurodeploy.fixedpoint.dynamics.table import LEAKY
from neurodeploy.program.program import Program

Engine = Callable[..., Trace]
"""Called with a Program and spikes (B, T, I); the Trace holds every state."""
Engines = Mapping[str, Engine]

READABLE = "plain"


def our_engines() -> dict[str, Engine]:
    """Return the engines of the fixed backend by name, the readable one first."""
    return {name: partial(_run, name) for name in sorted(ENGINES, key=lambda name: name != READABLE)}


def _run(name: str, program: Program, spikes: np.ndarray, **options: Any) -> Trace:
    """Run an engine; in the compiled one's place the one that falls in for neurons without a kernel."""
    known = {*LEAKY, *KERNELS}
    engine = name if all(layer.kind in known for layer in program.layers) or name != "native" else AUTO
    return fixed.run(program, spikes, record=True, engine=engine, **options)


def readable() -> Engine:
    """Return the readable engine, which is read from the rules line by line: the others are held against it."""
    return our_engines()[READABLE]


def first_difference(found: Trace, expected: Trace) -> Difference | None:
    """Return the earliest spike, current or potential that differs, else the first count or score.

    Counts and scores stand at the last step: they hold for the whole run.
    """
    states = first_unequal(found, expected)
    if states:
        return states
    pairs = [("count", name, found.counts[name], expected.counts[name]) for name in expected.counts]
    pairs.append(("score", expected.output, found.output_BN, expected.output_BN))
    for what, layer, a, b in pairs:
        wrong = np.argwhere(a != b)
        if len(wrong):
            sample, neuron = (int(index) for index in wrong[0])
            last = expected.layers[layer].u_BTN.shape[1] - 1
            return Difference(what, layer, last, sample, neuron, float(a[sample, neuron]), float(b[sample, neuron]))
    return None


def told(difference: Difference, found: str, expected: str) -> str:
    """Return the difference in words, with the names of both runs and every digit of their values."""
    where = f"step {difference.step}, sample {difference.sample}, neuron {difference.neuron}"
    values = f"{_digits(difference.found)} in {found}, {_digits(difference.expected)} in {expected}"
    return f"{difference.what} of layer {difference.layer} at {where}: {values}"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() else repr(value)


def states_in(trace: Trace) -> int:
    """Return how many spikes, currents and potentials the trace holds."""
    return sum(3 * states.u_BTN.size for states in trace.layers.values())
