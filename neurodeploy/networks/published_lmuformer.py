"""Trained LMUFormers of the reference's code, as networks here: its state dicts, under its own names.

Source: zeyuliu1037/LMUFormer (5debadd, MIT).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurodeploy.errors import NetworkError
from neurodeploy.files import check_fetched
from neurodeploy.networks.families.lmuformer import LmuFormer
from neurodeploy.networks.published import fitting, read_arrays
from neurodeploy.neurons.lmu_layers import DERIVED

OURS = ("path", "rpe", "held", "memory", "last")
"""Parts of our names that group modules, and that the reference's do not have."""
COUNTS = "num_batches_tracked"
"""Of batch norms: the updates they saw, which change nothing in evaluation."""


def reference_name(name: str) -> str:
    """Return what the reference calls an array of an `LmuFormer`.

    >>> reference_name("block.0.attn.path.lmu.held.path.memory.A")
    'block.0.attn.lmu.A'
    """
    return ".".join(part for part in name.split(".") if part not in OURS)


def load_reference(path: str | Path, network: LmuFormer) -> LmuFormer:
    """Fill a network with the arrays of a file, and return it in evaluation mode.

    Args:
        path: .npz or .safetensors of arrays, or torch's own (.pt, .pth, .tar), of which tensors alone are loaded; there
            the state dict may lie under "state_dict".
        network: Of the model and the sizes of the file.

    Raises:
        NetworkError: the file is unreadable, or its arrays are not those of the network; their names are listed.
    """
    path = Path(path)
    arrays = _tensors(path) if path.suffix in (".pt", ".pth", ".tar") else read_arrays(path)
    arrays = {name: value for name, value in arrays.items() if name.rpartition(".")[2] not in DERIVED}
    state = network.state_dict()
    wanted = {reference_name(name): value for name, value in state.items()}
    for name, value in wanted.items():
        if name.endswith(COUNTS):
            arrays.setdefault(name, value.numpy())
        elif name in arrays and arrays[name].shape == (*value.shape, 1):  # convolutions of one frame are linear here
            arrays[name] = arrays[name][..., 0]
    found = fitting(path, type(network).__name__, wanted, arrays)
    network.load_state_dict({name: found[reference_name(name)] for name in state})
    return network.eval()


def _tensors(path: Path) -> dict[str, np.ndarray]:
    check_fetched(path, NetworkError)
    try:
        stored: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise NetworkError(f"{path}: cannot be read ({error.strerror or error}); check the path") from None
    except Exception as error:  # torch, zipfile and pickle raise many kinds
        raise NetworkError(
            f"{path}: is no file of tensors alone ({str(error).strip().splitlines()[0]}); "
            "save the state dict by torch.save, or its arrays as .npz"
        ) from None
    if isinstance(stored, Mapping) and isinstance(stored.get("state_dict"), Mapping):
        stored = stored["state_dict"]
    if not isinstance(stored, Mapping) or not all(isinstance(one, torch.Tensor) for one in stored.values()):
        raise NetworkError(f"{path}: holds no state dict; save network.state_dict() by torch.save")
    return {str(name): value.numpy() for name, value in stored.items()}
