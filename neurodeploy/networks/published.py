"""Trained networks of the SiLIF family from plain arrays: the published checkpoints and those trained here.

The model and all sizes are read off the arrays, whose names are those of `FamilyNetwork.state_dict()`.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file

from neurodeploy.errors import NetworkError
from neurodeploy.files import check_fetched
from neurodeploy.networks.families.silif import LAYERS, FamilyNetwork, SilifModel, SilifSettings, build

FORM = "give its arrays as .npz or .safetensors"
REFUSED = "WeightsUnpickler error:"
"""What torch writes before its reason, below advice to load the file all the same."""
OF_EVERY_LAYER = ("W.weight", "norm.")
MANY = 8
"""Names written out in a message."""
COUNTS = "num_batches_tracked"
"""Of batch norms: the updates they saw, which change nothing in evaluation."""
FAR_BELOW_ZERO = -0.5
"""A quarter of adLIF's `a` starts below this. cAdLIF's starts in 0..1 and stays near once it leaves: at least -0.16 in
the published network. Their arrays are otherwise alike."""
FEW = 0.05


class Published(NamedTuple):
    """A trained network, in evaluation mode, and the settings that describe it."""

    network: FamilyNetwork
    settings: SilifSettings


def load_published(path: str | Path, settings: SilifSettings | None = None) -> Published:
    """Return the network whose arrays a file holds.

    Args:
        path: .npz of plain arrays, or .safetensors.
        settings: Of the network that is expected. Its model and sizes must be the file's; what arrays do not say,
            such as dropout and the initial state, is taken from it. None takes whatever the file holds, with no
            dropout and the defaults; adLIF and cAdLIF, with arrays of the same names, are then told apart by `a`.

    Raises:
        NetworkError: the file is unreadable, holds another network than expected, or arrays are missing, unknown,
            of the wrong shape, or not finite; their names are listed.
    """
    path = Path(path)
    arrays = read_arrays(path)
    found = _recognised(path, arrays, settings)
    if settings is not None and (settings.model, settings.hidden) != (found.model, found.hidden):
        raise NetworkError(
            f"{path}: holds {found.model} with hidden layers of {_sizes(found.hidden)}, but {settings.model} with "
            f"{_sizes(settings.hidden)} is expected; choose the other checkpoint, or change the network's settings"
        )
    if settings is not None and settings.bidirectional != found.bidirectional:
        kind = "bidirectional" if found.bidirectional else "not bidirectional"
        raise NetworkError(f"{path}: the network is {kind}; set bidirectional = {str(found.bidirectional).lower()}")
    network = build(found, (_columns(arrays, 0),), len(arrays[f"snn.{len(found.hidden)}.W.weight"]), 4e-3)
    network.load_state_dict(fitting(path, found.model, network.state_dict(), arrays))
    return Published(network.eval(), found)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz or a .safetensors.

    Raises:
        NetworkError: it is another file, or cannot be read.
    """
    if path.suffix not in (".npz", ".safetensors"):
        raise NetworkError(f"{path}: is not a file of plain arrays (pickled checkpoints are never loaded); {FORM}")
    check_fetched(path, NetworkError)
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return {name: np.asarray(stored[name]) for name in stored.files}
    except OSError as error:
        raise NetworkError(f"{path}: cannot be read ({error.strerror or error}); check the path") from None
    except MemoryError:
        raise NetworkError(f"{path}: its arrays are larger than the memory; {FORM}") from None
    except SafetensorError as error:
        raise NetworkError(f"{path}: is a damaged .safetensors ({error}); save it again") from None
    except Exception as error:  # numpy, zipfile and zlib raise many kinds for damaged files
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise NetworkError(f"{path}: is a damaged .npz or holds objects ({reason}); {FORM}") from None


