"""Sound from WAV files: whole numbers of 8 to 32 bits and floats, any rate, channels mixed to one."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from neurodeploy.errors import DataError
from neurodeploy.files import check_fetched

RATES = (1_000, 768_000)
MOST_CHANNELS = 256
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
COMPRESSED = {2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "IMA ADPCM", 49: "GSM", 80: "MPEG", 85: "MP3"}
KINDS = ((PCM, 1), (PCM, 2), (PCM, 3), (PCM, 4), (FLOAT, 4), (FLOAT, 8))
OTHERS = {
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"ID3": "MP3",
    b"\xff\xfb": "MP3",
    b"FORM": "AIFF",
    b".snd": "AU",
    b"RF64": "RF64",
    b"RIFX": "big-endian WAV",
}
"""First bytes of files that hold sound, but are no WAV."""
OPEN_ENDED = 0x7FFF0000
"""A size from here on is what programs write that do not know it yet, because they write into a pipe."""
AT_ONCE = 1 << 20
"""Frames that are decoded together."""
IN_A_ROW = 3
"""Samples at the end of the scale that make a recording a clipped one."""


@dataclass(frozen=True)
class WavHead:
    """What a WAV file says of itself, and where its samples lie.

    Attributes:
        coding: `PCM` or `FLOAT`.
        width: Bytes of a sample.
        n_frames: Samples of each channel.
        offset: Of the first, in bytes.
    """

    rate: int
    channels: int
    coding: int
    width: int
    n_frames: int
    offset: int

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return self.n_frames / self.rate


@dataclass(frozen=True, eq=False)
class Audio:
    """A clip of sound.

    Attributes:
        samples: Mono, float64, full scale at 1; floats may go beyond.
        rate: Samples a second.
        clipped: Whether the recording stays at the end of its scale for some samples.
    """

    samples: np.ndarray
    rate: int
    clipped: bool


def read_wav(path: str | Path) -> Audio:
    """Return the sound in a WAV file, the mean of its channels.

    Raises:
        DataError: see `read_wav_head`; or a sample is no finite number.
    """
    head = read_wav_head(path)
    samples, done, clipped = np.empty(head.n_frames), 0, False
    for part, at_end in wav_parts(path, head, AT_ONCE):
        samples[done : done + len(part)] = part
        done, clipped = done + len(part), clipped or at_end
    return Audio(samples, head.rate, clipped)


def wav_parts(path: str | Path, head: WavHead, at_once: int) -> Iterator[tuple[np.ndarray, bool]]:
    """Yield the sound in a WAV file part by part, each as in `Audio`, and whether it is clipped.

    Args:
        head: The file's own.
        at_once: Samples of a part.

    Raises:
        DataError: as of `read_wav`.
    """
    path = Path(path)
    low, high = (-1.0, 1.0) if head.coding == FLOAT else (-1.0, 1.0 - 2.0 ** (1 - 8 * head.width))
    try:
        with path.open("rb") as stream:
            stream.seek(head.offset)
            for first in range(0, head.n_frames, at_once):
                count = min(at_once, head.n_frames - first)
                content = stream.read(count * head.width * head.channels)
                if len(content) < count * head.width * head.channels:
                    raise DataError(f"{path}: became shorter while it was read; copy it again")
                frames = _decoded(content, head)
                part = frames.mean(axis=1)
                if not np.isfinite(part).all():
                    bad = first + int(np.argmin(np.isfinite(part)))
                    raise DataError(
                        f"{path}: sample {bad} (at {bad / head.rate:.3f} s) is no finite number; repair the file"
                    )
                yield part, _stays((frames <= low) | (frames >= high))
    except OSError as error:
        raise _unreadable(path, error) from None


def pcm_parts(source: BinaryIO, name: str) -> Iterator[np.ndarray]:
    """Yield the sound that comes out of a stream of 16-bit little-endian samples as it comes, full scale at 1.

    Args:
        name: Of the stream, for messages.

    Raises:
        DataError: it cannot be read, or ends in the middle of a sample.
    """
    read, rest = getattr(source, "read1", source.read), b""  # read1 does not wait for all that it could take
    try:
        while content := read(1 << 15):
            content = rest + content
            whole = len(content) // 2 * 2
            yield np.frombuffer(content[:whole], "<i2") / 2.0**15
            rest = content[whole:]
    except OSError as error:
        raise _unreadable(name, error) from None
    if rest:
        raise DataError("stops in the middle of a sample", "send 16-bit samples, two bytes each", where=name)


def read_wav_head(path: str | Path) -> WavHead:
    """Return what a WAV file says of itself, checked against its size.

    Raises:
        DataError: the file is absent, no WAV, compressed, cut off, or holds no samples.
    """
    path = Path(path)
    if not os.path.isfile(path):
        found = "is no file" if os.path.exists(path) else "cannot be read (No such file or directory)"
        raise DataError(f"{path}: {found}; check the path")
    check_fetched(path, DataError)
    try:
        with path.open("rb") as stream:
            return _head(path, stream, os.fstat(stream.fileno()).st_size)
    except OSError as error:
        raise _unreadable(path, error) from None


def _head(path: Path, stream: IO[bytes], size: int) -> WavHead:
    start = stream.read(12)
    if start[:4] != b"RIFF" or start[8:12] != b"WAVE":
        kind = next((name for mark, name in OTHERS.items() if start.startswith(mark)), None)
        if kind:
            raise DataError(f"{path}: is {kind}, not WAV; convert it, e.g. ffmpeg -i {path.name} {path.stem}.wav")
        raise DataError(f"{path}: is no WAV, it starts with {start[:12]!r} instead of RIFF....WAVE; give a WAV file")
    form: tuple[int, int, int, int] | None = None
    first = b""
    while True:
        head = stream.read(8)
        if len(head) < 8:
            inside = f"behind its head comes {first!r}" if first not in (b"", b"fmt ") else "it ends after its head"
            raise DataError(f"{path}: is a WAV without samples, {inside}; record or copy it again")
        name, length = head[:4], struct.unpack("<I", head[4:])[0]
        first = first or name
        if name == b"data":
            break
        if name == b"fmt ":
            form = _form(path, stream.read(min(length, 40)))
            length -= min(length, 40)
        stream.seek(length + length % 2, os.SEEK_CUR)  # chunks start at even places
    if form is None:
        raise DataError(f"{path}: does not say how its samples are stored (no fmt before data); write it again")
    coding, channels, rate, width = form
    there = size - stream.tell()
    never_told = length == 0 and struct.unpack("<I", start[4:8])[0] + 8 <= stream.tell()
    if (length > there and length >= OPEN_ENDED) or never_told:
        length = there
    if length > there:
        raise DataError(f"{path}: says that it holds {length} bytes of samples, {there} are there; copy it again")
    n_frames = length // (width * channels)
    if not n_frames:
        raise DataError(f"{path}: holds no samples; record it again or leave it out")
    return WavHead(rate, channels, coding, width, n_frames, stream.tell())


def _form(path: Path, content: bytes) -> tuple[int, int, int, int]:
    """Return coding, channels, rate and bytes of a sample."""
    if len(content) < 16:
        raise DataError(f"{path}: is a damaged WAV, its fmt chunk has {len(content)} bytes; copy it again")
    coding, channels, rate, _, block, bits = struct.unpack("<HHIIHH", content[:16])
    if coding == EXTENSIBLE and len(content) >= 26:
        coding = struct.unpack("<H", content[24:26])[0]
    width = block // channels if channels else 0
    if (coding, width) not in KINDS or block != width * channels or not bits:
        kind = COMPRESSED.get(coding, "PCM" if coding == PCM else "float" if coding == FLOAT else f"coding {coding}")
        raise DataError(
            f"{path}: holds {kind} of {bits} bits, {channels} channels in {block} bytes; PCM of 8, 16, 24 or 32 bits "
            "and floats of 32 or 64 are read, convert it"
        )
    if not RATES[0] <= rate <= RATES[1]:
        raise DataError(f"{path}: has {rate} samples a second, {RATES[0]} to {RATES[1]} are allowed; write it again")
    if channels > MOST_CHANNELS:
        raise DataError(f"{path}: has {channels} channels, at most {MOST_CHANNELS} are allowed; it may be damaged")
    return coding, channels, rate, width


def _decoded(content: bytes, head: WavHead) -> np.ndarray:
    """Return samples (frame, channel), float64, full scale at 1."""
    if head.coding == FLOAT:
        return np.frombuffer(content, f"<f{head.width}").reshape(-1, head.channels).astype(np.float64)
    if head.width == 1:  # the only ones without a sign
        found = np.frombuffer(content, np.uint8).astype(np.float64) - 128
    elif head.width == 3:
        wide = np.zeros((len(content) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
        found = wide.view("<i4")[:, 0].astype(np.float64) / 256
    else:
        found = np.frombuffer(content, f"<i{head.width}").astype(np.float64)
    return (found / 2.0 ** (8 * head.width - 1)).reshape(-1, head.channels)


def _stays(at_end: np.ndarray) -> bool:
    """Return whether some samples in a row are flagged."""
    run = at_end[IN_A_ROW - 1 :]
    for back in range(1, IN_A_ROW):
        run = run & at_end[IN_A_ROW - 1 - back : len(at_end) - back]
    return bool(run.any())


def _unreadable(path: str | Path, error: OSError) -> DataError:
    return DataError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions")
