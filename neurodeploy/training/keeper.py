"""After each epoch: its score, the best weights, the whole state on disk, and who is told."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import lightning.pytorch as pl
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import RunError
from neurodeploy.files import written_whole
from neurodeploy.training.batches import evaluate
from neurodeploy.training.classifier import Classifier

EpochProgress = Callable[[int, int, dict[str, float]], None]
"""Called with epochs done, their total, and the last epoch's record."""

Tensors: TypeAlias = tuple[torch.Tensor, ...] | list[torch.Tensor]
Moving: TypeAlias = Callable[[Tensors, Tensors, torch.Tensor | int], None]


class KeepBest(pl.Callback):
    """Score each epoch on validation data, keep the best weights, save the whole state.

    The score is the accuracy; with a teacher it is the objective itself, because an accuracy on few
    samples cannot tell epochs of fine-tuning apart. Ties go to the later epoch: the one trained longer.
    Where weights are averaged, it is the averaged network that is scored and kept; the plain one is trained.
    """

    def __init__(
        self,
        validation: SampleSource,
        state_file: Path | None,
        progress: EpochProgress | None,
        *,
        keep_initial: bool,
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
        loss, correct, rate, n_samples = pl_module.seen.tolist()
        if not math.isfinite(loss):
            raise RunError(
                f"training: the loss is {loss} in epoch {trainer.current_epoch + 1}; lower training.learning_rate, "
                "or limit the updates with training.gradient_clip=1"
            )
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
            with written_whole(self.state_file) as beside:
                trainer.save_checkpoint(beside)
        if trainer.logger is not None:
            trainer.logger.log_metrics(record | {"learning_rate": rates[0]}, step=trainer.current_epoch + 1)
        if self.progress:
            self.progress(len(self.epochs), trainer.max_epochs or 0, record)

    def _scored(self, module: Classifier) -> nn.Module:
        return module.network if self.average is None else self.average.module

    def _accuracy(self, module: Classifier) -> float:
        return evaluate(self._scored(module), self.validation, seed=module.settings.seed)

    def _score(self, epoch: int, accuracy: float, module: Classifier) -> None:
        score = accuracy if module.teacher is None else -module.objective_on(self._scored(module), self.validation)
        if score < self.best_score:
            return
        self.best_epoch, self.best_validation, self.best_score = epoch, accuracy, score
        state = self._scored(module).state_dict()
        self.best_weights = {key: value.detach().cpu().clone() for key, value in state.items()}


def averaged(network: nn.Module, part_kept: float) -> AveragedModel:
    """Return a copy of `network` whose `update_parameters(network)` moves it toward the weights after an update.

    By torch's own averaging. Lightning's callback swaps the average in for its own validation loop, which is not used
    here, starts from the weights after the first update, and rounds the average of integer buffers.

    Args:
        network: On the device that it is trained on. Its weights now are where the average starts.
        part_kept: a of avg = a * avg + (1 - a) * now, for weights and for buffers that are no integers (batch norm's
            statistics); integers are taken over as they are.
    """
    found = AveragedModel(network, multi_avg_fn=_moving(part_kept), use_buffers=True)
    found.n_averaged += 1  # at 0, the first update would be copied: here the initial weights count
    return found.eval()


def _moving(part_kept: float) -> Moving:
    move = get_ema_multi_avg_fn(part_kept)  # by torch.lerp: what does not change, as a grid's step, stays to the bit

    def update(averages: Tensors, now: Tensors, n_averaged: torch.Tensor | int) -> None:
        """Move tensors of one type and device."""
        if averages[0].is_floating_point() or averages[0].is_complex():
            move(averages, now, n_averaged)
            return
        for average, value in zip(averages, now, strict=True):
            average.copy_(value)

    return update
