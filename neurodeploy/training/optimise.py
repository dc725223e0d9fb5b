"""Optimiser and learning rate over time."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from neurodeploy.networks.families.s4d import slow_parameters
from neurodeploy.training.settings import TrainingSettings

SLOW_LEARNING_RATE = 1e-3
"""Of the dynamics of S4D's kernels, at most. Source: Gu et al., ICLR 2022, arXiv:2111.00396, and its S4D code."""


def optimiser(network: nn.Module, settings: TrainingSettings) -> AdamW:
    """Return AdamW over all parameters; S4D's kernels have a lower rate and no weight decay."""
    slow = {id(one) for one in slow_parameters(network)}
    trained = [one for one in network.parameters() if one.requires_grad]
    groups: list[dict[str, Any]] = [{"params": [one for one in trained if id(one) not in slow]}]
    kept = [one for one in trained if id(one) in slow]
    if kept:
        groups.append({"params": kept, "lr": min(SLOW_LEARNING_RATE, settings.learning_rate), "weight_decay": 0.0})
    return AdamW(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay)


def one_cycle(optimizer: Optimizer, n_updates: int) -> OneCycleLR:
    """Return a schedule that rises for a tenth of the updates, then falls to nearly nothing."""
    return OneCycleLR(
        optimizer, [group["lr"] for group in optimizer.param_groups], total_steps=n_updates, pct_start=0.1
    )


def plateau(optimizer: Optimizer, settings: TrainingSettings) -> ReduceLROnPlateau:
    """Return a schedule that takes each epoch's validation accuracy."""
    return ReduceLROnPlateau(
        optimizer,
        mode="max",
        factor=settings.plateau_factor,
        patience=settings.plateau_patience,
        min_lr=settings.learning_rate_min,
    )
