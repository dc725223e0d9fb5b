"""Pages of the documentation: their blocks of code, and the marks on lines that tests do not run as they stand.

A command that takes long ends in a comment `# long: HOW LONG; short: OPTIONS`, which readers see: it is run with these
options added, the last of a kind counting. `# needs WHAT` says what a reader must have and tests do not: its options
are looked up, no more. `# exit status 1` says that a check is expected to fail. A block of TOML or CSV whose first line
is a comment with a file's name is that file. A block of text after a shell's is what its last command prints.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.S | re.M)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        line: Of its first line of code, from 1.
        language: As after the fence; empty where none is said.
    """

    page: Path
    line: int
    language: str
    text: str

    @property
    def end(self) -> int:
        """Line after its last one, which holds the closing fence."""
        return self.line + self.text.count("\n")

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One line of a shell.

    Attributes:
        marked: "long" or "needs" where it does not run as it stands, else empty.
        short: Options that make it short.
        status: The exit status that the page states.
    """

    words: tuple[str, ...]
    marked: str
    short: tuple[str, ...]
    status: int


def blocks(page: Path) -> list[Block]:
    """Return a page's fenced blocks, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, one.start(3)) + 1, one[2], re.sub(f"^{one[1]}", "", one[3], flags=re.M))
        for one in FENCE.finditer(text)
    ]


def without_blocks(page: Path) -> str:
    """Return a page's prose, its blocks' lines empty."""
    text = page.read_text(encoding="utf-8")
    return FENCE.sub(lambda one: "\n" * one[0].count("\n"), text)


def commands(block: Block) -> list[Command]:
    """Return the commands of a block of a shell; a `\\` at the end of a line continues it."""
    found = []
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        mark, short = re.search(r"# (long|needs)\b", line), re.search(r"; short: (.*)$", line)
        status = re.search(r"# .*exit status (\d)", line)
        options = tuple(shlex.split(short[1])) if short else ()
        found.append(Command(tuple(words), mark[1] if mark else "", options, int(status[1]) if status else 0))
    return found
