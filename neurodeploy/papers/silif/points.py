"""From measurements to the points of a figure, and to what is said of networks that cannot become a Program."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from neurodeploy.papers.silif.measure import REFUSED, Record
from neurodeploy.papers.silif.points_cited import Point
from neurodeploy.papers.silif.survey import Case, Found


def measured_points(cases: Sequence[Case], found: Sequence[Found]) -> list[Point]:
    """Return each network's points: float from random initial states where it has some, from zero, and over bits.

    Of several trained networks, an integer point is the mean of those that can become Programs.
    """
    points = []
    for network in dict.fromkeys(case.subject.network for case in cases):
        own = [(case, one) for case, one in zip(cases, found, strict=True) if case.subject.network == network]
        many = "trained networks" if own[0][0].trained_seed is not None else "evaluation seeds"
        random = [one.floats[seed] for case, one in own for seed in case.seeds]
        if random:
            points.append(_point(network, "random", random, many))
        points.append(_point(network, "zero", [one.floats[None] for _, one in own], many))
        for bits in sorted(own[0][1].integers):
            records = [record for _, one in own if REFUSED not in (record := one.integers[bits])]
            if records:
                points.append(_point(network, "zero", records, many, bits, lacking=len(own) - len(records)))
    return points


def _point(
    network: str, initial_state: str, records: Sequence[Record], many: str, bits: int | None = None, lacking: int = 0
) -> Point:
    accuracies = [record["accuracy"] for record in records]
    over = f", mean of {len(records)} {many}" if len(records) > 1 else ""
    if lacking:
        over = f", {len(records)} of {len(records) + lacking} {many}, the others cannot become Programs"
    band = None
    if bits is not None:
        low, mid, high = (statistics.fmean(one["energy_j"][key] for one in records) for key in ("low", "mid", "high"))
        band = (low, mid, high)
    return Point(
        network=network,
        world="float" if bits is None else "integer",
        accuracy=statistics.fmean(accuracies),
        accuracy_sd=statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0,
        synops_exact=statistics.fmean(one["synops_exact"] for one in records),
        synops_paper=statistics.fmean(one["synops_paper"] for one in records),
        bits=bits,
        energy_j=band,
        n_samples=records[0]["samples"],
        note=f"{initial_state} initial state{over}",
        initial_state=initial_state,
        accuracies=accuracies,
    )


def refused(cases: Sequence[Case], found: Sequence[Found]) -> list[dict[str, Any]]:
    """Return what cannot become a Program, widths rising: `network`, `trained_seed` (or None), `bits` and `why`."""
    return [
        {"network": case.subject.network, "trained_seed": case.trained_seed, "bits": bits, "why": record[REFUSED]}
        for case, one in zip(cases, found, strict=True)
        for bits, record in sorted(one.integers.items())
        if REFUSED in record
    ]


def refused_lines(refusals: Iterable[dict[str, Any]]) -> list[str]:
    """Return a line for each network, and reason, of what `refused` lists.

    >>> one = {"network": "RF", "trained_seed": 1, "why": "RF: far out"}
    >>> refused_lines([one | {"bits": bits} for bits in (4, 8)])
    ['RF, seed 1, at 4 and 8 bits: RF: far out']
    """
    return [
        f"{network}{'' if seed is None else f', seed {seed}'}, at {_listed(bits)} bits: {why}"
        for (network, seed, why), bits in _widths(refusals, "network", "trained_seed", "why").items()
    ]


def refused_note(refusals: Iterable[dict[str, Any]]) -> str:
    """Return a line for a picture; "" where every network can become a Program.

    >>> refused_note([{"network": "RF", "trained_seed": seed, "bits": bits} for seed in (1, 2) for bits in (4, 8)])
    'cannot become an integer Program: RF (trained from seeds 1 and 2; at 4 and 8 bits)'
    """
    seeds: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for (network, seed), bits in _widths(refusals, "network", "trained_seed").items():
        seeds.setdefault((network, tuple(bits)), []).extend([] if seed is None else [seed])
    told = [f"{network} ({_from(trained)}at {_listed(bits)} bits)" for (network, bits), trained in seeds.items()]
    return f"cannot become an integer Program: {', '.join(told)}" if told else ""


def _widths(refusals: Iterable[dict[str, Any]], *keys: str) -> dict[tuple[Any, ...], list[int]]:
    """Return the widths by these keys."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for one in refusals:
        found.setdefault(tuple(one[key] for key in keys), []).append(one["bits"])
    return found


def _from(seeds: Sequence[int]) -> str:
    return f"trained from seed{'' if len(seeds) == 1 else 's'} {_listed(seeds)}; " if seeds else ""


def _listed(numbers: Sequence[int]) -> str:
    """Return numbers in words.

    >>> _listed([2, 3, 4])
    '2, 3 and 4'
    """
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}" if most else last
