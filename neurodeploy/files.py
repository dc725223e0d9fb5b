"""Files that are written whole or not at all, and always with the same bytes."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neurodeploy.errors import RunError


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; rename it over `path` when the block succeeds.

    The file beside carries the same suffix, because some writers choose their format by it.
    Nothing is left behind when the block fails or is interrupted.

    Raises:
        RunError: the folder does not exist, cannot be written, or the disk is full.
    """
    path = Path(path)
    if path.is_dir():
        raise RunError(f"{path}: is a folder, a file was expected; name a file inside it")
    try:
        handle, name = tempfile.mkstemp(prefix=".part-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise unwritable(path.parent, error) from None
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        os.chmod(beside, 0o666 & ~_umask())
        os.replace(beside, path)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        beside.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> RunError:
    """Return the one-line error for an operating-system refusal to write `path`."""
    reason = error.strerror or str(error)
    return RunError(f"{path}: cannot be written ({reason}); choose another --out or free the disk")


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
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise RunError(f"{path}: is not JSON ({error})") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
