"""Batch norm over samples and steps, as numbers that kernels take: what a field is multiplied by, and what is added.

Axes: N neuron.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from neurodeploy.neurons.fused import linear
from neurodeploy.neurons.fused.extents import LANES, NONE_F64, Extent, in_records


def suits(norm: nn.Module) -> bool:
    """Return whether this is a batch norm that can be computed here."""
    return type(norm) is nn.BatchNorm1d and norm.affine and norm.track_running_stats and norm.momentum is not None


class Norm(NamedTuple):
    """A normalisation of a field x: scale * x + shift, padded neurons, float64.

    Attributes:
        scale: Rounded to float32.
        mean, inverse: Of the batch in training, otherwise the running ones; `inverse` is 1 / deviation.
        of_batch: Mean and deviation depend on the field, which its gradient has to know.
    """

    scale: np.ndarray
    shift: np.ndarray
    mean: np.ndarray
    inverse: np.ndarray
    of_batch: bool

    def gradients(
        self, of_drive: np.ndarray, of_field: np.ndarray, extent: Extent
    ) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
        """Return what `linear.normalise` takes, and the gradients of weight and bias.

        Args:
            of_drive, of_field: Sums over samples and steps of the normalised field's gradient, and of its product
                with the field less its mean.
        """
        norms = np.zeros((linear.NORMS // LANES, extent.n_padded), np.float32)
        norms[linear.OF_SCALE // LANES] = self.scale
        if self.of_batch:
            norms[linear.OF_MEAN_GRAD // LANES] = of_drive / extent.n_rows
            norms[linear.OF_MEAN // LANES] = self.mean
            norms[linear.OF_SLOPE // LANES] = of_field * self.inverse**2 / extent.n_rows
        of_weight, of_bias = (
            torch.from_numpy(one[: extent.n_neurons]).float() for one in (of_field * self.inverse, of_drive)
        )
        return in_records(norms), of_weight, of_bias


def room(norm: nn.BatchNorm1d, extent: Extent) -> np.ndarray:
    """Return zeros for a field's sums where the batch's statistics are needed, otherwise nothing."""
    return np.zeros(2 * extent.n_padded) if norm.training else NONE_F64


def normalisation(norm: nn.BatchNorm1d, sums: np.ndarray, extent: Extent) -> Norm:
    """Return the normalisation; in training, note the batch's statistics in the module, as torch does.

    Args:
        sums: Of the field and of its squares.

    Raises:
        ValueError: there is no deviation of a single row.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    n_rows, size = extent.n_rows, extent.n_neurons
    if norm.training:
        if n_rows < 2:
            raise ValueError(f"expected more than 1 value per channel when training, got {n_rows} samples and steps")
        mean, squares = sums.reshape(2, -1)[:, :size] / n_rows
        variance = np.maximum(squares - mean**2, 0)
        note(norm, mean, variance * (n_rows / (n_rows - 1)))
    else:
        mean, variance = (one.double().numpy() for one in (norm.running_mean, norm.running_var))
    inverse = 1 / np.sqrt(variance + norm.eps)
    weight, bias = (one.detach().numpy() for one in (norm.weight, norm.bias))
    scale = (weight * inverse).astype(np.float32)
    # From the rounded scale, so that the mean is taken to the bias and nowhere beside it.
    shift = bias - mean * scale
    parts = np.zeros((4, extent.n_padded))
    parts[:, :size] = scale, shift, mean, inverse
    return Norm(parts[0], parts[1], parts[2], parts[3], norm.training)


@torch.no_grad()
def note(norm: nn.BatchNorm1d | nn.BatchNorm2d, mean: np.ndarray, variance: np.ndarray) -> None:
    """Note a batch's statistics of each channel in a module, as torch does; `variance` is over one number less."""
    momentum = norm.momentum
    assert momentum is not None
    for kept, seen in ((norm.running_mean, mean), (norm.running_var, variance)):
        assert kept is not None
        kept.mul_(1 - momentum).add_(torch.from_numpy(seen).to(kept), alpha=momentum)
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
