"""WAV files of every kind are read as scipy reads them, and what is no WAV is told from one that is damaged."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from neurodeploy.data import audio
from neurodeploy.data.audio import read_wav, read_wav_head
from neurodeploy.errors import DataError
from tests.data.sound import chunk, tone, wav, write_wav

KINDS = ("u8", "i16", "i24", "i32", "f32", "f64")
TEXT = chunk(b"LIST", b"INFOICMT\x05\0\0\0hello\0")


@pytest.mark.parametrize("extensible", [False, True], ids=["plain", "extensible"])
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_as_scipy_reads_it(kind: str, channels: int, extensible: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(tone(1001, channels=channels), 22_050, kind, extensible=extensible, before=TEXT, after=TEXT))
    rate, raw = wavfile.read(path)
    found = read_wav(path)
    assert found.rate == rate == 22_050
    scale = 1.0 if kind[0] == "f" else 2.0 ** (31 if kind == "i24" else int(kind[1:]) - 1)
    expected = (raw.reshape(1001, channels).astype(np.float64) - (128 if kind == "u8" else 0)) / scale
    np.testing.assert_allclose(found.samples, expected.mean(axis=1), rtol=0, atol=1e-15)
    np.testing.assert_allclose(
        found.samples, tone(1001, channels=channels).mean(axis=1), atol=2 / 2 ** min(int(kind[1:]), 24)
    )


def test_a_long_file_is_decoded_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_wav(tmp_path / "a.wav", tone(1000, channels=2))
    whole = read_wav(path).samples
    monkeypatch.setattr(audio, "AT_ONCE", 7)
    np.testing.assert_array_equal(read_wav(path).samples, whole)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_a_file_that_was_written_into_a_pipe_is_read_to_its_end(size: int, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(tone(100), size=size))
    assert read_wav_head(tmp_path / "a.wav").n_frames == 100


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("run", "clipped"), [(2, False), (3, True)])
def test_three_samples_at_the_end_of_the_scale_are_clipping(kind: str, run: int, clipped: bool, tmp_path: Path) -> None:
    for sign in (-1.0, 1.0):
        samples = tone(100, channels=2)
        samples[50 : 50 + run, 1] = sign
        assert read_wav(write_wav(tmp_path / "a.wav", samples, kind=kind)).clipped is clipped


GOOD = wav(tone(100))
BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", r"is empty \(0 bytes\)"),
    "text": (b"hello, I am no sound at all", "is no WAV, it starts with b'hello, I am ' instead of RIFF"),
    "a word": (b"RI", "is no WAV"),
    "text behind a head": (
        b"RIFF\x40\0\0\0WAVE" + b"this is a text\n" * 9,
        "without samples, behind its head comes b'this'",
    ),
    "a picture": (b"RIFF\x40\0\0\0WEBPVP8 ", "is no WAV"),
    "FLAC": (b"fLaC\0\0\0\x22", r"is FLAC, not WAV; convert it, e.g. ffmpeg -i a.wav a.wav"),
    "MP3": (b"ID3\x04\0\0\0\0\0\0", "is MP3, not WAV"),
    "big-endian": (b"RIFX" + GOOD[4:], "is big-endian WAV, not WAV"),
    "a head alone": (GOOD[:36], "without samples"),
    "half of it": (GOOD[:144], "says that it holds 200 bytes of samples, 100 are there"),
    "no samples": (wav(np.zeros((0, 1))), "holds no samples"),
    "no samples but words": (wav(np.zeros((0, 1)), after=TEXT), "holds no samples"),
    "half a sample": (wav(np.zeros((0, 1)), after=b"x", size=1), "holds no samples"),
    "no form": (b"RIFF\x40\0\0\0WAVE" + chunk(b"data", b"1234"), "does not say how its samples are stored"),
    "a short form": (b"RIFF\x40\0\0\0WAVE" + chunk(b"fmt ", b"1234"), "damaged WAV, its fmt chunk has 4 bytes"),
    "mu-law": (wav(tone(100), kind="u8", coding=7), "holds mu-law of 8 bits, 1 channels .*convert it"),
    "an unknown coding": (wav(tone(100), coding=4711), "holds coding 4711 of 16 bits"),
    "floats of 16 bits": (wav(tone(100), coding=3), "holds float of 16 bits"),
    "no channels": (GOOD[:22] + b"\0\0" + GOOD[24:], "0 channels in 2 bytes"),
    "no rate": (wav(tone(100), rate=0), "has 0 samples a second, 1000 to 768000"),
    "an endless rate": (GOOD[:24] + struct.pack("<I", 4_000_000_000) + GOOD[28:], "has 4000000000 samples a second"),
    "many channels": (wav(np.zeros((4, 300))), "has 300 channels, at most 256"),
    "no number": (wav(np.array([0.0, np.nan]), kind="f32"), r"sample 1 \(at 0.000 s\) is no finite number"),
    "endless": (wav(np.array([0.0, 0.0, -np.inf]), kind="f64"), "sample 2 .*no finite number"),
}


@pytest.mark.parametrize("case", BAD, ids=lambda name: name.replace(" ", "-"))
def test_what_is_no_sound_says_so(case: str, tmp_path: Path) -> None:
    content, says = BAD[case]
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(DataError, match=f"a.wav: .*{says}"):
        read_wav(tmp_path / "a.wav")


def test_every_cut_and_every_changed_byte_of_a_head_is_sound_or_a_clear_word(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    damaged = [GOOD[:length] for length in range(60)]
    damaged += [GOOD[:at] + bytes([value]) + GOOD[at + 1 :] for at in range(44) for value in (0, 1, 127, 255)]
    refused = []
    for content in damaged:
        path.write_bytes(content)
        try:
            assert np.isfinite(read_wav(path).samples).all()
        except DataError as error:
            refused.append(str(error))
    assert 100 < len(refused) < len(damaged)
    assert not any("\n" in line for line in refused)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"b.wav: cannot be read .No such file"):
        read_wav(tmp_path / "b.wav")
    with pytest.raises(DataError, match="is no file; check the path"):
        read_wav(tmp_path)
