"""README's table of results: recipes trained from several seeds, and two published graphs, on their test parts.

    python benchmarks/results.py [--seeds 5] [--braille-seeds 8] [--plif-seeds 3] [--lava always]

Prints a row as soon as it is known: mean and standard deviation over the seeds, each seed's numbers below. Data are
looked for under NEURODEPLOY_DATA.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import neurodeploy

RECIPES = {
    "digits": "",
    "digits_snntorch": ", trained in snnTorch",
    "digits_norse": ", trained in Norse",
    "braille7": "",
    "mnist_plif": "",
    "fashion_plif": "",
    "nmnist_plif": "",
}
TRAINED = {"psmnist_lmufft": 3, "psmnist_lmu": 1, "psmnist_lmuformer": 1, "psmnist_spiking_lmuformer": 1}
TRAINED |= {"fsdd_lmuformer": 5, "fsdd_spiking_lmuformer": 5, "speech_lmuformer": 5, "speech_spiking_lmuformer": 5}
"""Recipes that are trained only, and from how many seeds at most."""
LAVA_SAMPLES = 4
"""Of a recipe that leaves Lava out: so many are certified by it afterwards."""


def spread(values: list[float], digits: int = 1) -> str:
    """Return mean and standard deviation in percent."""
    return f"{100 * statistics.fmean(values):.{digits}f} ± {100 * statistics.stdev(values):.{digits}f} %"


def row(recipe: str, what: str, seeds: int, changed: list[str]) -> str:
    """Return a recipe's row, and each seed's accuracies."""
    found: list[dict[str, Any]] = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            settings = (f"training.seed={seed}", *changed)
            out = Path(folder) / "run"
            found.append(neurodeploy.run(recipe, out=out, settings=settings))
            if recipe.endswith("_plif"):
                some = neurodeploy.certify(out, backends=("reference", "fixed", "lava"), limit=LAVA_SAMPLES)
                found[-1]["certificate"]["bit_exact"] = some["bit_exact"]
            print(f"{recipe} seed {seed}: {found[-1]['accuracy']}", file=sys.stderr, flush=True)
    reached = {stage: [one["accuracy"][stage] for one in found] for stage in ("float", "fixed")}
    exact = [one["certificate"]["bit_exact"].get("fixed/lava") for one in found]
    text = f"equal in every state, {seeds} of {seeds} seeds" if all(exact) else f"equal: {exact}"
    if recipe.endswith("_plif"):
        text += f", {LAVA_SAMPLES} samples each"
    cells = (f"`neurodeploy run {recipe}`{what}, {seeds} seeds", *map(spread, reached.values()), text)
    each = "; ".join(f"{stage} {', '.join(f'{100 * one:.1f}' for one in values)}" for stage, values in reached.items())
    passed = sum(one["certificate"]["passed"] for one in found)
    return f"| {' | '.join(cells)} |\n    {each}; {passed} certificates passed"


def trained_row(recipe: str, seeds: int, changed: list[str]) -> str:
    """Return the row of a recipe that is trained only, and each seed's accuracies on test and validation part."""
    with tempfile.TemporaryDirectory() as folder:
        found = neurodeploy.train_seeds(recipe, range(seeds), out=folder, settings=tuple(changed))
    reached = [one["accuracy"]["float"] for one in found["seeds"]]
    mean = spread(reached, 2) if seeds > 1 else f"{100 * reached[0]:.2f} %"
    each = "; ".join(
        f"{100 * one['accuracy']['float']:.2f} % (validation {100 * one['accuracy']['validation']:.2f}), "
        f"{one['seconds']:.0f} s"
        for one in found["seeds"]
    )
    return f"| `neurodeploy train {recipe}`, {seeds} seed(s) | {mean} | - | - |\n    {each}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--braille-seeds", type=int, default=8)
    parser.add_argument("--plif-seeds", type=int, default=3)
    parser.add_argument("--lava", default="always")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--only", default=",".join([*RECIPES, "psmnist_lmufft"]), help="psmnist_lmu takes two hours")
    asked = parser.parse_args()
    for recipe, what in RECIPES.items():
        if recipe not in asked.only.split(","):
            continue
        plif = recipe.endswith("_plif")
        seeds = asked.braille_seeds if recipe == "braille7" else asked.plif_seeds if plif else asked.seeds
        print(row(recipe, what, seeds, [*([] if plif else [f"certificate.lava={asked.lava}"]), *asked.set]), flush=True)
    for recipe, seeds in TRAINED.items():
        if recipe in asked.only.split(","):
            print(trained_row(recipe, min(seeds, asked.seeds), asked.set), flush=True)


if __name__ == "__main__":
    main()
