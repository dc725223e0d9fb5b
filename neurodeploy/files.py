"""Files that are written whole or not at all, and always with the same bytes."""

import errno
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from neurodeploy.errors import NeurodeployError, RunError
from neurodeploy.phrases import Phrase

POINTER = b"version https://git-lfs.github.com/spec/"
"""What a file begins with that Git LFS keeps elsewhere; github.com/git-lfs/git-lfs, docs/spec.md."""


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; rename it over `path` when the block succeeds.

    The file beside carries the same suffix, because some writers choose their format by it.
    Nothing is left behind when the block fails or is interrupted, and what was there stays.
    A link is followed; a device or a pipe is refused, because the rename would replace it.

    Raises:
        RunError: the folder does not exist, cannot be written, or the disk is full.
    """
    path = check_target(path)
    try:
        handle, name = tempfile.mkstemp(prefix=".part-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise unwritable(path.parent, error) from None
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(beside, 0o666 & ~mask)
        os.replace(beside, path)
    except OSError as error:
        raise unwritable(path, error) from None
    except NeurodeployError:
        raise
    except Exception as error:  # other libraries' writers report a full disk with errors of their own
        refusal = _refusal(beside, error)
        if refusal is None:
            raise
        raise unwritable(path, refusal) from error
    finally:
        with suppress(OSError):
            beside.unlink()


def check_target(path: str | Path, overwrite: bool | str = True, read: Iterable[object] = ()) -> Path:
    """Return the path that would be written, links followed; verbs ask before long work for it.

    Args:
        overwrite: Whether a file that is there may be replaced; or a run's mode, which "new" forbids.
        read: What it is made from, and is never replaced: files among other values; of a folder its graph.

    Raises:
        RunError: it is a folder, a device or a pipe, its folder does not exist, or a file is in the way or is read.
    """
    path = Path(os.path.realpath(path))
    if os.path.isdir(path):
        raise RunError(f"{path}: is a folder, a file was expected; name a file inside it")
    if os.path.exists(path) and not os.path.isfile(path):
        raise RunError(f"{path}: is a device or a pipe, a file was expected; choose another path")
    files = [one for one in read if isinstance(one, str | os.PathLike)]
    if str(path) in {os.path.realpath(name) for one in files for name in (one, os.path.join(one, "model.nir"))}:
        raise RunError("is what is read", "choose another name", where=path)
    if os.path.exists(path) and overwrite in (False, "new"):
        how = "{overwrite:True}" if overwrite is False else "{mode:overwrite}"
        raise RunError("exists already", Phrase(f"choose another name, or replace it with {how}"), where=path)
    if not os.path.isdir(path.parent):
        raise RunError(f"{path}: cannot be written, {path.parent} is no folder; make it first, or choose another")
    return path


def check_fetched(path: str | Path, kind: type[NeurodeployError]) -> None:
    """Check that a file holds anything, and is there itself: a clone without Git LFS leaves a pointer in its place.

    Raises:
        NeurodeployError: of `kind`, with what brings it.
    """
    if not os.path.isfile(path):  # a pipe would be waited for
        return
    with suppress(OSError), Path(path).open("rb") as stream:
        start = stream.read(len(POINTER))
        if not start:
            raise kind("is empty (0 bytes)", "copy or make it again", where=path)
        if start == POINTER:
            raise kind("is a Git LFS pointer, not the file itself", "bring it with: git lfs pull", where=path)


def unwritable(path: Path, error: OSError) -> RunError:
    """Return the one-line error for an operating-system refusal to write `path`."""
    reason = error.strerror or str(error)
    return RunError(f"cannot be written ({reason})", "choose another path or free the disk", where=path)


def make_folder(path: str | Path) -> Path:
    """Return `path` as an existing folder that can be written.

    Raises:
        RunError: it cannot be made, is a file, or cannot be written.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except FileExistsError:
        raise RunError(f"{path}: is a file, a folder is needed; choose another path") from None
    except OSError as error:
        raise unwritable(path, error) from None
    return path


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys, whole or not at all."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
    write_text(path, text)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with written_whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Return the value in a JSON file.

    Raises:
        RunError: the file is absent or not JSON.
    """
    try:
        check_fetched(path, RunError)
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: is not JSON ({error}); it is damaged, make it again") from None


def _refusal(path: Path, error: Exception) -> OSError | None:
    """Return the system's reason that a library's error names or hides, or None where there is none."""
    for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO):
        if os.strerror(code) in str(error):
            return OSError(code, os.strerror(code))
    try:  # the library named none: see whether a little more can be written
        with path.open("ab") as stream:
            stream.write(bytes(1 << 16))
            os.fsync(stream.fileno())
    except OSError as error:
        return error
    return None
