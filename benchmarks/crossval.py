"""Accuracy of a recipe's float network by cross-validation inside the training part, for choices without test data.

    python benchmarks/crossval.py braille7 [--folds 5] [--set training.channel_mix=0.0]

Training and validation samples are cut into folds of even classes. The network is trained on all but one, and the
weights of the last epoch (averaged, where the recipe averages) are asked about that one: no epoch is chosen by it.
"""

import argparse

import numpy as np

from neurodeploy.data.load import source_of
from neurodeploy.pipeline.conversion import new_network
from neurodeploy.recipes import load_recipe
from neurodeploy.training.fit import fit


def folds_of(labels_B: np.ndarray, n_folds: int, seed: int = 0) -> np.ndarray:
    """Return the fold of each sample, 0..n_folds - 1."""
    generator = np.random.default_rng(seed)
    fold_B = np.empty(len(labels_B), dtype=np.int64)
    for label in np.unique(labels_B):
        members = generator.permutation(np.flatnonzero(labels_B == label))
        fold_B[members] = (np.arange(len(members)) + label) % n_folds
    return fold_B


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[])
    asked = parser.parse_args()
    recipe = load_recipe(asked.recipe, tuple(asked.set))
    source = source_of(recipe.data)
    samples = source.load(source, source.wanted(recipe.data), "train")
    known = samples.data.take(np.flatnonzero(~samples.is_test_B))
    fold_B, right = folds_of(known.labels_B, asked.folds), 0.0
    for fold in range(asked.folds):
        train, held = (known.take(np.flatnonzero(chosen_B)) for chosen_B in (fold_B != fold, fold_B == fold))
        accuracy = fit(new_network(recipe), train, held, recipe.training).epochs[-1]["validation_accuracy"]
        right += accuracy * len(held)
        print(f"fold {fold + 1}: {100 * accuracy:.1f} % of {len(held)}", flush=True)
    print(f"{recipe.name}: {100 * right / len(known):.1f} % of {len(known)}")


if __name__ == "__main__":
    main()
