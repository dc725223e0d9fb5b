"""Files of event cameras, as N-MNIST, CIFAR10-DVS and DVS128 Gesture hold their recordings.

Every reader takes a file's bytes and gives a structured array of `EVENT`, in the file's order.
"""

import io
import re
import struct

import numpy as np

from neurodeploy.data.frames import EVENT
from neurodeploy.errors import DataError

AGAIN = "copy it again"
LATE_ROW, LATE_US = 240, 1 << 13
"""A row in .bin files that is no event, and by how much all times rise from there on."""
VERSION = re.compile(rb"#!AER-DAT(\d)")
END_OF_HEADER = b"#!END-HEADER\r\n"
TONIC_RANGES = np.array([(-1, -1, -1, -(1 << 43)), (0x7FFF, 0x7FFF, 2, 1 << 43)])[:, :, None]
"""Of x, y, polarity and milliseconds: what is beyond stays outside any sensor, and fits `EVENT`."""
PACKET, POLARITY = 28, 1
"""Bytes before each packet of AEDAT 3.1, and the type of those that hold a pixel's changes."""


def nmnist_bin(content: bytes) -> np.ndarray:
    """Return the events of N-MNIST's and N-Caltech101's .bin: column, row, a bit of polarity and 23 of microseconds.

    Source: Orchard et al., Frontiers in Neuroscience 9:437, 2015, and their reader.
    """
    rows = _whole(content, 5, np.dtype("u1")).reshape(-1, 5).astype(np.int64)
    late = rows[:, 1] == LATE_ROW
    times = (rows[:, 2] & 127) << 16 | rows[:, 3] << 8 | rows[:, 4]
    return _events(times + LATE_US * np.cumsum(late), rows[:, 0], rows[:, 1], rows[:, 2] >> 7)[~late]


def dvs128_aedat2(content: bytes) -> np.ndarray:
    """Return the events of a DVS128 in AEDAT 2, as data sets of CIFAR10-DVS give them.

    A row of the file is 127 - x, a column 127 - y, and its polarity 0 is a rise, here 1: so do SpikingJelly's frames.

    Source: Li et al., Frontiers in Neuroscience 11:309, 2017; AEDAT 2.0 of jAER.
    """
    start = 0
    _check_version(content, b"2")
    while content[start : start + 1] == b"#":
        start = content.find(b"\n", start) + 1 or len(content)
    address, times = _whole(content[start:], 8, np.dtype(">u4")).reshape(-1, 2).astype(np.int64).T
    if (address >> 16).any():
        raise DataError("has addresses beyond the 128 x 128 pixels of its camera", "it may be another camera's")
    return _events(times, 127 - (address >> 8 & 127), 127 - (address >> 1 & 127), 1 - (address & 1))


def aedat31(content: bytes) -> np.ndarray:
    """Return the events of polarity in AEDAT 3.1, as DVS128 Gesture's recordings of a user hold them.

    Source: Amir et al., CVPR 2017; AEDAT 3.1 of iniVation.
    """
    _check_version(content, b"3")
    at = content.find(END_OF_HEADER) + len(END_OF_HEADER)
    if at < len(END_OF_HEADER):
        raise DataError("ends within its header", AGAIN)
    found = [np.zeros(0, EVENT)]
    while at < len(content):
        if len(content) - at < PACKET:
            raise DataError(f"is cut off: {len(content) - at} bytes after its last packet", AGAIN)
        kind, _, size, _, overflow, capacity = struct.unpack_from("<HHIIII", content, at)
        at += PACKET
        if capacity * size > len(content) - at:
            held = f"a packet of {capacity * size} bytes has {len(content) - at} left"
            raise DataError(f"is cut off: {held}", AGAIN)
        if kind == POLARITY:
            if size != 8:
                raise DataError(f"has events of {size} bytes, 8 are needed", AGAIN)
            data, times = np.frombuffer(content, "<u4", 2 * capacity, at).reshape(-1, 2).astype(np.int64).T
            found.append(_events(times | overflow << 31, data >> 17 & 0x7FFF, data >> 2 & 0x7FFF, data >> 1 & 1))
        at += capacity * size
    return np.concatenate(found)


def tonic_npy(content: bytes) -> np.ndarray:
    """Return the events in an .npy that tonic's archives of DVS128 Gesture hold: x, y, polarity and milliseconds."""
    try:
        rows = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # numpy and tokenize raise many kinds, and what is claimed may be beyond all memory
        raise DataError(f"is no .npy of numbers ({error})", AGAIN) from None
    if rows.ndim != 2 or rows.shape[1] != 4 or rows.dtype.kind not in "iufb" or not np.isfinite(rows).all():
        raise DataError(f"holds {rows.dtype} of shape {rows.shape}, rows of x, y, polarity and time are needed", AGAIN)
    x, y, p, times = np.clip(rows.astype(np.float64).T, *TONIC_RANGES)
    return _events(np.rint(times * 1000), x, y, p)


def checked(events: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a recording's events when there are any, in order, on a sensor of these rows and columns.

    Raises:
        DataError: they are not.
    """
    if not len(events):
        raise DataError("holds no events", "copy it again, or leave it out")
    back = np.flatnonzero(np.diff(events["t"]) < 0)
    if len(back):
        before, after = events["t"][back[0]], events["t"][back[0] + 1]
        found = f"has times that go backwards (event {back[0] + 1}: {after} us after {before} us)"
        raise DataError(found, "copy it again, or leave it out")
    for name, size in (("y", shape[0]), ("x", shape[1]), ("p", 2)):
        odd = np.flatnonzero((events[name] < 0) | (events[name] >= size))
        if len(odd):
            raise DataError(f"event {odd[0]} has {name} = {events[name][odd[0]]}, 0..{size - 1} are allowed", AGAIN)
    return events


def _check_version(content: bytes, version: bytes) -> None:
    told = VERSION.match(content)
    if not content:
        raise DataError("is empty (0 bytes)", AGAIN)
    if not content.startswith(b"#") or (told and told[1] != version):
        raise DataError(f"is no AEDAT {version.decode()}, it begins with {content[:12]!r}", "take the official file")


def _whole(content: bytes, size: int, dtype: np.dtype) -> np.ndarray:
    """Return the numbers in bytes that hold whole events of so many."""
    if not content:
        raise DataError("holds no events", "copy it again, or leave it out")
    if len(content) % size:
        raise DataError(f"is cut off: {len(content)} bytes of events, {size} each", AGAIN)
    return np.frombuffer(content, dtype)


def _events(times: np.ndarray, x: np.ndarray, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    found = np.empty(len(times), EVENT)
    found["t"], found["x"], found["y"], found["p"] = times, x, y, p
    return found
