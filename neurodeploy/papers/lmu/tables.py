"""What `paper lmu` measured, as a page of Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from neurodeploy.papers.lmu.measure import SEEN

HOST = (
    "Hidden layer and classes are worked out on the host, in float, after the last step; synops are the memory's. "
    f"`saturated`: how often a potential left 24 bits in the first {SEEN} samples."
)
GROWS = (
    "Where A has a spectral radius above 1 the memory grows without end; above 1.01 no Program is made. `A rounded` is "
    "the float network with A and B of so many bits. Up to 8 bits each row of A has its own exponent; from 9 on two "
    "synapses hold a weight and leave room for one exponent, so 9 bits may round more coarsely than 8."
)


def page(result: dict[str, Any]) -> str:
    """Return the page of `make.make`'s result: three tables, each with what must be known of it."""
    orders, bits, delay = result["orders"], result["bits"], result["delay"]
    theirs = delay["published"]
    lines = ["# By the size of the memory", "", f"{result['trained']}; A of {orders[0]['bits']} bits. {HOST}", ""]
    lines += _table(("d", "float", "integers", "synops a sample", "synapses", "saturated"), map(_order, orders))
    lines += ["", "# By the bits of A", "", f"{result['changed']}. {GROWS}", ""]
    head = ("d", "bits", "spectral radius", "float", "float, A rounded", "integers", "synops a sample", "saturated")
    lines += _table(head, map(_width, bits))
    lines += ["", "# The delay network", "", f"Error: {theirs['measure']}. Published: {theirs['source']}.", ""]
    lines += _table(("what", "against the ideal states", "against the delayed signal"), _delays(delay))
    lines += ["", f"- published: {theirs['theirs']}", f"- ours, {delay['signals']} signals: {theirs['ours']}", ""]
    return "\n".join(lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(one)} |" for one in (head, ["---"] * len(head), *rows)]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


def _count(number: float | None) -> str:
    return "-" if number is None else f"{number:,.0f}"


def _order(one: dict[str, Any]) -> list[str]:
    numbers = [_count(one[key]) for key in ("synops", "synapses", "saturated")]
    return [str(one["memory"]), _percent(one["float"]), _percent(one["fixed"]), *numbers]


def _width(one: dict[str, Any]) -> list[str]:
    shares = [_percent(one[key]) for key in ("float", "rounded", "fixed")]
    shares[2] = "refused: it grows" if one["refused"] else shares[2]
    numbers = [_count(one[key]) for key in ("synops", "saturated")]
    return [str(one["memory"]), str(one["bits"]), f"{one['radius']:.4f}", *shares, *numbers]


def _delays(delay: dict[str, Any]) -> Iterator[list[str]]:
    for one in delay["published"]["rows"]:
        low, high = one["interval"]
        yield [f"{one['what']} (not run here)", f"{low:.3f} to {high:.3f}", "-"]
    for one in delay["rows"]:
        yield [one["what"], *(f"{one[key][0]:.5f} to {one[key][2]:.5f}" for key in ("ideal", "delay"))]
