"""WAV files of every kind, and damage to them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE


def tone(n_samples: int = 4000, rate: int = 16_000, channels: int = 1, hz: float = 700.0) -> np.ndarray:
    """Return a tone (sample, channel) in -0.5 ... 0.5, another phase in each channel."""
    phase = 2 * np.pi * hz * np.arange(n_samples)[:, None] / rate + np.arange(channels)
    return 0.5 * np.sin(phase)


def stored(samples: np.ndarray, kind: str) -> bytes:
    """Return samples in -1 ... 1 as bytes: kind u8, i16, i24, i32, f32 or f64."""
    bits = int(kind[1:])
    if kind[0] == "f":
        return samples.astype(f"<f{bits // 8}").tobytes()
    whole = np.clip(np.rint(samples * 2.0 ** (bits - 1)), -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1)
    if bits == 8:
        return (whole + 128).astype(np.uint8).tobytes()
    if bits == 24:
        return np.ascontiguousarray(whole.astype("<i4")[..., None].view(np.uint8)[..., :3]).tobytes()
    return whole.astype(f"<i{bits // 8}").tobytes()


def wav(
    samples: np.ndarray,
    rate: int = 16_000,
    kind: str = "i16",
    *,
    extensible: bool = False,
    before: bytes = b"",
    after: bytes = b"",
    size: int | None = None,
    coding: int | None = None,
) -> bytes:
    """Return a WAV file.

    Args:
        samples: (sample,) or (sample, channel), -1 ... 1.
        extensible: Write the longer form of the head.
        before, after: Further chunks around the samples.
        size: Bytes of samples that the file claims to hold.
        coding: Number of the coding that it claims to have.
    """
    samples = samples[:, None] if samples.ndim == 1 else samples
    channels, bits = samples.shape[1], int(kind[1:])
    content = stored(samples, kind)
    plain = coding if coding is not None else FLOAT if kind[0] == "f" else PCM
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", EXTENSIBLE if extensible else plain, channels, rate, rate * block, block, bits)
    if extensible:
        form += struct.pack("<HHIH", 22, bits, 0, plain) + b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
    claimed = len(content) if size is None else size
    data = b"data" + struct.pack("<I", claimed) + content + b"\0" * (len(content) % 2)
    body = b"WAVE" + chunk(b"fmt ", form) + before + data + after
    told = len(body) if size is None else len(body) - len(data) + 8 if size == 0 else size
    return b"RIFF" + struct.pack("<I", told) + body


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a RIFF file."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def write_wav(path: Path, samples: np.ndarray, rate: int = 16_000, kind: str = "i16") -> Path:
    """Write a WAV file, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav(samples, rate, kind))
    return path
