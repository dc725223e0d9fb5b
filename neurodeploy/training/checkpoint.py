"""Trained weights on disk: safetensors only, the same bytes for the same weights."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from neurodeploy.errors import RunError
from neurodeploy.files import check_fetched, written_whole


def save_weights(path: str | Path, module: nn.Module) -> None:
    """Write the parameters and buffers of `module`, whole or not at all."""
    state = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    with written_whole(path) as beside:
        save_file(state, beside)


def load_weights(path: str | Path, module: nn.Module) -> None:
    """Load the weights in `path` into `module`.

    Raises:
        RunError: the file is absent, damaged, or belongs to a network of another shape.
    """
    check_fetched(path, RunError)
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path}: cannot be read as safetensors ({error}); train again") from None
    wanted = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in state.items()}
    if wanted != found:
        odd = (
            f"{key} is {found.get(key, 'absent')}, not {wanted.get(key, 'absent')}"
            for key in sorted(wanted.keys() | found.keys())
            if wanted.get(key) != found.get(key)
        )
        raise RunError(
            f"{path}: does not belong to this recipe's network ({'; '.join(odd)}); use the recipe it was trained with"
        )
    module.load_state_dict(state)
