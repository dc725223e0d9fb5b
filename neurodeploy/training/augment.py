"""Changes to training samples that leave their class as it is.

Axes: B sample, T step, I channel.
"""

import math

import numpy as np
import torch
from torch.nn import functional

from neurodeploy.data.stream import PixelOrder
from neurodeploy.training.settings import TrainingSettings


def augmented(spikes_BTI: torch.Tensor, settings: TrainingSettings, generator: torch.Generator) -> torch.Tensor:
    """Return the spikes shifted, stretched and thinned as the settings ask, each sample in its own way.

    Args:
        spikes_BTI: 0 or 1, counts, or real values, float32. Counts move as they are, and stay or go as a whole. What
            leaves the window on one side does not come back on the other.
        generator: On the CPU; everything random is drawn from it.
    """
    n_samples, n_steps, n_channels = spikes_BTI.shape
    reach, stretch = settings.time_shift, settings.time_stretch
    if reach or stretch:
        shift_B1 = torch.randint(-reach, reach + 1, (n_samples, 1), generator=generator)
        speed_B1 = 1 + stretch * (2 * torch.rand(n_samples, 1, generator=generator) - 1)
        middle = (n_steps - 1) / 2
        source_BT = ((torch.arange(n_steps) - middle - shift_B1) * speed_B1 + middle).round().long()
        inside_BT = (source_BT >= 0) & (source_BT < n_steps)
        index_BT1 = source_BT.clamp(0, n_steps - 1).unsqueeze(2).to(spikes_BTI.device)
        taken = torch.take_along_dim(spikes_BTI, index_BT1, dim=1)
        spikes_BTI = taken * inside_BT.unsqueeze(2).to(spikes_BTI.device)
    if settings.channel_shift:
        reach = settings.channel_shift
        shift_B1 = torch.randint(-reach, reach + 1, (n_samples, 1), generator=generator)
        source_BI = torch.arange(n_channels) - shift_B1
        inside_BI = (source_BI >= 0) & (source_BI < n_channels)
        index_B1I = source_BI.clamp(0, n_channels - 1).unsqueeze(1).to(spikes_BTI.device)
        taken = torch.take_along_dim(spikes_BTI, index_B1I, dim=2)
        spikes_BTI = taken * inside_BI.unsqueeze(1).to(spikes_BTI.device)
    if settings.event_drop:
        kept = torch.rand(spikes_BTI.shape, generator=generator) >= settings.event_drop
        spikes_BTI = spikes_BTI * kept.to(spikes_BTI.device)
    return spikes_BTI


def masked(x_BTI: torch.Tensor, settings: TrainingSettings, generator: torch.Generator) -> torch.Tensor:
    """Return samples of features with some steps and channels in a row set to 0, noise added, and rolled over time.

    Args:
        generator: On the CPU.

    Source: zeyuliu1037/LMUFormer (5debadd, MIT), after the AST (Gong et al., Interspeech 2021): SpecAugment's masks
    (Park et al., Interspeech 2019) as torchaudio draws them, which on raw features are 0, not their mean.
    """
    n_samples, n_steps, _ = x_BTI.shape
    for axis, most in ((2, settings.channel_mask), (1, settings.time_mask)):
        if most:
            size = x_BTI.shape[axis]
            width_B1, start_B1 = torch.rand(2, n_samples, 1, generator=generator).unbind()
            width_B1 = (width_B1 * min(most, size)).long()
            start_B1 = (start_B1 * (size - width_B1)).long()
            place = torch.arange(size)
            inside = ((place >= start_B1) & (place < start_B1 + width_B1)).unsqueeze(3 - axis)
            x_BTI = x_BTI.masked_fill(inside.to(x_BTI.device), 0)
    if settings.noise:
        strength_B11 = settings.noise * torch.rand(n_samples, 1, 1, generator=generator)
        x_BTI = x_BTI + (torch.rand(x_BTI.shape, generator=generator) * strength_B11).to(x_BTI)
    if settings.time_roll:
        shift_B1 = torch.randint(-settings.time_roll, settings.time_roll, (n_samples, 1), generator=generator)
        source_BT1 = ((torch.arange(n_steps) - shift_B1) % n_steps).unsqueeze(2)
        x_BTI = torch.take_along_dim(x_BTI, source_BT1.to(x_BTI.device), dim=1)
    return x_BTI


