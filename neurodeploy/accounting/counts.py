"""The counts of a run, one type from the counter to the price and the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neurodeploy.accounting.conventions import CONVENTION, CONVENTIONS
from neurodeploy.accounting.plain import Plain

MESSAGES = (
    "one message per spike and connection over which it reaches a non-zero weight, the input's included; a spike that "
    "goes to several cores of one layer is sent several times, which only a placement knows"
)
MACS = (
    "the synops of connections whose source sends values (counts, graded spikes or real numbers), which multiply "
    "instead of only adding; they are part of the synops"
)


@dataclass(frozen=True)
class ConnectionCounts(Plain):
    """What one connection did, per sample.

    Attributes:
        kind: "conv" or "dense"; "" where it is not known.
        recurrent: From a layer to itself.
        values: Its source sends values instead of spikes.
        synapses, nonzero_synapses: Of any weight, and of one that is not zero.
        dense_synops_per_sample: Weights of zero counted too.
        macs_per_sample: The part of the synops that multiplies.
        dense_macs_per_sample: Were nothing skipped; None where it is not known.
        by_convention: The same run by every rule; None where the run did not keep what the rule needs.
    """

    name: str = ""
    source: str = ""
    target: str | None = None
    kind: str = ""
    recurrent: bool = False
    values: bool = False
    synapses: int = 0
    nonzero_synapses: int = 0
    synops_per_sample: float = 0.0
    dense_synops_per_sample: float | None = None
    macs_per_sample: float = 0.0
    dense_macs_per_sample: float | None = None
    messages_per_sample: float = 0.0
    by_convention: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerCounts(Plain):
    """What one layer did, per sample: the synops that arrive, the messages that leave.

    Attributes:
        rate_per_step: Spikes per neuron and step.
        active_updates_per_sample: The part of the updates whose neurons did anything, where it was told apart.
    """

    OPTIONAL = ("active_updates_per_sample",)

    name: str
    neurons: int = 0
    spikes_per_sample: float = 0.0
    rate_per_step: float = 0.0
    updates_per_sample: int = 0
    synops_per_sample: float = 0.0
    messages_per_sample: float = 0.0
    active_updates_per_sample: float | None = None


@dataclass(frozen=True)
class Counts(Plain):
    """What a run did, mean per sample over all of its steps; totals alone can be priced too.

    Attributes:
        convention: What the headline number counts.
        synops: {mean, min, max, sd} over the samples; None where only sums were kept.
        by_convention: The same run by others' rules; None where the run did not keep the values sent.
        conventions: What each of them says.
        macs, messages: What these two are, in words.
        dense_macs_per_sample: Were nothing skipped; None where it is not known.
        host_reads_per_sample: Potentials that leave the chip.
        seconds_per_sample: Of a network in real time, for chips that are priced by the second.
    """

    OPTIONAL = ("host_reads_per_sample", "seconds_per_sample")

    convention: str = CONVENTION
    samples: int = 0
    steps: int = 0
    synops_per_sample: float = 0.0
    synops: Mapping[str, float] | None = None
    by_convention: Mapping[str, float | None] = field(default_factory=dict)
    conventions: Mapping[str, str] = field(default_factory=CONVENTIONS.copy)
    macs_per_sample: float = 0.0
    macs: str = MACS
    dense_macs_per_sample: float | None = None
    messages_per_sample: float = 0.0
    messages: str = MESSAGES
    neuron_updates_per_sample: float = 0.0
    input_spikes_per_sample: float = 0.0
    spikes_per_sample: float = 0.0
    connections: tuple[ConnectionCounts, ...] = ()
    layers: tuple[LayerCounts, ...] = ()
    host_reads_per_sample: int | None = None
    seconds_per_sample: float | None = None
