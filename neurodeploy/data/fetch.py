"""Datasets that their owners offer: downloaded whole and compared with the published checksum, or not kept."""

import hashlib
import http.client
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from neurodeploy.data.dataset import Download, Source, digest, folders
from neurodeploy.errors import DataError
from neurodeploy.files import check_fetched, make_folder, written_whole
from neurodeploy.progress import Progress

PATIENCE_S = 20
"""Without an answer for so long there is no network."""
PIECE = 1 << 20


def present(source: Source, file: str, sha256: str = "") -> Path:
    """Return where a file of a dataset lies; it is downloaded where it is absent and may be.

    Args:
        sha256: That the file must have; any where empty.

    Raises:
        DataError: it is absent and cannot be downloaded, and the message says what to put where; or it is another.
    """
    path = source.path(file)
    if path is None:
        for offered in _offered(source, file):
            download(source.name, offered)
        path = source.path(file)
    if path is None:
        raise DataError(
            f"{source.name}: {file} is not on this machine and cannot be downloaded; put it below "
            f"{' or '.join(map(str, folders()))}, or set NEURODEPLOY_DATA{_noted(source)}"
        )
    check_fetched(path, DataError)
    if sha256 and checksum(path, "sha256") != sha256:
        raise DataError(f"{path}: its SHA-256 is not the expected {sha256[:12]}…; copy it again")
    return path


def fetch(source: Source, progress: Progress | None = None) -> list[Path]:
    """Return where a dataset's files lie, after downloading those that are not on this machine.

    Raises:
        DataError: the dataset is not offered, cannot be reached, or what came is not what was published.
    """
    for file in source.files:
        if source.path(file) is not None:
            continue
        offered = _offered(source, file)
        if not offered:
            place = f"{folders()[0] / file}{_noted(source)}"
            raise DataError(f"{source.name}: is not offered for download; put it at {place}")
        for one in offered:
            download(source.name, one, progress)
    return [path for path in (source.path(file) for file in source.files) if path is not None]


def _offered(source: Source, file: str) -> list[Download]:
    return [one for one in source.downloads if one.url and one.file.startswith(file)]


def _noted(source: Source) -> str:
    return f" ({source.note})" if source.note else ""


def download(name: str, offered: Download, progress: Progress | None = None) -> Path:
    """Download one file to the user's cache, whole and checked, or not at all.

    Without `progress`, one line on stderr says that something large is coming.

    Raises:
        DataError: no network, the server refuses, the connection breaks off, or the checksum is another.
    """
    target = folders()[-1] / offered.file
    make_folder(target.parent)
    advice = f"download it elsewhere and put it at {target}"
    answer = _answer(name, offered, advice)
    expected = int(answer.headers.get("Content-Length") or 0)
    if progress is None:
        print(f"{name}: downloading {offered.url} ({expected / 1e6:.0f} MB) to {target}", file=sys.stderr)
    found, done = hashlib.md5(usedforsecurity=False), 0
    with answer, written_whole(target) as beside, beside.open("wb") as stream:
        while piece := _piece(name, offered, answer):
            found.update(piece)
            stream.write(piece)
            done += len(piece)
            if progress:
                progress(target.name, done, max(expected, done), "bytes")
        if expected and done != expected:
            raise DataError(f"{name}: {offered.url} broke off after {done} of {expected} bytes; try again")
        if found.hexdigest() != offered.md5:
            raise DataError(
                f"{name}: what {offered.url} gives has MD5 {found.hexdigest()}, {offered.md5} was published; it was "
                f"not kept, {advice}"
            )
    return target


def _answer(name: str, offered: Download, advice: str) -> http.client.HTTPResponse:
    try:
        return urllib.request.urlopen(offered.url, timeout=PATIENCE_S)
    except urllib.error.HTTPError as error:
        error.close()  # it is the answer itself
        raise DataError(f"{name}: {offered.url} answers {error.code} {error.reason}; {advice}") from None
    except (OSError, http.client.HTTPException) as error:  # of which urllib's errors are kinds
        reason = getattr(error, "reason", error) or type(error).__name__
        raise DataError(
            f"{name}: is not on this machine, and {offered.url} cannot be reached ({reason}); {advice}"
        ) from None


def _piece(name: str, offered: Download, answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read(PIECE)
    except (OSError, http.client.HTTPException) as error:
        raise DataError(f"{name}: {offered.url} broke off ({error or type(error).__name__}); try again") from None


def checksum(path: Path, kind: str) -> str:
    """Return the checksum of a file as it is now: "sha256", or "md5", which the publishers of SHD and SSC give."""
    status = path.stat()
    return digest(path, status.st_size, status.st_mtime_ns, kind)


def other_than_published(source: Source, archives: Sequence[Path]) -> list[str]:
    """Return a note on each archive that is called like a published one and has another checksum."""
    published = {Path(one.file).name.lower(): one.md5 for one in source.downloads}
    return [
        f"{path.name}: its MD5 is not the published {published[path.name.lower()][:12]}…"
        for path in archives
        if checksum(path, "md5") != published.get(path.name.lower(), checksum(path, "md5"))
    ]
