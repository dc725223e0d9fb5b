"""Chips as data: one TOML file each, with what operations cost and what fits.

Several energy models of one chip stand side by side: published values under one name differ by 10 to
300 times, and a result is the band that they span. Models that price single operations ("per-op") and
numbers that divide a whole chip's power by one rate ("all-in") are never mixed: an all-in model has one
term and nothing beside it. Docs: docs/energy.md.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from neurodeploy.errors import ChipError, nearest
from neurodeploy.hardware.chip import Chip
from neurodeploy.hardware.chip_file import read_chip

DEFAULT = "loihi2"
"""What a network is for where nobody says."""


class _Shipped(Mapping[str, Chip]):
    """The chips that come with the package; a file is read when its chip is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._paths = {path.stem: path for path in sorted(folder.glob("*.toml"))}
        self._read: dict[str, Chip] = {}

    def __getitem__(self, name: str) -> Chip:
        if name not in self._read:
            self._read[name] = read_chip(self._paths[name])
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


CHIPS: Mapping[str, Chip] = _Shipped(Path(__file__).parent / "chips")


def program_chips() -> tuple[str, ...]:
    """Return the shipped chips that an integer Program can be made for, as their files say."""
    return tuple(name for name in CHIPS if CHIPS[name].program)


def programmable_chips() -> tuple[str, ...]:
    """Return those of them whose neurons run a program of their own, so that any state and parameter is possible."""
    return tuple(name for name in program_chips() if "state_words_per_core" in CHIPS[name].limits)


def chip_named(name: str | Path | Chip, *, program: bool = False) -> Chip:
    """Return a shipped chip by name, or the one in a .toml file.

    Args:
        name: A name, a path, or a chip that was read.
        program: A Program is to be made for it; others are refused.

    Raises:
        ChipError: there is none (the nearest is suggested), its file is wrong, or it takes no Program.
    """
    if isinstance(name, Chip):
        found = name
    elif str(name) in CHIPS:
        found = CHIPS[str(name)]
    elif Path(name).suffix == ".toml":
        found = read_chip(Path(name))
    else:
        known = nearest(str(name), program_chips() if program else tuple(CHIPS))
        raise ChipError(f"{str(name)!r} is unknown", f"{known} (or name a .toml file)", option="chip")
    if program and not found.program:
        raise ChipError(
            f"no Program can be made for {found.name}",
            f"choose one of {', '.join(program_chips())}, or a chip file with program = true",
            option="chip",
        )
    return found
