"""One of the paper's graphs on one target after another: what they predict, and which spikes they share.

Axes: B sample, T step, I input channel, N neuron.
"""

import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nir
import numpy as np

from neurodeploy.backends.table import FIXED, LAVA, REFERENCE, RunOptions, backend_named, run_backend
from neurodeploy.backends.trace import Trace
from neurodeploy.certificate.difference import first_unequal
from neurodeploy.errors import FrameworkError, NeurodeployError
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import Compiled
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.inputs import compiled, read_network
from neurodeploy.progress import Progress, silent

OWN = (REFERENCE, FIXED, LAVA)
FRAMEWORKS = ("snntorch", "norse", "spikingjelly")
BACKENDS = (*OWN, *FRAMEWORKS)


@dataclass(frozen=True, eq=False)
class Seen:
    """What a target showed of a run, in the graph's own steps.

    Attributes:
        predictions_B: The output neuron with the most spikes.
        spikes: By node, bool (B, T, N); every population of ours, of a framework the nodes that it lets one see.
        v: By node, potentials in the graph's unit, float64 (B, T, N); empty where the target does not show them.
        refused_as_is: Why a framework refuses the file itself; it ran what the doctor wrote for it.
        equal_to_fixed: Lava's spikes, currents and potentials are those of our integers; None where not compared.
    """

    predictions_B: np.ndarray
    spikes: dict[str, np.ndarray]
    v: dict[str, np.ndarray] = field(default_factory=dict)
    equal_to_fixed: bool | None = None
    version: str = ""
    refused_as_is: str = ""


@dataclass(frozen=True, eq=False)
class Subject:
    """A graph that every target runs.

    Attributes:
        path: The .nir file.
        dt_s: Time step, seconds: none of these files carries one.
        reset: "zero" or "subtract", likewise.
        calibrate: Dataset whose training part the precision is chosen on; None to choose it by size alone.
        repaired: By framework that refuses the file, what the doctor wrote for it instead, and why it refused.
    """

    path: Path
    dt_s: float
    reset: str
    calibrate: str | None = None
    progress: Progress = silent
    repaired: dict[str, tuple[nir.NIRGraph, str]] = field(default_factory=dict)

    @property
    def options(self) -> GraphOptions:
        """What the file leaves open."""
        return GraphOptions(self.dt_s, self.reset, calibrate=self.calibrate)

    @cached_property
    def network(self) -> Network:
        """The graph as our reference runs it."""
        return read_network(self.path, self.options)

    @cached_property
    def compiled(self) -> tuple[Compiled, str]:
        """The graph's integers, and one sentence on their precision."""
        return compiled(self.network, self.options, self.progress)[:2]

    def run(self, backends: tuple[str, ...], spikes_BTI: np.ndarray) -> dict[str, Seen]:
        """Return what the targets show on these samples, by target.

        Raises:
            FrameworkError: a framework is absent, or its importer cannot take the graph.
            LavaError: Lava's environment is absent, or its worker failed.
        """
        found: dict[str, Seen] = {}
        integers: Trace | None = None
        for name in backends:
            if name not in OWN:
                found[name] = self._framework(name, spikes_BTI)
                continue
            backend, options = backend_named(name), RunOptions(record=True)
            target = self.compiled[0].program if backend.integer else self.network
            backend.load(target, options, self.progress)
            trace = run_backend(backend, target, spikes_BTI, options, self.progress)
            equal = None
            if backend.integer:
                equal = None if integers is None else first_unequal(trace, integers) is None
                integers = trace
            found[name] = self._seen(trace, equal)
        return found

    def _seen(self, trace: Trace, equal: bool | None) -> Seen:
        layers = trace.layers
        v = {name: one.v_BTN for name, one in layers.items()}
        if backend_named(trace.backend).integer:
            by_name: dict[str, Any] = {layer.name: layer for layer in self.compiled[0].program.layers}
            # The chip's steps that belong to the graph's: a layer sees its first input `start` steps late.
            starts = {name: by_name[name].start for name in layers}
            layers = {name: one.steps(starts[name], starts[name] + trace.n_input_steps) for name, one in layers.items()}
            v = {name: (one.v_BTN - by_name[name].v_offset) / by_name[name].v_per_unit for name, one in layers.items()}
        spikes = {name: one.spikes_BTN.astype(np.bool_) for name, one in layers.items()}
        return Seen(trace.predictions_B, spikes, v, equal)

    def _framework(self, name: str, spikes_BTI: np.ndarray) -> Seen:
        from neurodeploy.frameworks.run import run_graph

        def run(graph: nir.NIRGraph | Path) -> Any:
            return run_graph(name, graph, spikes_BTI, dt_s=self.dt_s, reset=self.reset)

        try:
            ran = run(self.repaired.get(name, (self.path, ""))[0])
        except FrameworkError as error:
            repaired = None if name in self.repaired else self._repaired(name)
            if repaired is None:
                raise
            self.repaired[name] = repaired, str(error)
            ran = run(repaired)
        note = self.repaired.get(name, ("", ""))[1]
        spikes = {node: one != 0 for node, one in ran.spikes.items()} | {self.network.output: ran.output_BTN != 0}
        return Seen(ran.output_BTN.sum(axis=1).argmax(axis=1), spikes, version=ran.version, refused_as_is=note)

    def _repaired(self, framework: str) -> nir.NIRGraph | None:
        """Return the graph as the doctor writes it for a framework's importer; None where it cannot."""
        from neurodeploy.verbs.inspect import inspect_graph

        with tempfile.TemporaryDirectory(prefix="neurodeploy-paper-") as folder:
            out = Path(folder) / self.path.name
            try:
                inspect_graph(self.path, repair=out, for_framework=framework, dt_s=self.dt_s, reset=self.reset)
                return nir.read(out)
            except (NeurodeployError, OSError, ValueError):
                return None
