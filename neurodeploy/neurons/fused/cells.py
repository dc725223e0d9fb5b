"""The two recurrences as tables of coefficients, kernels and gradients, alike to whatever uses them.

Axes: N neuron.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from neurodeploy.neurons.fused import adaptive_kernels as adaptive
from neurodeploy.neurons.fused import resonator_kernels as resonator
from neurodeploy.neurons.fused.kernel import PAD, Kernel
from neurodeploy.neurons.fused.parts import Extent

MaybeTensors = Sequence["torch.Tensor | None"]


@dataclass(frozen=True)
class Cell:
    """A recurrence.

    Attributes:
        rows: Row of the coefficients that each parameter goes to.
        grads: Row of the sums that holds each parameter's gradient.
        scale, shift, mean, rate: Rows of the coefficients that batch norm and the firing rates need.
        of_drive, of_field: Rows of the sums that batch norm needs.
        n_rows: Rows of the coefficients.
        n_sums: Rows of the sums.
        n_state: Rows of the backward kernel's state.
    """

    forward: Kernel
    backward: Kernel
    rows: tuple[int, ...]
    grads: tuple[int, ...]
    scale: int
    shift: int
    mean: int
    rate: int
    of_drive: int
    of_field: int
    n_rows: int
    n_sums: int
    n_state: int

    def coefficients(self, parameters: MaybeTensors, extent: Extent) -> np.ndarray:
        """Return the table (rows, padded neurons + PAD) of parameters (N,); None is zero, and so is the padding."""
        table = np.zeros((self.n_rows, extent.n_padded + PAD), np.float32)
        for row, parameter in zip(self.rows, parameters, strict=True):
            if parameter is not None:
                table[row, : extent.n_neurons] = parameter.detach().numpy()
        if self is ADAPTIVE:
            # By torch's own operation, 1 - alpha in float32.
            np.subtract(np.float32(1), table[adaptive.ALPHA], out=table[adaptive.KEPT_OUT])
        table[self.scale] = 1
        return table

    def gradients(self, sums: np.ndarray, extent: Extent, wanted: Sequence[bool]) -> list[torch.Tensor | None]:
        """Return the parameters' gradients where wanted, from the kernel's sums (rows, padded neurons)."""
        found = torch.from_numpy(sums[:, : extent.n_neurons].astype(np.float32))
        rows = [*self.grads, *[None] * (len(self.rows) - len(self.grads))]
        return [
            found[row] if row is not None and is_wanted else None for row, is_wanted in zip(rows, wanted, strict=True)
        ]


ADAPTIVE = Cell(
    adaptive.adaptive_forward,
    adaptive.adaptive_backward,
    rows=(adaptive.ALPHA, adaptive.BETA, adaptive.A, adaptive.B),
    grads=(adaptive.OF_ALPHA, adaptive.OF_BETA, adaptive.OF_A, adaptive.OF_B),
    scale=adaptive.SCALE,
    shift=adaptive.SHIFT,
    mean=adaptive.MEAN,
    rate=adaptive.RATE,
    of_drive=adaptive.OF_DRIVE,
    of_field=adaptive.OF_FIELD,
    n_rows=adaptive.COEFFICIENTS,
    n_sums=adaptive.SUMS,
    n_state=adaptive.ROWS,
)
RESONATOR = Cell(
    resonator.resonator_forward,
    resonator.resonator_backward,
    rows=(
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
    scale=resonator.SCALE,
    shift=resonator.SHIFT,
    mean=resonator.MEAN,
    rate=resonator.RATE,
    of_drive=resonator.OF_DRIVE,
    of_field=resonator.OF_FIELD,
    n_rows=resonator.COEFFICIENTS,
    n_sums=resonator.SUMS,
    n_state=resonator.ROWS,
)
