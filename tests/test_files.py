"""Files are written whole or not at all, whatever fails and whoever writes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurodeploy.errors import NeurodeployError, RunError
from neurodeploy.files import make_folder, read_json, write_json, write_text, written_whole


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert not list(tmp_path.rglob(".part-*"))


@pytest.mark.parametrize(
    ("failure", "raised", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), RunError, "cannot be written .No space left on device"),
        (OSError(errno.EROFS, "Read-only file system"), RunError, "cannot be written .Read-only file system"),
        (RuntimeError("writer: No space left on device (os error 28)"), RunError, "cannot be written .No space left"),
        (RunError("run: is odd"), RunError, "^run: is odd$"),
        (ValueError("a bug of ours"), ValueError, "a bug of ours"),
        (KeyboardInterrupt(), KeyboardInterrupt, "^$"),
    ],
    ids=str,
)
def test_a_failure_leaves_the_file_before(tmp_path: Path, failure: BaseException, raised: type, says: str) -> None:
    path = tmp_path / "result.json"
    path.write_text("before")
    with pytest.raises(raised, match=says), written_whole(path) as beside:  # noqa: PT012
        beside.write_text("half of it")
        raise failure
    assert path.read_text() == "before"


def test_a_library_that_hides_the_full_disk_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(RunError, match="No space left on device"), written_whole(tmp_path / "x.ckpt"):  # noqa: PT012
        monkeypatch.setattr("os.fsync", full)
        raise RuntimeError("unexpected pos 832 vs 726")


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "target.txt").write_text("before")
    (tmp_path / "link.txt").symlink_to("target.txt")
    write_text(tmp_path / "link.txt", "after")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "target.txt").read_text() == "after"


def test_devices_pipes_and_folders_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(RunError, match="is a device or a pipe"):
            write_text(path, "")
        assert not path.is_file()
    with pytest.raises(RunError, match="is a folder"):
        write_text(tmp_path, "")
    with pytest.raises(RunError, match="is no folder; make it first"):
        write_text(tmp_path / "no" / "file", "")


def test_a_folder_that_is_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, says in (
        (tmp_path / "file", "is a file, a folder is needed"),
        (tmp_path / "file" / "below", "cannot be"),
    ):
        with pytest.raises(RunError, match=says):
            make_folder(path)


@pytest.mark.parametrize("content", ["", "words", "{", "[" * 100_000])
def test_what_is_no_json_says_so(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(NeurodeployError, match="is not JSON" if content else "is empty .0 bytes"):
        read_json(tmp_path / "x.json")


def test_json_is_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": [0.1]})
    write_json(tmp_path / "b.json", {"a": [0.1], "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
