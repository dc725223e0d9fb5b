"""The training loop: Lightning's Trainer around a network.

Everything random is drawn anew from the seed and the number of the epoch or update, and the state
is saved whole after every epoch: a run that is interrupted and resumed ends as if it had not been.
"""

import logging
import math
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import lightning.pytorch as pl
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import RunError
from neurodeploy.files import written_whole
from neurodeploy.neurons.plif import PLIF, PLIFNode
from neurodeploy.training.batches import evaluate, loader
from neurodeploy.training.classifier import Classifier
from neurodeploy.training.logs import logger_of
from neurodeploy.training.processes import brought_back, trainer_options
from neurodeploy.training.settings import TrainingSettings

__all__ = ["EpochProgress", "History", "evaluate", "fit"]

EpochProgress = Callable[[int, int, dict[str, float]], None]
"""Called with epochs done, their total, and the last epoch's record."""


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
        logs: Folder of what the settings' tracker writes; nothing is without.

    Raises:
        KeyboardInterrupt: Ctrl-C; the state of the last whole epoch is in `state_file`.
        RunError: the loss, the objective or a weight is no longer finite.
        RecipeError: `logs` are wanted, and the tracker is not installed; or more devices than there are.
    """
    torch.set_num_threads(settings.threads)
    batches = loader(train, settings.batch_size, settings.seed, settings.mixup)
    keeper = KeepBest(validation, state_file, progress, keep_initial=keep_initial)
    n_updates = settings.epochs * len(batches)
    module = Classifier(network.train(), settings, n_updates, teacher, train.order)
    options = trainer_options(settings)
    with quiet_lightning(), torch.random.fork_rng(devices=[]), brought_back(keeper, settings) as callbacks:
        trainer = pl.Trainer(
            max_epochs=settings.epochs,
            accelerator=settings.accelerator,
            precision=settings.precision,
            callbacks=callbacks,
            logger=False if logs is None or settings.tracker is None else logger_of(settings.tracker, logs),
            gradient_clip_val=settings.gradient_clip or None,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **options,
        )
        resume = str(state_file) if state_file is not None and state_file.exists() else None
        with interrupts_as_usual(trainer):
            # weights_only: the state file is read by torch's restricted loader, never as a free pickle.
            trainer.fit(module, batches, ckpt_path=resume, weights_only=True)
    network.load_state_dict(keeper.best_weights)
    network.eval()
    return History(keeper.epochs, keeper.best_epoch, keeper.best_validation)


def time_constants(network: nn.Module) -> list[float]:
    """Return the time constants of a network's layers of PLIF neurons, steps; none of another network."""
    return [1 + math.exp(-float(one.w.detach())) for one in network.modules() if isinstance(one, PLIF | PLIFNode)]


Tensors: TypeAlias = tuple[torch.Tensor, ...] | list[torch.Tensor]


