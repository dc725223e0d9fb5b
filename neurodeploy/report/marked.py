"""Numbers of the page that carry the value they were made from.

Each becomes a `<data value="...">` element: what a person reads, beside the number as it stands in
report.json. So a test can walk the page and find every number in the report, and a reader can copy all digits.
"""

from functools import partial
from typing import Any

from markupsafe import Markup

from neurodeploy.certificate.difference import digits
from neurodeploy.report import words


def mark(text: str, value: float, kind: str = "") -> Markup:
    """Return a number as it reads, with its value.

    Args:
        kind: "" where `value` is in report.json; "ordinal" where that counts from 0 and the page from 1;
            "length" where it is how many entries a list of report.json has.

    >>> mark("63,687", 63686.63)
    Markup('<data value="63686.63">63,687</data>')
    """
    attribute = Markup(' class="{}"').format(kind) if kind else ""
    return Markup('<data value="{}"{}>{}</data>').format(repr(value), attribute, text)


def say(template: str, *values: Any) -> Markup:
    """Return a sentence of ours with what a report holds; all but marked numbers is escaped.

    >>> say("{} of {}", "<b>", mark("3", 3))
    Markup('&lt;b&gt; of <data value="3">3</data>')
    """
    return Markup(template).format(*values)


def joined(parts: list[Markup], between: str = ", ") -> Markup:
    """Return sentences one after the other."""
    return Markup(between).join(parts)


def percent(share: float) -> Markup:
    """Return a share with one decimal, or as many digits as a small one takes."""
    return mark(words.percent(share) if share == 0 or abs(share) >= 0.001 else words.small_percent(share), share)


def agreement(share: float | None) -> Markup:
    """Return a share that is only 100 % where it is all of it; a dash for None."""
    return Markup("-") if share is None else mark(words.agreement(share), share)


def points(drop: float) -> Markup:
    """Return what an accuracy lost against another.

    >>> points(-0.001)
    Markup('<data value="-0.001">0.10</data> points gained')
    """
    number, _, rest = words.points(drop).partition(" ")
    return say("{} {}", mark(number, drop), rest) if number[0].isdigit() else Markup(words.points(drop))


def limit_points(limit: float) -> Markup:
    """Return a limit in percentage points."""
    return say("{} {}", mark(f"{100 * limit:g}", limit), "point" if round(100 * limit, 9) == 1 else "points")


def count(number: float | None) -> Markup:
    """Return a count, or the mean of one; a dash for None."""
    return Markup("-") if number is None else mark(words.count(number), number)


def plain(number: float) -> Markup:
    """Return a number with every digit that a comparison needs: whole ones unchanged."""
    return mark(digits(number), number)


def two_digits(number: float) -> Markup:
    """Return a number with two significant digits."""
    return mark(f"{number:.2g}", number)


def plural(number: int, word: str, kind: str = "") -> Markup:
    """Return a number with its word; `kind` as of `mark`.

    >>> plural(2, "core")
    Markup('<data value="2">2</data> cores')
    """
    return say("{} {}", mark(f"{number:,}", number, kind), word if number == 1 else word + "s")


def quantity(value: float | None, unit: str) -> Markup:
    """Return a value with a prefixed unit; a dash for None.

    >>> quantity(2.25e-11, "J")
    Markup('<data value="2.25e-11">22.5 pJ</data>')
    """
    return Markup("-") if value is None else mark(words.quantity(value, unit), value)


energy, seconds = partial(quantity, unit="J"), partial(quantity, unit="s")


def band(low: float, high: float, unit: str) -> Markup:
    """Return two values in the larger one's unit, as one where they read the same.

    >>> band(1.4329e-6, 1.4561e-6, "J").striptags()
    '1.43 to 1.46 µJ'
    """
    first, between, last = words.band(low, high, unit).rpartition(" to ")
    return say("{} to {}", mark(first, low), mark(last, high)) if between else mark(last, high)


def difference(found: dict[str, Any], *, chip_steps: bool) -> Markup:
    """Return where two runs first differ, from a certificate's `first_difference`."""
    what = {"u": "current u", "v": "potential v", "spikes": "spike"}.get(found["what"], found["what"])
    return say(
        "{} of {} at {} step {}, sample {}, neuron {}: found {}, expected {}",
        what,
        found["layer"],
        "chip" if chip_steps else "input",
        *(plain(found[key]) for key in ("step", "sample", "neuron", "found", "expected")),
    )


def exponents(value: Any) -> Markup:
    """Return a connection's exponent, or the range of one for each row."""
    if isinstance(value, int):
        return plain(value)
    return say("{} to {} by row", plain(min(value)), plain(max(value)))
