"""Products of spikes, which NIR has no node for: a node of our own, which NIR's reader refuses.

Nothing of NIR multiplies what two populations send, so a graph of its own nodes could only say something else.
Axes: N number of the products.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import nir
import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.fixedpoint import spike_products
from neurodeploy.graph.node_type import Fields, Neurons, whole_numbers


@dataclass(eq=False)
class SpikeProducts(nir.NIRNode):
    """Counts (q k') v by heads of spikes that arrive as q + 2 k + 4 v.

    Attributes:
        count: What one coincidence counts, 1 for each (channels, rows, columns).
        n_heads: Which share the channels, (1,).
    """

    count: np.ndarray
    n_heads: np.ndarray

    def __post_init__(self) -> None:
        shape = np.array(np.shape(self.count))
        self.input_type, self.output_type = {"input": shape}, {"output": shape}


PRODUCTS = Neurons(
    type=SpikeProducts,
    fields=Fields(("count", "n_heads"), ("count",)),
    sizing="count",
    spiking=False,
    sends=True,
    programmed=True,
    reference="whole numbers, by the host",
    integers="whole numbers, by the host: no chip of this kind multiplies spikes",
)


@dataclass(frozen=True, eq=False)
class ProductsPopulation:
    """The products as a population of a network; see `fixedpoint.spike_products`.

    Attributes:
        n_heads: Which share the channels.
        bias: Constant input (N,), all 0.
        vth_mant: Chip units of what arrives for 1, where the file carries it, else None.
        shape: Channels, rows and columns.
    """

    spiking: ClassVar[bool] = False
    graded: ClassVar[bool] = True
    reset: ClassVar[str] = "zero"

    name: str
    n_heads: int
    bias: np.ndarray
    vth_mant: int | None
    shape: tuple[int, ...]

    @property
    def n_neurons(self) -> int:
        return len(self.bias)

    @property
    def u_width(self) -> int:
        return self.n_neurons

    @property
    def weight_gain(self) -> np.ndarray:
        """Factor from a weight to its effect (N,)."""
        return np.ones(self.n_neurons)

    v_threshold = weight_gain
    """The unit of the counts."""

    def counts(self, drive: np.ndarray) -> np.ndarray:
        """Return the counts (B, N) of what arrives, rounded to whole numbers."""
        return spike_products.counts(np.rint(drive).astype(np.int64), self.n_heads, self.shape[0]).astype(np.float64)

    def step(
        self, u: np.ndarray, v: np.ndarray, spikes: np.ndarray, drive: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what arrives, and the counts twice: as the potential and as what is sent."""
        counts = self.counts(drive)
        return drive, counts, counts


def products_of(
    where: Any, name: str, node: SpikeProducts, stored: dict[str, Any], bias: np.ndarray, shape: tuple[int, ...]
) -> ProductsPopulation:
    """Return the population of a node.

    Args:
        stored: Our entries in its metadata.

    Raises:
        GraphError: its numbers mean no products.
    """
    (n_heads,) = whole_numbers(where, "n_heads", node.n_heads, 1)
    if len(shape) != 3 or shape[0] % n_heads:
        raise GraphError(f"{n_heads} heads do not share the channels of {shape}", "fix the shapes", where=where)
    if (np.asarray(node.count) != 1).any() or bias.any():
        raise GraphError("products of spikes count by 1, without a bias", "export the graph again", where=where)
    return ProductsPopulation(name, n_heads, bias, stored.get("vth_mant"), shape)
