"""The priceable events of a run: counts, and what only a placement or a clock knows, in one list.

An event names the energy terms that may price it, the most specific first. Every event of the run is in the
list, whether a chip has a price for it or not: what has none is reported, never taken as zero.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from neurodeploy.accounting.counts import Counts, LayerCounts
from neurodeploy.accounting.routes import Traffic
from neurodeploy.errors import DataError
from neurodeploy.hardware.chip import Chip

WORDS = {
    "synop": "synops",
    "mac": "multiplications of real-valued input",
    "mac_dense": "multiplications of the dense network",
    "neuron_update": "neuron updates",
    "neuron_active": "updates of active neurons",
    "neuron_idle": "updates of idle neurons",
    "spike": "spikes where they are sent",
    "message": "spike messages leaving a core",
    "message_in": "spike messages arriving at a core",
    "hop": "mesh hops of spike messages",
    "chip_crossing": "messages from chip to chip",
    "host_read": "potentials read by the host",
    "memory_bit": "memory traffic",
    "second": "power over the time of the run",
}
"""Events as people read them."""
LARGEST = 1e30
"""Of a count; its energy stays a finite number."""
TOLERANCE = 1e-9
"""Relative difference between a sum and its total that is rounding and no event."""


@dataclass(frozen=True)
class Event:
    """So many events of one kind, per sample.

    Attributes:
        name: Of `WORDS`.
        layer: Where they happen; None where the counts do not say.
        count: Per sample.
        keys: Energy terms that may price one, the most specific first.
        moves: Row of a chip's traffic table that says how many bits one moves; "" for none.
    """

    name: str
    layer: str | None
    count: float
    keys: tuple[str, ...]
    moves: str = ""


def events(counts: Counts, chip: Chip, traffic: Traffic, seconds: float | None = None) -> list[Event]:
    """Return what a run did, as events that `chip` may price; those that did not happen are left out.

    Args:
        counts: Totals alone do, then no event has a layer.
        chip: Its models say which events are told apart.
        traffic: What only a placement knows.
        seconds: Of one sample.

    Raises:
        DataError: a count is negative or not finite.
    """
    found = dense_events(counts) if chip.dense else synapse_events(counts, traffic.encodings, zeros=chip.zero_weights)
    keys = ("neuron_update", "neuron_active")
    found += _by_layer(
        counts, keys[0], counts.neuron_updates_per_sample, lambda one: one.updates_per_sample, keys, keys[0]
    )
    found += _by_layer(counts, "spike", counts.spikes_per_sample, lambda one: one.spikes_per_sample)
    if traffic.messages_per_sample is None:
        found += _by_layer(counts, "message", counts.messages_per_sample, lambda one: one.messages_per_sample)
    found.append(_event("message", None, traffic.messages_per_sample, ("message",)))
    if any("message_in" in model.terms for model in chip.energy):
        known = traffic.messages_in_per_sample
        sent = [(one.layer, one.count) for one in found if one.name == "message"] if known is None else [(None, known)]
        found += [_event("message_in", layer, count, ("message_in",)) for layer, count in sent]
    found += [
        _event("hop", None, traffic.hops_ew_per_sample, ("hop_ew", "hop")),
        _event("hop", None, traffic.hops_ns_per_sample, ("hop_ns", "hop")),
        _event("chip_crossing", None, traffic.chip_crossings_per_sample, ("chip_crossing",)),
        _event("host_read", None, counts.host_reads_per_sample, ("host_read",)),
    ]
    if any("second" in model.terms for model in chip.energy):
        found.append(_event("second", None, seconds, ("second",)))
    found += [
        Event("memory_bit", one.layer, one.count * chip.traffic[one.moves].value, ("memory_bit",))
        for one in found
        if one.moves in chip.traffic
    ]
    return [one for one in found if one.count > 0]


def synapse_events(counts: Counts, encodings: Mapping[str, str], *, zeros: bool = False) -> list[Event]:
    """Return synops and multiplications, per connection where the counts have them.

    A multiplication (its source sends values) is a synop too: a chip without a price for it pays a synop.

    Args:
        zeros: The chip works on weights of zero too, in all connections that are not stored sparsely.
    """
    found, told, told_macs = [], 0.0, 0.0
    for row in counts.connections:
        kind = (encodings.get(row.target) if row.target else None) or row.kind
        synop = (f"synop_{kind}", "synop") if kind else ("synop",)
        macs, synops = _number(row.macs_per_sample), _number(row.synops_per_sample)
        with_zeros = row.dense_synops_per_sample
        worked = synops if with_zeros is None or not zeros or kind == "sparse" else _number(with_zeros)
        share = macs / synops if synops else float(row.values)
        found.append(_event("synop", row.target, worked * (1.0 - share), synop, "synop"))
        found.append(_event("mac", row.target, worked * share, ("mac", *synop), "mac"))
        told, told_macs = told + synops, told_macs + macs
    synops, macs = _number(counts.synops_per_sample), _number(counts.macs_per_sample)
    rest, rest_macs = _rest(synops, told), _rest(macs, told_macs)
    found.append(_event("synop", None, max(rest - rest_macs, 0.0), ("synop",), "synop"))
    found.append(_event("mac", None, rest_macs, ("mac", "synop"), "mac"))
    return found


def dense_events(counts: Counts) -> list[Event]:
    """Return the multiplications of a device that leaves nothing out.

    Counts of an ANN hold `macs_per_sample` alone; each of them is one already.
    """
    keys = ("mac_dense", "mac")
    total = counts.dense_macs_per_sample
    rows = [_event("mac_dense", row.target, row.dense_macs_per_sample, keys, "mac") for row in counts.connections]
    if total is None and not any(row.count for row in rows):
        if not counts.synops_per_sample:
            return [_event("mac_dense", None, counts.macs_per_sample, keys, "mac")]
        # A spiking run whose dense size is not known: its synops stay, and find no price.
        return [_event("synop", None, counts.synops_per_sample, ())]
    rest = _rest(_number(total), sum(row.count for row in rows))
    return [*rows, _event("mac_dense", None, rest, keys, "mac")]


def _by_layer(
    counts: Counts,
    name: str,
    total: float,
    of: Callable[[LayerCounts], float],
    keys: tuple[str, ...] = (),
    moves: str = "",
) -> list[Event]:
    """Return the events that rows of layers hold, and those of the total that no row holds."""
    found = [_event(name, row.name, of(row), keys or (name,), moves) for row in counts.layers]
    rest = _rest(_number(total), sum(one.count for one in found))
    return [*found, _event(name, None, rest, keys or (name,), moves)]


def _rest(total: float, told: float) -> float:
    """Return what of a total no row holds, rounding taken away."""
    rest = total - told
    return rest if rest > TOLERANCE * max(total, 1.0) else 0.0


def _event(name: str, layer: str | None, count: float | None, keys: tuple[str, ...], moves: str = "") -> Event:
    return Event(name, layer, _number(count), keys, moves)


def _number(value: float | None) -> float:
    number = 0.0 if value is None else float(value)
    if not 0 <= number <= LARGEST:
        raise DataError(f"counts: {number} is no number of events; count the run again")
    return number
