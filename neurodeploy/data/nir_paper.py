"""The NIR paper's own files: three graphs' tasks, and what each platform of the paper made of them.

Pedersen et al., Neuromorphic intermediate representation, Nature Communications 15:8122, 2024; folder paper/ of
github.com/neuromorphs/NIR, commit 7232ada, BSD-3-Clause. Axes: T step, N neuron.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurodeploy.data.dataset import folders
from neurodeploy.errors import DataError
from neurodeploy.files import check_fetched
from neurodeploy.phrases import Phrase

FOLDER = "nir_paper"
LIF, CNN, RNN = "01_lif", "02_cnn", "03_rnn"
GRAPHS = {
    "lif": f"{LIF}/lif_norse.nir",
    "cnn": f"{CNN}/cnn_sinabs.nir",
    "rnn_zero": f"{RNN}/braille_noDelay_bias_zero.nir",
    "rnn_subtract": f"{RNN}/braille_noDelay_noBias_subtract.nir",
}
TRANSPOSED = ("lava",)
"""Platforms that store activity as neuron x step; all others as step x neuron."""
EXACT = "exact"
"""The analytic solution among the traces."""


@dataclass(frozen=True, eq=False)
class LifTrace:
    """What a platform recorded of the single neuron.

    Attributes:
        input_T: 1 where an input spike arrives, uint8.
        v_T: Membrane potential, in the platform's own unit.
        spikes_T: Whether the neuron spiked, bool.
    """

    input_T: np.ndarray
    v_T: np.ndarray
    spikes_T: np.ndarray


def paper_folder(folder: str | Path | None = None) -> Path:
    """Return where the paper's files lie: `folder`, or `nir_paper` where datasets are looked for.

    Raises:
        DataError: a graph of the three tasks is not there.
    """
    places = [Path(folder)] if folder is not None else [one / FOLDER for one in folders()]
    for place in places:
        if all((place / graph).is_file() for graph in GRAPHS.values()):
            return place
    missing = next(graph for graph in GRAPHS.values() if not (places[0] / graph).is_file())
    raise DataError(
        f"has no {missing}",
        Phrase(
            "put folder paper/ of github.com/neuromorphs/NIR at {found}, or name it with {data}",
            found=" or ".join(map(str, places)),
        ),
        where=places[0],
    )


def lif_traces(folder: Path) -> dict[str, LifTrace]:
    """Return the traces of the single neuron by platform, the analytic solution under `EXACT`.

    Raises:
        DataError: a file is damaged, or the analytic solution is absent.
    """
    found = {path.stem.removeprefix("lif_"): _trace(path) for path in sorted((folder / LIF).glob("lif_*.csv"))}
    if EXACT not in found:
        raise DataError(f"{folder / LIF}: has no lif_{EXACT}.csv, the analytic solution; copy the folder again")
    n_steps = len(found[EXACT].v_T)
    for name, trace in found.items():
        if len(trace.v_T) != n_steps or not np.array_equal(trace.input_T, found[EXACT].input_T):
            raise DataError(
                f"{folder / LIF}: lif_{name}.csv has another input than lif_{EXACT}.csv; copy the folder again"
            )
    return found


def _trace(path: Path) -> LifTrace:
    check_fetched(path, DataError)
    try:
        values = np.loadtxt(path, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: is no table of numbers ({error}); copy it again") from None
    if values.shape[1:] != (3,) or not np.isfinite(values).all():
        raise DataError(f"{path}: has shape {values.shape}, finite input, potential and spike of each step are needed")
    # Sinabs stores the weighted input, all others the spike.
    return LifTrace((values[:, 0] != 0).astype(np.uint8), values[:, 1], values[:, 2] != 0)


def cnn_accuracies(folder: Path) -> dict[str, float]:
    """Return the accuracies on N-MNIST's test part that the platforms stored, 0..1."""
    return _accuracies(folder / CNN, "_accuracy.npy")


def rnn_accuracies(folder: Path, graph: str) -> dict[str, float]:
    """Return the accuracies on the paper's 140 Braille samples that the platforms stored, 0..1.

    Args:
        graph: "rnn_zero" or "rnn_subtract".
    """
    return _accuracies(folder / RNN, f"_accuracy{_suffix(graph)}.npy")


def rnn_activities(folder: Path, graph: str) -> dict[str, np.ndarray]:
    """Return the hidden layer's spikes for the paper's first test sample, bool (T, N), by platform.

    That sample itself is not among the paper's files.
    """
    end = f"_activity{_suffix(graph)}.npy"
    found = {}
    for path in sorted((folder / RNN).glob(f"*{end}")):
        name = path.name.removesuffix(end)
        stored = _array(path)
        if stored.ndim != 2:
            raise DataError(f"{path}: has shape {stored.shape}, (steps, neurons) is needed; copy it again")
        found[name] = (stored.T if name in TRANSPOSED else stored) > 0
    return found


def speck_counts(folder: Path) -> np.ndarray | None:
    """Return the Speck chip's spikes of the first convolution, (digit, channel, row, column), or None where absent.

    One recording for each digit: the first sample of N-MNIST's test part that shows it.
    """
    path = folder / CNN / "speck_activity.npy"
    return _array(path).sum(axis=0) if path.exists() else None


def _suffix(graph: str) -> str:
    return Path(GRAPHS[graph]).stem.removeprefix("braille")


def _accuracies(folder: Path, end: str) -> dict[str, float]:
    found = {}
    for path in sorted(folder.glob(f"*{end}")):
        stored = float(_array(path))
        # Norse's and SpiNNaker2's Braille files hold percents.
        found[path.name.removesuffix(end)] = stored / 100 if stored > 1 else stored
    return found


def _array(path: Path) -> np.ndarray:
    check_fetched(path, DataError)
    try:
        stored: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: is no array of numbers ({error}); copy it again") from None
    if stored.dtype.kind not in "biuf" or not np.isfinite(stored).all():
        raise DataError(f"{path}: holds {stored.dtype}, finite numbers are needed; copy it again")
    return stored
