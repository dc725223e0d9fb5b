"""How a module's own input becomes the (samples, steps, channels) that a graph takes, found from its run.

Axes: T step, B sample, F input channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodeploy.errors import DataError


@dataclass(frozen=True, eq=False)
class InputOrder:
    """Which axes of the input mean what.

    Attributes:
        sample_axis, time_axis: None where there is none: a single sample, or one that stays for all steps.
        n_steps: Of the recorded run.
        shape: Of the recorded input.
        channels: Which numbers of a step of a sample are the channels, in order (F,).
        channel_shape: Axes of the channels, as the first layer takes them.
    """

    sample_axis: int | None
    time_axis: int | None
    n_steps: int
    shape: tuple[int, ...]
    channels: np.ndarray
    channel_shape: tuple[int, ...]

    def feed(self, values: Any) -> np.ndarray:
        """Return a batch like the recorded one as (B, T, F), float64.

        Raises:
            DataError: it has other axes.
        """
        found = np.asarray(values.detach().cpu().numpy() if hasattr(values, "detach") else values)
        free = {self.sample_axis, self.time_axis}
        fits = found.ndim == len(self.shape) and all(
            axis in free or size == self.shape[axis] for axis, size in enumerate(found.shape)
        )
        if not fits:
            raise DataError(f"inputs: shape {found.shape}, the sample input has {self.shape}; give them alike")
        axes = [axis for axis in (self.sample_axis, self.time_axis) if axis is not None]
        moved = np.moveaxis(found, axes, range(len(axes)))
        samples = 1 if self.sample_axis is None else found.shape[self.sample_axis]
        steps = 1 if self.time_axis is None else found.shape[self.time_axis]
        flat = moved.reshape(samples, steps, -1)[:, :, self.channels]
        return np.repeat(flat, self.n_steps, axis=1) if self.time_axis is None else flat

    def back(self, values_BTF: np.ndarray) -> np.ndarray:
        """Return (B, T, F) in the axes of the recorded input; what is no channel is 0."""
        axes = [axis for axis in (self.sample_axis, self.time_axis) if axis is not None]
        rest = [size for axis, size in enumerate(self.shape) if axis not in axes]
        values = values_BTF if self.time_axis is not None else values_BTF[:, :1]
        flat = np.zeros((*values.shape[:2], int(np.prod(rest, dtype=np.int64))))
        flat[:, :, self.channels] = values
        kept = [
            size for size, axis in zip(flat.shape, (self.sample_axis, self.time_axis), strict=False) if axis is not None
        ]
        return np.moveaxis(flat.reshape(*kept, *rest), range(len(axes)), axes)


def input_order(
    shape: tuple[int, ...], first_TB: np.ndarray, offsets_F: np.ndarray, channel_shape: tuple[int, ...]
) -> InputOrder | None:
    """Return the order of an input of `shape`, or None where its axes are not steps and samples.

    Args:
        first_TB: Place in the input, in C order, of the first number that each step of each sample takes.
        offsets_F: Of each channel from there.
    """
    n_steps, n_samples = first_TB.shape
    places = np.unravel_index(first_TB, shape)
    steps, samples = np.arange(n_steps)[:, None], np.arange(n_samples)[None, :]
    offset = [np.ptp(one) > 0 for one in np.unravel_index(first_TB[0, 0] + offsets_F, shape)]
    time_axis = _axis(places, steps, n_steps, offset, shape, taken=None)
    if n_steps == 1 and time_axis is not None and shape[time_axis] != 1:
        time_axis = None
    sample_axis = _axis(places, samples, n_samples, offset, shape, taken=time_axis)
    order = InputOrder(sample_axis, time_axis, n_steps, shape, np.arange(0), channel_shape)
    index = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    axes = [axis for axis in (sample_axis, time_axis) if axis is not None]
    flat = np.moveaxis(index, axes, range(len(axes))).reshape(
        1 if sample_axis is None else n_samples, 1 if time_axis is None else n_steps, -1
    )
    row = flat[0, 0]
    where = np.searchsorted(row, first_TB[0, 0] + offsets_F, sorter=(sorter := np.argsort(row)))
    if (where >= len(row)).any():
        return None
    channels = sorter[where]
    full = np.broadcast_to(flat[:, :, channels], (n_samples, n_steps, len(channels)))
    wanted = first_TB.T[:, :, None] + offsets_F
    if full.shape != wanted.shape or (full != wanted).any():
        return None
    return InputOrder(order.sample_axis, order.time_axis, n_steps, shape, channels, channel_shape)


def _axis(
    places: Any, wanted: np.ndarray, size: int, within: list[bool], shape: tuple[int, ...], taken: int | None
) -> int | None:
    """Return the axis along which places go as `wanted`; of several, the first that channels do not use."""
    fits = [
        axis
        for axis, place in enumerate(places)
        if axis != taken and not within[axis] and shape[axis] == size and (place == wanted).all()
    ]
    return fits[0] if fits else None
