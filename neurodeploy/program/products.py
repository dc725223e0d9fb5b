"""The population of a Program that is the host's: products of spikes, see `fixedpoint.spike_products`.

No chip of this kind multiplies what two populations send. So spikes of three go to the host in every step, and counts
come back. Axes: B sample, N number of the products.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodeploy.errors import ProgramError
from neurodeploy.fixedpoint import spike_products
from neurodeploy.fixedpoint.dynamics.equations import SENT
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.program.neurons import Bounds, Neurons, States
from neurodeploy.program.plan import MESSAGE_EXP


@dataclass(frozen=True, eq=False)
class SpikeProducts(Neurons):
    """Counts (q k') v by heads, sent as messages; nothing is kept from step to step.

    A trace's u is what arrived, and v the counts.

    Attributes:
        n_heads: Which share the channels.
        shape: Channels, rows and columns.
        start: As in `Layer`.
    """

    kind = "spike_products"
    graded = on_host = True
    input_shift = 0
    plain = ("name", "n_heads", "start", "shape")

    name: str
    n_heads: int
    start: int
    shape: tuple[int, ...] = ()

    @property
    def n_neurons(self) -> int:
        return math.prod(self.shape)

    @property
    def n_states(self) -> int:
        return 0

    @property
    def numbers(self) -> dict[str, IntArray]:
        return {}

    @property
    def u_per_unit(self) -> np.ndarray:
        """Units of what arrives for 1 of the graph's."""
        return np.full(self.n_neurons, float(1 << MESSAGE_EXP))

    @property
    def v_per_unit(self) -> np.ndarray:
        """Counts are whole."""
        return np.ones(self.n_neurons)

    @property
    def u_offset(self) -> np.ndarray:
        return np.zeros(self.n_neurons)

    v_offset = u_offset

    @property
    def potential_unit(self) -> np.ndarray:
        return self.v_per_unit

    @property
    def told(self) -> str:
        """What there is to say of it, in a line."""
        return f"{self.name}: {spike_products.told(self.n_heads, self.shape)}"

    def own_widths(self) -> dict[str, int]:
        return {}

    def bounds(self) -> Bounds:
        return {}

    def at_rest(self, n_samples: int) -> States:
        return dict.fromkeys(("arrived", SENT), np.zeros((n_samples, self.n_neurons), np.int64))

    def step(self, states: States, activation: Any, now: int, numbers: Mapping[str, Any]) -> States:
        counts = spike_products.counts(activation >> MESSAGE_EXP, self.n_heads, self.shape[0])
        return {"arrived": activation, SENT: counts}

    def traced(self, states: States, joined: Callable[..., Any] = np.concatenate) -> tuple[Any, Any]:
        return states["arrived"], states[SENT]

    def overflows(self, states: States) -> dict[str, Any]:
        """Return nothing: `check` leaves no count that could."""
        return {}

    def check(self) -> None:
        """Check the heads beside what every population is asked.

        Raises:
            ProgramError: heads do not share the channels, or a count is beyond a message.
        """
        super().check()
        if len(self.shape) != 3 or self.shape[0] % self.n_heads:
            raise ProgramError(f"{self.name}: {self.n_heads} heads do not share the channels of {self.shape}")
        most = spike_products.largest(self.n_heads, self.shape)
        if most > spike_products.LARGEST:
            raise ProgramError(
                f"{self.name}: counts of up to {most:,} leave the 16 bits of a message, at most "
                f"{spike_products.LARGEST:,} are allowed; use more heads or fewer places"
            )
