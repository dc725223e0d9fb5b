"""Changes to training pictures by kornia: RandAugment, erased parts, cuts of random size.

Axes: B sample, T step, I value of a picture.
"""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import torch

from neurodeploy.errors import NetworkError, RecipeError
from neurodeploy.training.settings import TrainingSettings

WHITE = 255.0
TOGETHER = 8
"""Samples that RandAugment changes in the same way, each by its own amount: kornia draws one change for all that it is
given."""
MAGNITUDE = 9
"""Of 30. Source: the strings of timm with which the transformers were trained, whose spread of 0.4 kornia has not."""
RESTRICTED = (
    ("equalize", 0, 1),
    ("rotate", -30.0, 30.0),
    ("shear_x", -0.3, 0.3),
    ("translate_x", -0.45, 0.45),
    ("translate_y", -0.45, 0.45),
)
"""Source: ZK-Zhou/spikformer (62126898), cifar10."""


def changed(
    x_BTI: torch.Tensor, shape: tuple[int, ...], settings: TrainingSettings, generator: torch.Generator
) -> torch.Tensor:
    """Return pictures of bytes, 0..255, changed, the same at every step.

    Args:
        shape: Channels, rows and columns.
        generator: On the CPU.

    Raises:
        NetworkError: samples are no pictures, or change from step to step.
        RecipeError: kornia is not installed.
    """
    if len(shape) != 3 or shape[0] not in (1, 3) or bool((x_BTI[:, 0] != x_BTI[:, -1]).any()):
        raise NetworkError(
            f"training.rand_augment, erasing and crop_area: are for pictures that stay, found steps of shape {shape}; "
            "for events set pixel_shift, rotation, zoom or flip"
        )
    steps = _steps(settings.rand_augment, settings.erasing, settings.crop_area, shape[1:])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(1 << 62, (1,), generator=generator)))
        found = x_BTI[:, 0].unflatten(1, shape) / WHITE
        for step, together in steps:
            found = torch.cat([step(one) for one in found.split(together or len(found))])
    return (WHITE * found).flatten(1)[:, None].expand(-1, x_BTI.shape[1], -1)


@functools.lru_cache(maxsize=4)
def _steps(
    policy: str, erasing: float, area: float, size: tuple[int, int]
) -> list[tuple[Callable[[torch.Tensor], torch.Tensor], int]]:
    try:
        kornia: Any = importlib.import_module("kornia.augmentation")
    except ImportError:
        raise RecipeError(
            "training.rand_augment, erasing, crop_area: kornia is not installed; pip install "
            "'neurodeploy-toolkit[augment]', or leave them out"
        ) from None
    found: list[Any] = []
    if area < 1:
        found.append((kornia.RandomResizedCrop(size, scale=(area, 1.0)), 0))
    if policy != "none":
        changes = [[one] for one in RESTRICTED] if policy == "restricted" else None
        found.append((kornia.auto.RandAugment(n=1, m=MAGNITUDE, policy=changes), TOGETHER))
    if erasing:
        found.append((kornia.RandomErasing(p=erasing, scale=(0.02, 1 / 3)), 0))
    return found
