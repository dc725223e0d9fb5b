"""What a trained LMUFormer knows by the number of frames: of whole clips as published, and of clips that arrive.

Axes: B sample, T frame, C class.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch

from neurodeploy.backends.fixed.frames import FrameSimulator
from neurodeploy.errors import NetworkError
from neurodeploy.networks.blocks.attention import SpikingAttention
from neurodeploy.networks.blocks.frames import FrameConv, Shortcut, reference_name
from neurodeploy.pipeline.conversion import part
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.stages import trained_network
from neurodeploy.progress import Progress

WHOLE, STREAMED, INTEGERS = "whole clip", "streamed", "streamed integers"
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
        `samples`; `sound`, the median of frames until a clip is padded; and `ways`: `whole clip` is the mean score of
        the first frames of a clip that the network has seen to its end, `streamed` that of all frames that are answered
        when so many have come, where the network streams, `streamed integers` the same of the run's Program, where it
        has one. Of each `curve`, the accuracy 0..1 by frames, None before the first answer; `accuracy` at the clip's
        end; `late`, how many frames later a frame is answered; `off`, the most by which scores differ from those of the
        whole clip, as a part of the largest, and `same`, in which part of the frames the class is its.

    Raises:
        RunError: the folder holds no trained network.
        DataError: its data are absent.
    """
    network: Any = trained_network(folder).double()
    test = part(folder.recipe(), "test").first(limit)
    streams = _streams(folder, network)
    late, off, same, right = {WHOLE: 0}, dict[str, float](), dict[str, float](), dict[str, Any]()
    ends_B, largest = list[int](), 0.0
    for some in test.batches(BATCH):
        x_BTI = torch.tensor(some.spikes_BTI).double()
        with torch.no_grad():
            scores_BTC = network.scores_so_far(x_BTI).numpy()
        for x_TI, whole_TC, label in zip(x_BTI, scores_BTC, some.labels_B, strict=True):
            progress(folder.path.name, len(ends_B), len(test))
            ends_B.append(int(x_TI.any(1).nonzero().max()) + 1)
            heard, largest = {WHOLE: whole_TC}, max(largest, float(np.abs(whole_TC).max()))
            for way, stream in streams.items():
                late[way], heard[way] = _heard(stream, x_TI)
            for way, scores_TC in heard.items():
                off[way] = max(off.get(way, 0.0), float(np.abs(scores_TC - whole_TC).max()))
                same[way] = same.get(way, 0.0) + float((scores_TC.argmax(1) == whole_TC.argmax(1)).mean())
                right[way] = right.get(way, 0) + (scores_TC.argmax(1) == label)
    ways = {}
    for way, right_T in right.items():
        share_T = (right_T / len(test)).tolist()
        curve = [*[None] * late[way], *share_T][: len(share_T)]
        ways[way] = {"curve": curve, "accuracy": share_T[-1], "late": late[way]}
        ways[way] |= {"off": off[way] / largest, "same": same[way] / len(test)}
    return {"samples": len(test), "sound": float(np.median(ends_B)), "ways": ways}


def _streams(folder: RunFolder, network: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with suppress(NetworkError):  # where it needs the whole clip
        found[STREAMED] = network.stream()
    if folder.program_file.exists():
        found[INTEGERS] = FrameSimulator(folder.program_file, threads=1)
    return found


def _heard(stream: Any, x_TI: torch.Tensor) -> tuple[int, np.ndarray]:
    """Return how many frames later a stream answers, and the scores after every frame that it answered (T, C)."""
    at_once = [stream.push(x_I) for x_I in x_TI]
    answers = [one for one in (*at_once, *stream.finish()) if one is not None]
    return sum(one is None for one in at_once), np.stack([np.asarray(one.scores_C) for one in answers])


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
