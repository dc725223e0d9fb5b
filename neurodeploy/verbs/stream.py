"""`stream`: a trained LMUFormer hears a sound frame by frame.

Axes: C class.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from neurodeploy.backends.fixed.frames import FrameSimulator
from neurodeploy.data.audio import pcm_parts, read_wav_head, wav_parts
from neurodeploy.data.datasets import SPOKEN
from neurodeploy.data.features import frames_of
from neurodeploy.data.filterbank import HOP_MS, frame_samples
from neurodeploy.data.load import source_of, step_s, wanted_of
from neurodeploy.errors import DataError, RunError
from neurodeploy.networks.families.table import build_network
from neurodeploy.networks.streaming import Streamer
from neurodeploy.phrases import Command, Phrase, plural
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.stages import TRAINING
from neurodeploy.recipes import Recipe
from neurodeploy.training.checkpoint import load_weights

CHANGE = 0.05
"""Of the confidence, from one answer that is told to the next of the same class."""
STDIN = "-"
TRAINED = Command("train", "fsdd_lmuformer", out="DIR")


def _nobody(told: dict[str, Any]) -> None: ...


def stream(
    run: str | Path,
    audio: str | Path | BinaryIO,
    *,
    rate: int | None = None,
    integers: bool = False,
    told: Callable[[dict[str, Any]], None] = _nobody,
) -> dict[str, Any]:
    """Let a run's trained LMUFormer hear a sound as it comes, and return what it makes of the whole.

    Features are made frame by frame as those that the network was trained on, in constant memory. The last scores are
    those of the offline network on all frames, to 1e-5 of the largest: a network that spikes runs in float64, where no
    order of sums turns a spike, others in float32, as they were trained. Where a dataset pads short
    recordings with frames of zeros, the end of a short sound is followed by as many.

    Args:
        run: Run folder of family `lmuformer` on features of sound. Its data need not be on this machine.
        audio: A WAV file; or raw samples, 16 bits each, little-endian, one channel: "-" for those on standard input, or
            a binary file that is open for reading.
        rate: Samples a second of raw samples; a WAV file says its own.
        integers: The run's Program hears, not the network, in the integers of the chip: each frame is a step.
        told: Hears {`delay_s`, `look_ahead_s`} first, then at once each change: {time_s, class, name, confidence,
            scores} of what is known after so many seconds of sound, whenever the class becomes another, or its
            confidence by 5 points.

    Returns:
        Of the whole sound `class`, `name`, `confidence` (0 to 1, softmax), `scores` and `time_s`, which it lasts;
        `delay_s`, by which an answer is later than its frame: the look-ahead, and in integers a frame more for each
        connection on the way; `frames`, `data_notes`.

    Raises:
        RunError: the folder holds no trained network of the family, no Program, or none that hears.
        NetworkError: the network has attention.
        DataError: the sound has another rate, is not longer than the look-ahead, cannot be read, or stops while it is
            heard; what was heard up to there is then in the message.
    """
    folder = RunFolder(Path(run))
    recipe = folder.recipe()
    if recipe.network.family != "lmuformer" or recipe.data.dataset not in SPOKEN:
        raise RunError(
            f"holds a network of family {recipe.network.family} on {recipe.data.dataset[:80]}",
            Phrase("train one with {trained}", trained=TRAINED),
            where=run,
            allowed=f"one of family lmuformer on {', '.join(SPOKEN)} is needed",
        )
    mel, words = SPOKEN[recipe.data.dataset]
    name, parts = _opened(audio, rate, mel.rate_hz)
    streamer: Any = _integers(folder) if integers else _streamer(folder, recipe, mel.n_bins)
    gain, ahead_ms = recipe.training.score_gain, streamer.look_ahead * HOP_MS
    delay_s = (streamer.delay if integers else streamer.look_ahead) * HOP_MS / 1000
    told({"delay_s": delay_s, "look_ahead_s": ahead_ms / 1000})
    sound, n_frames, stopped = _Counted(parts), 0, None
    before: dict[str, Any] | None = None
    try:
        for frame_I, n_samples in frames_of(sound, mel):
            n_frames += 1
            if (heard := streamer.push(frame_I)) is None:
                continue
            now = _answer(heard, n_samples / mel.rate_hz, words, gain)
            if before is None or _changed(before, now):
                told(before := now)
    except DataError as error:
        stopped = error
    if n_frames <= streamer.look_ahead:
        least = frame_samples(mel.rate_hz) + mel.rate_hz * ahead_ms // 1000
        allowed = f"at least {least} are needed, as the network looks {ahead_ms} ms ahead"
        found = f"holds {plural(sound.n_samples, 'sample')}"
        raise stopped or DataError(found, "record more", where=name, allowed=allowed)
    n_steps = wanted_of(recipe.data).n_steps
    behind = max(0, n_steps - n_frames) if mel.padded else 0
    last = [*(streamer.push(np.zeros(mel.n_bins)) for _ in range(behind)), *streamer.finish()][-1]
    assert last is not None
    end = _answer(last, sound.n_samples / mel.rate_hz, words, gain)
    if stopped is not None:
        used = f"its first {end['time_s']:.3f} s are heard as {end['name']} ({100 * end['confidence']:.1f} %)"
        raise DataError(f"{stopped.found}; {used}", stopped.advice, where=stopped.places)
    notes = [f"{plural(behind, 'frame')} of zeros behind the sound, as in training"] if behind else []
    if n_frames > n_steps:
        notes.append(f"longer than the {n_steps} frames that the network was trained on, by {n_frames - n_steps}")
    return end | {"delay_s": delay_s, "frames": n_frames, "data_notes": notes}


def _opened(audio: str | Path | BinaryIO, rate: int | None, needed: int) -> tuple[str, Iterator[np.ndarray]]:
    """Return what a sound is called, and its parts; `needed` samples a second are."""
    if isinstance(audio, str | Path) and str(audio) != STDIN:
        if rate is not None:
            raise DataError(f"found {rate}", "leave it out", option="rate", allowed="a WAV file says its own")
        head = read_wav_head(audio)
        parts: Iterator[np.ndarray] = (part for part, _ in wav_parts(audio, head, needed))
        name, rate = str(audio), head.rate
    else:
        source = getattr(sys.stdin, "buffer", None) if isinstance(audio, str | Path) else audio
        name = "standard input" if isinstance(audio, str | Path) else str(getattr(audio, "name", "audio"))
        if source is None:
            raise DataError("is closed", "send raw 16-bit samples", where=name)
        if rate is None:
            raise DataError("holds samples that do not say their rate", Phrase("give {rate:N}"), where=name)
        parts = pcm_parts(source, name)
    if rate != needed:
        allowed = f"{needed} are needed, as in training"
        raise DataError(f"has {rate} samples a second", "convert it", where=name, allowed=allowed)
    return name, parts


def _streamer(folder: RunFolder, recipe: Recipe, n_bins: int) -> Streamer:
    folder.need(TRAINING, "train")
    network = build_network(recipe.network, (n_bins,), source_of(recipe.data).n_classes, step_s(recipe.data))
    load_weights(folder.checkpoint, network)
    settings: Any = recipe.network
    return (network.double() if settings.form.spiking else network).eval().stream()  # type: ignore[no-any-return]


def _integers(folder: RunFolder) -> FrameSimulator:
    if not folder.program_file.is_file():
        raise RunError("holds no Program", "run neurodeploy run, which makes it", where=folder.path)
    return FrameSimulator(folder.program_file)


class _Counted:
    """Parts of a sound, and how many samples of it there have been."""

    def __init__(self, parts: Iterable[np.ndarray]) -> None:
        self.parts, self.n_samples = parts, 0

    def __iter__(self) -> Iterator[np.ndarray]:
        for part in self.parts:
            self.n_samples += len(part)
            yield part


def _answer(heard: Any, time_s: float, words: Sequence[str], gain: float) -> dict[str, Any]:
    share_C = (gain * torch.as_tensor(heard.scores_C)).softmax(0)
    best = int(share_C.argmax())
    found = {"time_s": time_s, "class": best, "name": words[best], "confidence": float(share_C[best])}
    return found | {"scores": heard.scores_C.tolist()}


def _changed(before: dict[str, Any], now: dict[str, Any]) -> bool:
    return now["class"] != before["class"] or abs(now["confidence"] - before["confidence"]) >= CHANGE
