"""The recurrences that have compiled kernels, by their dynamics: tables of coefficients, kernels and gradients.

Axes: N neuron.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch

from neurodeploy.fixedpoint.dynamics import table as dynamics
from neurodeploy.neurons.adaptive import AdaptiveCoefficients
from neurodeploy.neurons.engine import Coefficients
from neurodeploy.neurons.fused import adaptive_kernels as adaptive
from neurodeploy.neurons.fused import resonator_kernels as resonator
from neurodeploy.neurons.fused.extents import LANES, Extent
from neurodeploy.neurons.fused.kernel import Kernel

ROWS = ("SCALE", "SHIFT", "MEAN", "RATE", "OF_DRIVE", "OF_FIELD")
MaybeTensors = Sequence["torch.Tensor | None"]
States = tuple["torch.Tensor | None", ...]


@dataclass(frozen=True)
class Kernels:
    """The compiled forms of a recurrence, forward and backward.

    Tables have a row for every eight places of the kernels' records.

    Attributes:
        places: Place of the coefficients that each parameter goes to.
        grads: Place of the sums that holds each parameter's gradient.
        scale, shift, mean, rate: Rows of the coefficients that batch norm and the firing rates need.
        of_drive, of_field: Rows of the sums that batch norm needs.
        n_coefficients, n_sums: Floats of such records.
        n_forward, n_backward: Floats of a vector's record in each kernel.
    """

    forward: Kernel
    backward: Kernel
    places: tuple[int, ...]
    grads: tuple[int, ...]
    scale: int
    shift: int
    mean: int
    rate: int
    of_drive: int
    of_field: int
    n_coefficients: int
    n_sums: int
    n_forward: int
    n_backward: int

    def coefficients(self, parameters: MaybeTensors, extent: Extent) -> np.ndarray:
        """Return the table (rows, padded neurons) of parameters (N,); None is zero, and so is the padding."""
        table = np.zeros((self.n_coefficients // LANES, extent.n_padded), np.float32)
        for place, parameter in zip(self.places, parameters, strict=True):
            if parameter is not None:
                table[place // LANES, : extent.n_neurons] = parameter.detach().numpy()
        if self is ADAPTIVE:
            table[adaptive.KEPT_OUT // LANES] = np.float32(1) - table[adaptive.ALPHA // LANES]
        table[self.scale] = 1
        return table

    def gradients(self, sums: np.ndarray, extent: Extent, wanted: Sequence[bool]) -> list[torch.Tensor | None]:
        """Return the parameters' gradients where wanted, from the kernel's sums (rows, padded neurons)."""
        found = torch.from_numpy(sums[:, : extent.n_neurons].astype(np.float32))
        rows = [*(place // LANES for place in self.grads), *[None] * (len(self.places) - len(self.grads))]
        return [
            found[row] if row is not None and is_wanted else None for row, is_wanted in zip(rows, wanted, strict=True)
        ]


def _kernels(
    places_of: ModuleType, forward: Kernel, backward: Kernel, places: tuple[int, ...], grads: tuple[int, ...]
) -> Kernels:
    """Return the kernels with the places in their records, from the module that both are in."""
    return Kernels(
        forward,
        backward,
        places,
        grads,
        **{name.lower(): getattr(places_of, name) // LANES for name in ROWS},
        **{f"n_{name.lower()}": getattr(places_of, name) for name in ("COEFFICIENTS", "SUMS", "FORWARD", "BACKWARD")},
    )


ADAPTIVE = _kernels(
    adaptive,
    adaptive.adaptive_forward,
    adaptive.adaptive_backward,
    places=(adaptive.ALPHA, adaptive.BETA, adaptive.A, adaptive.B),
    grads=(adaptive.OF_ALPHA, adaptive.OF_BETA, adaptive.OF_A, adaptive.OF_B),
)
_OF_RESONATOR = ("DECAY_RE", "DECAY_IM", "GAIN", "RESET_RE", "RESET_IM")
RESONATOR = _kernels(
    resonator,
    resonator.resonator_forward,
    resonator.resonator_backward,
    places=(*(getattr(resonator, name) for name in _OF_RESONATOR), resonator.READ),
    grads=tuple(getattr(resonator, f"OF_{name}") for name in _OF_RESONATOR),
)
KERNELS = {dynamics.ADAPTIVE.name: ADAPTIVE, dynamics.RESONATOR.name: RESONATOR}
"""By the name of the dynamics; layers of others run by the readable loop."""


class Given(NamedTuple):
    """A layer as kernels take it: weights to itself (N, N), parameters (N,), and states before the first step."""

    kernels: Kernels
    recurrent_NN: torch.Tensor | None
    parameters: MaybeTensors
    states: States | None


def given_to_kernels(coefficients: Coefficients, start: Any) -> Given:
    """Return a layer as kernels take it; `start` is an `AdaptiveState`, a `ResonatorState` or None, which is zero."""
    if isinstance(coefficients, AdaptiveCoefficients):
        recurrent_NN, *parameters = coefficients
        return Given(ADAPTIVE, recurrent_NN, parameters, start)
    decay_N, gain_N, reset_N, read = coefficients
    read_N = torch.full_like(gain_N, read, requires_grad=False)
    states = None if start is None else (*start.u_BN, start.s_BN)
    return Given(RESONATOR, None, [*decay_N, gain_N, *reset_N, read_N], states)
