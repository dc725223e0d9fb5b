"""Every way to run a network, one entry each; whatever names a backend reads it here.

A new backend is a file with its own `run`, and one `Backend` put into `BACKENDS` by its name: verbs, certificates and
the command line know it from there. Nothing is imported before a backend is used.

Axes: B sample, T step, I channel.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurodeploy.backends.trace import Trace
from neurodeploy.errors import GraphError, nearest
from neurodeploy.progress import Progress

REFERENCE, FIXED, LAVA = "reference", "fixed", "lava"
AUTO = "auto"


@dataclass(frozen=True)
class RunOptions:
    """How a backend runs, and which states it keeps; nothing here changes the result.

    Attributes:
        record: Layers whose every state is kept, True for all.
        threads: Samples are divided among so many; all cores when None.
        engine: Which of the backend's own engines runs them; its choice when None.
    """

    record: bool | Sequence[str] = ()
    threads: int | None = None
    engine: str | None = None


@dataclass(frozen=True)
class Backend:
    """A way to run a network.

    Attributes:
        name: What it is called, also in Traces and certificates.
        run: Called with what it runs, spikes (B, T, I), `RunOptions` and a progress of (samples done, their total);
            returns the Trace.
        integer: It runs the integer Program; else the graph in real numbers, in the graph's own steps.
        equals: Backend of which it must give every spike, current and potential; None where it may differ.
        options: Fields of `RunOptions` that it takes beside `record`.
        engines: What the option `engine` may be.
        check: Raises one line that says what to do where it cannot run on this machine; called before any work.
        load: Called with what it runs, `RunOptions` and a progress, before a clock starts: compiles and loads what is
            needed once.
    """

    name: str
    run: Callable[[Any, np.ndarray, RunOptions, Callable[[int, int], None]], Trace]
    integer: bool = True
    equals: str | None = None
    options: tuple[str, ...] = ()
    engines: Callable[[], tuple[str, ...]] = tuple
    check: Callable[[], None] = lambda: None
    load: Callable[[Any, RunOptions, Progress], None] = lambda target, options, progress: None

    def check_options(self, options: RunOptions) -> None:
        """Check that this backend takes the options given, and their values.

        Raises:
            GraphError: it does not.
        """
        for name in ("threads", "engine"):
            if getattr(options, name) is not None and name not in self.options:
                takers = " or ".join(one.name for one in BACKENDS.values() if name in one.options)
                raise GraphError(
                    f"is for the {takers} backend, {self.name!r} does not take it", "leave it out", option=name
                )
        if options.engine is not None and options.engine not in self.engines():
            raise GraphError(f"{options.engine!r} is unknown", nearest(options.engine, self.engines()), option="engine")
        if options.threads is not None and options.threads < 1:
            raise GraphError(f"found {options.threads}", option="threads", allowed="at least 1 is allowed")


def _module(name: str) -> Any:
    """Return a file of this room, imported when it is first needed."""
    return importlib.import_module(f"neurodeploy.backends.{name}")


def _run_fixed(target: Any, spikes_BTI: np.ndarray, options: RunOptions, progress: Callable[[int, int], None]) -> Trace:
    values: dict[str, Any] = {"threads": options.threads, "engine": options.engine or AUTO}
    found: Trace = _module("fixed").run(target, spikes_BTI, record=options.record, progress=progress, **values)
    return found


def _run_whole(name: str) -> Callable[..., Trace]:
    """Return the `run` of a file that records all layers or none."""
    return lambda target, spikes_BTI, options, progress: _module(name).run(  # type: ignore[no-any-return]
        target, spikes_BTI, record=bool(options.record), progress=progress
    )


BACKENDS: dict[str, Backend] = {
    one.name: one
    for one in (
        Backend(REFERENCE, _run_whole("reference"), integer=False),
        Backend(
            FIXED,
            _run_fixed,
            options=("threads", "engine"),
            engines=lambda: (AUTO, *_module("fixed").ENGINES),
            load=lambda target, options, told: _module("fixed").make_ready(target, options.engine or AUTO, told),
        ),
        Backend(LAVA, _run_whole("lava"), equals=FIXED, check=lambda: _module("lava.environment").check_ready()),
    )
}
"""By name, in the order in which a certificate goes through them."""


def backend_named(name: str) -> Backend:
    """Return a backend.

    Raises:
        GraphError: there is none of that name.
    """
    if name not in BACKENDS:
        raise GraphError(f"{name!r} is unknown", nearest(name, BACKENDS), option="backend")
    return BACKENDS[name]


def ready_backends(names: Sequence[str]) -> list[Backend]:
    """Return the backends to compare in the order given, after checking that each can run on this machine.

    Raises:
        GraphError: one is unknown or named twice, or fewer than two are named.
        NeurodeployError: one is not installed.
    """
    odd = [name for name in names if name not in BACKENDS]
    if odd:
        raise GraphError(f"{odd[0]!r} is unknown", nearest(odd[0], BACKENDS), option="backends")
    if len(names) < 2 or len(set(names)) != len(names):
        advice = f"name two or more to compare, each of {', '.join(BACKENDS)} at most once"
        raise GraphError(f"found {','.join(names)!r}", advice, option="backends")
    found = [BACKENDS[name] for name in names]
    for one in found:
        one.check()
    return found


def is_integer(name: str) -> bool:
    """True where a Trace or a certificate's stage of this name is of the integer Program."""
    return name in BACKENDS and BACKENDS[name].integer


def run_backend(
    backend: Backend, target: Any, spikes_BTI: np.ndarray, options: RunOptions, progress: Progress
) -> Trace:
    """Run a network or Program and return the Trace, with the states of the layers asked for."""
    trace = backend.run(target, spikes_BTI, options, lambda done, total: progress(backend.name, done, total, "samples"))
    if isinstance(options.record, bool):
        return trace
    return replace(trace, layers={name: trace.layers[name] for name in options.record})
