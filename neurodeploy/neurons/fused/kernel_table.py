"""The recurrences that have compiled kernels, by their dynamics: tables of coefficients, kernels and gradients.

Axes: N neuron.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from neurodeploy.fixedpoint.dynamics import table as dynamics
from neurodeploy.neurons.fused import adaptive_kernels as adaptive
from neurodeploy.neurons.fused import resonator_kernels as resonator
from neurodeploy.neurons.fused.extents import LANES, Extent
from neurodeploy.neurons.fused.kernel import Kernel

MaybeTensors = Sequence["torch.Tensor | None"]


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


ADAPTIVE = Kernels(
    adaptive.adaptive_forward,
    adaptive.adaptive_backward,
    places=(adaptive.ALPHA, adaptive.BETA, adaptive.A, adaptive.B),
    grads=(adaptive.OF_ALPHA, adaptive.OF_BETA, adaptive.OF_A, adaptive.OF_B),
    scale=adaptive.SCALE // LANES,
    shift=adaptive.SHIFT // LANES,
    mean=adaptive.MEAN // LANES,
    rate=adaptive.RATE // LANES,
    of_drive=adaptive.OF_DRIVE // LANES,
    of_field=adaptive.OF_FIELD // LANES,
    n_coefficients=adaptive.COEFFICIENTS,
    n_sums=adaptive.SUMS,
    n_forward=adaptive.FORWARD,
    n_backward=adaptive.BACKWARD,
)
RESONATOR = Kernels(
    resonator.resonator_forward,
    resonator.resonator_backward,
    places=(
        resonator.DECAY_RE,
        resonator.DECAY_IM,
        resonator.GAIN,
        resonator.RESET_RE,
        resonator.RESET_IM,
        resonator.READ,
    ),
    grads=(
        resonator.OF_DECAY_RE,
        resonator.OF_DECAY_IM,
        resonator.OF_GAIN,
        resonator.OF_RESET_RE,
        resonator.OF_RESET_IM,
    ),
    scale=resonator.SCALE // LANES,
    shift=resonator.SHIFT // LANES,
    mean=resonator.MEAN // LANES,
    rate=resonator.RATE // LANES,
    of_drive=resonator.OF_DRIVE // LANES,
    of_field=resonator.OF_FIELD // LANES,
    n_coefficients=resonator.COEFFICIENTS,
    n_sums=resonator.SUMS,
    n_forward=resonator.FORWARD,
    n_backward=resonator.BACKWARD,
)
KERNELS = {dynamics.ADAPTIVE.name: ADAPTIVE, dynamics.RESONATOR.name: RESONATOR}
"""By the name of the dynamics; layers of others run by the readable loop."""
