"""The stages of a certificate: each backend run with every state recorded, and held against the equations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from neurodeploy.backends import reference
from neurodeploy.backends.reference import layers_alone
from neurodeploy.backends.table import REFERENCE, RunOptions, backend_named, is_integer, run_backend
from neurodeploy.backends.trace import LayerTrace, Trace, one_after_another
from neurodeploy.certificate.certify import CertificateSettings, StageRun, certificate
from neurodeploy.certificate.difference import Difference, earliest, spike_agreement
from neurodeploy.certificate.equations import first_violation
from neurodeploy.certificate.fields import FieldDifference
from neurodeploy.certificate.stages import Alone
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import GraphError
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import Compiled
from neurodeploy.mapping.discretize import clipped_weights
from neurodeploy.pipeline.batches import together
from neurodeploy.pipeline.costs import synops_of
from neurodeploy.progress import Progress, further

if TYPE_CHECKING:
    from torch import nn

MOST_STATES = 1 << 25
"""Neurons times steps times samples whose states are held to be compared, 14 bytes for each."""
MOST_CHECKED = 1 << 20
"""The same of an integer run that is checked in one go, some ten numbers of 8 bytes each."""
MOST_ALONE = 8
"""Samples on which every layer is run alone; each step of each neuron counts, so that few show much."""
MOST_SPIKES = 1 << 30
"""The same of a torch network, of which spikes alone are held, a byte each."""


def certified(
    backends: Sequence[str],
    made: Compiled,
    network: Network,
    samples: SampleSource,
    labels: Any,
    max_accuracy_drop: float | None,
    progress: Progress,
    differing: Sequence[FieldDifference] = (),
    module_B: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return the certificate of a network and its Program on some samples, with its `synops_per_sample`.

    Args:
        backends: In the order to compare them.
        labels: Of the samples (B,), checked; where None, the first backend's own classes stand for them.
        max_accuracy_drop: Allowed loss against the first stage, 0..1; 0.015 when None.
        differing: Fields in which the Program is not what the network compiles to.
        module_B: A module's own classes (B,): every stage says how many are its own (`module_classes`).

    Raises:
        GraphError: the allowed loss is no share.
    """
    if max_accuracy_drop is not None and not 0 <= max_accuracy_drop <= 1:
        raise GraphError(f"found {max_accuracy_drop:g}", option="max_accuracy_drop", allowed="0 to 1 is allowed")
    currents = sum(backend_named(name).integer for name in backends) > 1  # only two integer runs are equal in them
    runs = [certified_run(name, made, network, samples, progress, currents=currents) for name in backends]
    runs = _with_layers_alone(runs, made, network, samples)
    labels_B = runs[0].trace.predictions_B if labels is None else np.asarray(labels)
    settings: dict[str, Any] = {} if max_accuracy_drop is None else {"max_accuracy_drop": max_accuracy_drop}
    found = certificate(runs, made.program, labels_B, CertificateSettings(**settings), differing).to_dict()
    for stage, run in zip(found["stages"], runs, strict=True) if module_B is not None else ():
        stage["module_classes"] = float((run.trace.predictions_B == module_B).mean())
    integer = next((run.trace for run in runs if is_integer(run.trace.backend)), None)
    counts = synops_of(network, runs[0].trace) if integer is None else synops_of(made.program, integer)
    return found | {"synops_per_sample": counts.synops_per_sample}


