"""Energy of a run: a band over a chip's models, every term and its source shown, and what is not priced.

An event is priced by the most specific term that a model has for it. Per-op models and all-in numbers are kept
apart: a result is of one scope, and the other stands beside it. Static energy is a third number, because it grows
with time and not with events. How a number is made: docs/energy.md.
"""

import math
import operator
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neurodeploy.accounting.counts import Counts
from neurodeploy.accounting.events import WORDS, Event, events
from neurodeploy.accounting.plain import Band, Plain
from neurodeploy.accounting.routes import Traffic
from neurodeploy.errors import DataError
from neurodeploy.hardware.chip import Chip, EnergyModel
from neurodeploy.hardware.constants import Constant

PER_OP, ALL_IN = "per-op", "all-in"
ZEROS = (
    "connections that are not stored sparsely are priced with their weights of zero, which the chip works on like any "
    "other; the headline count of synops leaves them out"
)
NETWORK = "network"
"""Row of `by_layer` for events of which the counts name no layer."""


@dataclass(frozen=True)
class PricedTerm(Plain):
    """Events of one kind at one price: `energy_j` is their count times the price of each; `constant` is its key."""

    term: str
    layer: str | None
    count: float
    energy_per_event_j: float
    energy_j: float
    constant: str


@dataclass(frozen=True)
class ModelEnergy(Plain):
    """What one model of a chip says of a run, in joules per sample.

    Attributes:
        scope: "per-op" or "all-in".
        evidence, source: Of its first term.
        includes: Events that its terms' measured total holds.
        total_j, low_j, high_j: With the constants in their middle, and at their ends.
        unpriced: Events that it leaves out.
    """

    name: str
    scope: str
    evidence: str
    includes: tuple[str, ...]
    source: str
    total_j: float
    low_j: float
    high_j: float
    terms: tuple[PricedTerm, ...]
    unpriced: tuple[str, ...]


@dataclass(frozen=True)
class LayerEnergy(Plain):
    """One layer's own band in joules per sample; `NETWORK` holds what no layer is named for."""

    name: str
    low: float
    mid: float
    high: float


@dataclass(frozen=True)
class Unpriced(Plain):
    """Events that some per-op models leave out, with their count and the models' names."""

    event: str
    count_per_sample: float
    models: tuple[str, ...]


@dataclass(frozen=True)
class Energy(Plain):
    """The energy of a run on a chip, in joules per sample, with everything that it is made of.

    Attributes:
        chip, title, chip_digest: The chip, for people, and SHA-256 of its file.
        scope: Of `energy_j`: "per-op", or "all-in" where the chip has no other model; None where nothing is priced.
        energy_j: Over the models of that scope, dynamic only.
        all_in_j: Over the all-in models; never added to the other.
        static_j: For being on, where the time of a sample and a power are known.
        models: Every model with its terms.
        by_layer: Each layer's own band: lows of layers need not add up to the low.
        unpriced: What no model holds, in words.
        unpriced_events: The same with counts, and the models that leave them out.
        constants: Every price in use, by its key.
        notes: What a reader has to know.
    """

    chip: str
    title: str
    chip_digest: str
    scope: str | None
    energy_j: Band | None
    all_in_j: Band | None
    static_j: Band | None
    models: tuple[ModelEnergy, ...]
    by_layer: tuple[LayerEnergy, ...]
    unpriced: tuple[str, ...]
    unpriced_events: tuple[Unpriced, ...]
    constants: Mapping[str, Constant]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, and `whole_j`: with the static energy; None where that is unknown."""
        known = self.static_j is not None or self.scope == ALL_IN
        whole = self.whole_j.to_dict() if known and self.whole_j is not None else None
        return super().to_dict() | {"whole_j": whole}

    @property
    def whole_j(self) -> Band | None:
        """What a meter at the chip would read: per-op energies with the static one, all-in ones as they are."""
        if self.energy_j is None or self.static_j is None or self.scope == ALL_IN:
            return self.energy_j
        return self.energy_j.each(operator.add, self.static_j)


def price(
    counts: Counts, chip: Chip, traffic: Traffic | None = None, *, latency_s: float | Band | None = None
) -> Energy:
    """Return the energy per sample.

    Args:
        counts: Of the run; totals alone do.
        chip: Whose models price it.
        traffic: What only a placement knows.
        latency_s: Time of one sample, or its band. Without it there is no static energy.

    Raises:
        DataError: a count, or the time, is negative or not finite.
    """
    times, traffic = _times(latency_s), traffic or Traffic()
    seconds = counts.seconds_per_sample
    happened = events(counts, chip, traffic, times.mid if seconds is None and times else seconds)
    priced = [_Priced(model, happened) for model in chip.energy]
    models = {scope: [one for one in priced if one.model.scope == scope and one.counted] for scope in (PER_OP, ALL_IN)}
    scope = next((scope for scope in (PER_OP, ALL_IN) if models[scope]), None)
    shown = models[scope] if scope else []
    standing, used = _static(chip, traffic, times)
    left_out = _left_out(happened, priced)
    constants = used | {one.key: one for model in priced for one in model.used(chip)}
    return Energy(
        chip=chip.name,
        title=chip.title,
        chip_digest=chip.digest,
        scope=scope,
        energy_j=_band(shown),
        all_in_j=_band(models[ALL_IN]),
        static_j=standing,
        models=tuple(one.told() for one in models[PER_OP] + models[ALL_IN]),
        by_layer=_by_layer(shown),
        unpriced=(*_words(left_out, priced), *_missing(chip, priced, scope, times), *chip.unpriced),
        unpriced_events=left_out,
        constants=constants,
        notes=(*chip.notes, *([ZEROS] if chip.zero_weights and not chip.dense else [])),
    )


class _Priced:
    """One model's terms for one run."""

    def __init__(self, model: EnergyModel, happened: Sequence[Event]) -> None:
        self.model = model
        self.terms: list[tuple[Event, str, Constant]] = []
        self.left_out: list[Event] = []
        for event in happened:
            key = next((key for key in event.keys if key in model.terms), None)
            if key is not None:
                self.terms.append((event, key, model.terms[key]))
            elif model.scope == PER_OP and event.name not in model.includes:
                self.left_out.append(event)
        # What a run of the chip's kind always has; a run in which nothing happened costs nothing.
        self.counted = bool(self.terms) or not happened

    def total(self, of: str, layer: str | bool | None = True) -> float:
        """Return the joules of all terms, or of one layer's, with each constant at its `least`, `value` or `most`."""
        mine = ((e.count, one) for e, _, one in self.terms if layer is True or e.layer == layer)
        return sum((count * getattr(one, of) for count, one in mine), start=0.0)

    def used(self, chip: Chip) -> Iterable[Constant]:
        """Yield the constants that the run made use of."""
        yield from (one for _, _, one in self.terms)
        if any(event.name == "memory_bit" for event, _, _ in self.terms):
            yield from chip.traffic.values()

    def told(self) -> ModelEnergy:
        """Return what the model says of the run."""
        return ModelEnergy(
            name=self.model.name,
            scope=self.model.scope,
            evidence=self.model.evidence,
            includes=tuple(self.model.includes),
            source=next(iter(self.model.terms.values())).source,
            total_j=self.total("value"),
            low_j=self.total("least"),
            high_j=self.total("most"),
            terms=tuple(
                PricedTerm(key, e.layer, e.count, one.value, e.count * one.value, one.key) for e, key, one in self.terms
            ),
            unpriced=tuple(sorted({event.name for event in self.left_out})),
        )


