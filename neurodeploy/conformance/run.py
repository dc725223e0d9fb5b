"""Random networks in Lava and in each of our engines, compared state by state; a small one is told in a few lines."""

import contextlib
import time
from collections import Counter
from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np

from neurodeploy.backends import lava
from neurodeploy.backends.fixed import make_ready
from neurodeploy.backends.lava.environment import check_ready
from neurodeploy.backends.trace import Trace
from neurodeploy.certificate.difference import Difference
from neurodeploy.conformance.engines import Engine, Engines, first_difference, our_engines, states_in, told
from neurodeploy.conformance.generate import Case, random_case
from neurodeploy.conformance.reductions import PLAIN_LAYER, PLAIN_WINDOW, Network
from neurodeploy.conformance.shrink import shrink
from neurodeploy.errors import DataError, NeurodeployError
from neurodeploy.fixedpoint import rules
from neurodeploy.phrases import plural
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.progress import Progress, silent

NETWORKS = 500
SHRUNK = 3
"""Failures that are made small: one fault lets many networks fail."""
ALONE = ", one by one"
"""End of the name of an engine that gets each sample alone."""
MOST_VALUES = 12
"""Of a list; what is longer is cut, with its length."""
ALWAYS = ("role", "du", "dv", "vth", "fraction_bits")
"""Parameters that are told whatever their value."""


