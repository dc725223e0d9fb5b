"""Trained LMUFormers of the reference's code, as networks here: its state dicts, under its own names.

Source: zeyuliu1037/LMUFormer (5debadd, MIT).
"""

from pathlib import Path

from neurodeploy.networks.blocks.frames import reference_name
from neurodeploy.networks.families.lmuformer import LmuFormer
from neurodeploy.networks.published import COUNTS, fitting, read_state
from neurodeploy.neurons.lmu_layers import DERIVED


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