def channels_mixed(
    spikes_BTI: torch.Tensor, labels_B: torch.Tensor, part: float, generator: torch.Generator
) -> torch.Tensor:
    """Return the samples with some channels exchanged for those of another sample of the batch and class.

    Each sample has one such partner, which may be itself. The channels stay where they are.

    Args:
        spikes_BTI: As in `augmented`.
        labels_B: The samples' classes.
        part: Probability of each channel to come from the partner, 0..1.
        generator: On the CPU; partners and channels are drawn from it.

    >>> channels_mixed(torch.eye(2)[:, None], torch.tensor([0, 1]), 0.9, torch.Generator())[:, 0].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    labels_B = labels_B.cpu()
    partner_B = torch.multinomial((labels_B[:, None] == labels_B).float(), 1, generator=generator)[:, 0]
    taken_B1I = torch.rand(len(labels_B), 1, spikes_BTI.shape[2], generator=generator) < part
    device = spikes_BTI.device
    return torch.where(taken_B1I.to(device), spikes_BTI[partner_B.to(device)], spikes_BTI)


def moved(
    x_BTI: torch.Tensor,
    shape: tuple[int, ...],
    settings: TrainingSettings,
    generator: torch.Generator,
    order: PixelOrder | None = None,
) -> torch.Tensor:
    """Return pictures shifted, turned, zoomed and mirrored as the settings ask, all steps of a sample alike.

    Args:
        x_BTI: Any values; what comes in from outside is 0, and what falls between pixels is interpolated.
        shape: Channels, rows and columns; samples of other axes are returned as they are.
        generator: On the CPU.
        order: Of pixels that are the steps: the picture that they make is moved.
    """
    reach, turn, zoom, flip = settings.pixel_shift, settings.rotation, settings.zoom, settings.flip
    if not (reach or turn or zoom or flip) or (len(shape) != 3 and order is None):
        return x_BTI
    if order is not None:
        place_T, pixel_T = (torch.tensor(one, device=x_BTI.device) for one in (order.pixel_T.argsort(), order.pixel_T))
        pictures_B1I = x_BTI.transpose(1, 2)[:, :, place_T]
        return moved(pictures_B1I, order.shape, settings, generator)[:, :, pixel_T].transpose(1, 2)
    draw_B4 = 2 * torch.rand(len(x_BTI), 4, generator=generator) - 1
    shift_B2 = (draw_B4[:, :2] * (reach + 0.5)).round().clamp(-reach, reach) * 2 / torch.tensor([shape[2], shape[1]])
    angle_B, scale_B = draw_B4[:, 2] * math.radians(turn), 1 / (1 + draw_B4[:, 3] * zoom)
    mirror_B = torch.where(torch.rand(len(x_BTI), generator=generator) < 0.5 * flip, -1.0, 1.0)
    cos_B, sin_B = scale_B * angle_B.cos(), scale_B * angle_B.sin()
    aspect = shape[1] / shape[2]  # the grid's units are half the rows and half the columns
    turned = torch.stack([mirror_B * cos_B, -mirror_B * sin_B * aspect, sin_B / aspect, cos_B], 1).view(-1, 2, 2)
    matrix = torch.cat([turned, shift_B2[:, :, None]], 2).to(x_BTI.device)
    pictures = x_BTI.unflatten(2, shape).flatten(1, 2)
    grid = functional.affine_grid(matrix, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, align_corners=False).view_as(x_BTI)


def blended(
    x_BTI: torch.Tensor, labels_B: torch.Tensor, n_classes: int, settings: TrainingSettings, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a batch of pictures or frames mixed with itself in reverse, in one share, and each class's share (B, C).

    Args:
        generator: On the CPU.

    Source: Zhang et al., ICLR 2018 (mixup), as timm mixes batches.
    """
    shares_BC = functional.one_hot(labels_B, n_classes).to(x_BTI.dtype)
    if torch.rand(1, generator=generator) >= settings.mixup_batches:
        return x_BTI, shares_BC
    seed = int(torch.randint(1 << 62, (1,), generator=generator))
    share = float(np.random.default_rng(seed).beta(settings.mixup_alpha, settings.mixup_alpha))
    return share * x_BTI + (1 - share) * x_BTI.flip(0), share * shares_BC + (1 - share) * shares_BC.flip(0)
