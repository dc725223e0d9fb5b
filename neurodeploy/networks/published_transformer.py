"""Trained spiking transformers of their authors' codes, as networks here: their state dicts, under their own names.

Source: the codes that `families.transformer` names. Positional arrays, layer norms and the map of talking heads, which
these create and never use, are passed over.
"""

import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import torch

from neurodeploy.errors import NetworkError
from neurodeploy.networks.families.transformer import STAGES, Layout, SpikingTransformer, TransformerSettings, build
from neurodeploy.networks.published import COUNTS, fitting, read_state

OURS = ("parts", "path", "last", "both", "shortcut", "map", "neurons")
"""Parts of our names that group modules, and that the references' do not have."""
UNUSED = re.compile(r"(^|\.)(pos_embed|norm[12]?\.(weight|bias))$")
HEADS = re.compile(r"\.talking_heads\.weight$")
"""Of SDT alone, which tells its arrays from those of Spikformer for ImageNet."""


def reference_name(name: str, settings: TransformerSettings) -> str:
    """Return what the reference of a model calls an array, or neurons, of a `SpikingTransformer`.

    >>> reference_name("parts.block.0.attn.path.q.map.conv.weight", TransformerSettings(model="sdt"))
    'block.0.attn.q_conv.weight'
    """
    name = ".".join(part for part in name.split(".") if part not in OURS)
    name = re.sub(r"\.(conv|bn|lif)(?=$|\.)", r"_\1", name)
    if settings.model == "sdt":
        name = name.replace("attn.attn_lif", "attn.talking_heads_lif")
    if settings.model != "qkformer":
        name = re.sub(r"\bproj(\d)_(conv|bn|lif)", r"proj_\2\1", name)
        linear = settings.model == "spikformer" and settings.layout == "cifar"
        return re.sub(r"((?:attn|mlp)\.\w+)_conv", r"\1_linear", name) if linear else name
    found = re.match(r"stage(\d)", name)
    if found:
        over = settings.of_stages(len(STAGES[settings.layout]))[int(found[1]) - 1]
        whole = "attn" if settings.layout == "imagenet" else "ssa"
        name = name.replace(".attn.", f".{whole if over == 'ssa' else 'tssa'}.")
    return name if settings.layout == "imagenet" else re.sub(r"\bfc([12])_", r"mlp\1_", name)


def load_reference(path: str | Path, network: SpikingTransformer) -> SpikingTransformer:
    """Fill a network with the arrays of a file, and return it in evaluation mode.

    Args:
        path: .npz or .safetensors of arrays, or torch's own (.pt, .pth, .tar), of which tensors alone are loaded; there
            the state dict may lie under "state_dict" or "model".
        network: Of the model and the sizes of the file.

    Raises:
        NetworkError: the file is unreadable, or its arrays are not those of the network; their names are listed, or
            the model that they are nearest to is named.
    """
    path, settings = Path(path), network.settings
    arrays = {name.removeprefix("module."): value for name, value in read_state(path).items()}
    arrays = {name: value for name, value in arrays.items() if not UNUSED.search(name)}
    nearest = _nearest(arrays)
    if settings.model == "sdt":
        arrays = {name: value for name, value in arrays.items() if not HEADS.search(name)}
    state = network.state_dict()
    wanted = {reference_name(name, settings): value for name, value in state.items()}
    if nearest != (settings.model, settings.layout) and _kinds(arrays) != _kinds(wanted):
        raise NetworkError(
            f"{path}: its arrays are not of {settings.model} for {settings.layout}, they are nearest to {nearest[0]} "
            f"for {nearest[1]}; set network.model and network.layout to these"
        )
    for name, value in wanted.items():
        if name.endswith(COUNTS):
            arrays.setdefault(name, value.numpy())
        elif name in arrays and tuple(value.shape) == (*arrays[name].shape, *(1,) * (value.ndim - arrays[name].ndim)):
            arrays[name] = arrays[name].reshape(value.shape)  # of one place: linear, or a convolution over one axis
    found = fitting(path, f"{settings.model} for {settings.layout}", wanted, arrays)
    network.load_state_dict({name: found[reference_name(name, settings)] for name in state})
    return network.eval()


def _kinds(names: Iterable[str]) -> frozenset[str]:
    """Return names without the number of a block, and without counts."""
    return frozenset(re.sub(r"(?<=\.)\d+(?=\.)", "n", name) for name in names if not name.endswith(COUNTS))


@functools.cache
def _of_model(model: str, layout: Layout) -> frozenset[str]:
    settings = TransformerSettings(model=model, layout=layout, width=16, heads=1)  # type: ignore[arg-type]
    with torch.device("meta"):
        network = build(settings, (3, 16, 16), 2, 1e-3)
    heads = ["block.0.attn.talking_heads.weight"] if model == "sdt" else []
    return _kinds([*heads, *(reference_name(name, settings) for name in network.state_dict())])


def _nearest(names: Iterable[str]) -> tuple[str, str]:
    """Return the model and layout whose arrays are called most like these."""
    found = _kinds(names)
    models = get_args(TransformerSettings.model_fields["model"].annotation)
    every = [(model, layout) for model in models for layout in get_args(Layout)]
    return min(every, key=lambda one: len(_of_model(*one) ^ found))
