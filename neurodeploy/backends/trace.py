"""What a run leaves behind: spikes, currents and potentials of every layer.

Axes: B sample, T step, N neuron of a layer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from neurodeploy.errors import DataError
from neurodeploy.fixedpoint import rules
from neurodeploy.program.program import INPUT

Progress = Callable[[int, int], None]
"""Called with the number of samples done and their total."""


class LayerTrace(NamedTuple):
    """States of one layer after every step, (B, T, N).

    Sigma-delta layers have graded spikes; their `u` is the sum and `v` the activation. Of neurons with other states,
    `v` is the potential and `u` are all others side by side (B, T, U), 0 where there is none.
    """

    spikes_BTN: np.ndarray
    u_BTN: np.ndarray
    v_BTN: np.ndarray

    def steps(self, first: int, last: int) -> LayerTrace:
        """Return the part from step `first` up to, not with, step `last`."""
        return LayerTrace(*(one[:, first:last] for one in self))


class Values(NamedTuple):
    """What a source sent that sends values instead of spikes.

    Attributes:
        sums: Of the values, per sample and neuron (B, N) or over the samples too (N,).
        binary: Every one was 0 or 1.
    """

    sums: np.ndarray
    binary: bool


def values_of(sent_BTN: np.ndarray) -> Values:
    """Return what was sent, summed over the steps."""
    return Values(sent_BTN.sum(axis=1, dtype=np.int64), bool(sent_BTN.min() >= 0 and sent_BTN.max() <= 1))


@dataclass(frozen=True, eq=False)
class Trace:
    """The result of one run.

    Attributes:
        backend: Name of the backend that ran.
        n_input_steps: Steps of input; an integer run adds the depth of its pipeline.
        output: Name of the layer the class is read from.
        input_counts_BI: Input spikes per sample and channel.
        counts: Spikes per sample and neuron of each layer, (B, N), in any integer type that holds them.
        layers: Full states where they were recorded, else empty; of the first samples, where not all fit
            the memory.
        overflows: Currents that wrapped and potentials that saturated, per layer (integer runs).
        seconds: Wall time of the run, without building and loading.
        scores_BN: What the class is read from, for each neuron of the output layer, or class where the host makes them
            (`program.decode`); its spike counts when None.
        values: What the input sent, where it sends values instead of spikes.
        engine: Which of our simulator's engines ran, with the reason where the compiled one could not.
    """

    backend: str
    n_input_steps: int
    output: str
    input_counts_BI: np.ndarray
    counts: dict[str, np.ndarray]
    layers: dict[str, LayerTrace]
    overflows: dict[str, dict[str, int]]
    seconds: float
    scores_BN: np.ndarray | None = None
    values: dict[str, Values] = field(default_factory=dict)
    engine: str = ""

    @property
    def n_samples(self) -> int:
        return len(self.input_counts_BI)

    @property
    def n_recorded(self) -> int:
        """Samples whose states were kept."""
        return min((len(one.spikes_BTN) for one in self.layers.values()), default=self.n_samples)

    @property
    def output_BN(self) -> np.ndarray:
        """What the class is read from, for each neuron of the output layer."""
        return self.counts[self.output] if self.scores_BN is None else self.scores_BN

    @property
    def predictions_B(self) -> np.ndarray:
        """Class of each sample: the output neuron with the highest score, the lowest index on a tie."""
        return self.output_BN.argmax(axis=1)

    def accuracy(self, labels_B: np.ndarray) -> float:
        """Return the fraction of samples whose prediction equals the label."""
        if len(labels_B) != self.n_samples:
            raise DataError(f"labels: found {len(labels_B)} for {self.n_samples} samples")
        return float((self.predictions_B == labels_B).mean())


class Part(NamedTuple):
    """The result of some of the samples."""

    counts: dict[str, np.ndarray]
    layers: dict[str, LayerTrace]
    overflows: dict[str, dict[str, int]]
    scores_BN: np.ndarray | None = None
    input_counts_BI: np.ndarray | None = None


def empty_layer(layer: Any, zeros: Callable[[int, type], Any], kind: type = np.int32) -> LayerTrace:
    """Return a trace to be filled of a layer, or of a population of a graph.

    Args:
        zeros: Gives zeros for so many neurons, of a kind of number (B, T, N).
        kind: Of currents, potentials and values that are sent.
    """
    spikes = zeros(layer.n_neurons, kind if layer.graded else np.bool_)
    return LayerTrace(spikes, zeros(layer.u_width, kind), zeros(layer.n_neurons, kind))


def _concatenated(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the parts one after another; a single one as it is, which saves a small run a good part of its time."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _small(counts: np.ndarray) -> np.ndarray:
    return counts.astype(np.min_scalar_type(counts.max(initial=0)))


def _all(parts: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """Return the parts that are there, one after another; None where none is."""
    there = [one for one in parts if one is not None]
    return _concatenated(there) if there else None


def _added(parts: Sequence[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    """Return the sum of what was counted of each layer."""
    return {name: {key: sum(part[name][key] for part in parts) for key in found} for name, found in parts[0].items()}


def joined(
    backend: str, names: list[str], output: str, spikes: np.ndarray, parts: list[Part], seconds: float, engine: str = ""
) -> Trace:
    """Return one Trace from the batches' results, in their order."""
    layers = {
        name: LayerTrace(*map(_concatenated, zip(*(part.layers[name] for part in parts), strict=True)))
        for name in names
        if name in parts[0].layers
    }
    sent = _all([part.input_counts_BI for part in parts])
    return Trace(
        backend=backend,
        n_input_steps=spikes.shape[1],
        output=output,
        input_counts_BI=sent if sent is not None else np.count_nonzero(spikes, axis=1).astype(np.int64),
        counts={name: _concatenated([part.counts[name] for part in parts]) for name in names},
        layers=layers,
        overflows=_added([part.overflows for part in parts]),
        seconds=seconds,
        scores_BN=_all([part.scores_BN for part in parts]),
        values={INPUT: values_of(spikes)} if spikes.dtype == np.int32 else {},  # as `check_spikes` marks graded ones
        engine=engine,
    )


