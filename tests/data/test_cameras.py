"""Files of event cameras: what was written in the official formats comes back event by event, or its fault is told."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest

from neurodeploy.data.cameras import aedat31, checked, dvs128_aedat2, nmnist_bin, tonic_npy
from neurodeploy.data.frames import EVENT
from neurodeploy.errors import DataError
from tests.data import cameras
from tests.needs import data_folder

READ = {
    "bin": (nmnist_bin, cameras.bin_of, 34),
    "aedat 2": (dvs128_aedat2, cameras.aedat2_of, 128),
    "aedat 3.1": (aedat31, cameras.aedat31_of, 128),
    "npy": (tonic_npy, cameras.npy_of, 128),
}


def stored(folder: str, file: str) -> list[np.ndarray]:
    """Return real recordings, from the differences of their times."""
    with np.load(data_folder(folder, file)) as arrays:
        on = np.unpackbits(arrays["p_packed"])[: len(arrays["x"])]
        found = []
        for first, after in zip(arrays["offsets"][:-1], arrays["offsets"][1:], strict=True):
            one = np.zeros(after - first, EVENT)
            one["t"] = np.cumsum(arrays["dt_us"][first:after], dtype=np.int64)
            one["x"], one["y"], one["p"] = arrays["x"][first:after], arrays["y"][first:after], on[first:after]
            found.append(one)
    return found


@pytest.mark.data
def test_real_digits_come_back_from_official_files() -> None:
    recordings = stored("nmnist_small", "nmnist_test.npz")
    assert len(recordings) == 72
    for one in recordings:
        np.testing.assert_array_equal(checked(nmnist_bin(cameras.bin_of(one)), (34, 34)), one)


@pytest.mark.data
@pytest.mark.parametrize("kind", ["aedat 2", "aedat 3.1", "npy"])
def test_real_gestures_come_back_from_official_files(kind: str) -> None:
    read, write, _ = READ[kind]
    for one in stored("dvs128_clips", "dvs128_clips.npz")[:3]:
        np.testing.assert_array_equal(checked(read(write(one)), (128, 128)), one)


@pytest.mark.parametrize("kind", READ)
def test_events_come_back(kind: str) -> None:
    read, write, side = READ[kind]
    one = cameras.events(3, 200, side)
    np.testing.assert_array_equal(read(write(one)), one)


def test_bits_of_a_bin_file() -> None:
    """x, y, then polarity and 23 bits of time; a row of 240 is no event and moves all later times by 8,192 us."""
    content = bytes([3, 5, 0x80 | 0x01, 0x02, 0x03, 9, 240, 0, 0, 0, 4, 6, 0, 0, 1])
    assert nmnist_bin(content).tolist() == [(0x010203, 3, 5, 1), (1 + 8192, 4, 6, 0)]


def test_bits_of_an_aedat_2_file() -> None:
    """The raw row is 127 - x, the raw column 127 - y, and the raw polarity is turned."""
    pair = struct.pack(">II", 100 << 8 | 20 << 1 | 1, 0x01020304)
    assert dvs128_aedat2(cameras.HEADER2 + pair).tolist() == [(0x01020304, 27, 107, 0)]


def test_times_of_aedat_31_go_on_where_31_bits_end() -> None:
    one = cameras.events(0, 20, 128)
    one["t"] += (1 << 31) - 150_000
    np.testing.assert_array_equal(aedat31(cameras.aedat31_of(one)), one)


def npy(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, rows)
    return stream.getvalue()


def headed(header: str) -> bytes:
    """Return an .npy with this header and nothing after it."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


