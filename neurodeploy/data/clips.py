"""WAV files in folders: which there are, which word each one says, and who says it."""

import csv
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurodeploy.errors import DataError, nearest
from neurodeploy.files import check_fetched

SUFFIXES = (".wav", ".wave")
SPEAKER = re.compile(r"(?P<speaker>.+)_nohash_\d+", re.ASCII)
"""How Speech Commands names its files."""
HEADS = ("clip", "file", "filename", "name", "path")
"""First words of a labels file whose first line names its columns."""


@dataclass(frozen=True)
class Clip:
    """A WAV file.

    Attributes:
        name: Its path below the folder that was named, with /; of a file named itself, the file's name.
        word: Name of the folder that it lies in.
    """

    path: Path
    name: str
    word: str

    @property
    def speaker(self) -> str:
        """Who speaks, where the file is named as in Speech Commands; else nothing."""
        found = SPEAKER.fullmatch(self.path.stem)
        return found["speaker"] if found else ""


@dataclass(frozen=True)
class Found:
    """Clips, and the folders that were left out."""

    clips: list[Clip]
    left_out: list[str]


def find_clips(sources: Sequence[str | Path]) -> Found:
    """Return the clips in folders and their sub-folders, and files, in order of what was named, then of names.

    Sub-folders whose names start with . or _ are left out, as `_background_noise_` of Speech Commands.

    Raises:
        DataError: something does not exist, is named twice, or a folder holds no WAV.
    """
    clips: list[Clip] = []
    left_out: list[str] = []
    for source in map(Path, sources):
        if not os.path.isdir(source):
            clips.append(Clip(source, source.name, Path(os.path.realpath(source)).parent.name))
            continue
        inside = sorted(_below(source, left_out), key=lambda path: path.relative_to(source).parts)
        if not inside:
            raise DataError(f"{source}: holds no .wav files, nor do its sub-folders; name a folder that does")
        own = Path(os.path.realpath(source)).name
        for path in inside:
            word = path.parent.name if path.parent != source else own
            clips.append(Clip(path, path.relative_to(source).as_posix(), word))
    seen: set[str] = set()
    for clip in clips:
        real = os.path.realpath(clip.path)
        if real in seen:
            raise DataError(f"{clip.path}: is named twice; name every folder and file once")
        seen.add(real)
    return Found(clips, left_out)


def _below(folder: Path, left_out: list[str]) -> Iterable[Path]:
    """Yield the WAV files below a folder; links to folders are followed, once each."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror}); check its permissions") from None

    seen = {os.path.realpath(folder)}
    for place, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        left_out += [os.path.join(place, name) for name in sorted(folders) if name.startswith("_")]
        kept = [name for name in sorted(folders) if not name.startswith((".", "_"))]
        folders[:] = [name for name in kept if os.path.realpath(os.path.join(place, name)) not in seen]
        seen |= {os.path.realpath(os.path.join(place, name)) for name in folders}
        for name in files:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(place, name)


def words_of(clips: Sequence[Clip], labels: Path | None = None) -> list[str]:
    """Return the word of each clip: of its folder, or of a file of labels.

    Args:
        labels: CSV with a clip's name (as in `Clip.name`, or the file's alone) and its word in each line.

    Raises:
        DataError: the file is unreadable, says two things of one clip, or nothing of some.
    """
    if labels is None:
        return [clip.word for clip in clips]
    told = _told(labels)
    found = []
    for clip in clips:
        word = told.get(clip.name, told.get(clip.path.name))
        if word is None:
            raise DataError(f"{labels}: says nothing of {clip.name}; write a line {clip.path.name},WORD for every clip")
        found.append(word)
    return found


def _told(labels: Path) -> dict[str, str]:
    told: dict[str, str] = {}
    check_fetched(labels, DataError)
    try:
        with labels.open(encoding="utf-8-sig", newline="") as stream:
            for number, row in enumerate(csv.reader(stream), 1):
                cells = [cell.strip() for cell in row]
                if not any(cells) or (number == 1 and cells[0].lower() in HEADS):
                    continue
                if len(cells) != 2 or not all(cells):
                    raise DataError(f"{labels}: line {number} has {len(cells)} fields; CLIP,WORD is needed")
                name, word = cells
                if told.setdefault(name.removeprefix("./"), word) != word:
                    raise DataError(f"{labels}: line {number} calls {name} {word!r}, an earlier one {told[name]!r}")
    except OSError as error:
        raise DataError(f"{labels}: cannot be read ({error.strerror}); check the path") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{labels}: is no CSV in UTF-8 ({error}); write lines CLIP,WORD") from None
    return told


def numbered(words: Sequence[str], order: Sequence[str] | None = None) -> tuple[list[int], list[str]]:
    """Return the label of each word, and the word of each label.

    Args:
        order: Words in the order of their labels, some perhaps without a clip; sorted when None, numbers
            by their size.

    Raises:
        DataError: a word is in the order twice, or not at all.

    >>> numbered(["no", "yes", "no"])
    ([0, 1, 0], ['no', 'yes'])
    >>> numbered(["10", "9"])[1]
    ['9', '10']
    """
    keys = list(order) if order is not None else sorted(set(words), key=_rank)
    twice = next((word for index, word in enumerate(keys) if word in keys[:index]), None)
    if twice is not None:
        raise DataError(f"words: {twice!r} comes twice; name every word once")
    numbers = {word: label for label, word in enumerate(keys)}
    unknown = next((word for word in words if word not in numbers), None)
    if unknown is not None:
        raise DataError(f"words: there are clips of {unknown!r}, which is not in the list; {nearest(unknown, keys)}")
    return [numbers[word] for word in words], keys


def _rank(word: str) -> tuple[bool, int, str]:
    number = word.isascii() and word.isdecimal()
    return not number, int(word) if number else 0, word
