"""Our docstrings as mkdocstrings reads them: arguments that share a line apart, and doctests as examples."""

import re

import griffe

SHARED = re.compile(r"^( +)(\w+(?:, \w+)+)(: .*(?:\n\1 +.*)*)", re.M)
DOCTEST = re.compile(r"(?:^>>> .*\n(?:.+\n?)*)", re.M)


class House(griffe.Extension):
    """Rewrites every docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Split `a, b: what` into two entries, and put what begins with `>>>` into a section of examples."""
        if obj.docstring is None or obj.is_alias:
            return
        text = SHARED.sub(
            lambda one: "\n".join(f"{one[1]}{name}{one[3]}" for name in one[2].split(", ")), obj.docstring.value
        )
        obj.docstring.value = DOCTEST.sub(lambda one: "Examples:\n" + re.sub("^", "    ", one[0], flags=re.M), text)
