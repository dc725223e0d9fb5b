"""What a finished run recorded, read key by key: a damaged report gives one line, and no traceback."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

from neurodeploy.errors import RunError, plain
from neurodeploy.phrases import Command, Phrase

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Recorded:
    """A report.json and where it lies.

    A key that is absent, or null, or below such a one, reads as None: not every run measures
    all. A value of another kind is damage.

    Attributes:
        report: What the file holds.
        run: Its folder, as it was given.
    """

    report: dict[str, Any]
    run: str

    @property
    def again(self) -> Command:
        """How the report is made again with everything that this version measures."""
        return Command("run", f"{self.run}/recipe.toml", out=self.run, mode="resume")

    def number(self, *keys: str) -> float | int | None:
        """Return a finite number.

        Raises:
            RunError: there is something else.
        """
        found = self._at(keys)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
            raise self._damaged(keys, found, "a finite number")
        return found

    def share(self, *keys: str) -> float | int | None:
        """Return a number from 0 to 1; RunError where there is something else."""
        found = self.number(*keys)
        if found is not None and not 0 <= found <= 1:
            raise self._damaged(keys, found, "a share from 0 to 1")
        return found

    def truth(self, *keys: str) -> bool | None:
        """Return true or false; RunError where there is something else."""
        return self._kind(keys, bool, "true or false")

    def text(self, *keys: str) -> str | None:
        """Return a text that can be printed; RunError where there is something else."""
        found = self._kind(keys, str, "a text")
        return None if found is None else plain(found)

    def table(self, *keys: str) -> dict[str, Any]:
        """Return a table, empty where there is none; RunError where there is something else."""
        return self._kind(keys, dict, "a table") or {}

    def rows(self, *keys: str) -> list[Recorded]:
        """Return a list of tables, each to be read the same way; RunError where there is something else."""
        found = self._kind(keys, list, "a list of tables") or []
        if not all(isinstance(one, dict) for one in found):
            raise self._damaged(keys, found, "a list of tables")
        return [Recorded(one, self.run) for one in found]

    def _kind(self, keys: tuple[str, ...], kind: type[Kind], needed: str) -> Kind | None:
        found = self._at(keys)
        if found is not None and not isinstance(found, kind):
            raise self._damaged(keys, found, needed)
        return found

    def _at(self, keys: tuple[str, ...]) -> Any:
        found: Any = self.report
        for depth, key in enumerate(keys):
            if found is None:
                return None
            if not isinstance(found, dict):
                raise self._damaged(keys[:depth], found, "a table")
            found = found.get(key)
        return found

    def _damaged(self, keys: tuple[str, ...], found: Any, needed: str) -> RunError:
        shown = repr(found)
        shown = shown if len(shown) <= 60 else shown[:59] + "…"
        return RunError(
            f"{'.'.join(keys)} is {shown}, {needed} was expected",
            Phrase("it is damaged, make it again with {again}", again=self.again),
            where=f"{self.run}/report.json",
        )
