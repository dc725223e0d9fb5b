"""Trained LMUFormers of the reference's code, as networks here: its state dicts, under its own names.

Source: zeyuliu1037/LMUFormer (5debadd, MIT).
"""

from pathlib import Path

from neurodeploy.networks.families.lmuformer import LmuFormer
from neurodeploy.networks.published import COUNTS, fitting, read_state
from neurodeploy.neurons.lmu_layers import DERIVED

OURS = ("path", "rpe", "held", "memory", "last")
"""Parts of our names that group modules, and that the reference's do not have."""


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
    arrays = {name: value for name, value in read_state(path).items() if name.rpartition(".")[2] not in DERIVED}
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