def one_after_another(traces: Sequence[Trace]) -> Trace:
    """Return runs of one network on further and further samples as one; states are the first run's.

    Counts become as narrow as they can be: of a convolutional network they outgrow all else that is kept of a sample.
    """
    first = traces[0]

    def values(name: str) -> Values:
        every = [one.values[name] for one in traces]
        return Values(_concatenated([one.sums for one in every]), all(one.binary for one in every))

    return replace(
        first,
        input_counts_BI=_concatenated([one.input_counts_BI for one in traces]),
        counts={name: _concatenated([_small(one.counts[name]) for one in traces]) for name in first.counts},
        overflows=_added([one.overflows for one in traces]),
        seconds=sum(one.seconds for one in traces),
        scores_BN=_all([one.scores_BN for one in traces]),
        values={name: values(name) for name in first.values},
    )


def in_batches(
    backend: str,
    names: list[str],
    output: str,
    spikes: np.ndarray,
    run_batch: Callable[[np.ndarray], Part],
    *,
    batch_size: int,
    progress: Progress | None = None,
    engine: str = "",
) -> Trace:
    """Return the Trace of `run_batch` over all samples, `batch_size` of them at a time."""
    started = time.perf_counter()
    parts = []
    for first in range(0, len(spikes), batch_size):
        parts.append(run_batch(spikes[first : first + batch_size]))
        if progress:
            progress(min(first + batch_size, len(spikes)), len(spikes))
    return joined(backend, names, output, spikes, parts, time.perf_counter() - started, engine)


def with_silence(spikes_BTI: np.ndarray, n_silent: int) -> np.ndarray:
    """Return the input followed by steps without any."""
    n_samples, _, n_inputs = spikes_BTI.shape
    return np.concatenate([spikes_BTI, np.zeros((n_samples, n_silent, n_inputs), spikes_BTI.dtype)], axis=1)


def check_spikes(spikes_BTI: np.ndarray, n_inputs: int, where: str, *, graded: bool = False) -> np.ndarray:
    """Return the spikes as (B, T, I), uint8 or for graded ones int32, after checking shape and values.

    Inputs with several axes per step, (B, T, C, H, W), are flattened in C order.

    Raises:
        DataError: wrong number of axes or channels, no samples or steps, or values other than 0 and
            1, or whole numbers of 24 signed bits where they are graded.
    """
    spikes = np.asarray(spikes_BTI)
    if spikes.ndim < 3 or not spikes.size:
        needed = "(samples, steps, channels) with at least one each is needed"
        raise DataError(f"{where}: spikes have shape {spikes.shape}, {needed}")
    spikes = spikes.reshape(*spikes.shape[:2], -1)
    if spikes.shape[2] != n_inputs:
        raise DataError(
            f"{where}: spikes have {spikes.shape[2]} channels, the network takes {n_inputs}; "
            "check that data and network belong together"
        )
    if spikes.dtype.kind not in "biuf":
        raise DataError(f"{where}: spikes hold {spikes.dtype}, numbers are needed")
    if graded:
        limit = 1 << rules.MESSAGE_BITS - 1
        whole = spikes.dtype.kind != "f" or (spikes == np.trunc(spikes)).all()
        if not (whole and spikes.min() >= -limit and spikes.max() < limit):
            raise DataError(
                f"{where}: graded spikes hold values from {spikes.min()} to {spikes.max()}, whole numbers from "
                f"{-limit} to {limit - 1} are allowed; scale and round them"
            )
        return spikes.astype(np.int32, copy=False)
    if spikes.dtype == np.bool_:
        return spikes.view(np.uint8) if spikes.flags.c_contiguous else spikes.astype(np.uint8)
    within = spikes.max() <= 1 if spikes.dtype == np.uint8 else ((spikes == 0) | (spikes == 1)).all()
    if not within:
        raise DataError(
            f"{where}: spikes hold values from {spikes.min()} to {spikes.max()}, only 0 and 1 are allowed; "
            "clip or bin the events to one per step"
        )
    return spikes.astype(np.uint8, copy=False)
