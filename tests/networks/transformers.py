"""What the tests of spiking transformers share: recorded networks and their arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from neurodeploy.networks.families.transformer import SpikingTransformer, TransformerSettings, build
from tests.needs import golden_file

TINY: dict[str, dict[str, Any]] = {
    "spikformer": {"model": "spikformer", "heads": 2, "depth": 2},
    "sdt": {"model": "sdt", "heads": 2, "depth": 2},
    "qkformer": {"model": "qkformer", "heads": 8, "depth": 4},
    "tim": {"model": "tim", "layout": "dvs", "heads": 2, "depth": 1},
}


def tiny(model: str, image: tuple[int, ...] = (3, 16, 16), **settings: Any) -> SpikingTransformer:
    told = TINY[model] | {"width": 32} | settings
    return build(TransformerSettings(**told), image, 10, 1e-3).eval()


def recording(name: str) -> dict[str, np.ndarray]:
    with np.load(golden_file(f"{name}.npz"), allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def recorded_spikes(arrays: dict[str, np.ndarray], before: str = "spikes/") -> dict[str, np.ndarray]:
    """Return what each LIF sent, (B, T, ...), by the reference's name, the packed bits unpacked."""
    found = {}
    for key, value in arrays.items():
        if key.startswith(before):
            name = key.removeprefix(before)
            shape = arrays.get(f"shape/{name}")
            one = value if shape is None else np.unpackbits(value, count=int(np.prod(shape))).reshape(shape)
            found[name] = one.swapaxes(0, 1)
    return found


def filled(module: torch.nn.Module, arrays: dict[str, np.ndarray], names: dict[str, str]) -> torch.nn.Module:
    """Fill a block with arrays of a recording, by the names that these have there, and return it in evaluation."""
    state = {}
    for name, value in module.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(arrays[f"param/{names[name]}"]).reshape(value.shape)
    module.load_state_dict(state, strict=False)
    return module.eval()
