"""A headless Chromium for tests, spoken to over two pipes: no driver, no port, nothing beyond the standard library.

Source: Chrome DevTools Protocol; with --remote-debugging-pipe the browser reads JSON from file descriptor 3 and
writes to 4, each message ended by a zero byte.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.hangs import ONLY_A_HANG_S

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless_shell")
BROWSER, REQUIRE = "NEURODEPLOY_BROWSER", "NEURODEPLOY_REQUIRE_BROWSER"


def browser_path() -> str:
    """Return the program to run; skip the test where there is none, or fail where one is demanded."""
    found = os.environ.get(BROWSER) or next((path for name in NAMES if (path := shutil.which(name))), None)
    cache = Path.home() / ".cache" / "ms-playwright"
    found = found or next(
        (str(path) for path in sorted(cache.glob("chromium*/chrome-*/*")) if path.name in NAMES), None
    )
    if found is None:
        says = f"no Chromium is on the PATH; install one, or name it in {BROWSER}"
        if os.environ.get(REQUIRE) == "1":
            pytest.fail(says)
        pytest.skip(says)
    return found


class Browser:
    """One page of a running browser, and what it said since it was opened."""

    def __init__(self, process: subprocess.Popen[bytes], write: int, read: int) -> None:
        self._process, self._write, self._read = process, write, read
        self._number, self._buffer = 0, b""
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result; events on the way are kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self._number:
                assert "error" not in found, f"{method}: {found['error']}"
                result: dict[str, Any] = found["result"]
                return result
            self.events.append(found)

    def open(self, file: Path, *, width: int, dark: bool = False, media: str = "") -> None:
        """Show a file in a window of this width and wait until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)
        self.events = []
        self.call("Page.navigate", url=file.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def value(self, expression: str) -> Any:
        """Return what a JavaScript expression is in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def screenshot(self) -> bytes:
        """Return the whole page as PNG."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(found["data"])

    def pdf(self) -> bytes:
        """Return the page as it is printed, on A4."""
        found = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True)
        return base64.b64decode(found["data"])

    def requests(self) -> list[str]:
        """Return every address the page asked for."""
        found = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in found]

    def complaints(self) -> list[str]:
        """Return what the page wrote to its console, and every exception and log entry."""
        wanted = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(event["params"]) for event in self.events if event.get("method") in wanted]

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + ONLY_A_HANG_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, until - time.monotonic()))
            read = os.read(self._read, 1 << 20) if ready else b""
            assert read, "the browser " + ("ended" if ready else f"said nothing for {ONLY_A_HANG_S} s")
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def running_browser(profile: Path) -> Iterator[Browser]:
    """Run a browser with a fresh profile in the folder `profile`; end it afterwards."""
    path = browser_path()
    to_browser, write = os.pipe()
    read, from_browser = os.pipe()
    # The numbers 3 and 4 are the browser's; a shell places them there.
    flags = [
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
        *("--no-first-run", "--disable-extensions", "--disable-background-networking", "--remote-debugging-pipe"),
        f"--user-data-dir={profile}",
        "about:blank",
    ]
    place = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
    log = (profile.parent / "browser.log").open("wb")
    process = subprocess.Popen(
        ["bash", "-c", place, "bash", path, *flags],
        pass_fds=(to_browser, from_browser),
        stdout=log,
        stderr=log,
        stdin=subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(from_browser)
    try:
        browser = Browser(process, write, read)
        yield browser
        browser._session = None
        browser.call("Browser.close")
        process.wait(timeout=ONLY_A_HANG_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(write)
        os.close(read)
        log.close()
