"""One update: augmentation, the network, the loss; and the optimiser that goes with it."""

import importlib
import math
from functools import partial
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR, ReduceLROnPlateau, StepLR

from neurodeploy.data.stream import PixelOrder, SampleSource
from neurodeploy.errors import NetworkError, RecipeError
from neurodeploy.networks.families.s4d import slow_parameters
from neurodeploy.networks.fused_forward import rate_penalty, rates
from neurodeploy.training.augment import augmented, blended, channels_mixed, masked, moved
from neurodeploy.training.batches import asked, loader
from neurodeploy.training.pictures import changed
from neurodeploy.training.reading import Reading, read
from neurodeploy.training.settings import TrainingSettings

SLOW_LEARNING_RATE = 1e-3
"""Of the dynamics of S4D's kernels, at most. Source: Gu et al., ICLR 2022, arXiv:2111.00396, and its S4D code."""


class Classifier(pl.LightningModule):
    """The loss of a network's scores, with AdamW and a schedule.

    With a teacher, its class probabilities are a second target (Hinton et al., arXiv:1503.02531): the
    fine-tuned network then stays the float network in function, not only in accuracy.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: TrainingSettings,
        n_updates: int,
        teacher: nn.Module | None = None,
        order: PixelOrder | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        # In a tuple, the teacher is not a part of this module: neither trained nor saved with it.
        self._teacher = (None if teacher is None else teacher.eval(),)
        self.settings = settings
        self.order = order  # of the training samples
        self.n_updates = n_updates
        self.plateau: ReduceLROnPlateau | None = None
        self.seen = torch.zeros(4)  # loss, correct, hidden rate, samples, each layer's rate: of the running epoch

    @property
    def teacher(self) -> nn.Module | None:
        return self._teacher[0]

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        spikes_BTI, labels_B = batch
        process = self.global_rank << 40  # each draws for its own samples
        generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.global_step + process)
        if self.settings.channel_mix:
            spikes_BTI = channels_mixed(spikes_BTI, labels_B, self.settings.channel_mix, generator)
        spikes_BTI = masked(augmented(spikes_BTI, self.settings, generator), self.settings, generator)
        shape = getattr(self.network, "input_shape", ())
        spikes_BTI = moved(spikes_BTI, shape, self.settings, generator, self.order)
        if self.settings.changes_pictures:
            spikes_BTI = changed(spikes_BTI, shape, self.settings, generator)
        n_mixed = self.settings.mixup_epochs or self.settings.epochs
        if self.settings.mixup_alpha and self.current_epoch < n_mixed:
            n_classes: Any = self.network.n_classes
            spikes_BTI, labels_B = blended(spikes_BTI, labels_B, n_classes, self.settings, generator)
        # Of dropout and random initial states, unlike those of order and augmentation.
        drawn = np.random.SeedSequence([self.settings.seed, self.global_step + process]).generate_state(1, np.uint64)
        torch.manual_seed(int(drawn[0] >> 1))
        found = self._read(self.network, spikes_BTI)
        loss = self.objective(found, labels_B, spikes_BTI)
        hidden = found.hidden
        each = [one.mean() for one in rates(hidden)]
        rate = torch.stack(each).mean() if hidden else torch.zeros(())
        classes_B = labels_B if labels_B.ndim == 1 else labels_B.argmax(dim=1)
        correct = (found.logits_BC.argmax(dim=1) == classes_B).sum()
        n_samples = len(labels_B)
        sent = [] if found.sent is None else [found.sent.detach().mean()]
        told = [loss.detach() * n_samples, correct, rate.detach() * n_samples, torch.tensor(n_samples)]
        told += [one.detach() * n_samples for one in (*each, *sent)]
        seen = torch.stack([one.float().cpu() for one in told])
        self.seen = seen if batch_idx == 0 else self.seen + seen
        loss = loss + self.settings.rate_penalty * rate
        if not self.settings.rate_bounds_penalty or not hidden:
            return loss
        bounds = self.settings.rate_lowest, self.settings.rate_highest
        return loss + self.settings.rate_bounds_penalty * rate_penalty(hidden, *bounds)

    def _read(self, network: nn.Module, spikes_BTI: torch.Tensor) -> Reading:
        return read(network(spikes_BTI), self.settings.logit_gain, self.settings.score_gain)

    def objective(self, found: Reading, labels_B: torch.Tensor, spikes_BTI: torch.Tensor) -> torch.Tensor:
        """Return the loss plus, with a teacher, the distance from its class probabilities.

        Args:
            labels_B: Classes; or (B, C) of samples that are mixed, the share of each class.
        """
        smooth = self.settings.label_smoothing
        if self.settings.loss == "cross_entropy":
            loss = functional.cross_entropy(found.logits_BC, labels_B, label_smoothing=smooth)
        elif self.settings.loss == "tet":
            loss = self._of_steps(found, labels_B)
        else:
            classes = functional.one_hot(labels_B, found.scores_BC.shape[1]) if labels_B.ndim == 1 else labels_B
            wanted_BC = classes.to(found.scores_BC.dtype)
            if self.settings.loss == "mse":
                loss = functional.mse_loss(found.scores_BC, wanted_BC)
            else:
                loss = functional.binary_cross_entropy_with_logits(found.logits_BC, wanted_BC)
        if self.teacher is None:
            return loss
        with torch.no_grad():
            wanted = self._read(self.teacher.to(spikes_BTI.device), spikes_BTI)
        mine_BC = found.log_probabilities_BC
        its_BC = wanted.log_probabilities_BC.to(mine_BC.dtype)
        return loss + functional.kl_div(mine_BC, its_BC, log_target=True, reduction="batchmean")

    def _of_steps(self, found: Reading, labels_B: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of each step's scores.

        Raises:
            NetworkError: the network gives none.

        Source: Deng et al., ICLR 2022 (TET), and BICLab/Spike-Driven-Transformer (3faa8227).
        """
        if found.steps_BTC is None:
            raise NetworkError("training.loss: tet needs the scores of each step, which this family does not give")
        pull, smooth = self.settings.tet_pull, self.settings.label_smoothing
        each = [functional.cross_entropy(one, labels_B, label_smoothing=smooth) for one in found.steps_BTC.unbind(1)]
        pulled = (found.steps_BTC - 1).square().mean()
        return (1 - pull) * torch.stack(each).mean() + pull * pulled

    def objective_on(self, network: nn.Module, data: SampleSource) -> float:
        """Return the mean objective over data of this network or its average."""
        total = 0.0
        with asked(network, self.settings.seed):
            for spikes_BTI, labels_B in loader(data, self.settings.batch_size):
                spikes_BTI, labels_B = spikes_BTI.to(self.device), labels_B.to(self.device)
                found = self._read(network, spikes_BTI)
                total += float(self.objective(found, labels_B, spikes_BTI)) * len(labels_B)
        return total / len(data)

    def configure_optimizers(self) -> Any:
        optimizer = optimiser(self.network, self.settings)
        if self.settings.schedule == "plateau":  # moved on with each epoch's score, not by Lightning: see KeepBest
            kept, patience = self.settings.plateau_factor, self.settings.plateau_patience
            least = self.settings.learning_rate_min
            self.plateau = ReduceLROnPlateau(optimizer, "max", factor=kept, patience=patience, min_lr=least)
            return optimizer
        if self.settings.schedule == "cosine":
            return {"optimizer": optimizer, "lr_scheduler": CosineAnnealingLR(optimizer, self.settings.cosine_epochs)}
        if self.settings.schedule == "warm_cosine":
            return {"optimizer": optimizer, "lr_scheduler": LambdaLR(optimizer, partial(warm_cosine, self.settings))}
        if self.settings.schedule == "step":
            return {
                "optimizer": optimizer,
                "lr_scheduler": StepLR(optimizer, self.settings.step_epochs, self.settings.step_factor),
            }
        # It rises for a tenth of the updates, then falls to nearly nothing.
        rates_now = [group["lr"] for group in optimizer.param_groups]
        # Of 10 updates the rise would take none, which torch divides by; a single one would be at nearly nothing.
        n_updates = self.n_updates + (self.n_updates in (1, 10))
        schedule = OneCycleLR(optimizer, rates_now, total_steps=n_updates, pct_start=0.1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def warm_cosine(settings: TrainingSettings, epoch: int) -> float:
    """Return the learning rate of an epoch, from 0, as a part of the highest: a rise, half a cosine, the lowest.

    Source: timm's cosine scheduler by epochs, with which the spiking transformers were trained.
    """
    lowest, rise = settings.learning_rate_min / settings.learning_rate, settings.warmup_epochs
    if epoch < rise:
        return lowest + (1 - lowest) * epoch / rise
    done = min(1.0, epoch / max(1, settings.epochs - settings.cooldown_epochs))
    return lowest + (1 - lowest) * (1 + math.cos(math.pi * done)) / 2


def optimiser(network: nn.Module, settings: TrainingSettings) -> Optimizer:
    """Return AdamW or LAMB over all parameters; S4D's kernels have a lower rate and no weight decay.

    Raises:
        RecipeError: LAMB's package is not installed.
    """
    slow = {id(one) for one in slow_parameters(network)}
    trained = [one for one in network.parameters() if one.requires_grad]
    groups: list[dict[str, Any]] = [{"params": [one for one in trained if id(one) not in slow]}]
    kept = [one for one in trained if id(one) in slow]
    if kept:
        groups.append({"params": kept, "lr": min(SLOW_LEARNING_RATE, settings.learning_rate), "weight_decay": 0.0})
    how: dict[str, Any] = {"lr": settings.learning_rate, "betas": (settings.beta1, 0.999)}
    how["weight_decay"] = settings.weight_decay
    return AdamW(groups, **how) if settings.optimizer == "adamw" else _lamb(groups, how)


def _lamb(groups: list[dict[str, Any]], how: dict[str, Any]) -> Optimizer:
    """Return LAMB as version 3 of its paper: no bias correction, decay is part of what the trust ratio scales."""
    try:
        made: Any = importlib.import_module("pytorch_optimizer").Lamb
    except ImportError:
        raise RecipeError(
            "training.optimizer: found lamb, and pytorch_optimizer is not installed; pip install "
            "'neurodeploy-toolkit[lamb]', or set adamw"
        ) from None
    return made(groups, **how, weight_decouple=False, pre_norm=True, adam_debias=True)  # type: ignore[no-any-return]
