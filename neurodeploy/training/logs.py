"""Losses and accuracies for TensorBoard, whose package is an optional extra."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neurodeploy.errors import RecipeError


def check_tensorboard() -> None:
    """Check that what TensorBoard's files are written with is installed.

    Raises:
        RecipeError: it is not.
    """
    if not any(find_spec(name) for name in ("tensorboard", "tensorboardX")):
        raise RecipeError(
            "training.tensorboard: neither tensorboard nor tensorboardX is installed; "
            "pip install 'neurodeploy-toolkit[tensorboard]', or leave it out"
        )


def tensorboard_logger(folder: Path) -> Any:
    """Return Lightning's logger into a folder, which TensorBoard shows with `--logdir`."""
    from lightning.pytorch.loggers import TensorBoardLogger

    check_tensorboard()
    return TensorBoardLogger(folder.parent, name=folder.name, version="", default_hp_metric=False)
