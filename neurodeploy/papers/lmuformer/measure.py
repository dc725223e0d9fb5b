"""What a trained LMUFormer knows by the number of frames: of whole clips as published, and of clips that arrive.

Axes: B sample, T frame, C class.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from neurodeploy.errors import NetworkError
from neurodeploy.networks.blocks.attention import SpikingAttention
from neurodeploy.networks.blocks.frames import FrameConv, Shortcut, reference_name
from neurodeploy.pipeline.conversion import part
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.stages import trained_network
from neurodeploy.progress import Progress

BATCH = 64
KEEPS = 0.99
"""Of the accuracy of whole clips: what is enough."""
RECEIVED = 10
"""Frames that have come in the paper's drawing of the delay."""


def measured(folder: RunFolder, limit: int, progress: Progress) -> dict[str, Any]:
    """Return what a trained network of family lmuformer makes of test clips, in float64.

    Args:
        limit: First test samples.

    Returns:
        `samples`; `sound`, the median of frames until a clip is padded; accuracies 0..1 by frames, the first of one
        frame: `whole` of the mean score of so many frames of a clip that the network has seen to its end, `streamed`
        of all frames that are answered when so many have come, None before the first; `difference` between the two in
        the scores of a frame, at most, and `look_ahead`, frames. Where the network needs the whole clip `streamed` is
        empty, `look_ahead` and `difference` are None.

    Raises:
        RunError: the folder holds no trained network.
        DataError: its data are absent.
    """
    network: Any = trained_network(folder).double()
    test = part(folder.recipe(), "test").first(limit)
    try:
        stream = network.stream()
    except NetworkError:
        stream = None
    whole_BT, streamed_BT, ends_B, difference = [], [], list[int](), 0.0
    for some in test.batches(BATCH):
        x_BTI = torch.tensor(some.spikes_BTI).double()
        with torch.no_grad():
            scores_BTC = network.scores_so_far(x_BTI)
        for x_TI, scores_TC, label in zip(x_BTI, scores_BTC, some.labels_B, strict=True):
            progress(folder.path.name, len(ends_B), len(test))
            ends_B.append(int(x_TI.any(1).nonzero().max()) + 1)
            whole_BT.append((scores_TC.argmax(1) == int(label)).numpy())
            if stream is not None:
                at_once = [stream.push(x_I) for x_I in x_TI]
                answers = [one for one in at_once if one is not None]
                streamed_BT.append([int(one.scores_C.argmax()) == label for one in answers])
                heard_TC = torch.stack([one.scores_C for one in (*answers, *stream.finish())])
                difference = max(difference, float((heard_TC - scores_TC).abs().max()))
    found = {"samples": len(test), "sound": float(np.median(ends_B)), "whole": np.mean(whole_BT, 0).tolist()}
    if stream is None:
        return found | {"streamed": [], "look_ahead": None, "difference": None}
    waits = [None] * stream.look_ahead
    streamed = [*waits, *np.mean(streamed_BT, 0).tolist()]
    return found | {"streamed": streamed, "look_ahead": stream.look_ahead, "difference": difference}


def enough(curve: Sequence[float | None], accuracy: float) -> int | None:
    """Return the frames from which on a curve keeps `KEEPS` of an accuracy; None where it does not to its end.

    >>> enough([None, 0.2, 0.99, 0.9, 1.0, 1.0], 1.0), enough([0.5], 1.0)
    (5, None)
    """
    below = [frames for frames, one in enumerate(curve, 1) if one is None or one < KEEPS * accuracy]
    first = max(below, default=0) + 1
    return first if first <= len(curve) else None


def delays(network: Any) -> list[dict[str, Any]]:
    """Return for every convolution, block and the head of an `LmuFormer` how long it waits, from its own geometry.

    Returns:
        `layer`; frames: `waits` for later ones, as its padding lets it, and `lost`, that a window without padding
        takes from a clip; `waits_so_far` and `lost_so_far`; `complete`, of `RECEIVED` ones without padding. None where
        the whole clip is waited for.
    """
    rows, waits_so_far, lost_so_far = list[dict[str, Any]](), 0, 0
    whole = False
    for name, module in network.named_modules():
        waits = lost = 0
        if isinstance(module, FrameConv):
            waits, lost = int(module.padding[0]), module.kernel_size[0] - 1
        elif type(module) is Shortcut and not _holds(module, FrameConv):
            whole = whole or _holds(module, SpikingAttention)
        elif module is not network.head:
            continue
        waits_so_far, lost_so_far = waits_so_far + waits, lost_so_far + lost
        row = {"waits": waits, "waits_so_far": waits_so_far, "lost": lost, "lost_so_far": lost_so_far}
        row["complete"] = max(0, RECEIVED - lost_so_far)
        rows.append({"layer": reference_name(name), **(dict.fromkeys(row) if whole else row)})
    return rows


def _holds(module: torch.nn.Module, kind: type[torch.nn.Module]) -> bool:
    return any(isinstance(one, kind) for one in module.modules())
