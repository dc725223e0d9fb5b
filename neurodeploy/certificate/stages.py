"""What a certificate holds, as frozen types; their JSON comes from `to_dict` alone.

Axes: B sample, T step, N neuron.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from neurodeploy.backends.trace import LayerTrace
from neurodeploy.certificate.accuracy import AccuracyChange
from neurodeploy.certificate.difference import Difference, first_where, spike_agreement
from neurodeploy.certificate.fields import FieldDifference

ALWAYS = ("spike_agreement", "first_difference", "first_violation")
"""Fields that are written as null too; others that are None are left out."""
FIRST: dict[str, Any] = {"against": None, "spike_agreement": None, "first_difference": None}
"""What the first stage says of a comparison."""


@dataclass(frozen=True)
class Alone:
    """What a layer on the chip's grid keeps while all others stay as they are in the graph: nothing adds up.

    Attributes:
        spike_agreement, potential_rms: As in `LayerComparison`.
        samples: That it was measured on.
    """

    spike_agreement: float | None
    potential_rms: float
    samples: int


@dataclass(frozen=True)
class LayerComparison:
    """One layer of a stage beside the stage before.

    Attributes:
        spikes, spikes_before: How many there are in both; of values, how many are not 0.
        spike_agreement: See `difference.spike_agreement`; None where neither spikes.
        differing_by_step: Neurons that differ, by step.
        potential_rms: Between a graph and its integers: difference of potentials, in thresholds.
        alone: The same, where this layer alone is on the chip's grid; None where it was not measured.
        state_error: Of layers that send values, between a graph (that of the float network, where it ran) and its
            integers: the relative error of all potentials together after each step, 0 where there are none.
        clipped_weights: That are larger than the grid's largest, which they become.
    """

    name: str
    spikes: int
    spikes_before: int
    spike_agreement: float | None
    differing_by_step: tuple[int, ...]
    first_difference: Difference | None
    potential_rms: float | None = None
    alone: Alone | None = None
    state_error: tuple[float, ...] | None = None
    clipped_weights: int | None = None


@dataclass(frozen=True)
class Comparison:
    """A stage beside the one before, on the samples both ran.

    Attributes:
        against: Name of the stage before.
        compared_samples: Samples whose states were kept in both.
        prediction_agreement: Share of samples with the same class.
        first_difference: The first spike between real and integer numbers (`step` counts input steps), the first
            spike, current or potential between two integer runs (`step` counts chip steps).
    """

    against: str
    spike_agreement: float | None
    first_difference: Difference | None
    compared_samples: int
    prediction_agreement: float
    layers: tuple[LayerComparison, ...]


@dataclass(frozen=True)
class Equations:
    """Whether every step of an integer run obeys the graph's equations."""

    holds: bool
    first_violation: Difference | None


@dataclass(frozen=True)
class Stage:
    """One backend's run in a certificate.

    Attributes:
        comparison: With the stage before; None of the first.
        accuracy_drop: Against the first stage on the same samples, a share of 1.
        accuracy_change: The same in points with its interval; None of the first stage.
        silent: Layers that never spiked on any sample.
        overflows: Currents that wrapped and potentials that saturated, by layer.
    """

    name: str
    accuracy: float
    samples: int
    seconds: float
    comparison: Comparison | None
    accuracy_drop: float
    accuracy_change: AccuracyChange | None
    silent: tuple[str, ...]
    engine: str | None = None
    overflows: Mapping[str, Mapping[str, int]] | None = None
    equations: Equations | None = None


@dataclass(frozen=True)
class Certificate:
    """What was kept from stage to stage, and whether that is enough.

    Attributes:
        failures: Why it does not pass, one line each.
        warnings: What passes and should be known, one line each.
        rule: What was compared on how many samples, and what so many can show: one sentence.
        accuracy_change: From the first stage to the integers that the chip would run.
        bit_exact: For each pair that must be equal in every state ("fixed/lava"), whether it is.
        program: Digest of the Program that ran.
        differing: Fields in which a Program that was handed in is not what the graph compiles to.
        steps: Of the input.
    """

    failures: tuple[str, ...]
    warnings: tuple[str, ...]
    rule: str
    accuracy_change: AccuracyChange
    stages: tuple[Stage, ...]
    bit_exact: Mapping[str, bool]
    program: str
    differing: tuple[FieldDifference, ...]
    samples: int
    steps: int
    max_accuracy_drop: float

    @property
    def passed(self) -> bool:
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"passed": self.passed} | _plain(self)


def compared_layers(found: Mapping[str, LayerTrace], expected: Mapping[str, LayerTrace]) -> list[LayerComparison]:
    """Return spikes, and where they differ, for every layer of traces with the same steps."""
    rows = []
    for name, mine in ((name, one) for name, one in found.items() if name in expected):
        spikes, before = mine.spikes_BTN, expected[name].spikes_BTN
        # Values of a graph and of its integers are in other units; `state_error` compares such layers.
        wrong = spikes != before if spikes.dtype == before.dtype else np.zeros(spikes.shape, np.bool_)
        rows.append(
            LayerComparison(
                name=name,
                spikes=int(np.count_nonzero(spikes)),
                spikes_before=int(np.count_nonzero(before)),
                spike_agreement=spike_agreement(spikes, before),
                differing_by_step=tuple(wrong.sum(axis=(0, 2)).tolist()),
                first_difference=first_where("spikes", name, wrong, spikes, before),
            )
        )
    return rows


def _plain(value: Any) -> Any:
    """Return plain values; what a stage's comparison says stands beside what the stage says."""
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if not is_dataclass(value):
        return value
    found = {one.name: getattr(value, one.name) for one in fields(value)}
    written = {key: _plain(one) for key, one in found.items() if one is not None or key in ALWAYS}
    compared = written.pop("comparison", {})
    return FIRST | written | compared if isinstance(value, Stage) else written
