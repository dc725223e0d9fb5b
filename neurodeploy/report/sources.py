"""Every constant behind the page's numbers as a numbered footnote: what it is, and where it comes from."""

from typing import Any

from markupsafe import Markup

from neurodeploy.report import marked

NO_SOURCE = "no source is recorded"


class Sources:
    """Footnotes in the order in which the page first needs them: one for each source, with its constants."""

    def __init__(self) -> None:
        self._constants: dict[str, dict[str, dict[str, Any]]] = {}

    def number(self, key: str, constant: dict[str, Any]) -> int:
        """Return the number of a constant's footnote; a new one where its source is new.

        Args:
            key: What the constant is called.
            constant: `written`, `source`, `evidence`, and where there are such `value`, `unit`, `scope`,
                `operating_point`, `low`, `high`.
        """
        source = str(constant.get("source") or "") or NO_SOURCE
        self._constants.setdefault(source, {})[f"{key} {constant.get('written')}"] = constant | {"key": key}
        return list(self._constants).index(source) + 1

    def reference(self, key: str | None, constants: dict[str, Any]) -> Markup:
        """Return the link to the footnote of one of `constants`; empty where there is none of that name."""
        return references([self.number(key, constants[key])]) if key in constants and key is not None else Markup("")

    def references(self, constants: dict[str, Any]) -> Markup:
        """Return the links to the footnotes of all of `constants`."""
        return references(sorted({self.number(key, one) for key, one in constants.items()}))

    def notes(self) -> list[dict[str, Any]]:
        """Return the footnotes for the end of the page."""
        return [
            {"number": number, "source": source, "constants": [_written(one) for one in constants.values()]}
            for number, (source, constants) in enumerate(self._constants.items(), start=1)
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
    if written is None or not any(letter.isalpha() for letter in str(written)):
        written = _short(value, unit)
    grades = [str(constant.get(name) or "") for name in ("evidence", "scope")]
    return {
        "name": _name(constant["key"].removesuffix("_s" if unit == "s" else "")),
        "written": written,
        "band": band,
        "grades": ", ".join(one for one in grades if one),
        "operating_point": constant.get("operating_point") or "",
    }


def _name(key: str) -> str:
    """Return a constant's key as words.

    >>> _name("energy.pilotnet_idle.neuron_update")
    'pilotnet idle, neuron update'
    """
    return ", ".join(part.replace("_", " ") for part in key.removeprefix("energy.").removeprefix("times.").split("."))


def _short(value: Any, unit: str) -> Markup:
    if unit in ("J", "s", "W"):
        return marked.quantity(value, unit)
    unit = "" if unit == "1" else unit
    number = marked.mark(f"{value:,.12g}", value) if isinstance(value, int | float) else Markup.escape(value)
    return marked.say("{} {}", number, unit) if unit else number
