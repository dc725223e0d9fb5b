"""The real-valued reference: a NIR network in float64, forward Euler, batched.

Axes: B sample, T step, N neuron of a population.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from neurodeploy.backends.scores import Scores, decoded, read_by_step
from neurodeploy.backends.trace import LayerTrace, Part, Progress, Trace, check_spikes, empty_layer, in_batches
from neurodeploy.fixedpoint import rules
from neurodeploy.graph.network import Network
from neurodeploy.graph.paths import INPUT

NAME = "reference"
BATCH = 128
Ready = dict[str, list[tuple[int, Callable[[np.ndarray], np.ndarray]]]]
"""By connection, the steps that its spikes take and what they add up to."""


def run(
    network: Network,
    spikes_BTI: np.ndarray,
    *,
    record: bool = False,
    batch_size: int = BATCH,
    progress: Progress | None = None,
    given: Mapping[str, np.ndarray] | None = None,
) -> Trace:
    """Run `network` on every sample and return the Trace; states are in the graph's own units.

    Args:
        spikes_BTI: Input spikes, 0 or 1, or counts where the network takes them, (samples, steps, channels).
        record: Keep every state; without it only spike counts are kept.
        given: Spikes (B, T, N) of populations that ran before, from which the others go on; they are not run again, and
            nothing of them is recorded.

    Raises:
        DataError: the spikes do not fit the network.
    """
    spikes = check_spikes(spikes_BTI, network.n_inputs, NAME, graded=network.graded_input)
    names = [one.name for one in network.populations]
    known = given or {}
    ready: Ready = {one.name: one.ready for one in network.synapses if one.target not in known}
    starts = itertools.count(0, batch_size)

    def run_batch(some: np.ndarray) -> Part:
        first = next(starts)
        part = {name: one[first : first + len(some)] for name, one in known.items()}
        return _run_batch(network, ready, some, record, part)

    return in_batches(NAME, names, network.output, spikes, run_batch, batch_size=batch_size, progress=progress)


def _run_batch(
    network: Network, ready: Ready, spikes: np.ndarray, record: bool, given: Mapping[str, np.ndarray]
) -> Part:
    n_samples, n_steps, _ = spikes.shape
    sizes = {one.name: one.n_neurons for one in network.populations}
    longest = max((steps for parts in ready.values() for steps, _ in parts), default=0)
    u = {one.name: np.zeros((n_samples, one.u_width)) for one in network.populations}
    v = {name: np.zeros((n_samples, size)) for name, size in sizes.items()}
    spiked = {name: np.zeros((n_samples, size), np.bool_) for name, size in sizes.items()}  # or values, once sent
    counts = {name: np.zeros((n_samples, size), dtype=np.int64) for name, size in sizes.items()}
    counts |= {name: np.count_nonzero(one, axis=1).astype(np.int64) for name, one in given.items()}
    run = [one for one in network.populations if one.name not in given]
    read = {network.output} if read_by_step(network) and network.decode else set()

    def zeros(width: int, kind: type) -> np.ndarray:
        return np.zeros((n_samples, n_steps, width), kind)

    kept = {one.name: empty_layer(one, zeros, np.float64) for one in run if record or one.name in read}
    output = network.population(network.output)
    scores = Scores(network.readout, n_samples, output.n_neurons, 0, np.float64)
    past: deque[dict[str, np.ndarray]] = deque(maxlen=longest)
    for now in range(n_steps):
        sent = {INPUT: spikes[:, now].astype(np.float64)}
        sent |= {name: one[:, now].astype(np.float64) for name, one in given.items()}
        for one in run:
            name = one.name
            drive = np.broadcast_to(one.bias, v[name].shape).copy()
            for synapses in network.into(name):
                for steps, apply in ready[synapses.name]:
                    if steps <= len(past):
                        drive += apply((past[-steps] if steps else sent)[synapses.source])
            u[name], v_after, fired = one.step(u[name], v[name], spiked[name], drive)
            if now >= getattr(one, "begins", 0):
                v[name] = v_after
            else:
                fired = spiked[name]
            spiked[name] = fired
            sent[name] = fired.astype(np.float64)
            counts[name] += fired.astype(np.bool_, copy=False)
            if name in kept:
                kept[name].spikes_BTN[:, now] = fired
                kept[name].u_BTN[:, now] = u[name]
                kept[name].v_BTN[:, now] = v[name]
        past.append(sent)
        scores.add(v[network.output], now)
    return decoded(network, Part(counts, kept, {}, scores.BN), n_steps, list(kept) if record else ())


def layers_alone(
    on_grid: Network, spikes_BTI: np.ndarray, real: Mapping[str, LayerTrace], names: Iterable[str] | None = None
) -> Iterator[tuple[str, LayerTrace]]:
    """Yield the states of each layer on the grid, fed by the float network so that no error adds up, with its name.

    Args:
        on_grid: The float network on the chip's grid, real-valued.
        spikes_BTI: Samples (B, T, I).
        real: States of the float network's layers on these samples. All but a layer itself send what is in them.
        names: Of the layers; all when None.
    """
    plain = replace(on_grid, readout=rules.READOUTS[0], decode=None)  # of one layer, the host reads nothing
    for name in real if names is None else names:
        given = {other: states.spikes_BTN for other, states in real.items() if other != name}
        yield name, run(plain, spikes_BTI, record=True, given=given).layers[name]
