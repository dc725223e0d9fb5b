"""Where losses and accuracies are logged to besides the run's own metrics: trackers, through Lightning's loggers."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neurodeploy.errors import RecipeError


@dataclass(frozen=True)
class Tracker:
    """A tracker, its logger in Lightning, and what must be installed for it.

    Attributes:
        logger: Class of `lightning.pytorch.loggers`.
        packages: One of them is needed; none where this is empty.
        install: What pip installs.
        arguments: Of the logger, from the folder of the logs and the run's name.
    """

    logger: str
    packages: tuple[str, ...]
    install: str
    arguments: Callable[[Path, str], dict[str, Any]]


def _files(folder: Path, run: str) -> dict[str, Any]:
    return {"save_dir": folder.parent, "name": folder.name, "version": ""}


def _mlflow(folder: Path, run: str) -> dict[str, Any]:
    # Newer versions refuse plain files, where no server is named, unless they are told that they are wanted.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    return {"save_dir": str(folder), "run_name": run, "experiment_name": "neurodeploy"}


TRACKERS = {
    "tensorboard": Tracker(
        "TensorBoardLogger",
        ("tensorboard", "tensorboardX"),
        "'neurodeploy-toolkit[tensorboard]'",
        lambda folder, run: _files(folder, run) | {"default_hp_metric": False},
    ),
    "csv": Tracker("CSVLogger", (), "", lambda folder, run: _files(folder, run) | {"flush_logs_every_n_steps": 1}),
    "wandb": Tracker("WandbLogger", ("wandb",), "wandb", lambda folder, run: {"save_dir": folder, "name": run}),
    "mlflow": Tracker("MLFlowLogger", ("mlflow",), "mlflow-skinny", _mlflow),
}
"""By the name that `training.tracker` gives. Accounts, servers and offline modes are the trackers' own variables."""


def check_tracker(name: str | None) -> None:
    """Check that a tracker is installed.

    Raises:
        RecipeError: it is not; with what to install.
    """
    if name is not None and TRACKERS[name].packages and not any(find_spec(one) for one in TRACKERS[name].packages):
        raise RecipeError(
            f"training.tracker: {' or '.join(TRACKERS[name].packages)} is not installed; "
            f"pip install {TRACKERS[name].install}, or set training.tracker=csv"
        )


def logger_of(name: str, folder: Path) -> Any:
    """Return Lightning's logger for a tracker; `folder` holds what it writes, beside the run that is named."""
    from lightning.pytorch import loggers

    check_tracker(name)
    tracker, table = TRACKERS[name], folder / "metrics.csv"
    before = table.read_bytes() if table.exists() else b""
    logger = getattr(loggers, tracker.logger)(**tracker.arguments(folder, folder.parent.name))
    if before and logger.experiment:  # which has removed the table: of a run that goes on, it goes on too
        table.write_bytes(before)
    return logger
