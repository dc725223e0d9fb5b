"""Data sets of event cameras in their official layouts, written from the descriptions of their formats."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np

from neurodeploy.data.frames import EVENT
from neurodeploy.data.recordings import THINGS

HEADER2 = b"#!AER-DAT2.0\r\n# This is a raw AE data file\r\n"
HEADER3 = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n"


def events(seed: int, n_events: int = 60, side: int = 34, last_us: int = 300_000) -> np.ndarray:
    """Return a recording of random events."""
    generator = np.random.default_rng(seed)
    found = np.zeros(n_events, EVENT)
    found["t"] = np.sort(generator.integers(0, last_us, n_events))
    found["x"], found["y"] = generator.integers(0, side, (2, n_events))
    found["p"] = generator.integers(0, 2, n_events)
    return found


def bin_of(found: np.ndarray) -> bytes:
    """Return N-MNIST's five bytes of each event."""
    wide = np.zeros((len(found), 5), np.uint8)
    wide[:, 0], wide[:, 1] = found["x"], found["y"]
    late = found["t"].astype(">u4").view(np.uint8).reshape(-1, 4)
    wide[:, 2:] = late[:, 1:]
    wide[:, 2] |= found["p"].astype(np.uint8) << 7
    return wide.tobytes()


def aedat2_of(found: np.ndarray) -> bytes:
    """Return a file of CIFAR10-DVS, whose raw axes and polarity are the other ones."""
    column, row = 127 - found["y"].astype(np.uint32), 127 - found["x"].astype(np.uint32)
    address = row << 8 | column << 1 | (1 - found["p"].astype(np.uint32))
    pairs = np.stack([address, found["t"].astype(np.uint32)], 1)
    return HEADER2 + pairs.astype(">u4").tobytes()


def aedat31_of(found: np.ndarray, packet: int = 50) -> bytes:
    """Return a file of DVS128 Gesture: packets of events, and one of another type between them."""
    pieces = [HEADER3]
    overflow = found["t"] >> 31
    for wraps in np.unique(overflow):
        some = found[overflow == wraps]
        for first in range(0, len(some), packet):
            part = some[first : first + packet]
            data = part["x"].astype(np.uint32) << 17 | part["y"].astype(np.uint32) << 2
            data |= part["p"].astype(np.uint32) << 1 | 1
            pairs = np.stack([data, (part["t"] & 0x7FFFFFFF).astype(np.uint32)], 1).astype("<u4")
            pieces.append(struct.pack("<HHIIIIII", 1, 1, 8, 4, int(wraps), len(part), len(part), len(part)))
            pieces.append(pairs.tobytes())
            pieces.append(struct.pack("<HHIIIIII", 0, 1, 8, 4, 0, 1, 1, 1) + bytes(8))
    return b"".join(pieces)


def npy_of(found: np.ndarray) -> bytes:
    """Return a file of tonic's DVS128 Gesture: x, y, polarity and milliseconds."""
    stream = io.BytesIO()
    np.save(stream, np.stack([found["x"], found["y"], found["p"], found["t"] / 1000], 1))
    return stream.getvalue()


def nmnist(n_train: int = 2, n_test: int = 1) -> dict[str, bytes]:
    """Return the files of N-MNIST by their paths, so many of each digit."""
    names = [
        f"{part}/{digit}/{1 + index:05}.bin"
        for part, n in (("Train", n_train), ("Test", n_test))
        for digit in range(10)
        for index in range(n)
    ]
    return {name: bin_of(events(number)) for number, name in enumerate(names)}


def cifar10dvs(numbers: tuple[int, ...] = (0, 1, 899, 900, 999)) -> dict[str, bytes]:
    """Return the files of CIFAR10-DVS by their paths, these of each class."""
    names = [f"{thing}/cifar10_{thing}_{number}.aedat" for thing in THINGS for number in numbers]
    return {name: aedat2_of(events(seed, side=128)) for seed, name in enumerate(names)}


def user(seed: int) -> np.ndarray:
    """Return a user's recording of 12 s, some of whose events are where a second begins."""
    found = events(seed, 1_200, 128, 12_000_000)
    found["t"][::50] -= found["t"][::50] % 1_000_000
    found["t"].sort()
    return found


def gestures(users: tuple[str, ...] = ("user01_fluorescent", "user22_led", "user24_led")) -> dict[str, bytes]:
    """Return the files of DVS128 Gesture by their paths; the last user is for tests.

    A trial of user22_led ends after the next one starts.
    """
    files = {}
    for seed, name in enumerate(users):
        files[f"DvsGesture/{name}.aedat"] = aedat31_of(user(seed))
        rows = [(label, 1_000_000 * label, 1_000_000 * (label + 1)) for label in range(1, 12)]
        if name == "user22_led":
            rows[8] = (9, 9_000_000, 10_250_000)
        lines = ["class,startTime_usec,endTime_usec", *(",".join(map(str, row)) for row in rows)]
        files[f"DvsGesture/{name}_labels.csv"] = "\n".join(lines).encode()
    lists = [f"{name}.aedat" for name in users]
    files["DvsGesture/trials_to_train.txt"] = "\n".join(lists[:-1]).encode()
    files["DvsGesture/trials_to_test.txt"] = (lists[-1] + "\n").encode()
    return files


def tonic_gestures() -> dict[str, bytes]:
    """Return tonic's files of DVS128 Gesture by their paths, a user in each part."""
    names = [
        f"ibmGesture{part}/user{user}_led/{label}.npy"
        for part, user in (("Train", "01"), ("Test", "24"))
        for label in range(11)
    ]
    return {name: npy_of(events(seed, side=128)) for seed, name in enumerate(names)}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def pack(path: Path, files: dict[str, bytes]) -> Path:
    """Write files into an archive, .zip or .tar.gz, in no order of names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    turned = dict(reversed(files.items()))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in turned.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, "w:gz") as archive:
        for name, content in turned.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path
