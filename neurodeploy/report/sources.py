"""Every constant behind the page's numbers as a numbered footnote: what it is, and where it comes from."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from neurodeploy.report import marked

NO_SOURCE = "no source is recorded"


class Sources:
    """Footnotes in the order in which the page first needs them.

    Constants that share a source, an evidence grade, a scope and an operating point share a note.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {}
        self._constants: dict[int, dict[str, dict[str, Any]]] = {}

    def number(self, key: str, constant: dict[str, Any]) -> int:
        """Return the number of a constant's footnote; a new one where its source is new.

        Args:
            key: What the constant is called.
            constant: `written`, `source`, `evidence`, and where there are such `value`, `unit`, `scope`,
                `operating_point`, `low`, `high`.
        """
        fields = ("source", "evidence", "scope", "operating_point")
        note = tuple(str(constant.get(field) or "") for field in fields)
        number = self._numbers.setdefault(note, len(self._numbers) + 1)
        self._constants.setdefault(number, {}).setdefault(f"{key} {constant.get('written')}", constant | {"key": key})
        return number

    def reference(self, key: str | None, constants: dict[str, Any]) -> Markup:
        """Return the link to the footnote of one of `constants`; empty where there is none of that name."""
        return references([self.number(key, constants[key])]) if key in constants and key is not None else Markup("")

    def references(self, constants: dict[str, Any]) -> Markup:
        """Return the links to the footnotes of all of `constants`."""
        return references(sorted({self.number(key, one) for key, one in constants.items()}))

    def notes(self) -> list[dict[str, Any]]:
        """Return the footnotes for the end of the page."""
        return [
            {
                "number": number,
                "source": note[0] or NO_SOURCE,
                "grades": ", ".join(part for part in note[1:] if part),
                "constants": [_written(one) for one in self._constants[number].values()],
            }
            for note, number in self._numbers.items()
        ]


def references(numbers: list[int]) -> Markup:
    """Return links to footnotes."""
    return marked.joined(
        [Markup('<a class="ref" href="#source-{0}">[{0}]</a>').format(number) for number in numbers], " "
    )


def _written(constant: dict[str, Any]) -> dict[str, Any]:
    """Return a constant's name, value and, where one is published, its band."""
    low, high, unit = constant.get("low"), constant.get("high"), constant.get("unit") or ""
    band = ""
    if isinstance(low, int | float) and isinstance(high, int | float) and low != high:
        band = marked.say(", {} to {}", _short(low, unit), _short(high, unit))
    written, value = constant.get("written"), constant.get("value")
    if written is None or (isinstance(value, int | float) and str(written).replace(",", "") == f"{value}"):
        written = _short(value, unit)
    return {"name": constant["key"].replace("_", " "), "written": written, "band": band}


def _short(value: Any, unit: str) -> Markup:
    if unit in ("J", "s", "W"):
        return marked.quantity(value, unit)
    number = marked.mark(f"{value:,}", value) if isinstance(value, int | float) else Markup.escape(value)
    return marked.say("{} {}", number, unit) if unit else number
