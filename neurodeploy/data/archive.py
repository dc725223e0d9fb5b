"""Folders as data sets come in: their files, and those in archives (.zip, .tar.gz) that lie there."""

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from neurodeploy.data.unpack import DAMAGE, PIECE, roomy
from neurodeploy.errors import DataError
from neurodeploy.files import POINTER, check_fetched
from neurodeploy.memory import NUMBER_BYTES, Claims

ZIPS, TARS = (".zip",), (".tar.gz", ".tgz", ".tar")

DEEPEST = 4
"""Folders below the one that is named; no data set has more."""

Files: TypeAlias = dict[str, Callable[[], bytes]]
"""What reads a file, by its path with /, in the order of the paths."""


def is_folder(path: str | Path) -> bool:
    """True for a folder or an archive that is there."""
    return os.path.isdir(path) or (os.path.isfile(path) and str(path).lower().endswith(ZIPS + TARS))


def archives(root: Path) -> list[Path]:
    """Return the archives in a folder, or the one that is named itself."""
    return [Path(path) for path, name in _below(root) if name.lower().endswith(ZIPS + TARS)]


def fingerprint(root: Path) -> str:
    """Return what tells a folder's files, or an archive, from others: their places, sizes and times."""
    lines = [os.path.realpath(root)]
    for path, name in _below(root):
        status = os.stat(path, follow_symlinks=os.path.exists(path))  # a link to nothing is told where it is read
        lines.append(f"{name}:{status.st_size}:{status.st_mtime_ns}")
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def names(root: Path) -> Iterator[str]:
    """Yield the paths of all files, no more of an archive being read than is asked for.

    Raises:
        DataError: see `opened`.
    """
    for path, name in _below(root):
        with _readable(Path(path)):
            if name.lower().endswith(ZIPS):
                with zipfile.ZipFile(path) as packed:
                    yield from packed.namelist()
            elif name.lower().endswith(TARS):
                with tarfile.open(path) as unpacked:
                    yield from (one.name for one in unpacked)
            else:
                yield name


@contextmanager
def opened(root: Path) -> Iterator[Files]:
    """Give the files of a folder or an archive; what archives in a folder hold seems to lie beside them.

    A .zip is read where it is, a .tar is unpacked beside the cache for the time of the block. Where a file lies
    unpacked too, that one is read.

    Raises:
        DataError: an archive is damaged, has a file that would leave the folder or is larger than a file may be (see
            `neurodeploy.memory`), or there is no room.
    """
    plain, packed = Files(), Files()
    with ExitStack() as stack:
        for place, name in _below(root):
            path, folder = Path(place), PurePosixPath(name).parent
            if name.lower().endswith(ZIPS):
                with _readable(path):
                    archive = stack.enter_context(zipfile.ZipFile(path))
                for entry in archive.infolist():
                    if not entry.is_dir():
                        _check_size(path, entry.file_size)
                        packed[_inside(path, folder, entry.filename)] = partial(_read, path, archive.read, entry)
            elif name.lower().endswith(TARS):
                inside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="neurodeploy-", dir=roomy())))
                for number, inner in enumerate(_unpacked(path, folder, inside)):
                    packed[inner] = partial(_read, path, Path.read_bytes, inside / str(number))
            else:
                plain[name] = partial(_read, path, Path.read_bytes, path)
        found = packed | plain
        yield {name: found[name] for name in sorted(found) if not name.rpartition("/")[2].startswith(".")}


def _below(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the files of a folder, with their paths from its name on; of an archive, itself."""

    def refuse(error: OSError) -> None:
        raise DataError(f"cannot be read ({error.strerror})", "check its permissions", where=error.filename)

    if not os.path.exists(root):
        raise DataError("is not there", "check the path", where=root)
    if not os.path.isdir(root):
        yield str(root), root.name
        return
    top = Path(os.path.abspath(root)).name
    for place, folders, files in os.walk(root, followlinks=True, onerror=refuse):
        start = f"{top}/{os.path.relpath(place, root)}".replace(os.sep, "/").removesuffix("/.")
        folders[:] = sorted(folders) if start.count("/") < DEEPEST else []
        for name in sorted(files):
            yield f"{place}{os.sep}{name}", f"{start}/{name}"


def _inside(archive: Path, folder: PurePosixPath, name: str) -> str:
    """Return the path of an archive's file."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts[:1]):
        found = f"holds {name!r}, a path that leaves the folder"
        raise DataError(found, "take the official file; this one may do harm", where=archive)
    return (folder / path).as_posix()


def _check_size(archive: Path, n_bytes: int) -> None:
    """Check how large a file is that an archive holds: few bytes can be packed to fill disk and memory."""
    Claims(archive, DataError, "take the official file").add((n_bytes // NUMBER_BYTES,), NUMBER_BYTES)


def _unpacked(path: Path, folder: PurePosixPath, place: Path) -> list[str]:
    """Unpack a .tar: its files are numbered, so that names do no harm. Links are left out."""
    found: list[str] = []
    with _readable(path), tarfile.open(path) as archive:
        for entry in archive:
            stream = archive.extractfile(entry) if entry.isfile() else None
            if stream is not None:
                _check_size(path, entry.size)
                name = _inside(path, folder, entry.name)
                with (place / str(len(found))).open("wb") as target:
                    shutil.copyfileobj(stream, target, PIECE)
                found.append(name)
    return found


def _read(path: Path, read: Callable[[Any], bytes], what: Any) -> bytes:
    with _readable(path):
        content = read(what)
    if content.startswith(POINTER):
        check_fetched(path, DataError)
    return content


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        check_fetched(path, DataError)
        raise DataError(f"is damaged, it cannot be unpacked ({error})", "copy it again", where=path) from None
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", "check file and disk", where=path) from None