def check_conformance(
    networks: int = NETWORKS,
    seed: int = 0,
    *,
    engines_only: bool = False,
    engines: Engines | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run random networks in Lava and in our engines, and compare every state of every step.

    Args:
        networks: How many; their seeds are `seed`, `seed + 1`, and so on.
        engines_only: Compare our engines among each other, without Lava.
        engines: Name and function of each engine; all of ours when None.
        progress: Hears how far the work is.
        seed: Of the first network.

    Returns:
        `networks`, `equal`, `passed`, `engines`, `kinds` (how many networks contain each),
        `states_compared`, `seconds`, `seconds_lava` and `failures`: for each its `seed`, `engines`,
        `first_difference` in words, and `network`, the lines of the smallest network that still
        differs (of the first few failures, else empty).

    Raises:
        DataError: fewer than one network, or a negative seed.
        LavaError: Lava is wanted, and its environment is absent.
    """
    if networks < 1:
        raise DataError(f"networks: found {networks}, at least 1 is needed")
    if seed < 0:
        raise DataError(f"seed: found {seed}, 0 or more is allowed")
    started = time.perf_counter()
    ours = dict(our_engines() if engines is None else engines)
    if engines_only and len(ours) == 1:
        ours |= {name + ALONE: partial(engine, batch_size=1) for name, engine in ours.items()}
    with contextlib.ExitStack() as stack:
        in_lava: Engine | None = None
        if not engines_only:
            check_ready()
            in_lava = partial(stack.enter_context(lava.Worker(keep=True)).run, record=True)
        found = _Comparison(ours, in_lava)
        for done in range(networks):
            progress("networks", done, networks, found.so_far)
            case = random_case(seed + done, lava=in_lava is not None)
            if engines is None:
                make_ready(case.program, progress=progress)
            found.add(case, progress)
        progress("networks", networks, networks, found.so_far)
    return {
        "networks": networks,
        "equal": networks - len(found.failures),
        "passed": not found.failures,
        "engines": [*(["lava"] if in_lava else []), *ours],
        "kinds": dict(sorted(found.kinds.items())),
        "states_compared": found.states_compared,
        "seconds": time.perf_counter() - started,
        "seconds_lava": found.seconds_lava,
        "failures": found.failures,
    }


class _Comparison:
    """What has been found so far; the first of the runs is what the others must equal."""

    def __init__(self, ours: Engines, in_lava: Engine | None) -> None:
        self.ours, self.in_lava = ours, in_lava
        self.kinds: Counter[str] = Counter()
        self.states_compared = 0
        self.seconds_lava = 0.0
        self.failures: list[dict[str, Any]] = []

    @property
    def so_far(self) -> str:
        return f"{len(self.failures)} differ" if self.failures else "all equal"

    def add(self, case: Case, progress: Progress) -> None:
        """Run and compare one network, and make it small where it differs."""
        self.kinds.update(case.kinds)
        runs = dict(self.ours)
        if self.in_lava:
            # Samples share a Lava network, or each has its own: both must be right.
            in_lava = partial(self.in_lava, samples_per_run=1) if case.seed % 8 == 1 else self.in_lava
            runs = {"lava": in_lava, **runs}
        traces: dict[str, Trace] = {}
        for name, run in runs.items():
            began = time.perf_counter()
            try:
                traces[name] = run(case.program, case.spikes)
            except NeurodeployError as error:
                self.fail(case, [name], f"cannot run: {error}", [])
                return
            self.seconds_lava += time.perf_counter() - began if name == "lava" else 0.0
        (expected_by, expected), *others = traces.items()
        for name, trace in others:
            self.states_compared += states_in(trace)
            difference = first_difference(trace, expected)
            if difference:
                lines = self.shrunk(case, (name, expected_by), runs, progress)
                self.fail(case, [name, expected_by], told(difference, name, expected_by), lines)
                return

    def shrunk(self, case: Case, names: tuple[str, str], runs: Engines, progress: Progress) -> list[str]:
        """Return the lines of the smallest network on which the two differ."""
        if len(self.failures) >= SHRUNK:
            return []
        found, expected = (runs[name] for name in names)
        progress("shrinking", 0, 0, f"the network of seed {case.seed}")
        whole = Network(case.program, case.spikes)
        small = shrink(whole, lambda network: difference_on(network, found, expected) is not None)
        difference = difference_on(small, found, expected)
        return [*describe(small), told(difference, *names) if difference else "it differs at times only"]

    def fail(self, case: Case, engines: list[str], difference: str, lines: list[str]) -> None:
        said = {"seed": case.seed, "engines": engines, "first_difference": difference, "network": lines}
        self.failures.append(said)


def difference_on(network: Network, found: Engine, expected: Engine) -> Difference | None:
    """Return the first difference of two engines on a network."""
    return first_difference(found(network.program, network.spikes), expected(network.program, network.spikes))


def describe(network: Network) -> list[str]:
    """Return one line for the network, each layer, each connection, and the input."""
    program, (n_samples, n_steps, n_inputs) = network.program, network.spikes.shape
    graded = "graded " if program.graded_input else ""
    output = program.layer(program.output)
    unit = f", whose v_per_unit is {_values(output.v_per_unit)}" if program.readout == rules.SOFTMAX else ""
    lines = [
        f"{plural(n_samples, 'sample')}, {plural(n_steps, 'step')}, {plural(n_inputs, graded + 'input channel')}, "
        f"{program.readout} of {program.output}{unit}"
    ]
    lines += [_layer(layer) for layer in program.layers]
    lines += [_connection(one) for one in program.connections]
    return [*lines, _input(network.spikes)]


def _layer(layer: AnyLayer) -> str:
    values = {one.name: getattr(layer, one.name) for one in fields(layer)}
    plain = {key for key, one in values.items() if key not in PLAIN_LAYER or not np.any(one != PLAIN_LAYER[key])}
    said = [f"{key} {_values(one)}" for key, one in values.items() if key in ALWAYS or key not in plain]
    return f"{layer.name}: {plural(layer.n_neurons, layer.kind + ' neuron')}, {', '.join(said)}"


def _connection(one: Connection) -> str:
    shape = "x".join(map(str, one.weight.shape))
    said = [f"{'conv' if one.window else 'matrix'} {shape} {_values(one.weight)}"]
    if one.window:
        window = one.window
        said.append(f"input {'x'.join(map(str, window.input_shape))}")
        said += [
            f"{key} {getattr(window, key)}" for key, plain in PLAIN_WINDOW.items() if max(getattr(window, key)) != plain
        ]
        said += [f"groups {window.groups}"] if window.groups > 1 else []
    said += [f"{key} {_values(getattr(one, key))}" for key in ("weight_exp", "delay") if getattr(one, key).any()]
    said += [f"sign {one.sign}"] if one.sign != "auto" else []
    return f"{one.source} -> {one.target}: {', '.join(said)}"


def _input(spikes_BTI: np.ndarray) -> str:
    at = np.argwhere(spikes_BTI)
    if not len(at):
        return "input: silent"
    if len(at) == spikes_BTI.size and len(np.unique(spikes_BTI)) == 1:
        return f"input: {int(spikes_BTI.flat[0])} everywhere"
    told = [f"{tuple(map(int, where))}: {int(spikes_BTI[tuple(where)])}" for where in at[:MOST_VALUES]]
    more = f" and {len(at) - MOST_VALUES} more" if len(at) > MOST_VALUES else ""
    return f"input at (sample, step, channel): {', '.join(told)}{more}"


def _values(value: Any) -> str:
    """Return a number, or an array: as one number where all are equal, cut where it is long."""
    if not isinstance(value, np.ndarray) or not value.ndim:
        return str(value)
    if len(np.unique(value)) == 1:
        return str(int(value.flat[0])) if value.size == 1 else f"all {int(value.flat[0])}"
    flat = value.ravel().tolist()
    more = f", ... {len(flat)} values" if len(flat) > MOST_VALUES else ""
    return f"[{', '.join(map(str, flat[:MOST_VALUES]))}{more}]"
