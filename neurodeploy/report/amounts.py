"""Amounts of a unit as a person reads them in a terminal, with digits enough to tell them apart."""

from collections.abc import Mapping, Sequence

PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"))
DIGITS = (3, 4, 6, 9, 12, 17)


def amount(value: float, unit: str, digits: int = 3) -> str:
    """Return a number of a unit: shares as %, joules and seconds with a prefix, all else as a count.

    >>> amount(0.96935, "share"), amount(63493.51, "synops"), amount(1.4476e-6, "J"), amount(3, "cores")
    ('96.9 %', '63,494', '1.45 uJ', '3')
    """
    if unit == "share":
        return f"{100 * value:.{digits}g} %"
    if unit not in ("J", "s"):
        if 0 < abs(value) < 1:
            return f"{value:.{digits}g}"
        whole = len(f"{abs(value):.0f}")
        text = f"{value:,.{max(0, digits - whole)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    scale, prefix = prefix_of(value)
    return f"{value / scale:.{digits}g} {prefix}{unit}"


def band(ends: Mapping[str, float] | None, unit: str) -> str:
    """Return the low and the high end of a band of joules or seconds, in the high end's prefix; None has no price.

    >>> band({"low": 1.5e-6, "mid": 2e-6, "high": 3.25e-6}, "J"), band({"low": 0, "high": 0}, "s"), band(None, "J")
    ('1.5 to 3.25 uJ', '0 to 0 s', 'no price')
    """
    if ends is None:
        return "no price"
    scale, prefix = prefix_of(ends["high"])
    return f"{ends['low'] / scale:.3g} to {ends['high'] / scale:.3g} {prefix}{unit}"


def prefix_of(value: float) -> tuple[float, str]:
    """Return the step of a scale that a number reads best in, and its prefix in ASCII."""
    return next((one for one in PREFIXES if abs(value) >= 0.9995 * one[0]), PREFIXES[-1 if value else 0])


def apart(values: Sequence[float], unit: str) -> list[str]:
    """Return numbers with as many digits as it takes to tell those apart that differ.

    >>> apart([0.97, 0.9], "share"), apart([50000.4, 50000], "synops"), apart([5.00001e-5, 5e-5], "J")
    (['97 %', '90 %'], ['50,000.4', '50,000'], ['50.0001 uJ', '50 uJ'])
    """
    n_different = len(set(values))
    texts = [[amount(value, unit, digits) for value in values] for digits in DIGITS]
    return next((one for one in texts if len(set(one)) >= n_different), texts[0])


def points(share: float) -> str:
    """Return the difference of two shares in points of a hundred.

    >>> points(0.01), points(0.0056)
    ('1 point', '0.56 points')
    """
    text = f"{100 * share:.3g}"
    return f"{text} {'point' if text == '1' else 'points'}"
