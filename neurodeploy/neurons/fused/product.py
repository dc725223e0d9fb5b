"""The product of a layer's input and its weights, forward and backward, over events or dense: whichever is faster.

Axes: B sample, T step, I input, O neuron of the layer, R rows: all samples and steps.
"""

from dataclasses import dataclass

import numpy as np
import torch

from neurodeploy.neurons.fused import linear
from neurodeploy.neurons.fused.events import Events
from neurodeploy.neurons.fused.extents import NONE_F32, Extent, Layout, blocks, flat, in_parts, plain, rows
from neurodeploy.neurons.fused.kernel import BLOCK
from neurodeploy.neurons.fused.pool import POOL

LARGEST_DENSITY = 0.25
"""Inputs with more entries that are not zero go through dense products, which are faster then."""


@dataclass(frozen=True, eq=False)
class Source:
    """What a layer is fed.

    Attributes:
        events: Entries that are not zero; None for dense products.
        dense_RI: All entries, for dense products.
        wanted: Entries whose gradient is wanted; None for all of them, of a dense source that has one.
    """

    events: Events | None
    dense_RI: torch.Tensor | None
    wanted: Events | None = None


def forward(
    source: Source, weight_OI: torch.Tensor, extent: Extent, sums: np.ndarray
) -> tuple[Layout, np.ndarray, np.ndarray]:
    """Return the product as a field in the layout that suits the source, and the weights as kernels take them.

    Args:
        extent: Of the layer's neurons.
        sums: float64 (2 * padded neurons,), or empty; receives the sums of products and of their squares.
    """
    if source.events is None:
        assert source.dense_RI is not None
        layout = rows(extent)
        found_RO = POOL.tensor(extent.n_rows, extent.n_padded)
        torch.mm(source.dense_RI, _padded(weight_OI, extent.n_padded).t(), out=found_RO)
        field = found_RO.view(-1).numpy()
        if len(sums):
            in_parts(
                extent.n_blocks,
                lambda first, after: linear.column_sums(
                    field, extent.n_rows, extent.n_vectors, first, after, *layout[:2], sums
                ),
            )
        return layout, field, NONE_F32
    events, layout = source.events, blocks(extent)
    field = POOL.array(layout.size)
    weights = in_blocks(weight_OI, extent)

    def part(first: int, after: int) -> None:
        linear.gather(
            events.starts, events.per_row, events.columns, events.values, weights, weight_OI.shape[1],
            extent.n_rows, extent.n_vectors, first, after, *layout[:2], field, sums,
        )  # fmt: skip

    in_parts(extent.n_blocks, part)
    return layout, field, weights


def grad_of_weight(
    source: Source, extent: Extent, layout: Layout, field: np.ndarray, norms: np.ndarray, grad_field: np.ndarray
) -> torch.Tensor:
    """Return the gradient (O, I) of the weights, and leave in `grad_field` that of the product.

    Args:
        field: The product.
        norms: Batch norm's part; see `linear.normalise`.
        grad_field: The gradient of the normalised product.
    """
    if source.events is None:
        assert source.dense_RI is not None
        in_parts(
            extent.n_blocks,
            lambda first, after: linear.normalise(
                extent.n_rows, extent.n_vectors, first, after, *layout[:2], field, norms, grad_field
            ),
        )
        grad_RO = torch.from_numpy(grad_field).view(extent.n_rows, extent.n_padded)
        return grad_RO[:, : extent.n_neurons].t() @ source.dense_RI
    n_sources = source.events.extent.n_neurons
    weights = scattered(source.events, extent, layout, field, norms, grad_field)
    found_OI = torch.empty(extent.n_neurons, n_sources)
    linear.from_blocks(weights, extent.n_neurons, n_sources, found_OI.view(-1).numpy())
    return found_OI


def scattered(
    events: Events, extent: Extent, layout: Layout, field: np.ndarray, norms: np.ndarray, grad_field: np.ndarray
) -> np.ndarray:
    """Return what events and the gradient at their rows add up to, as kernels take weights; see `linear.scatter`."""
    starts, at_rows, values = events.by_column()
    n_sources = events.extent.n_neurons
    weights = POOL.array(extent.n_blocks * n_sources * BLOCK)
    weights.fill(0)

    def part(first: int, after: int) -> None:
        linear.scatter(
            starts, at_rows, values, extent.n_samples, extent.n_steps, n_sources, extent.n_vectors, first, after,
            *layout[:2], field, norms, grad_field, weights,
        )  # fmt: skip

    in_parts(extent.n_blocks, part)
    return weights


def grad_of_input(
    source: Source, weight_OI: torch.Tensor, weights: np.ndarray, extent: Extent, layout: Layout, grad_field: np.ndarray
) -> torch.Tensor:
    """Return the gradient of the entries that want one: listed (entries,), or dense (R, I).

    Args:
        weights: What `forward` made of them.
    """
    if source.wanted is None:
        grad_RO = torch.from_numpy(plain(extent, layout, grad_field)).flatten(0, 1)
        return grad_RO[:, : extent.n_neurons] @ weight_OI
    wanted = source.wanted
    if not len(weights):
        weights = in_blocks(weight_OI, extent)
    found = np.empty(len(wanted.columns), np.float32)

    def part(first: int, after: int) -> None:
        linear.sampled(
            wanted.starts, wanted.per_row, wanted.columns, first, after, weights, weight_OI.shape[1], extent.n_vectors,
            *layout[:2], grad_field, found,
        )  # fmt: skip

    in_parts(extent.n_rows, part)
    return torch.from_numpy(found)


def in_blocks(weight_OI: torch.Tensor, extent: Extent) -> np.ndarray:
    """Return weights as kernels take them: (block, input, neuron in the block), flat, with zeros for the padding."""
    found = POOL.array(extent.n_blocks * weight_OI.shape[1] * BLOCK)
    linear.to_blocks(flat(weight_OI), extent.n_neurons, weight_OI.shape[1], found)
    return found


def _padded(weight_OI: torch.Tensor, size: int) -> torch.Tensor:
    missing = size - len(weight_OI)
    return torch.nn.functional.pad(weight_OI, (0, 0, 0, missing)) if missing else weight_OI
