"""How many planted faults certificates find: one number of a Program changed, over every neuron kind and field.

    python benchmarks/planted_faults.py [--faults 1000] [--seed 0]

Prints, for each network and field, how many faults changed a state, and how many of those the comparison of fields and
the equations of every step blame on the right layer. The networks are those of `tests/certificate/planted.py`, and
one of every model of the SiLIF family.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from neurodeploy.networks.families.folded import deployable
from neurodeploy.networks.families.silif import LAYERS
from tests.certificate.planted import Outcome, Subject, faults, outcome, subject, subjects
from tests.graph.test_dynamics import counts, discretise, trained


def family(folder: Path) -> Iterator[Subject]:
    """Yield a trained network of every model of the SiLIF family, small enough for the plain engine."""
    for model in LAYERS:
        graph = discretise(deployable(trained(model).double()), folder / f"{model}.nir")
        yield subject(f"family: {model}", graph, counts(1)[:3].numpy().astype(np.int32))


def line(name: str, outcomes: list[Outcome]) -> str:
    """Return what became of some faults."""
    changed = [one for one in outcomes if one.changes]
    fields = sum(one.by_fields == one.layer for one in outcomes)
    equations = sum(one.by_equations == one.layer for one in changed)
    false = sum(bool(one.by_equations) for one in outcomes if not one.changes)
    return (
        f"{name:36} {len(outcomes):5} faults, {len(changed):5} change a state: {equations:5} found in their layer by "
        f"the equations; all: {fields:5} by the fields; {false} of those that change nothing are called wrong"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        every = [*subjects(), *family(Path(folder))]
    by_field, whole = defaultdict(list), []
    for place, one in enumerate(every):
        drawn = faults(one.made.program, np.random.default_rng([asked.seed, place]))
        share = asked.faults // len(every) + (place < asked.faults % len(every))
        found = [outcome(one, next(drawn)) for _ in range(share)]
        whole += found
        for each in found:
            by_field[each.field].append(each)
        print(line(one.name, found), flush=True)
    for field, found in sorted(by_field.items()):
        print(line(f"  {field}", found))
    print(line("all", whole))
    changed = sum(one.changes for one in whole)
    print(f"{100 * (1 - changed / len(whole)):.1f} % change no state")


if __name__ == "__main__":
    main()
