"""How a module's own input becomes the (samples, steps, channels) that a graph takes, found from its run.

Axes: T step, B sample, F input channel.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch

from neurodeploy.errors import DataError, FrameworkError
from neurodeploy.reading.leaves import Shape, numbers

Sample: TypeAlias = "torch.Tensor | tuple[torch.Tensor, ...]"
"""What a module takes: a tensor, or several."""


def sample_of(values: Any) -> Sample:
    """Return a sample input as tensors of floating point, a tuple as several inputs.

    Raises:
        FrameworkError: it holds no numbers, or those of several inputs do not go together.
    """
    if isinstance(values, tuple):
        found = tuple(_tensor(one) for one in values)
        shared_axes([tuple(one.shape) for one in found])
        return found
    return _tensor(values)


def _tensor(values: Any) -> torch.Tensor:
    try:
        found = values if isinstance(values, torch.Tensor) else torch.as_tensor(np.asarray(values))
    except (TypeError, ValueError, RuntimeError):
        raise FrameworkError(
            f"sample_input: holds a {type(values).__name__} that is no array; give a tensor, or a tuple of several"
        ) from None
    if not found.numel():
        raise FrameworkError(f"sample_input: has shape {tuple(found.shape)}; give at least one sample and one step")
    return found.detach() if found.is_floating_point() else found.detach().float()


def parts_of(sample: Sample) -> tuple[torch.Tensor, ...]:
    """Return the inputs."""
    return sample if isinstance(sample, tuple) else (sample,)


def shared_axes(shapes: Sequence[Shape]) -> int:
    """Return how many of the first axes, steps and samples, several inputs share.

    Raises:
        FrameworkError: one has no numbers for each of them.
    """
    most = min(2, *(len(one) - 1 for one in shapes))
    lead = next((axes for axes in range(most, 0, -1) if len({one[:axes] for one in shapes}) == 1), 0)
    if not lead:
        raise FrameworkError(
            f"sample_input: has inputs of shapes {', '.join(map(str, shapes))}; only numbers of every step and sample "
            "get to neurons, which lengths and masks are not; give those numbers alone, and forward= with what runs "
            "the module on them"
        )
    return lead


def shape_of(sample: Sample) -> tuple[Shape, tuple[int, ...]]:
    """Return the axes of a sample, of several inputs those that they share and one for all their numbers; and the
    numbers of each input along that one.
    """
    shapes = [tuple(one.shape) for one in parts_of(sample)]
    if len(shapes) == 1:
        return shapes[0], shapes[0][-1:]
    lead = shared_axes(shapes)
    sizes = tuple(math.prod(one[lead:]) for one in shapes)
    return (*shapes[0][:lead], sum(sizes)), sizes


def batch_like(sample: Sample, values: np.ndarray) -> Sample:
    """Return a batch of the sample's form of an array that has it side by side."""
    whole, sizes, lead = torch.as_tensor(values), shape_of(sample)[1], values.ndim - 1
    if not isinstance(sample, tuple):
        return whole.to(sample)
    split = zip(whole.split(sizes, -1), sample, strict=True)
    return tuple(mine.reshape(*whole.shape[:lead], *one.shape[lead:]).to(one) for mine, one in split)


def of_each(sample: Sample, places: torch.Tensor) -> list[torch.Tensor]:
    """Return what of an array of the sample's shape is each input's, in its own axes."""
    split = places.split(shape_of(sample)[1], -1) if isinstance(sample, tuple) else [places]
    return [mine.reshape(one.shape) for mine, one in zip(split, parts_of(sample), strict=True)]


@dataclass(frozen=True, eq=False)
class InputOrder:
    """Which axes of the input mean what.

    Attributes:
        sample_axis, time_axis: None where there is none: a single sample, or one that stays for all steps.
        n_steps: Of the recorded run.
        shape: Of the recorded input.
        channels: Which numbers of a step of a sample are the channels, in order (F,).
        channel_shape: Axes of the channels, as the first layer takes them.
        sizes: Numbers of each input along the last axis of `shape`, where several are put side by side.
    """

    sample_axis: int | None
    time_axis: int | None
    n_steps: int
    shape: tuple[int, ...]
    channels: np.ndarray
    channel_shape: tuple[int, ...]
    sizes: tuple[int, ...] = ()

    def feed(self, values: Any) -> np.ndarray:
        """Return a batch like the recorded one as (B, T, F), float64.

        Raises:
            DataError: it has other axes, or is no batch.
        """
        try:
            found = self._side_by_side(values) if len(self.sizes) > 1 else numbers(values)
        except (RuntimeError, TypeError, ValueError):  # torch's for None, a text, rows of several lengths
            kind = type(values).__name__
            raise DataError(f"inputs: found {kind}, a tensor or an array like the sample input is needed") from None
        free = {self.sample_axis, self.time_axis}
        fits = found.ndim == len(self.shape) and all(
            axis in free or size == self.shape[axis] for axis, size in enumerate(found.shape)
        )
        if not fits:
            raise DataError(f"inputs: shape {found.shape}, the sample input has {self.shape}; give them alike")
        if not found.size:
            raise DataError(f"inputs: shape {found.shape}; give at least one sample and one step")
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

    def _side_by_side(self, values: Any) -> np.ndarray:
        """Return several inputs as one array."""
        wanted, lead = len(self.sizes), len(self.shape) - 1
        found = [numbers(one) for one in values] if isinstance(values, tuple | list) else []
        if len(found) != wanted:
            raise DataError(
                f"inputs: found {len(found) or type(values).__name__}, the module takes a tuple of {wanted}"
            )
        sizes = tuple(math.prod(one.shape[lead:]) for one in found)
        if sizes != self.sizes or len({one.shape[:lead] for one in found}) > 1:
            shapes = ", ".join(str(one.shape) for one in found)
            raise DataError(f"inputs: have shapes {shapes}, which are not those of the sample input; give them alike")
        return np.concatenate([one.reshape(*one.shape[:lead], -1) for one in found], axis=lead)


def input_order(
    sample: Sample, first_TB: np.ndarray, offsets_F: np.ndarray, channel_shape: tuple[int, ...]
) -> InputOrder | None:
    """Return the order of an input, or None where its axes are not steps and samples.

    Args:
        first_TB: Place in the input, in C order, of the first number that each step of each sample takes.
        offsets_F: Of each channel from there.
    """
    shape, sizes = shape_of(sample)
    n_steps, n_samples = first_TB.shape
    places = np.unravel_index(first_TB, shape)
    steps, samples = np.arange(n_steps)[:, None], np.arange(n_samples)[None, :]
    offset = [np.ptp(one) > 0 for one in np.unravel_index(first_TB[0, 0] + offsets_F, shape)]
    time_axis = _axis(places, steps, n_steps, offset, shape, taken=None)
    if n_steps == 1 and time_axis is not None and shape[time_axis] != 1:
        time_axis = None
    sample_axis = _axis(places, samples, n_samples, offset, shape, taken=time_axis)
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
    return InputOrder(sample_axis, time_axis, n_steps, shape, channels, channel_shape, sizes)


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
