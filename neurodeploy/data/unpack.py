"""Files that lie packed, .gz or .zip, opened as if they did not."""

import gzip
import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurodeploy.data.cache import cache_folder
from neurodeploy.errors import DataError

PIECE = 1 << 20
ENDINGS = (".gz", ".zip")
DAMAGE = (
    *(EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile, tarfile.TarError),
    *(NotImplementedError, RuntimeError),
)
"""What reading packed files raises where they are damaged, or packed with a password."""


@contextmanager
def plain_file(path: Path) -> Iterator[Path]:
    """Give a file that can be read at any place; where `path` is packed, a copy that is removed afterwards.

    Args:
        path: Ends in .gz, in .zip with one file inside, or in neither.

    Raises:
        DataError: the file is damaged, holds more than one, or there is no room for the copy.
    """
    if path.suffix not in ENDINGS:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="neurodeploy-", dir=roomy()) as folder:
        plain = Path(folder) / path.stem
        try:
            _unpack(path, plain)
        except DAMAGE as error:
            raise DataError(f"{path}: is damaged, it cannot be unpacked ({error}); copy it again") from None
        except OSError as error:
            raise DataError(
                f"{path}: cannot be unpacked to {folder} ({error.strerror or error}); free the disk"
            ) from None
        yield plain


def _unpack(path: Path, plain: Path) -> None:
    if path.suffix == ".gz":
        with gzip.open(path, "rb") as stream, plain.open("wb") as target:
            shutil.copyfileobj(stream, target, PIECE)
        return
    with zipfile.ZipFile(path) as archive:
        named = [
            one for one in archive.infolist() if one.filename.endswith(plain.suffix) and "__MACOSX" not in one.filename
        ]
        if len(named) != 1:
            raise DataError(
                f"{path}: holds {len(named)} files of kind {plain.suffix}, one is needed; unpack it yourself"
            )
        with archive.open(named[0]) as member, plain.open("wb") as target:
            shutil.copyfileobj(member, target, PIECE)


def roomy() -> Path | None:
    """Return the cache's folder, which lies on a disk, rather than a folder that may lie in memory."""
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder
