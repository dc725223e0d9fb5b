"""Trained networks that cannot become an integer Program: which, at what widths of the weights, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from neurodeploy.papers.silif.measure import REFUSED
from neurodeploy.papers.silif.survey import Case, Found


class Refused(NamedTuple):
    """One trained network at one width; `trained_seed` is None where it was not trained here."""

    network: str
    trained_seed: int | None
    bits: int
    why: str


def refused(cases: Sequence[Case], found: Sequence[Found]) -> list[Refused]:
    """Return what cannot become a Program, in the order of the cases, widths rising."""
    return [
        Refused(case.subject.network, case.trained_seed, bits, record[REFUSED])
        for case, one in zip(cases, found, strict=True)
        for bits, record in sorted(one.integers.items())
        if REFUSED in record
    ]


def refused_lines(refusals: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each network, and reason, of what is listed as `Refused._asdict` gives it.

    >>> refused_lines([Refused("RF", 1, bits, "RF: far out")._asdict() for bits in (4, 8)])
    ['RF, seed 1, at 4 and 8 bits: RF: far out']
    """
    widths: dict[tuple[str, int | None, str], list[int]] = {}
    for one in refusals:
        widths.setdefault((one["network"], one["trained_seed"], one["why"]), []).append(one["bits"])
    return [
        f"{network}{'' if seed is None else f', seed {seed}'}, at {_listed(bits)} bits: {why}"
        for (network, seed, why), bits in widths.items()
    ]


def refused_note(refusals: Sequence[Refused]) -> str:
    """Return a line for a picture; "" where every network can become a Program.

    >>> refused_note([Refused("RF", seed, bits, "far out") for seed in (1, 2) for bits in (4, 8)])
    'cannot become an integer Program: RF (trained from seeds 1 and 2; at 4 and 8 bits)'
    """
    if not refusals:
        return ""
    widths: dict[tuple[str, int | None], tuple[int, ...]] = {}
    for one in refusals:
        of = one.network, one.trained_seed
        widths[of] = (*widths.get(of, ()), one.bits)
    seeds: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for (network, seed), bits in widths.items():
        seeds.setdefault((network, bits), []).extend([] if seed is None else [seed])
    told = [f"{network} ({_from(trained)}at {_listed(bits)} bits)" for (network, bits), trained in seeds.items()]
    return f"cannot become an integer Program: {', '.join(told)}"


def _from(seeds: Sequence[int]) -> str:
    return f"trained from seed{'' if len(seeds) == 1 else 's'} {_listed(seeds)}; " if seeds else ""


def _listed(numbers: Sequence[int]) -> str:
    """Return numbers in words.

    >>> _listed([2, 3, 4])
    '2, 3 and 4'
    """
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}" if most else last