ONE = cameras.events(1, 20)
WIDE = cameras.npy_of(np.array([(0, (1 << 16) + 3, 3, 1)], np.dtype([(name, "<i8") for name in "txyp"])))
"""A column that 16 bits would take for column 3."""
HUGE = npy(np.array([[1e300, 3, 1, -1e300]]))
"""Numbers that int64 cannot hold."""
PACKED = io.BytesIO()
np.savez(PACKED, np.zeros((2, 4)))
DAMAGE: dict[str, tuple[Callable[[], np.ndarray], str]] = {
    "bin cut off": (lambda: nmnist_bin(cameras.bin_of(ONE)[:-2]), "is cut off: 98 bytes of events, 5 each"),
    "empty bin": (lambda: nmnist_bin(b""), "holds no events"),
    "aedat 2 cut off": (lambda: dvs128_aedat2(cameras.aedat2_of(ONE)[:-3]), "is cut off: 157 bytes of events, 8 each"),
    "aedat 2 header alone": (lambda: dvs128_aedat2(cameras.HEADER2), "holds no events"),
    "aedat 2 header cut off": (lambda: dvs128_aedat2(cameras.HEADER2[:20]), "holds no events"),
    "aedat 2 of nothing": (lambda: dvs128_aedat2(b""), "is empty"),
    "aedat 3 as 2": (lambda: dvs128_aedat2(cameras.aedat31_of(ONE)), "is no AEDAT 2, it begins with b'#!AER-DAT3.1'"),
    "another camera": (
        lambda: dvs128_aedat2(cameras.HEADER2 + struct.pack(">II", 1 << 22, 5)),
        "has addresses beyond the 128 x 128 pixels",
    ),
    "aedat 3 cut off in a packet": (
        lambda: aedat31(cameras.aedat31_of(ONE[:2])[: len(cameras.HEADER3) + 40]),
        "is cut off: a packet of 16 bytes has 12 left",
    ),
    "aedat 3 cut off between packets": (
        lambda: aedat31(cameras.aedat31_of(ONE)[: len(cameras.HEADER3) + 28 + 160 + 7]),
        "is cut off: 7 bytes after its last packet",
    ),
    "aedat 3 header alone": (lambda: checked(aedat31(cameras.HEADER3), (128, 128)), "holds no events"),
    "aedat 3 header cut off": (lambda: aedat31(cameras.HEADER3[:-2]), "ends within its header"),
    "aedat 3 of other events": (
        lambda: aedat31(cameras.HEADER3 + struct.pack("<HHIIIIII", 1, 0, 16, 4, 0, 0, 0, 0)),
        "has events of 16 bytes, 8 are needed",
    ),
    "aedat 2 as 3": (lambda: aedat31(cameras.aedat2_of(ONE)), "is no AEDAT 3, it begins with b'#!AER-DAT2.0'"),
    "npy of words": (lambda: tonic_npy(b"words"), "is no .npy of numbers"),
    "npy cut off": (lambda: tonic_npy(cameras.npy_of(ONE)[:-1]), "is no .npy of numbers"),
    "an npz": (lambda: tonic_npy(PACKED.getvalue()), "is no .npy of numbers"),
    "an npz cut off": (lambda: tonic_npy(PACKED.getvalue()[:-9]), "is no .npy of numbers"),
    "npy of an open bracket": (lambda: tonic_npy(headed("{'descr': ('<i8'")), "is no .npy of numbers"),
    "npy beyond all memory": (
        lambda: tonic_npy(headed(f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({1 << 57}, 4)}}")),
        "is no .npy of numbers",
    ),
    "a number that no integer has": (
        lambda: checked(tonic_npy(HUGE), (128, 128)),
        "event 0 has x = 32767, 0..127 are",
    ),
    "times that go backwards": (
        lambda: checked(nmnist_bin(cameras.bin_of(ONE[::-1])), (34, 34)),
        r"has times that go backwards \(event 1: \d+ us after \d+ us\)",
    ),
    "a row outside": (lambda: checked(ONE, (20, 34)), r"event \d+ has y = \d+, 0\.\.19 are allowed"),
    "a column outside": (lambda: checked(ONE, (34, 20)), r"event \d+ has x = \d+, 0\.\.19 are allowed"),
    "a number that no column has": (lambda: checked(tonic_npy(WIDE), (128, 128)), "event 0 has x = 32767, 0..127 are"),
}


@pytest.mark.parametrize("case", DAMAGE, ids=lambda name: name.replace(" ", "-"))
def test_damaged_files_are_told_in_one_line(case: str) -> None:
    read, told = DAMAGE[case]
    with pytest.raises(DataError, match=f"^{told}"):
        read()
