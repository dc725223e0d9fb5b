"""`data encode`: WAV files to spikes in the layout of SHD and SSC."""

import hashlib
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy import __version__
from neurodeploy.data.audio import WavHead, read_wav, read_wav_head
from neurodeploy.data.clips import Clip, find_clips, numbered, words_of
from neurodeploy.data.cochlea.encode import SSC, Spikes, encode, in_order, ready
from neurodeploy.data.cochlea.settings import CochleaSettings
from neurodeploy.data.files import TIME_TYPES, shd_file
from neurodeploy.errors import DataError, nearest
from neurodeploy.files import check_target
from neurodeploy.memory import cores
from neurodeploy.phrases import Phrase
from neurodeploy.progress import Progress, silent

COARSE_FROM_S = 4.0
"""From here on float16 times are 4 ms apart and more."""
MOST_SEED = 2**63 - 1


def encode_audio(
    sources: str | Path | Sequence[str | Path],
    *,
    out: str | Path,
    overwrite: bool = False,
    labels: str | Path | None = None,
    words: Sequence[str] | None = None,
    settings: CochleaSettings = SSC,
    times: str = "float16",
    seed: int = 0,
    workers: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Turn WAV files into spikes by the cochlea that made SHD and SSC, and write them in their layout.

    A clip's random numbers follow from the seed and its name below the folder that was named, so that
    the same files give the same bytes with any number of workers. The first file that cannot be used
    stops it, and nothing is written.

    Args:
        sources: Folders, which are searched with their sub-folders, and WAV files.
        out: HDF5 file to write.
        overwrite: Replace it where there is one.
        labels: CSV of clip and word; without it a clip's word is the name of its folder.
        words: The order of the labels; sorted words when None.
        settings: Of the cochlea; the conventions of SSC when left out.
        times: Type of the times, "float16" as in SHD and SSC, "float32" or "float64".
        seed: From 0.
        workers: Threads; as many as there are cores when None.
        progress: Hears how far the work is.

    Returns:
        What was written: `path`, `clips`, `words`, `spikes`, `spikes_per_clip`, `audio_s`; `seconds` and `cpu_s`
        that the encoding took (without what is done once on a machine), and what that makes as
        `times_real_time` and `times_real_time_per_core`; `workers`, `settings`, `notes`, and the names of
        clips that are `silent` or `clipped`.

    Raises:
        DataError: a source, a file or a label is unusable.
        RunError: `out` cannot be written, or is one of the sources.
    """
    chosen = _checked(settings, times, seed, workers)
    found = find_clips([sources] if isinstance(sources, str | Path) else sources)
    if not found.clips:
        raise DataError("sources: nothing is named; name folders or WAV files")
    clips = found.clips
    target = check_target(out, overwrite, (labels, *(clip.path for clip in clips)))
    numbers, keys = numbered(words_of(clips, None if labels is None else Path(labels)), words)
    heads = _heads(clips)
    cochlea = ready(settings, progress)

    def made(index: int, stopped: Callable[[], bool]) -> tuple[Spikes, bool, bool]:
        """Return a clip's spikes, and whether its sound is silent or clipped."""
        clip = clips[index]
        audio = read_wav(clip.path)
        try:
            spikes = encode(cochlea, audio.samples, audio.rate, _seed(seed, clip.name), stopped)
        except DataError as error:
            raise error.at(clip.path) from None
        return spikes, not audio.samples.any(), audio.clipped

    quiet, clipped, n_spikes = [], [], 0
    began, began_cpu = time.perf_counter(), time.process_time()
    with shd_file(target, numbers, keys=keys, extra=_extra(clips), settings=chosen, times=times) as file:
        progress("encode", 0, len(clips))
        for index, (spikes, is_silent, is_clipped) in enumerate(in_order(made, len(clips), workers or cores())):
            file.write(index, *spikes)
            n_spikes += len(spikes[0])
            quiet += [clips[index].name] if is_silent else []
            clipped += [clips[index].name] if is_clipped else []
            progress("encode", index + 1, len(clips), clips[index].name)
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    audio_s = sum(head.seconds for head in heads)
    return {
        "path": str(out),
        "clips": len(clips),
        "words": keys,
        "spikes": n_spikes,
        "spikes_per_clip": n_spikes / len(clips),
        "audio_s": audio_s,
        "seconds": seconds,
        "cpu_s": cpu_s,
        "times_real_time": audio_s / seconds,
        "times_real_time_per_core": audio_s / cpu_s,
        "workers": workers or cores(),
        "settings": chosen,
        "silent": quiet,
        "clipped": clipped,
        "notes": _notes(found.left_out, quiet, clipped, heads, times),
    }


def _checked(settings: CochleaSettings, times: str, seed: int, workers: int | None) -> dict[str, str | int | float]:
    if times not in TIME_TYPES:
        raise DataError(f"times: found {times!r}; {nearest(times, TIME_TYPES)}")
    if not 0 <= seed <= MOST_SEED:
        raise DataError(f"seed: found {seed}, 0 to {MOST_SEED} is allowed")
    if workers is not None and workers < 1:
        raise DataError(f"workers: found {workers}, at least 1 is needed")
    return {
        "encoder": f"neurodeploy {__version__} cochlea",
        "rate": settings.rate,
        "step_rate": settings.step_rate,
        "rms": settings.rms,
        "ramp_s": settings.ramp_s if math.isfinite(settings.ramp_s) else "half the clip",
        "channels": settings.channels,
        "seed": seed,
    }


def _heads(clips: Sequence[Clip]) -> list[WavHead]:
    """Return what each file says of itself; long work should not end at a file that can be told now."""
    heads, refused = [], []
    for clip in clips:
        try:
            heads.append(read_wav_head(clip.path))
        except DataError as error:
            refused.append(error)
    if refused:
        more = len(refused) - 1
        others = f" ({more} more cannot be used{', the next: ' + str(refused[1]) if more else ''})" if more else ""
        raise DataError(f"{refused[0]}{others}")
    return heads


def _seed(seed: int, name: str) -> tuple[int, ...]:
    """Return a clip's seed, which does not depend on the other clips."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return seed, *(int(part) for part in np.frombuffer(digest, "<u4"))


def _extra(clips: Sequence[Clip]) -> dict[str, Any]:
    """Return each clip's name, and its speaker where file names tell some."""
    found: dict[str, Any] = {"clip": np.array([os.fsencode(clip.name) for clip in clips])}
    speakers = sorted({clip.speaker for clip in clips})
    if speakers != [""]:
        numbers = {speaker: number for number, speaker in enumerate(speakers)}
        found["speaker"] = np.array([numbers[clip.speaker] for clip in clips], np.uint16)
        found["speaker_names"] = np.array([speaker.encode() for speaker in speakers])
    return found


def _notes(
    left_out: Sequence[str], quiet: Sequence[str], clipped: Sequence[str], heads: Sequence[WavHead], times: str
) -> list[str]:
    notes = [f"left out {folder}, whose name starts with _" for folder in left_out]
    if quiet:
        notes.append(
            f"{_some(quiet)} without any sound: spontaneous spikes only, since no level can be raised to the RMS"
        )
    if clipped:
        notes.append(f"{_some(clipped)} clipped when recorded: encoded as it is")
    longest = max(head.seconds for head in heads)
    if times == "float16" and longest > COARSE_FROM_S:
        gap = float(np.spacing(np.float16(min(longest, 60_000.0))))
        text = "the longest clip lasts {longest:.1f} s, where float16 times are {gap:.3g} s apart; see {times}"
        notes.append(Phrase(text, longest=longest, gap=gap))
    return notes


def _some(names: Sequence[str]) -> str:
    return f"{names[0]} is" if len(names) == 1 else f"{len(names)} clips ({names[0]} first) are"
