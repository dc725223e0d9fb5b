"""What the paper's platforms stored of their own runs: accuracies, and the activity of hidden layers.

Axes: T step, N neuron.
"""

from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.backends import reference
from neurodeploy.certificate.difference import spike_agreement
from neurodeploy.data.load import open_samples
from neurodeploy.data.nir_paper import GRAPHS, cnn_accuracies, rnn_accuracies, rnn_activities, speck_counts
from neurodeploy.papers.nir.platforms import stated
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.inputs import read_network

TRAINED_IN = "snntorch"
"""The framework that trained both Braille graphs."""
HIDDEN = "lif1.lif"
FIRST_LAYER = "1"
MOST_LAG = 1
SPECK_SAMPLES = {0: 3, 1: 2, 2: 1, 7: 0, 8: 43, 9: 5}
"""By digit, where nmnist_small's test part has the sample that Speck was recorded on; of four digits it has not."""


def accuracies(folder: Path, task: str) -> list[dict[str, Any]]:
    """Return the paper's accuracies: `platform`, `accuracy` as stored, `stated` in the text, `samples`.

    Raises:
        DataError: a file is damaged.
    """
    found = cnn_accuracies(folder) if task == "cnn" else rnn_accuracies(folder, task)
    in_text = stated()["stated"][task]
    return [
        {
            "platform": name,
            "accuracy": found.get(name, in_text.get(name)),
            "stated": in_text.get(name),
            "samples": stated()["samples"][task],
        }
        for name in sorted(found.keys() | in_text.keys())
    ]


def activity(folder: Path, task: str, dt_s: float, reset: str, *, limit: int | None) -> dict[str, Any]:
    """Return how far the platforms' hidden spikes for the paper's first test sample agree with each other.

    Returns:
        `platforms`: of each its `spikes`, and their `agreement` with those of the framework that trained the graph,
        after the `lag` at which it is highest. `nearest`: which of our samples comes nearest on our reference: the
        paper's own sample is not among its files, nor among ours.
    """
    every = rnn_activities(folder, task)
    trained = every[TRAINED_IN]
    rows = []
    for name, mine in every.items():
        agreement, lag = max((_agreement(mine, trained, lag), -abs(lag)) for lag in range(-MOST_LAG, MOST_LAG + 1))
        rows.append({"platform": name, "spikes": int(mine.sum()), "agreement": agreement, "lag": -lag})
    network = read_network(folder / GRAPHS[task], GraphOptions(dt_s, reset))
    data = open_samples("braille7", split="all", limit=limit).whole()
    spikes_BTN = reference.run(network, data.spikes_BTI, record=True).layers[HIDDEN].spikes_BTN.astype(np.bool_)
    agreements = [spike_agreement(one, trained) or 0.0 for one in spikes_BTN]
    best = int(np.argmax(agreements))
    return {
        "platforms": rows,
        "against": TRAINED_IN,
        "nearest": {"samples": len(data), "sample": best, "agreement": float(agreements[best])},
    }


def _agreement(mine_TN: np.ndarray, theirs_TN: np.ndarray, lag: int) -> float:
    """Return the agreement of one trace with another that it lags behind by so many steps."""
    n_steps = len(mine_TN)
    first, last = max(lag, 0), n_steps + min(lag, 0)
    return spike_agreement(mine_TN[first:last], theirs_TN[first - lag : last - lag]) or 0.0


def speck(folder: Path) -> dict[str, Any] | None:
    """Return how alike our first convolution's spike counts and the Speck chip's are, for the digits that both have.

    Returns:
        `digits`: by digit `correlation` over the neurons, the `best` among all samples, `is_best` where the recorded
        sample itself is that, and spikes of both; None where the file is absent.
    """
    counts = speck_counts(folder)
    if counts is None:
        return None
    network = read_network(folder / GRAPHS["cnn"], GraphOptions(1.0, "subtract"))
    data = open_samples("nmnist_small", split="test").whole()
    ours_BN = _first_layer_counts(network, data.spikes_BTI)
    digits: dict[str, Any] = {}
    for digit, at in SPECK_SAMPLES.items():
        chip_N = counts[digit].ravel()
        correlations = [float(np.corrcoef(chip_N, one)[0, 1]) for one in ours_BN]
        digits[str(digit)] = {
            "sample": at,
            "correlation": correlations[at],
            "is_best": int(np.argmax(correlations)) == at,
            "spikes": int(ours_BN[at].sum()),
            "chip_spikes": int(chip_N.sum()),
        }
    return {"layer": FIRST_LAYER, "samples": len(data), "digits": digits}


def _first_layer_counts(network: Any, spikes_BTI: np.ndarray) -> np.ndarray:
    """Return the spikes of each neuron of the first population alone, (B, N)."""
    population = network.population(FIRST_LAYER)
    applied = [apply for one in network.into(FIRST_LAYER) for _, apply in one.ready]
    shape = (len(spikes_BTI), population.n_neurons)
    u, v, spiked = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.bool_)
    counts = np.zeros(shape, np.int64)
    for now in range(spikes_BTI.shape[1]):
        drive = np.broadcast_to(population.bias, shape).copy()
        for apply in applied:
            drive += apply(spikes_BTI[:, now].astype(np.float64))
        u, v, spiked = population.step(u, v, spiked, drive)
        counts += spiked
    return counts
