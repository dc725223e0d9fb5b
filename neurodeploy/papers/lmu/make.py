"""`paper lmu`: psMNIST beside the published numbers, what memory size and bits of A cost, and the delay network."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurodeploy import toml
from neurodeploy.errors import DataError, RunError
from neurodeploy.files import write_json, write_text
from neurodeploy.networks.families.lmu import LmuSettings
from neurodeploy.papers.lmu.delay import delay_network
from neurodeploy.papers.lmu.drawing import draw_delay, draw_sweep
from neurodeploy.papers.lmu.measure import measured
from neurodeploy.papers.lmu.tables import page
from neurodeploy.papers.paper import Asked, Made, PaperRow
from neurodeploy.papers.silif.measurements import Kept
from neurodeploy.pipeline.conversion import part
from neurodeploy.pipeline.folder import Mode, RunFolder
from neurodeploy.pipeline.stages import TRAINING, trained_network
from neurodeploy.progress import Progress
from neurodeploy.recipes import Recipe, load_recipe
from neurodeploy.report.printed import save_picture
from neurodeploy.training.batches import evaluate
from neurodeploy.verbs.train import train

PUBLISHED = Path(__file__).parent / "published.toml"
RECIPES = ("psmnist_lmufft", "digits_lmufft")
"""What is trained where no run without feedback is given: the first whose data are on this machine."""
WIDEST, BITS = 16, tuple(range(2, 17))
SIZES, SMALLER = 6, 2
"""Memory sizes that are trained, and the place among them of the one whose bits are told beside the largest's."""
UPDATES = 3000
"""Of a training for one memory size, at most, which is whole epochs: five of psMNIST, half a minute of a core."""
SAMPLES = 1000
"""First test samples, where no limit is given."""
FEEDBACK = "an LMU with feedback has no integers here: its hidden layer is part of the loop"
FILES = ("orders.png", "bits.png", "delay.png", "lmu.md", "lmu.json")


def make(asked: Asked) -> Made:
    """Write tables and pictures into a folder, and return the rows of accuracies.

    The first of the runs without feedback is whose memory sizes and bits are told; networks of other sizes are trained.

    Raises:
        RunError: an interrupted call's files are in the way.
        DataError: the data of a run are absent.
    """
    folder, _, mode, progress, runs, settings = asked
    limit, published = asked.limit or SAMPLES, toml.read(PUBLISHED, RunError)[0]
    kept = Kept(folder / "lmu.work.json", folder / "lmu.json", mode)
    given = [one for one in runs if _network(one.recipe()).model == "lmufft"]
    base = str(given[0].recipe_file) if given else _recipe()
    trained = _sizes(folder / "runs", base, mode, progress, settings)
    largest = [*given, trained[-1]][0]
    told = [*trained[:-1][SMALLER : SMALLER + 1], largest]
    orders = [measured(one, (WIDEST,), limit, kept, progress)[0] for one in trained]
    bits = [record for one in told for record in measured(one, BITS, limit, kept, progress)]
    progress("delay network", 0, 0)
    delay = delay_network() | {"published": published["delay"]}
    rows = _rows([*runs, *([] if given else [trained[-1]])], published["psmnist"], limit, kept, progress)
    samples = f"the first {orders[0]['samples']:,} test samples"
    result = {
        "trained": f"{_told(trained[-1])} for each size of the memory, {samples}",
        "changed": "; ".join(f"d = {_network(one.recipe()).memory}: {_told(one)}" for one in told) + f"; {samples}",
        "orders": orders,
        "bits": bits,
        "delay": delay,
    }
    save_picture(draw_sweep(orders, "memory", "coefficients of the memory, d"), folder / "orders.png")
    save_picture(draw_sweep(bits, "bits", "bits of A"), folder / "bits.png")
    save_picture(draw_delay(delay), folder / "delay.png")
    write_text(folder / "lmu.md", page(result))
    write_json(folder / "lmu.json", result | {"measurements": kept.found})
    kept.done()
    theirs = [PaperRow(f"psMNIST: {one['what']}", one["accuracy"], note=one["note"]) for one in published["psmnist"]]
    return Made([*rows, *theirs], FILES)


def _network(recipe: Recipe) -> LmuSettings:
    assert isinstance(recipe.network, LmuSettings), recipe.network
    return recipe.network


def _told(run: RunFolder) -> str:
    recipe = run.recipe()
    trained = f"{recipe.training.epochs} epochs from seed {recipe.training.seed}"
    return f"{recipe.data.dataset} by recipe {recipe.name}, {trained}"


def _recipe() -> str:
    """Return the recipe that is trained where no run is given."""
    for name in RECIPES[:-1]:
        try:
            part(load_recipe(name), "test")
        except DataError:
            continue
        return name
    return RECIPES[-1]


def orders_of(largest: int) -> list[int]:
    """Return the sizes of the memory that are trained.

    >>> orders_of(468), orders_of(32)
    ([16, 32, 64, 128, 256, 468], [2, 4, 8, 16, 32])
    """
    smaller = [1 << bit for bit in range(1, largest.bit_length()) if 1 << bit < largest]
    return [*smaller[1 - SIZES :], largest]


def _sizes(folder: Path, base: str, mode: Mode, progress: Progress, settings: Sequence[str]) -> list[RunFolder]:
    """Return a run folder of each memory size, trained now or before."""
    recipe, found = load_recipe(base, tuple(settings)), []
    updates = -(-len(part(recipe, "train")) // recipe.training.batch_size)
    epochs = min(recipe.training.epochs, max(1, UPDATES // updates))
    for order in orders_of(_network(recipe).memory):
        one = RunFolder(folder / f"memory_{order}")
        own = (f"training.epochs={epochs}", *settings, f"network.memory={order}")
        train(base, out=one.path, settings=own, mode=mode, progress=progress)
        found.append(one)
    return found


def _rows(
    runs: Sequence[RunFolder], published: list[dict[str, Any]], limit: int, kept: Kept, progress: Progress
) -> list[PaperRow]:
    """Return a row for the seeds of each recipe."""
    groups: dict[str, list[RunFolder]] = {}
    for run in runs:
        recipe = run.recipe()
        network = _network(recipe)
        what = f"{recipe.data.dataset}: recipe {recipe.name}, {network.model}, {network.hidden} + {network.memory}"
        groups.setdefault(f"{what}, {recipe.training.epochs} epochs", []).append(run)
    rows = []
    for what, some in groups.items():
        recipe, whole = some[0].recipe(), statistics.fmean(one.metrics()[TRAINING]["test_accuracy"] for one in some)
        test, model = part(recipe, "test"), _network(recipe).model
        samples = min(limit, len(test))
        theirs = next((one for one in published if one.get("model") == model), None)
        theirs = theirs if recipe.data.dataset == "psmnist" else None
        fixed = None
        if model == "lmufft":
            records = [measured(one, (WIDEST,), limit, kept, progress)[0] for one in some]
            floats = [record["float"] for record in records]
            fixed = statistics.fmean(record["fixed"] for record in records)
        else:
            floats = [evaluate(trained_network(one), test.first(limit)) for one in some]
        note = f"{recipe.name}: float, on all {len(test):,} test samples: {100 * whole:.2f} %"
        note += "" if theirs is None else f"; published: {theirs['note']}"
        note += "" if model == "lmufft" else f"; {FEEDBACK}"
        accuracy = None if theirs is None else theirs["accuracy"]
        rows.append(PaperRow(what, accuracy, statistics.fmean(floats), fixed, samples, len(some), ran=True, note=note))
    return rows
