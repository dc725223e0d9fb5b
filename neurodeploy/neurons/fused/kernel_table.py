"""The recurrences that have compiled kernels, by their dynamics: tables of coefficients, kernels and gradients.

Axes: N neuron.
"""

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

MaybeTensors = Sequence["torch.Tensor | None"]
States = tuple["torch.Tensor | None", ...]


@dataclass(frozen=True)
class Kernels:
    """The compiled forms of a recurrence, forward and backward.

    Tables have a row for every eight places of the kernels' records.

    Attributes:
        module: Where they and the places in their records are.
        parameters: Names of the coefficients that a layer gives, in its order.
        n_trained: The first of these, which have gradients.
    """

    module: ModuleType
    forward: Kernel
    backward: Kernel
    parameters: tuple[str, ...]
    n_trained: int

    def row(self, name: str) -> int:
        """Return the row of a place."""
        return int(getattr(self.module, name)) // LANES

    def size(self, name: str) -> int:
        """Return the floats of a record: COEFFICIENTS, SUMS, or a vector's FORWARD and BACKWARD."""
        return int(getattr(self.module, name))

    def coefficients(self, parameters: MaybeTensors, extent: Extent) -> np.ndarray:
        """Return the table (rows, padded neurons) of parameters (N,); None is zero, and so is the padding."""
        table = np.zeros((self.size("COEFFICIENTS") // LANES, extent.n_padded), np.float32)
        for name, parameter in zip(self.parameters, parameters, strict=True):
            if parameter is not None:
                table[self.row(name), : extent.n_neurons] = parameter.detach().numpy()
        if self is ADAPTIVE:
            table[self.row("KEPT_OUT")] = np.float32(1) - table[self.row("ALPHA")]
        table[self.row("SCALE")] = 1
        return table

    def gradients(self, sums: np.ndarray, extent: Extent, wanted: Sequence[bool]) -> list[torch.Tensor | None]:
        """Return the parameters' gradients where wanted, from the kernel's sums (rows, padded neurons)."""
        found = torch.from_numpy(sums[:, : extent.n_neurons].astype(np.float32))
        rows = [self.row(f"OF_{name}") for name in self.parameters[: self.n_trained]]
        given = [found[row] if is_wanted else None for row, is_wanted in zip(rows, wanted, strict=False)]
        return given + [None] * (len(self.parameters) - len(rows))


ADAPTIVE = Kernels(
    adaptive, adaptive.adaptive_forward, adaptive.adaptive_backward, ("ALPHA", "BETA", "A", "B"), n_trained=4
)
RESONATOR = Kernels(
    resonator,
    resonator.resonator_forward,
    resonator.resonator_backward,
    ("DECAY_RE", "DECAY_IM", "GAIN", "RESET_RE", "RESET_IM", "READ"),
    n_trained=5,
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
