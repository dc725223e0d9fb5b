"""`figure 2`: the poles of the published networks, drawn by two formulas, with every number beside."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.errors import DataError, NetworkError
from neurodeploy.files import check_target, write_text
from neurodeploy.networks.families.silif import CALLED
from neurodeploy.networks.published import load_published
from neurodeploy.neurons.family_poles import FAMILY
from neurodeploy.neurons.poles import pole_summary
from neurodeploy.papers.silif.draw_figure2 import draw_figure2
from neurodeploy.papers.silif.published import published_files
from neurodeploy.report.printed import check_picture, save_picture

DIGITS = 9
"""Significant digits kept beside the picture; float32, in which the networks were trained, has seven."""
WORDS = {
    "paper": "as the script behind the paper's Figure 2 computes them",
    "implemented": "of the linear part of the step that the networks do, with parameters clipped as they clip them",
}

Poles = dict[str, dict[str, dict[int, np.ndarray]]]
"""By formula, network and hidden layer: complex, shape (N, 2)."""


def figure2(*, out: str | Path, checkpoints: str | Path | None = None, layer: int = 0) -> dict[str, Any]:
    """Draw Figure 2 of the SiLIF paper, by its script's formula and by the dynamics really implemented.

    Args:
        out: Picture to write: .png, .svg or .pdf. The data are written beside it as .json.
        checkpoints: Folder with cadlif.npz, csilif.npz, silif.npz and rf.npz; without it, the folder
            silif_ssc_reference where datasets are looked for.
        layer: Hidden layer to draw, from 0; the data hold all.

    Returns:
        `points`: one per network, formula and layer: `re` and `im` (lists of pairs, one per neuron),
        and `summary`; `figure`, `layer`, `formulas` (what each is), `checkpoints` (SHA-256 of each
        file); `path` and `data`, where picture and data lie.

    Raises:
        RunError: the picture cannot be written, or not in this format.
        DataError: a checkpoint or the layer is absent.
        NetworkError: a checkpoint is damaged, or another network.
    """
    picture = check_picture(out)
    beside = check_target(Path(out).with_suffix(".json"))
    files = published_files(checkpoints, tuple(FAMILY))
    poles = _all_poles(files)
    fewest = min(len(layers) for networks in poles.values() for layers in networks.values())
    if not 0 <= layer < fewest:
        raise DataError(f"found {layer}, the networks have the hidden layers 0 to {fewest - 1}", option="layer")
    drawn = {
        formula: {CALLED[network]: layers[layer] for network, layers in networks.items()}
        for formula, networks in poles.items()
    }
    data = {
        "figure": 2,
        "layer": layer,
        "formulas": WORDS,
        "checkpoints": {network: hashlib.sha256(path.read_bytes()).hexdigest() for network, path in files.items()},
        "points": [
            _point(CALLED[network], formula, index, poles_N2)
            for formula, networks in poles.items()
            for network, layers in networks.items()
            for index, poles_N2 in layers.items()
        ],
    }
    save_picture(draw_figure2(drawn, layer), picture)
    write_text(beside, json.dumps(data, sort_keys=True, allow_nan=False) + "\n")
    return data | {"path": str(picture), "data": str(beside)}


def _all_poles(files: dict[str, Path]) -> Poles:
    """Return the poles of every hidden layer."""
    found: Poles = {formula: {network: {} for network in files} for formula in WORDS}
    for name, path in files.items():
        network, settings = load_published(path)
        if settings.model != name:
            raise NetworkError(f"{path}: holds {settings.model}, needed is {name}; give the published {path.name}")
        formulas = FAMILY[name]
        for index, layer in enumerate(network.layers):
            parameters = {one: getattr(layer, one).detach().numpy() for one in formulas.parameters}
            for formula in WORDS:
                with np.errstate(all="ignore"):  # what comes out is checked
                    poles_N2 = getattr(formulas, formula)(parameters)
                _check(path, index, parameters, poles_N2)
                found[formula][name][index] = poles_N2
    return found


def _check(path: Path, layer: int, parameters: dict[str, np.ndarray], poles_N2: np.ndarray) -> None:
    bad = np.flatnonzero(~np.isfinite(poles_N2).all(axis=1))
    if len(bad):
        values = ", ".join(f"{name} {float(vector[bad[0]]):g}" for name, vector in parameters.items())
        found = f"layer {layer}, neuron {bad[0]} has no finite pole ({values})"
        raise DataError(found, f"give the published {path.name}", where=path)


def _point(network: str, formula: str, layer: int, poles_N2: np.ndarray) -> dict[str, Any]:
    return {
        "network": network,
        "formula": formula,
        "layer": layer,
        "summary": pole_summary(poles_N2),
        "re": _rounded(poles_N2.real),
        "im": _rounded(poles_N2.imag),
    }


def _rounded(values_N2: np.ndarray) -> list[list[float]]:
    # Adding 0 makes -0 a plain 0.
    return [[float(f"{value:.{DIGITS}g}") + 0.0 for value in pair] for pair in values_N2.tolist()]