def _band(models: Sequence[_Priced], layer: str | bool | None = True) -> Band | None:
    """Return least, median and most over the models, each with the ends of its constants."""
    if not models:
        return None
    return Band(
        low=min(one.total("least", layer) for one in models),
        mid=statistics.median(one.total("value", layer) for one in models),
        high=max(one.total("most", layer) for one in models),
    )


def _by_layer(models: Sequence[_Priced]) -> tuple[LayerEnergy, ...]:
    names = dict.fromkeys(event.layer for one in models for event, _, _ in one.terms)
    bands = {name: _band(models, name) for name in sorted(names, key=lambda name: name is None)}
    return tuple(LayerEnergy(name or NETWORK, one.low, one.mid, one.high) for name, one in bands.items() if one)


def _left_out(happened: Sequence[Event], priced: Sequence[_Priced]) -> tuple[Unpriced, ...]:
    """Return the events that some per-op model leaves out, with those models' names."""
    rows = []
    for name in dict.fromkeys(event.name for event in happened):
        by = tuple(one.model.name for one in priced if any(event.name == name for event in one.left_out))
        if by:
            rows.append(Unpriced(name, sum(event.count for event in happened if event.name == name), by))
    return tuple(rows)


def _words(left_out: Sequence[Unpriced], priced: Sequence[_Priced]) -> list[str]:
    per_op = sum(one.model.scope == PER_OP for one in priced)
    return [
        WORDS[row.event] + (f" (in {', '.join(row.models)})" if len(row.models) < per_op else "") for row in left_out
    ]


def _missing(chip: Chip, priced: Sequence[_Priced], scope: str | None, times: Band | None) -> list[str]:
    """Return the lines on what a time would price."""
    lines = []
    waiting = [one.model.name for one in priced if not one.counted and "second" in one.model.terms]
    if waiting:
        lines.append(f"{WORDS['second']} (in {', '.join(waiting)}): the time of a sample is not known")
    if scope == ALL_IN:
        return lines  # an all-in number holds it
    if times is None or not chip.power:
        lines.append("static (leakage) power" + ": the time of a sample is not known" * bool(chip.power))
    return lines


def _times(latency_s: float | Band | None) -> Band | None:
    if latency_s is None:
        return None
    found = latency_s if isinstance(latency_s, Band) else Band(*[float(latency_s)] * 3)
    if not all(0 <= one < math.inf for one in (found.low, found.mid, found.high)):
        raise DataError(f"latency_s: {latency_s} is no time of a sample, a finite number of seconds was expected")
    return found


def _static(chip: Chip, traffic: Traffic, latency_s: Band | None) -> tuple[Band | None, dict[str, Constant]]:
    """Return what a chip takes for being on over a sample, and the constants; None where time or power is not known.

    Whole chips and the share of the cores in use are two readings of one power, so the band spans them.
    """
    readings = []
    if "static_chip_w" in chip.power:
        readings.append((float(traffic.chips or 1), chip.power["static_chip_w"]))
    if "static_core_w" in chip.power and traffic.cores:
        readings.append((float(traffic.cores), chip.power["static_core_w"]))
    if latency_s is None or not readings:
        return None, {}
    watts = Band(
        low=min(number * one.least for number, one in readings),
        mid=statistics.median(number * one.value for number, one in readings),
        high=max(number * one.most for number, one in readings),
    )
    return watts.each(operator.mul, latency_s), {one.key: one for _, one in readings}
