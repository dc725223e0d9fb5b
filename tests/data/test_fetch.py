"""Downloads from a server of the tests' own: whole and checked, or nothing is left."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from neurodeploy.data.dataset import Download, Source
from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.fetch import fetch, present
from neurodeploy.errors import DataError

CONTENT = {f"/shd_{part}.h5.zip": bytes([part == "test"]) * 3_000_000 for part in ("train", "test")}


class Answer(BaseHTTPRequestHandler):
    """Serves the two files, and /short/ with less than it says."""

    def do_GET(self) -> None:
        name = "/" + self.path.rpartition("/")[2]
        if name not in CONTENT:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT[name])))
        self.end_headers()
        self.wfile.write(CONTENT[name][: 2_500_000 if "/short/" in self.path else None])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("NEURODEPLOY_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "neurodeploy" / "data"


def source(address: str, wrong: str = "") -> Source:
    offers = tuple(
        Download(f"shd{name}", address + name, wrong or hashlib.md5(content).hexdigest())
        for name, content in CONTENT.items()
    )
    return replace(SOURCES["shd"], downloads=offers)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_what_is_absent_is_downloaded_once(address: str, folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    paths = fetch(source(address), lambda stage, done, total, detail="": told.append((stage, done, total)))
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())
    assert told[-1] == ("shd_test.h5.zip", 3_000_000, 3_000_000)
    assert fetch(source("http://127.0.0.1:9/none")) == paths
    assert source(address).ready


def test_a_file_that_is_needed_is_downloaded_with_a_word(
    address: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = present(source(address), "shd/shd_test.h5")
    assert path == folder / "shd" / "shd_test.h5.zip"
    assert left(folder) == ["shd_test.h5.zip"]
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("where", "wrong", "says"),
    [
        (
            "",
            "0" * 32,
            "has MD5 [0-9a-f]{32}, 0{32} was published; it was not kept, download it elsewhere and put it at",
        ),
        ("/short", "", "broke off"),
        ("/none", "", "answers 404 Not Found; download it elsewhere"),
    ],
)
def test_what_is_not_as_published_is_not_kept(address: str, folder: Path, where: str, wrong: str, says: str) -> None:
    bad = source(address + where, wrong)
    if where == "/none":
        bad = replace(bad, downloads=tuple(replace(one, url=one.url + ".gone") for one in bad.downloads))
    with pytest.raises(DataError, match=f"^shd: .*{says}") as error:
        fetch(bad, lambda *_: None)
    assert "\n" not in str(error.value)
    assert left(folder) == []


def test_without_a_network_one_line_says_what_to_put_where(folder: Path) -> None:
    place = re.escape(str(folder / "shd" / "shd_train.h5.zip"))
    with pytest.raises(DataError, match=f"cannot be reached .*; download it elsewhere and put it at {place}$"):
        fetch(source("http://127.0.0.1:9"))


def test_an_interrupted_download_leaves_nothing(address: str, folder: Path) -> None:
    def interrupt(stage: str, done: int, total: int, detail: str = "") -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(source(address), interrupt)
    assert left(folder) == []


def test_what_is_not_offered_says_where_it_goes(folder: Path) -> None:
    with pytest.raises(DataError, match=rf"^braille7: is not offered for download; put it at {re.escape(str(folder))}"):
        fetch(SOURCES["braille7"])
    assert fetch(SOURCES["digits"]) == []
