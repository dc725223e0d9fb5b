"""Energy of a run: a band over a chip's models, every term and its source shown, and what is not priced.

An event is priced by the most specific term that a model has for it. Per-op models and all-in numbers are kept
apart: a result is of one scope, and the other stands beside it. Static energy is a third number, because it grows
with time and not with events. How a number is made: docs/energy.md.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from neurodeploy.accounting.events import WORDS, Event, events
from neurodeploy.accounting.static import mid_of, static
from neurodeploy.hardware.chips import Chip, EnergyModel
from neurodeploy.hardware.constants import Constant

PER_OP, ALL_IN = "per-op", "all-in"
ZEROS = (
    "connections that are not stored sparsely are priced with their weights of zero, which the chip works on like any "
    "other; the headline count of synops leaves them out"
)
NETWORK = "network"
"""Row of `by_layer` for events of which the counts name no layer."""


def price(
    counts: Mapping[str, Any],
    chip: Chip,
    placement_events: Mapping[str, Any] | None = None,
    *,
    latency_s: float | Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return the energy per sample in joules, as plain values for JSON.

    Args:
        counts: From `synops.count`; totals alone do.
        placement_events: What only a placement knows: `messages_per_sample`, `hops_per_sample` (or `hops_ew_` and
            `hops_ns_`), `encodings` {layer: dense, sparse or conv}, `cores`, `chips`.
        latency_s: Time of one sample, or its band {low, mid, high}. Without it there is no static energy.

    Keys: `chip`, `scope` of `energy_j`, `energy_j` {low, mid, high} over the per-op models, dynamic only (over the
    all-in ones where the chip has no other; None where nothing can be priced), `all_in_j`, `static_j`, `models` with
    every term, `by_layer` (each layer's own band: lows of layers need not add up to the low), `unpriced` in words,
    `unpriced_events` with their counts and the models that leave them out, `constants` by key, `notes`.

    Raises:
        DataError: a count is negative or not finite.
    """
    seconds = counts.get("seconds_per_sample")
    happened = events(counts, chip, placement_events, mid_of(latency_s) if seconds is None else seconds)
    priced = [_Priced(model, happened) for model in chip.energy]
    models = {scope: [one for one in priced if one.model.scope == scope and one.counted] for scope in (PER_OP, ALL_IN)}
    scope = next((scope for scope in (PER_OP, ALL_IN) if models[scope]), None)
    shown = models[scope] if scope else []
    standing, used = static(chip, placement_events or {}, latency_s)
    left_out = _left_out(happened, priced)
    constants = used | {one.key: one for model in priced for one in model.used(chip)}
    return {
        "chip": chip.name,
        "title": chip.title,
        "chip_digest": chip.digest,
        "scope": scope,
        "energy_j": _band(shown),
        "all_in_j": _band(models[ALL_IN]),
        "static_j": standing,
        "models": [one.to_dict() for one in models[PER_OP] + models[ALL_IN]],
        "by_layer": _by_layer(shown),
        "unpriced": [*_words(left_out, priced), *_missing(chip, priced, scope, latency_s), *chip.unpriced],
        "unpriced_events": left_out,
        "constants": {key: one.to_dict() for key, one in constants.items()},
        "notes": [*chip.notes, *([ZEROS] if chip.zero_weights and not chip.dense else [])],
    }


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

    def total(self, of: Callable[[Constant], float], layer: str | bool | None = True) -> float:
        """Return the joules of all terms, or of one layer's; `of` takes the low, mid or high of a constant."""
        return sum((e.count * of(one) for e, _, one in self.terms if layer is True or e.layer == layer), start=0.0)

    def used(self, chip: Chip) -> Iterable[Constant]:
        """Yield the constants that the run made use of."""
        yield from (one for _, _, one in self.terms)
        if any(event.name == "memory_bit" for event, _, _ in self.terms):
            yield from chip.traffic.values()

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.model.name,
            "scope": self.model.scope,
            "evidence": self.model.evidence,
            "includes": list(self.model.includes),
            "source": next(iter(self.model.terms.values())).source,
            "total_j": self.total(_mid),
            "low_j": self.total(_low),
            "high_j": self.total(_high),
            "terms": [
                {
                    "term": key,
                    "layer": event.layer,
                    "count": event.count,
                    "energy_per_event_j": one.value,
                    "energy_j": event.count * one.value,
                    "constant": one.key,
                }
                for event, key, one in self.terms
            ],
            "unpriced": sorted({event.name for event in self.left_out}),
        }


def _low(one: Constant) -> float:
    return one.least


def _mid(one: Constant) -> float:
    return one.value


def _high(one: Constant) -> float:
    return one.most


def _band(models: Sequence[_Priced], layer: str | bool | None = True) -> dict[str, float] | None:
    """Return least, median and most over the models, each with the ends of its constants."""
    if not models:
        return None
    return {
        "low": min(one.total(_low, layer) for one in models),
        "mid": statistics.median(one.total(_mid, layer) for one in models),
        "high": max(one.total(_high, layer) for one in models),
    }


def _by_layer(models: Sequence[_Priced]) -> list[dict[str, Any]]:
    names = dict.fromkeys(event.layer for one in models for event, _, _ in one.terms)
    order = sorted(names, key=lambda name: name is None)
    return [{"name": NETWORK if name is None else name, **(_band(models, name) or {})} for name in order]


def _left_out(happened: Sequence[Event], priced: Sequence[_Priced]) -> list[dict[str, Any]]:
    """Return the events that some per-op model leaves out, with those models' names."""
    names = dict.fromkeys(event.name for event in happened)
    rows = []
    for name in names:
        by = [one.model.name for one in priced if any(event.name == name for event in one.left_out)]
        if by:
            number = sum(event.count for event in happened if event.name == name)
            rows.append({"event": name, "count_per_sample": number, "models": by})
    return rows


def _words(left_out: Sequence[Mapping[str, Any]], priced: Sequence[_Priced]) -> list[str]:
    per_op = sum(one.model.scope == PER_OP for one in priced)
    return [
        WORDS[row["event"]] + (f" (in {', '.join(row['models'])})" if len(row["models"]) < per_op else "")
        for row in left_out
    ]


def _missing(chip: Chip, priced: Sequence[_Priced], scope: str | None, latency_s: Any) -> list[str]:
    """Return the lines on what a time would price."""
    lines = []
    waiting = [one.model.name for one in priced if not one.counted and "second" in one.model.terms]
    if waiting:
        lines.append(f"{WORDS['second']} (in {', '.join(waiting)}): the time of a sample is not known")
    if scope == ALL_IN:
        return lines  # an all-in number holds it
    if latency_s is None:
        lines.append("static (leakage) power" + (": the time of a sample is not known" if chip.power else ""))
    elif not chip.power:
        lines.append("static (leakage) power")
    return lines
