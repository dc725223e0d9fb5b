"""Texts that name an argument or a verb, for two readers: Python's users and the command line's.

Only the command line writes dashes. Everything else names the argument of the public function, in a `Phrase`, whose
text is Python's; the command line spells it anew with names of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Spelling:
    """How arguments and verbs are written: here as Python has them."""

    def label(self, name: str) -> str:
        """Return an argument that an error is about."""
        return name

    def option(self, name: str, value: str = "") -> str:
        """Return an argument to be given, with its value where one is meant."""
        return f"{name}={value!r}" if value[:1].isalpha() and value.islower() else f"{name}={value}"

    def command(self, verb: str, arguments: tuple[object, ...], options: Mapping[str, object]) -> str:
        """Return a call to be made."""
        told = [*map(_shown, arguments), *(f"{name}={_shown(value)}" for name, value in options.items())]
        return f"neurodeploy.{verb}({', '.join(told)})"

    def text(self, text: str) -> str:
        """Return a text, spelled anew where it is a `Phrase`."""
        return text.spelled(self) if isinstance(text, Phrase) else text


PYTHON = Spelling()


class Phrase(str):
    """A text with names in braces: values that are given, and arguments, which are all others.

    A value behind the colon belongs to the argument.

    >>> Phrase("give {limit:{fitting}}, or name fewer layers of {name} with {probes}", fitting=5, name="n{x}")
    'give limit=5, or name fewer layers of n{x} with probes='
    """

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, **values: object) -> Phrase:
        made = super().__new__(cls, _filled(template, values, PYTHON))
        made.template, made.values = template, values
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.template,), self.values

    def spelled(self, spelling: Spelling) -> str:
        """Return the text as `spelling` has it."""
        return _filled(self.template, self.values, spelling)


class Command(Phrase):
    """A verb to be called.

    Words in capitals stand for what only the reader knows.

    >>> Command("run", "RECIPE", out="runs/a", mode="resume")
    "neurodeploy.run(RECIPE, out='runs/a', mode='resume')"
    """

    def __new__(cls, verb: str, *arguments: object, **options: object) -> Command:
        made = str.__new__(cls, PYTHON.command(verb, arguments, options))
        made.template, made.values = verb, {"arguments": arguments, "options": options}
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.template, *self.values["arguments"]), self.values["options"]

    def spelled(self, spelling: Spelling) -> str:
        """Return the call as `spelling` has it."""
        return spelling.command(self.template, self.values["arguments"], self.values["options"])


def plural(number: int, word: str) -> str:
    """Return a number with its word.

    >>> plural(1, "sample"), plural(1359, "sample")
    ('1 sample', '1,359 samples')
    """
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def refused_frame(number: int, shape: tuple[int, ...] | None, n_inputs: int) -> str:
    """Return what a stream says of a frame that it does not take; its shape is None where it is no array.

    >>> refused_frame(3, (5,), 4)
    'stream: frame 3 has shape (5,), (4,) finite numbers are needed; it was not taken, push another'
    """
    if shape is None:
        return f"stream: frame {number} is no array of numbers; push another"
    odd = "holds what is not finite" if shape == (n_inputs,) else f"has shape {shape}"
    return f"stream: frame {number} {odd}, ({n_inputs},) finite numbers are needed; it was not taken, push another"


def _shown(value: object) -> str:
    return str(value) if str(value).isupper() else repr(value if isinstance(value, bool) else str(value))


def _filled(template: str, values: Mapping[str, object], spelling: Spelling) -> str:
    return template.format_map(_Names(values, spelling))


class _Names(dict[str, object]):
    def __init__(self, values: Mapping[str, object], spelling: Spelling) -> None:
        super().__init__({name: spelling.text(one) if isinstance(one, str) else one for name, one in values.items()})
        self.spelling = spelling

    def __missing__(self, name: str) -> object:
        return _Argument(name, self.spelling)


class _Argument:
    def __init__(self, name: str, spelling: Spelling) -> None:
        self.name, self.spelling = name, spelling

    def __format__(self, value: str) -> str:
        return self.spelling.option(self.name, value)
