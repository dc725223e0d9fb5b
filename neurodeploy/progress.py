"""How long work tells whoever is watching how far it is."""

from typing import Protocol


class Progress(Protocol):
    """Called often with a stage's name, what is done of it, its total, and a word on the state."""

    def __call__(self, stage: str, done: int, total: int, detail: str = "") -> None: ...


def silent(stage: str, done: int, total: int, detail: str = "") -> None:
    """Tell nobody."""


def further(progress: Progress, first: int, whole: int) -> Progress:
    """Return a progress for a part of the work, which counts on from `first` to the whole."""

    def tell(stage: str, done: int, total: int, detail: str = "") -> None:
        progress(stage, first + done, whole, detail)

    return tell