def certified_run(
    name: str, made: Compiled, network: Network, samples: SampleSource, progress: Progress, *, currents: bool = True
) -> StageRun:
    """Run one backend with every state recorded; check integer runs against the graph's equations.

    All samples are checked, some at a time; the states of as many of the first as fit the memory are kept, to be
    compared with other backends'.

    Args:
        currents: Keep these too, not the spikes and potentials alone.
    """
    backend = backend_named(name)
    target = made.program if backend.integer else network
    n_samples, first = len(samples), 0
    states = sum(layer.n_neurons for layer in made.program.layers) * made.program.n_steps(samples.n_steps)
    held = max(1, min(n_samples, MOST_STATES // states))
    # The graph in its own batches, because how many samples are multiplied together shows in the last bits.
    at_once = max(1, min(held, MOST_CHECKED // states)) if backend.integer else min(held, reference.BATCH)
    violations: list[Difference | None] = []

    def traces(spikes_BTI: np.ndarray) -> Iterator[Trace]:
        """Yield the traces of some samples, with the states that are kept of them."""
        options = RunOptions(record=backend.integer or first < held)
        for start in range(0, len(spikes_BTI), at_once):
            some = spikes_BTI[start : start + at_once]
            backend.load(target, options, progress)
            trace = run_backend(backend, target, some, options, further(progress, first + start, n_samples))
            if backend.integer:
                found = first_violation(made.quantised, made.plan, trace, some)
                violations.append(None if found is None else replace(found, sample=found.sample + first + start))
            kept = trace.layers if first < held else {}
            if not currents:
                kept = {name: one._replace(u_BTN=one.u_BTN[:, :0]) for name, one in kept.items()}
            yield replace(trace, layers=kept)

    runs: list[Trace] = []
    for batch in samples.batches(held):
        runs.append(together(traces(batch.spikes_BTI), len(batch.spikes_BTI)))
        first += len(batch.spikes_BTI)
    return StageRun(one_after_another(runs), earliest(violations))


def _with_layers_alone(runs: list[StageRun], made: Compiled, network: Network, samples: SampleSource) -> list[StageRun]:
    """Return the runs, each integer one after the graph's own with what every layer loses alone, and is clipped of."""
    real = next((run.trace for run in runs if run.trace.backend == REFERENCE), None)
    if real is None or network.quantised or not made.plan.vth_mant:
        return runs
    n_samples = min(real.n_recorded, MOST_ALONE)
    states = {name: LayerTrace(*(values[:n_samples] for values in one)) for name, one in real.layers.items()}
    alone = {}
    for name, found in layers_alone(made.quantised, samples.at(range(n_samples)).spikes_BTI, states):
        layer, both = made.program.layer(name), (found, states[name])
        mine, theirs = (one.v_BTN * layer.v_per_unit / layer.potential_unit for one in both)
        kept = spike_agreement(*(one.spikes_BTN for one in both))
        alone[name] = Alone(kept, float(np.sqrt(((mine - theirs) ** 2).mean())), n_samples)
    counts = clipped_weights(network, made.plan)
    clipped = {one.name: sum(counts[each.name] for each in network.into(one.name)) for one in network.populations}
    return [replace(one, alone=alone, clipped=clipped) if is_integer(one.trace.backend) else one for one in runs]


def torch_run(name: str, network: nn.Module, made: Compiled, samples: SampleSource) -> StageRun:
    """Run a torch network batch by batch; the spikes of as many samples as fit the memory are kept, to be compared.

    Args:
        name: What the stage is called.
        network: See `backends.torch_model`.
        made: What it was exported to, whose layers its own are called after where it has no `layer_names`, unless it
            takes other steps.
    """
    from neurodeploy.backends import torch_model  # torch takes 150 MB, which `certify` does without

    host = made.program.host
    own_steps = host is not None and host.behind > 0 and samples.n_inputs == host.window.n_inputs  # are not the chip's
    layers = [] if own_steps else [layer.name for layer in made.program.layers if not layer.graded]
    layers = getattr(network, "layer_names", layers)
    most = MOST_SPIKES // (samples.n_steps * sum(layer.n_neurons for layer in made.program.layers))
    kept: list[Trace] = []
    rest: list[Trace] = []
    for batch in samples.batches(torch_model.BATCH):
        trace = one_after_another([torch_model.run(network, layers, batch.spikes_BTI, name)])
        fits = not kept or (len(kept) + 1) * torch_model.BATCH <= most
        (kept if fits else rest).append(trace if fits else replace(trace, layers={}))
    with_states = together(kept, sum(one.n_samples for one in kept))
    return StageRun(one_after_another([with_states, *rest]))
