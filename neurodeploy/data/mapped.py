"""Arrays that stay in their file: mapped into the memory while some of them is read, and forgotten after."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from neurodeploy.errors import DataError

LOCAL_HEADER = 30
"""Bytes of a zip member's own header before its name; the lengths of name and extra field are in the last four."""


@dataclass(frozen=True)
class StoredArray:
    """An array in a file.

    Attributes:
        offset: Byte at which its numbers begin, in C order.
    """

    path: Path
    offset: int
    dtype: np.dtype
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.shape[0]

    def mapped(self) -> np.ndarray:
        """Return the array, of which only what is taken is read.

        Raises:
            DataError: the file is gone, or shorter than it was.
        """
        try:
            return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path}: was removed or changed while in use ({error}); run again") from None


Numbers: TypeAlias = "np.ndarray | StoredArray"


def numbers(array: Numbers) -> np.ndarray:
    """Return an array that is in memory as it is, and one in a file mapped."""
    return array.mapped() if isinstance(array, StoredArray) else array


def in_place(path: Path, archive: zipfile.ZipFile, member: str, array: np.ndarray) -> StoredArray:
    """Return where in an .npz that is not packed an array lies, which was read from it."""
    entry = archive.getinfo(member)
    with path.open("rb") as stream:
        stream.seek(entry.header_offset + LOCAL_HEADER - 4)
        lengths = np.frombuffer(stream.read(4), "<u2")
    start = entry.header_offset + LOCAL_HEADER + int(lengths.sum())
    return StoredArray(path, start + entry.file_size - array.nbytes, array.dtype, array.shape)
