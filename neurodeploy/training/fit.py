"""The training loop: Lightning's Trainer around a network.

Everything random is drawn anew from the seed and the number of the epoch or update, and the state
is saved whole after every epoch: a run that is interrupted and resumed ends as if it had not been.
"""

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lightning.pytorch as pl
import torch
from torch import nn

from neurodeploy.data.stream import SampleSource
from neurodeploy.training.batches import evaluate, loader
from neurodeploy.training.classifier import Classifier
from neurodeploy.training.keeper import EpochProgress, KeepBest
from neurodeploy.training.logs import tensorboard_logger
from neurodeploy.training.settings import TrainingSettings

__all__ = ["EpochProgress", "History", "evaluate", "fit"]


@dataclass(frozen=True)
class History:
    """What training went through; one record of loss and accuracies per epoch, the best one's number.

    `best_epoch` counts from 0; -1 stands for the initial weights.
    """

    epochs: list[dict[str, float]]
    best_epoch: int
    best_validation: float


def fit(
    network: nn.Module,
    train: SampleSource,
    validation: SampleSource,
    settings: TrainingSettings,
    *,
    state_file: Path | None = None,
    keep_initial: bool = False,
    teacher: nn.Module | None = None,
    logs: Path | None = None,
    progress: EpochProgress | None = None,
) -> History:
    """Train `network` in place and leave it with the weights of the best validation epoch, in evaluation mode.

    With `settings.average`, these are the averaged weights, and it is the averaged network that is validated.

    Args:
        network: Gives the spikes of its layers, the output's last, or an `Answer`; see `training.reading`.
        train, validation: Samples, read batch by batch; only a batch is held.
        state_file: Where the state is kept after every epoch; when it exists, training goes on from it.
        keep_initial: Let the initial weights compete as epoch -1, so that fine-tuning cannot end with a lower score.
        teacher: A trained network of the same classes to stay close to.
        logs: Folder for TensorBoard; none is written without.

    Raises:
        KeyboardInterrupt: Ctrl-C; the state of the last whole epoch is in `state_file`.
        RunError: the loss is no longer finite.
        RecipeError: `logs` are wanted, and TensorBoard is not installed.
    """
    torch.set_num_threads(settings.threads)
    batches = loader(train, settings.batch_size, seed=settings.seed)
    keeper = KeepBest(validation, state_file, progress, keep_initial=keep_initial)
    module = Classifier(network.train(), settings, n_updates=settings.epochs * len(batches), teacher=teacher)
    with quiet_lightning(), torch.random.fork_rng(devices=[]):
        trainer = pl.Trainer(
            max_epochs=settings.epochs,
            accelerator=settings.accelerator,
            callbacks=[keeper],
            logger=False if logs is None else tensorboard_logger(logs),
            gradient_clip_val=settings.gradient_clip or None,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        resume = str(state_file) if state_file is not None and state_file.exists() else None
        with interrupts_as_usual(trainer):
            # weights_only: the state file is read by torch's restricted loader, never as a free pickle.
            trainer.fit(module, batches, ckpt_path=resume, weights_only=True)
    network.load_state_dict(keeper.best_weights)
    network.eval()
    return History(keeper.epochs, keeper.best_epoch, keeper.best_validation)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's advice about workers and loggers off a user's screen."""
    noisy = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [one.level for one in noisy]
    for one in noisy:
        one.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\..*")
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*`isinstance\\(treespec, LeafSpec\\)`.*")
        try:
            yield
        finally:
            for one, level in zip(noisy, levels, strict=True):
                one.setLevel(level)


@contextmanager
def interrupts_as_usual(trainer: pl.Trainer) -> Iterator[None]:
    """Raise KeyboardInterrupt on Ctrl-C, where Lightning would leave the process with status 1."""
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if main else None
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
    if trainer.interrupted:
        raise KeyboardInterrupt
