"""Datasets that their owners offer: downloaded whole and compared with the published checksum, or not kept."""

from __future__ import annotations

import hashlib
import http.client
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from neurodeploy.data.dataset import Download, Source, folders
from neurodeploy.errors import DataError
from neurodeploy.files import make_folder, written_whole
from neurodeploy.progress import Progress

PATIENCE_S = 20
"""Without an answer for so long there is no network."""
PIECE = 1 << 20


def obtain(source: Source, file: str) -> Path:
    """Return where a file of a dataset lies; it is downloaded where it is absent and may be.

    Raises:
        DataError: it is absent and cannot be downloaded; the message says what to put where.
    """
    path = source.path(file)
    if path is not None:
        return path
    offered = _offered(source, file)
    if offered is None:
        raise DataError(
            f"{source.name}: {file} is not on this machine and is not offered for download; put it below "
            f"{' or '.join(map(str, folders()))}, or set NEURODEPLOY_DATA"
            + (f" ({source.note})" if source.note else "")
        )
    return download(source.name, offered)


def fetch(source: Source, progress: Progress | None = None) -> list[Path]:
    """Return where a dataset's files lie, after downloading those that are not on this machine.

    Raises:
        DataError: the dataset is not offered, cannot be reached, or what came is not what was published.
    """
    for file in source.files:
        if source.path(file) is not None:
            continue
        offered = _offered(source, file)
        if offered is None:
            note = f" ({source.note})" if source.note else ""
            raise DataError(f"{source.name}: is not offered for download; put it at {folders()[0] / file}{note}")
        download(source.name, offered, progress)
    return [path for path in (source.path(file) for file in source.files) if path is not None]


def _offered(source: Source, file: str) -> Download | None:
    return next((one for one in source.downloads if one.file.startswith(file)), None)


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
    digest, done = hashlib.md5(usedforsecurity=False), 0
    with answer, written_whole(target) as beside, beside.open("wb") as stream:
        for piece in _pieces(name, offered, answer):
            digest.update(piece)
            stream.write(piece)
            done += len(piece)
            if progress:
                progress(target.name, done, max(expected, done), "bytes")
        if expected and done != expected:
            raise DataError(f"{name}: {offered.url} broke off after {done} of {expected} bytes; try again")
        if digest.hexdigest() != offered.md5:
            raise DataError(
                f"{name}: what {offered.url} gives has MD5 {digest.hexdigest()}, {offered.md5} was published; it was "
                f"not kept, {advice}"
            )
    return target


def _answer(name: str, offered: Download, advice: str) -> http.client.HTTPResponse:
    """Return the server's answer.

    Raises:
        DataError: there is none, or it is a refusal.
    """
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


def _pieces(name: str, offered: Download, answer: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := answer.read(PIECE):
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise DataError(f"{name}: {offered.url} broke off ({error or type(error).__name__}); try again") from None


def md5_of(path: Path) -> str:
    """Return the MD5 of a file, as the publishers of SHD and SSC give it."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
