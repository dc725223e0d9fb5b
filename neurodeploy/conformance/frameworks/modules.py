"""A framework's own modules, exported by its own exporter and read by us: what the modules' files say of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from neurodeploy.fixedpoint import rules

N = 6
N_IN = 4


@dataclass(frozen=True, eq=False)
class Module:
    """One module of a framework.

    Attributes:
        about: The framework's layer that it is about.
        module: With random weights.
        run: Steps the module through inputs (B, T, ...) from rest, and gives its output (B, T, N).
        export: Gives the graph.
        dt_s: What the exporter's documentation says its time constants are for.
        reset: What our reader is told of the reset rule, which no file carries.
        gap: `what` of a row in the framework's `exports`, empty where the file says it all.
        known: What to tell our reader to read it right, where one can: `dt_s`, `reset`.
        values: It gives potentials instead of spikes.
    """

    name: str
    about: str
    module: torch.nn.Module
    run: Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]
    export: Callable[[torch.nn.Module], Any]
    dt_s: float
    reset: str = rules.RESET_ZERO
    gap: str = ""
    known: dict[str, Any] = field(default_factory=dict)
    values: bool = False
    shape: tuple[int, ...] = (N_IN,)


class Layers:
    """Layers of plain torch with random weights; the same seed gives the same."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def weights(self, *shape: int, mean: float = 0.1, spread: float = 0.4) -> torch.Tensor:
        return torch.from_numpy(self.rng.normal(mean, spread, shape).astype(np.float32))

    def linear(self, n_out: int, n_in: int, *, bias: bool = True, **weights: float) -> torch.nn.Linear:
        layer = torch.nn.Linear(n_in, n_out, bias=bias)
        layer.weight.data = self.weights(n_out, n_in, **weights)
        if bias:
            layer.bias.data.fill_(0.1)
        return layer

    def conv(self, n_out: int, n_in: int, *, bias: bool = True, groups: int = 1) -> torch.nn.Conv2d:
        layer = torch.nn.Conv2d(n_in, n_out, 3, bias=bias, groups=groups)
        layer.weight.data = self.weights(n_out, n_in // groups, 3, 3)
        if layer.bias is not None:
            layer.bias.data.fill_(0.1)
        return layer


def full(value: float, *shape: int) -> torch.Tensor:
    return torch.full(shape or (N,), value)


def step_by_step(module: torch.nn.Module, inputs_BT: torch.Tensor) -> torch.Tensor:
    """Return the outputs (B, T, N) of a module that keeps its states."""
    return torch.stack([module(inputs_BT[:, now]) for now in range(inputs_BT.shape[1])], dim=1)


def sample_for(module: Any) -> torch.Tensor:
    """Return a step's input of one sample, for a module that begins with a matrix or takes images."""
    return torch.zeros(1, N_IN) if isinstance(module[0], torch.nn.Linear) else torch.zeros(1, 2, 8, 8)
