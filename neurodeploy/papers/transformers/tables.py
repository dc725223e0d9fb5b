"""What `paper transformers` counted, as a page of Markdown and a table of every layer."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from neurodeploy.papers.transformers.energy import ANN, ANN_MEMORY, ANN_SHARED, CONVENTIONS, EXACT, MEMORY, UPDATES
from neurodeploy.report.words import small_percent

COUNTS = (
    "Operations of a sample over all of its steps, millions. `accumulates` and `multiplications` are what happens: "
    "edges and zeros left out, each spike of a sum by itself. `gates`: AND and OR of one bit, were all of them made, "
    "which are no accumulates. `K, V`: spikes of a step that SSA must hold until all places have sent theirs, bits of "
    "all blocks. `rate x FLOPs`: of layers that numbers reach, the multiply-adds; the papers count the gates as "
    "accumulates. Pools are not counted. The first convolution is counted at each step, as in the papers, though a "
    "picture's steps are all the same."
)
ENERGY = (
    "uJ of a sample: 0.9 pJ an accumulate and 4.6 pJ a multiply-add (32-bit floats, 45 nm); with memory, 8 bits, and "
    "weights, messages and states that are moved. SpikingJelly's counter leaves out what gets more than 0 and 1: the "
    "picture, and sums of spikes. Gates and TIM's own neurons have no price. Models of operations, of no chip."
)
BESIDE = (
    "uJ of a sample. The ANN has the same layers and 8 bits, and makes all multiply-adds of one step once. With memory "
    "each reads its weight, as each accumulate does; or each weight is read once and shared by all places, which "
    "an accelerator of dense layers can do and events cannot."
)
INTEGERS = (
    "Of the Program of a recipe's first run, for the same samples, millions: synops of all steps that it runs until "
    "the sample has left; those of spikes sent while the sample is at a layer, the rest comes of biases; and what "
    "reaches AND, OR and pools of spikes. Each listener of a shortcut weighs its spikes again."
)
SIDES = (EXACT, ANN, MEMORY, ANN_MEMORY, ANN_SHARED)
M = 1e6


def page(result: dict[str, Any]) -> str:
    """Return the page of `make.make`'s result."""
    published, networks = result["published"], result["networks"]
    lines = ["# Accuracies", ""]
    ran = [one for one in networks if one["seeds"]]
    if ran:
        lines += _table(("run here", "data", "float", "integers", "seeds", "test samples"), map(_ran, ran))
        lines.append("")
    head: tuple[str, ...] = (
        "cited, not run here",
        "data",
        "its paper",
        published["seed"],
        published["step"],
        "mJ, its paper",
    )
    lines += _table(head, map(_cited, published["rows"]))
    lines += ["", f"Sources: {published['source']}.", "", "# Operations", "", COUNTS]
    for one in networks:
        lines += ["", f"## {one['what']}", "", _network(one), ""]
        head = ("part", "MACs", "accumulates", "multiplications", "gates", "K, V", "rate x FLOPs", "SpikingJelly")
        lines += _table(head, _operations(one))
    whole = [(one["what"], one["integers"]) for one in ran if one["integers"]]
    if whole:
        lines += ["", "# As integers", "", INTEGERS, ""]
        head = ("network", "steps", "run", "synops", "in the sample's steps", "gates", "rate x FLOPs", "SpikingJelly")
        lines += _table(head, (_integers(*one) for one in whole))
    lines += ["", "# Energy", "", ENERGY, ""]
    lines += _table(("network", "part", *CONVENTIONS), (row for one in networks for row in _energy(one)))
    lines += ["", "# Beside an ANN of the same layers", "", BESIDE, ""]
    lines += _table(("network", *SIDES), map(_beside, networks))
    return "\n".join([*lines, ""])


def layers_csv(result: dict[str, Any]) -> str:
    """Return what every layer of every network does, a line each."""
    text = io.StringIO()
    rows = [{"network": one["what"]} | layer for one in result["networks"] for layer in one["layers"]]
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(one)} |" for one in (head, ["---"] * len(head), *rows)]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"


def _ran(one: dict[str, Any]) -> list[str]:
    found = one["accuracy"]
    shares = [_percent(found["float"]), _percent(found["fixed"])]
    return [one["what"], one["data"], *shares, str(one["seeds"]), str(one["test_samples"])]


def _cited(one: dict[str, Any]) -> list[str]:
    return [
        one["model"],
        one["data"],
        *(_percent(one.get(key)) for key in ("paper", "seed", "step")),
        f"{one.get('mj', '')}",
    ]


def _network(one: dict[str, Any]) -> str:
    weights = "trained weights" if one["seeds"] else "random weights, batch norms of the same pictures"
    return (
        f"{one['parameters']:,} parameters, {weights}; {one['samples']} samples of {one['data']}, {one['steps']} "
        f"steps; {one['macs_per_step'] / M:,.1f} million MACs a step; {one['neurons']:,.0f} neurons, of which "
        f"{small_percent(one['spikes_per_neuron_step'])} spike in a step."
    )


def _operations(one: dict[str, Any]) -> list[list[str]]:
    rows = []
    values = {
        part: sum(row["macs"] for row in one["layers"] if row["values"] and row["part"] == part)
        for part in one["parts"]
    }
    for part, found in one["parts"].items():
        if not any(found.values()):
            continue
        by_rate = found["by_rate"] + values[part]
        keys = ("macs", "synops", "multiplications", "logic", "stored_bits")
        counts = (_millions(found, key) for key in keys)
        rows.append([part, *counts, f"{by_rate / M:,.3f}", _millions(found, "by_spikingjelly")])
    return rows


def _millions(found: dict[str, float], key: str) -> str:
    if not found[key]:
        return ""
    return f"{found[key]:,.0f}" if key == "stored_bits" else f"{found[key] / M:,.3f}"


def _integers(what: str, found: dict[str, Any]) -> list[str]:
    keys = ("synops", "in_time", "logic", "rate_times_macs", "binary_only")
    millions = ["" if found[key] is None else f"{found[key] / M:,.3f}" for key in keys]
    return [what, str(found["steps"]), str(found["run_steps"]), *millions]


def _energy(one: dict[str, Any]) -> list[list[str]]:
    prices = one["energy_j"]
    parts = [part for part in (*one["parts"], UPDATES) if any(prices[name].get(part) for name in CONVENTIONS)]
    rows = [[one["what"], part, *(_micro(prices[name].get(part)) for name in CONVENTIONS)] for part in parts]
    rows.append([one["what"], "sum", *(_micro(one["total_j"][name]) for name in CONVENTIONS)])
    shares = (one["embedding_share"][name] for name in CONVENTIONS)
    said = ("" if share is None else small_percent(share) for share in shares)
    return [*rows, [one["what"], "of it embedding", *said]]


def _micro(energy_j: float | None) -> str:
    return f"{1e6 * energy_j:,.3f}" if energy_j else ""


def _beside(one: dict[str, Any]) -> list[str]:
    return [one["what"], *(_micro(one["total_j"][name]) for name in SIDES)]