class KeepBest(pl.Callback):
    """Score each epoch on validation data, keep the best weights, save the whole state.

    The score is the accuracy; with a teacher it is the objective itself, because an accuracy on few
    samples cannot tell epochs of fine-tuning apart. Ties go to the later epoch: the one trained longer.
    Where weights are averaged, it is the averaged network that is scored and kept; the plain one is trained.
    """

    def __init__(
        self, validation: SampleSource, state_file: Path | None, progress: EpochProgress | None, *, keep_initial: bool
    ) -> None:
        self.validation, self.state_file, self.progress = validation, state_file, progress
        self.keep_initial = keep_initial
        self.epochs: list[dict[str, float]] = []
        self.best_epoch, self.best_validation, self.best_score = -1, -1.0, -math.inf
        self.best_weights: dict[str, torch.Tensor] = {}
        self.plateau: dict[str, Any] = {}
        self.average: AveragedModel | None = None
        self.average_state: dict[str, torch.Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        kept = ("epochs", "best_epoch", "best_validation", "best_score", "best_weights", "plateau")
        average = {} if self.average is None else {"average_state": self.average.state_dict()}
        return {key: getattr(self, key) for key in kept} | average

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for key, value in state_dict.items():
            setattr(self, key, value)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        if pl_module.settings.average:  # here, and not before: the network is on its device now
            self.average = averaged(pl_module.network, pl_module.settings.average)
            if self.average_state:
                self.average.load_state_dict(self.average_state)
        if self.keep_initial and self.best_epoch < 0 and not self.best_weights:
            self._score(-1, self._accuracy(pl_module), pl_module)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        if pl_module.plateau is not None and self.plateau:
            pl_module.plateau.load_state_dict(self.plateau)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *batch: Any) -> None:
        assert isinstance(pl_module, Classifier)
        if self.average is not None:
            self.average.update_parameters(pl_module.network)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        seen: Any = trainer.strategy.reduce(pl_module.seen.to(pl_module.device), reduce_op="sum")  # of all processes
        loss, correct, rate, n_samples, *each = seen.tolist()
        check_finite(loss, "the loss", trainer.current_epoch)
        record = {
            "loss": loss / n_samples,
            "train_accuracy": correct / n_samples,
            "hidden_rate": rate / n_samples,
            "validation_accuracy": self._accuracy(pl_module),
        }
        rates = [group["lr"] for group in trainer.optimizers[0].param_groups]
        self.epochs.append(record)
        self._score(trainer.current_epoch, record["validation_accuracy"], pl_module)
        if pl_module.plateau is not None:
            # Here and not by Lightning, which would do it after the state is saved: a resumed run would miss it.
            pl_module.plateau.step(record["validation_accuracy"])
            self.plateau = pl_module.plateau.state_dict()
        if self.state_file is not None:
            if trainer.is_global_zero:
                with written_whole(self.state_file) as beside:
                    trainer.save_checkpoint(beside)
            else:  # which takes part, and writes nothing
                trainer.save_checkpoint(self.state_file)
        if trainer.logger is not None:
            layers = {f"rate/layer{number}": one / n_samples for number, one in enumerate(each, 1)}
            told = record | {"learning_rate": rates[0]} | layers
            told |= {f"tau/layer{number}": one for number, one in enumerate(time_constants(pl_module.network), 1)}
            trainer.logger.log_metrics(told, step=trainer.current_epoch + 1)
        if self.progress and trainer.local_rank == 0:
            self.progress(len(self.epochs), trainer.max_epochs or 0, record)

    def _scored(self, module: Classifier) -> nn.Module:
        return module.network if self.average is None else self.average.module

    def _accuracy(self, module: Classifier) -> float:
        return evaluate(self._scored(module), self.validation, seed=module.settings.seed)

    def _score(self, epoch: int, accuracy: float, module: Classifier) -> None:
        score = accuracy if module.teacher is None else -module.objective_on(self._scored(module), self.validation)
        check_finite(score, "the objective on validation data", epoch)
        whole = all(bool(one.isfinite().all()) for one in module.network.parameters())
        check_finite(0.0 if whole else math.nan, "a weight", epoch)
        if score < self.best_score:
            return
        self.best_epoch, self.best_validation, self.best_score = epoch, accuracy, score
        state = self._scored(module).state_dict()
        self.best_weights = {key: value.detach().cpu().clone() for key, value in state.items()}


def check_finite(value: float, what: str, epoch: int) -> None:
    """Refuse what is no finite number in an epoch, counted from 0: training has diverged."""
    if not math.isfinite(value):
        raise RunError(
            f"training: {what} is {value} in epoch {epoch + 1}; lower training.learning_rate, "
            "or limit the updates with training.gradient_clip=1"
        )


def averaged(network: nn.Module, part_kept: float) -> AveragedModel:
    """Return a copy of `network` whose `update_parameters(network)` moves it toward the weights after an update.

    By torch's own averaging. Lightning's callback swaps the average in for its own validation loop, which is not used
    here, starts from the weights after the first update, and rounds the average of integer buffers.

    Args:
        network: On the device that it is trained on. Its weights now are where the average starts.
        part_kept: a of avg = a * avg + (1 - a) * now, for weights and for buffers that are no integers (batch norm's
            statistics); integers are taken over as they are.
    """
    move = get_ema_multi_avg_fn(part_kept)  # by torch.lerp: what does not change, as a grid's step, stays to the bit

    def update(averages: Tensors, now: Tensors, n_averaged: torch.Tensor | int) -> None:
        """Move tensors of one type and device."""
        if averages[0].is_floating_point() or averages[0].is_complex():
            move(averages, now, n_averaged)
            return
        for average, value in zip(averages, now, strict=True):
            average.copy_(value)

    found = AveragedModel(network, multi_avg_fn=update, use_buffers=True)
    found.n_averaged += 1  # at 0, the first update would be copied: here the initial weights count
    return found.eval()


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