def read_state(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file: .npz, .safetensors, or torch's own (.pt, .pth, .tar).

    Of torch's, tensors alone are loaded, and it may have the state dict under "state_dict" or "model".

    Raises:
        NetworkError: it is another file, or cannot be read.
    """
    if path.suffix not in (".pt", ".pth", ".tar"):
        return read_arrays(path)
    check_fetched(path, NetworkError)
    try:
        stored: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise NetworkError(f"{path}: cannot be read ({error.strerror or error}); check the path") from None
    except Exception as error:  # torch, zipfile and pickle raise many kinds
        lines = str(error).strip().splitlines()
        reason = next((line for line in lines if REFUSED in line), lines[0] if lines else type(error).__name__)
        raise NetworkError(
            f"{path}: is no file of tensors alone ({reason.partition(REFUSED)[2].strip() or reason}); "
            "save the state dict by torch.save, or its arrays as .npz"
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(stored, Mapping) and isinstance(stored.get(key), Mapping):
            stored = stored[key]
    if not isinstance(stored, Mapping) or not all(isinstance(one, torch.Tensor) for one in stored.values()):
        raise NetworkError(f"{path}: holds no state dict; save network.state_dict() by torch.save")
    return {str(name): value.numpy() for name, value in stored.items()}


def _recognised(path: Path, arrays: Mapping[str, np.ndarray], settings: SilifSettings | None) -> SilifSettings:
    numbers = sorted({int(match[1]) for name in arrays if (match := re.match(r"snn\.(\d{1,4})\.", name))})
    if len(numbers) < 2 or numbers != list(range(len(numbers))):
        raise NetworkError(
            f"{path}: holds no network of the family (found {_listed(arrays) or 'no arrays'}); "
            "arrays of layers snn.0, snn.1, … with the readout last are needed"
        )
    *layers, last = numbers
    matrices = {name: arrays.get(name, np.empty(0)) for name in (f"snn.{n}.W.weight" for n in numbers)}
    wrong = [name for name, one in matrices.items() if one.ndim != 2 or not one.size]
    if wrong:
        raise NetworkError(f"{path}: lacks matrices, or has them in another shape: {_listed(wrong)}; {FORM}")
    hidden = tuple(len(arrays[f"snn.{n}.W.weight"]) for n in layers)
    model = _model(arrays, len(hidden), settings)
    both_ways = _columns(arrays, last) == 2 * hidden[-1]
    base = settings or SilifSettings(dropout=0.0)
    return base.model_copy(update={"model": model, "hidden": hidden, "bidirectional": both_ways})


def _model(arrays: Mapping[str, np.ndarray], n_layers: int, settings: SilifSettings | None) -> SilifModel:
    """Return the model that the arrays of the hidden layers fit, or fit best."""
    found = {name for name in arrays if re.match(r"snn\.\d+\.", name) and int(name.split(".")[1]) < n_layers}
    found = {name for name in found if not name.split(".", 2)[2].startswith(OF_EVERY_LAYER)}
    misfits = {}
    for model in LAYERS:
        own = LAYERS[model](1, 1, SilifSettings().of_layers()).state_dict()
        own_names = [name for name in own if not name.startswith(OF_EVERY_LAYER)]
        expected = {f"snn.{n}.{name}" for n in range(n_layers) for name in own_names}
        # Of two models that fit equally badly, the one without unknown arrays: some were lost, none invented.
        misfits[model] = (len(expected ^ found), len(found - expected))
    best = [model for model, misfit in misfits.items() if misfit == min(misfits.values())]
    if settings is not None and settings.model in best:
        return settings.model
    if best == ["adlif", "cadlif"]:
        a = [arrays[f"snn.{n}.a"] for n in range(n_layers) if f"snn.{n}.a" in arrays]
        far = [float((one < FAR_BELOW_ZERO).mean()) > FEW for one in a if one.dtype.kind == "f"]
        return "adlif" if any(far) else "cadlif"
    return best[0]  # type: ignore[return-value]


def fitting(
    path: Path, model: str, state: Mapping[str, torch.Tensor], arrays: Mapping[str, np.ndarray]
) -> dict[str, torch.Tensor]:
    """Return the arrays as a state dict takes them.

    Args:
        path, model: What was read, and as what, for the message.
        state: The tensors that are wanted, by the names that they have in the file.

    Raises:
        NetworkError: everything that is wrong with the arrays, in one line.
    """
    problems = _problem("lacks", state.keys() - arrays.keys()) + _problem("has unknown", arrays.keys() - state.keys())
    shared = [name for name in state if name in arrays]
    misshapen = [
        f"{name} {arrays[name].shape} for {tuple(state[name].shape)}"
        for name in shared
        if arrays[name].shape != tuple(state[name].shape)
    ]
    problems += _problem("has the wrong shape in", misshapen)
    problems += _problem("has no numbers in", [name for name in shared if arrays[name].dtype.kind not in "fiub"])
    if not problems:
        with np.errstate(over="ignore"):
            kinds = {name: np.float32 if state[name].is_floating_point() else np.int64 for name in shared}
            values: dict[str, Any] = {name: arrays[name].astype(kinds[name]) for name in shared}
        problems += _problem(
            "has infinities or no numbers in", [name for name, value in values.items() if not np.isfinite(value).all()]
        )
        below = [name for name, value in values.items() if name.endswith("running_var") and (value < 0).any()]
        problems += _problem("has negative variances in", below)
    if problems:
        found = "; it ".join(problems)
        raise NetworkError(f"{path}: read as {model}, it {found}; export the arrays of the whole network again")
    return {name: torch.from_numpy(value) for name, value in values.items()}


def _problem(what: str, names: Iterable[str]) -> list[str]:
    names = sorted(names)
    return [f"{what} {_listed(names)}"] if names else []


def _listed(names: Iterable[str]) -> str:
    names = sorted(ascii(name)[1:-1] for name in names)  # a file may call its arrays anything, on several lines too
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(names[:MANY]) + more


def _columns(arrays: Mapping[str, np.ndarray], layer: int) -> int:
    return int(arrays[f"snn.{layer}.W.weight"].shape[1])


def _sizes(hidden: tuple[int, ...]) -> str:
    return "-".join(map(str, hidden))
