"""How far each target's run of a network is from the reference, on random input.

Axes: B sample, T step, I input channel.
"""

from dataclasses import dataclass, field

import nir
import numpy as np

from neurodeploy.backends import fixed, reference
from neurodeploy.backends.trace import Trace
from neurodeploy.certificate.certify import CertificateSettings, StageRun, certificate
from neurodeploy.certificate.difference import spike_agreement
from neurodeploy.graph.doctor.changes import changed
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import Compiled

N_SAMPLES, N_STEPS = 4, 50
RATES = (0.1, 0.5, 1.0)
"""Of input spikes per channel and step: the first at which every population spikes."""
MOST_STATES = 1 << 23
SEED = 1
Errors = dict[str, dict[str, float]]
"""By node, what was measured of it by name."""


@dataclass(frozen=True, eq=False)
class RandomRun:
    """The reference on random input.

    Attributes:
        rate: Of the input's spikes.
        silent: Populations that did not spike, so that nothing was learned of them.
    """

    network: Network
    spikes_BTI: np.ndarray
    trace: Trace
    rate: float
    silent: tuple[str, ...] = field(default_factory=tuple)


def random_run(network: Network) -> RandomRun | None:
    """Return the reference's run on random spikes; None where its states would not fit the memory."""
    states = sum(one.n_neurons for one in network.populations) + network.n_inputs
    # A class that is read from some steps is read from runs of one length.
    n_steps = N_STEPS if network.decode is None else len(network.decode.steps) or N_STEPS
    n_samples = min(N_SAMPLES, MOST_STATES // (states * n_steps))
    if n_samples < 1:
        return None
    rng = np.random.default_rng(SEED)
    spiking = [one.name for one in network.populations if one.spiking]
    for rate in RATES:
        spikes = (rng.random((n_samples, n_steps, network.n_inputs)) < rate).astype(np.uint8)
        trace = reference.run(network, spikes, record=True)
        silent = tuple(name for name in spiking if not trace.counts[name].any())
        if not silent:
            break
    return RandomRun(network, spikes, trace, rate, silent)


def of_integers(run: RandomRun, made: Compiled) -> Errors:
    """Return what the chip's integers change: of populations spikes and potentials, of connections their weights."""
    trace = fixed.run(made.program, run.spikes_BTI, record=True)
    labels = np.zeros(len(run.spikes_BTI), np.int64)
    runs = [StageRun(run.trace), StageRun(trace)]
    compared = certificate(runs, made.program, labels, CertificateSettings()).stages[1].comparison
    assert compared is not None
    found: Errors = {
        row.name: _agreeing(row.spike_agreement)
        | {"potential_rms": row.potential_rms or 0.0, "spikes": row.spikes_before}
        for row in compared.layers
    }
    for before, after in zip(run.network.synapses, made.quantised.synapses, strict=True):
        largest = float(np.abs(before.weight).max(initial=0.0))
        off = float(np.abs(after.weight - before.weight).max(initial=0.0))
        parts = before.name.split(">")  # `a+b`, or `source>a+b>target`; `source>target` lists no nodes
        for name in parts[len(parts) // 2].split("+") if len(parts) in (1, 3) else ():
            found[name] = {"weight_error": off / largest if largest else 0.0}
    return found


def _agreeing(share: float | None) -> dict[str, float]:
    """Return the agreement of spikes, where there are any."""
    return {} if share is None else {"spike_agreement": share}


def of_changes(run: RandomRun, words: dict[str, list[str]], nodes: dict[str, nir.NIRNode]) -> Errors:
    """Return what a framework's own ways change: of every population the agreement of its spikes.

    Args:
        words: Changes by population, as in `graph.doctor.changes`.

    Returns:
        Empty where a change has no numbers here.
    """
    other = changed(run.network, words, nodes)
    if other is None:
        return {}
    trace = reference.run(other, run.spikes_BTI, record=True)
    return {
        name: _agreeing(spike_agreement(one.spikes_BTN, run.trace.layers[name].spikes_BTN))
        | {"spikes": int(run.trace.layers[name].spikes_BTN.sum())}
        for name, one in trace.layers.items()
    }


def same_states(run: RandomRun, other: Network) -> bool:
    """True where another network has the same spikes, currents and potentials on the same input."""
    trace = reference.run(other, run.spikes_BTI, record=True)
    return trace.layers.keys() == run.trace.layers.keys() and all(
        np.array_equal(getattr(one, key), getattr(run.trace.layers[name], key))
        for name, one in trace.layers.items()
        for key in ("spikes_BTN", "u_BTN", "v_BTN")
    )
