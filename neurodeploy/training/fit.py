"""The training loop: Lightning's Trainer around a spiking network.

Everything random is drawn anew from the seed and the number of the epoch or update, and the state
is saved whole after every epoch: a run that is interrupted and resumed ends as if it had not been.
"""

from __future__ import annotations

import logging
import math
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch.nn import functional

from neurodeploy.data.spikes import SpikeData
from neurodeploy.files import written_whole
from neurodeploy.networks.spiking import SpikingNetwork
from neurodeploy.training.augment import augmented
from neurodeploy.training.batches import loader
from neurodeploy.training.settings import TrainingSettings

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


class Classifier(pl.LightningModule):
    """Cross-entropy on output firing rates, with AdamW and a one-cycle schedule.

    With a teacher, its class probabilities are a second target (Hinton et al., arXiv:1503.02531): the
    fine-tuned network then stays the float network in function, not only in accuracy.
    """

    def __init__(
        self,
        network: SpikingNetwork,
        settings: TrainingSettings,
        n_updates: int,
        teacher: SpikingNetwork | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        # In a tuple, the teacher is not a part of this module: neither trained nor saved with it.
        self._teacher = (teacher,)
        self.settings = settings
        self.n_updates = n_updates
        self.seen = torch.zeros(4)  # loss, correct, hidden rate, samples: of the running epoch

    @property
    def teacher(self) -> SpikingNetwork | None:
        return self._teacher[0]

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        spikes_BTI, labels_B = batch
        # Not in on_train_epoch_start: Lightning leaves that hook out in the first epoch it resumes.
        if batch_idx == 0:
            self.seen = torch.zeros(4)
        generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.global_step)
        spikes_BTI = augmented(spikes_BTI, self.settings, generator)
        *hidden, output_BTN = self.network(spikes_BTI)
        logits_BN = output_BTN.mean(dim=1) * self.settings.logit_gain
        loss = self.objective(logits_BN, labels_B, spikes_BTI)
        rate = torch.stack([one.mean() for one in hidden]).mean() if hidden else torch.zeros(())
        correct = (logits_BN.argmax(dim=1) == labels_B).sum()
        n_samples = len(labels_B)
        found = [loss.detach() * n_samples, correct, rate.detach() * n_samples, torch.tensor(n_samples)]
        self.seen += torch.stack([one.float().cpu() for one in found])
        return loss + self.settings.rate_penalty * rate

    def objective(self, logits_BN: torch.Tensor, labels_B: torch.Tensor, spikes_BTI: torch.Tensor) -> torch.Tensor:
        """Return cross-entropy plus, with a teacher, the distance from its class probabilities."""
        loss = functional.cross_entropy(logits_BN, labels_B)
        if self.teacher is None:
            return loss
        with torch.no_grad():
            wanted_BN = self.teacher.to(spikes_BTI.device)(spikes_BTI)[-1].mean(dim=1) * self.settings.logit_gain
        found, wanted = functional.log_softmax(logits_BN, dim=1), functional.log_softmax(wanted_BN, dim=1)
        return loss + functional.kl_div(found, wanted, log_target=True, reduction="batchmean")

    def objective_on(self, data: SpikeData) -> float:
        """Return the mean objective over data."""
        total = 0.0
        with torch.no_grad():
            for spikes_BTI, labels_B in loader(data, self.settings.batch_size):
                spikes_BTI, labels_B = spikes_BTI.to(self.device), labels_B.to(self.device)
                logits_BN = self.network(spikes_BTI)[-1].mean(dim=1) * self.settings.logit_gain
                total += float(self.objective(logits_BN, labels_B, spikes_BTI)) * len(labels_B)
        return total / len(data)

    def configure_optimizers(self) -> Any:
        settings = self.settings
        trained = [one for one in self.network.parameters() if one.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=self.n_updates, pct_start=0.1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class KeepBest(pl.Callback):
    """Score each epoch on validation data, keep the best weights, save the whole state.

    The score is the accuracy; with a teacher it is the objective itself, because an accuracy on few
    samples cannot tell epochs of fine-tuning apart. Ties go to the later epoch: the one trained longer.
    """

    def __init__(
        self,
        validation: SpikeData,
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

    def state_dict(self) -> dict[str, Any]:
        kept = ("epochs", "best_epoch", "best_validation", "best_score", "best_weights")
        return {key: getattr(self, key) for key in kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for key, value in state_dict.items():
            setattr(self, key, value)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        if self.keep_initial and self.best_epoch < 0 and not self.best_weights:
            self._score(-1, evaluate(pl_module.network, self.validation), pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        accuracy = evaluate(pl_module.network, self.validation)
        loss, correct, rate, n_samples = pl_module.seen.tolist()
        record = {
            "loss": loss / n_samples,
            "train_accuracy": correct / n_samples,
            "hidden_rate": rate / n_samples,
            "validation_accuracy": accuracy,
        }
        self.epochs.append(record)
        self._score(trainer.current_epoch, accuracy, pl_module)
        if self.state_file is not None:
            with written_whole(self.state_file) as beside:
                trainer.save_checkpoint(beside)
        if self.progress:
            self.progress(len(self.epochs), trainer.max_epochs or 0, record)

    def _score(self, epoch: int, accuracy: float, module: Classifier) -> None:
        score = accuracy if module.teacher is None else -module.objective_on(self.validation)
        if score < self.best_score:
            return
        self.best_epoch, self.best_validation, self.best_score = epoch, accuracy, score
        state = module.network.state_dict()
        self.best_weights = {key: value.detach().cpu().clone() for key, value in state.items()}


def fit(
    network: SpikingNetwork,
    train: SpikeData,
    validation: SpikeData,
    settings: TrainingSettings,
    *,
    state_file: Path | None = None,
    keep_initial: bool = False,
    teacher: SpikingNetwork | None = None,
    progress: EpochProgress | None = None,
) -> History:
    """Train `network` in place and leave it with the weights of the best validation epoch.

    Args:
        state_file: Where the state is kept after every epoch; when it exists, training goes on from it.
        keep_initial: Let the initial weights compete as epoch -1, so that fine-tuning cannot end with a lower score.

        teacher: A trained network of the same classes to stay close to.

    Raises:
        KeyboardInterrupt: Ctrl-C; the state of the last whole epoch is in `state_file`.
    """
    torch.set_num_threads(settings.threads)
    batches = loader(train, settings.batch_size, seed=settings.seed)
    keeper = KeepBest(validation, state_file, progress, keep_initial=keep_initial)
    module = Classifier(network, settings, n_updates=settings.epochs * len(batches), teacher=teacher)
    with quiet_lightning():
        trainer = pl.Trainer(
            max_epochs=settings.epochs,
            accelerator=settings.accelerator,
            callbacks=[keeper],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        resume = str(state_file) if state_file is not None and state_file.exists() else None
        with interrupts_as_usual(trainer):
            # weights_only: the state file is read by torch's restricted loader, never as a free pickle.
            trainer.fit(module, batches, ckpt_path=resume, weights_only=True)
    network.load_state_dict(keeper.best_weights)
    return History(keeper.epochs, keeper.best_epoch, keeper.best_validation)


def evaluate(network: SpikingNetwork, data: SpikeData, batch_size: int = 256) -> float:
    """Return the accuracy of `network` on `data`: output neuron with most spikes, lowest on a tie."""
    correct = 0
    device = next(network.parameters()).device
    with torch.no_grad():
        for spikes_BTI, labels_B in loader(data, batch_size):
            counts_BN = network(spikes_BTI.to(device))[-1].sum(dim=1)
            correct += int((counts_BN.argmax(dim=1).cpu() == labels_B).sum())
    return correct / len(data)


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
