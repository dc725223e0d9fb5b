"""Our engines, each as a function of a Program and its input that returns every state."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial

from neurodeploy.backends import fixed
from neurodeploy.backends.trace import Trace

Engine = Callable[..., Trace]
"""Called with a Program and spikes (B, T, I); the Trace holds every state."""
Engines = Mapping[str, Engine]

READABLE = "plain"
"""The engine that is read from the rules line by line: the others are held against it."""


def our_engines() -> dict[str, Engine]:
    """Return the engines of the fixed backend by name, the readable one first."""
    run: Engine = fixed.run
    names = getattr(importlib.import_module("neurodeploy.backends.fixed.run"), "ENGINES", None)
    if names is None:
        return {READABLE: partial(run, record=True)}
    in_order = sorted(names, key=lambda name: name != READABLE)
    return {name: partial(run, record=True, engine=name) for name in in_order}


def readable() -> Engine:
    """Return the readable engine."""
    return our_engines()[READABLE]
