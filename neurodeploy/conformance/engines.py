"""Our engines, each as a function of a Program and its input that returns every state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from neurodeploy.backends import fixed
from neurodeploy.backends.fixed.native.neurons import KERNELS
from neurodeploy.backends.fixed.run import AUTO, ENGINES
from neurodeploy.backends.trace import Trace
from neurodeploy.fixedpoint.dynamics.table import LEAKY
from neurodeploy.program.program import Program

Engine = Callable[..., Trace]
"""Called with a Program and spikes (B, T, I); the Trace holds every state."""
Engines = Mapping[str, Engine]

READABLE = "plain"
"""The engine that is read from the rules line by line: the others are held against it."""


def our_engines() -> dict[str, Engine]:
    """Return the engines of the fixed backend by name, the readable one first."""
    return {name: partial(_run, name) for name in sorted(ENGINES, key=lambda name: name != READABLE)}


def _run(name: str, program: Program, spikes: np.ndarray, **options: Any) -> Trace:
    """Run an engine; in the compiled one's place the one that falls in for neurons without a kernel."""
    known = {*LEAKY, *KERNELS}
    engine = name if all(layer.kind in known for layer in program.layers) or name != "native" else AUTO
    return fixed.run(program, spikes, record=True, engine=engine, **options)


def readable() -> Engine:
    """Return the readable engine."""
    return our_engines()[READABLE]
