"""Numbers as a person reads them."""

from typing import Any

from neurodeploy.report.amounts import prefix_of


def percent(share: float) -> str:
    """Return a share with one decimal.

    >>> percent(0.97493)
    '97.5 %'
    """
    return f"{100 * share:.1f} %"


def small_percent(share: float) -> str:
    """Return a share with two significant digits, and no exponent however large it is.

    >>> small_percent(0.00012), small_percent(0.0471), small_percent(0.998)
    ('0.012 %', '4.7 %', '100 %')
    """
    return f"{float(f'{100 * share:.2g}'):,g} %"


def states_off(stage: dict[str, Any]) -> list[str]:
    """Return how far a stage's layers that send values are off the float network's, a sentence each.

    >>> states_off({"layers": [{"name": "m", "state_error": (0.001, 0.003)}, {"name": "n"}]})
    ['the states of m are 0.2 % off on average over the steps, 0.3 % after the last']
    """
    found = ((one["name"], one.get("state_error")) for one in stage.get("layers", ()))
    return [
        f"the states of {name} are {small_percent(sum(errors) / len(errors))} off on average over the steps, "
        f"{small_percent(errors[-1])} after the last"
        for name, errors in found
        if errors
    ]


def cell(value: float | str | None) -> str:
    """Return a cell of a table: a count with its thousands, words as they are, and nothing for None.

    >>> cell(65536), cell("GELU"), cell(None)
    ('65,536', 'GELU', '')
    """
    return value if isinstance(value, str) else "" if value is None else f"{value:,}"


def agreement(share: float | None) -> str:
    """Return a share with as many decimals as it takes not to be taken for all of it.

    >>> agreement(0.9999741), agreement(1.0), agreement(0.77)
    ('99.997 %', '100 %', '77.0 %')
    """
    if share is None:
        return "-"
    if share >= 1:
        return "100 %"
    decimals = next((n for n in range(1, 8) if round(100 * share, n) < 100), 8)
    return f"{100 * share:.{decimals}f} %"


def points(drop: float) -> str:
    """Return what an accuracy lost against another, in percentage points.

    >>> points(0.0028), points(-0.001), points(0.0)
    ('0.28 points lost', '0.10 points gained', 'nothing lost')
    """
    if abs(drop) < 5e-5:
        return "nothing lost"
    return f"{abs(100 * drop):.2f} points {'lost' if drop > 0 else 'gained'}"


def count(number: float) -> str:
    """Return a count, or the mean of one.

    >>> count(63686.63), count(14.805), count(0.0), count(3328)
    ('63,687', '14.8', '0', '3,328')
    """
    if abs(number) < 100 and number != int(number):
        return f"{number:.1f}" if abs(number) >= 1 else f"{number:.2g}"
    return f"{number:,.0f}"


def quantity(value: float, unit: str) -> str:
    """Return a value with three digits and a prefixed unit.

    >>> quantity(1.4476e-6, "J"), quantity(0.0, "J"), quantity(0.0125, "s"), quantity(700.0, "W")
    ('1.45 µJ', '0 J', '12.5 ms', '700 W')
    """
    scale, name = scale_of(value, unit)
    return f"{_three_digits(value / scale)} {name}"


def band(low: float, high: float, unit: str) -> str:
    """Return two values in the larger one's unit, as one where they read the same.

    >>> band(1.4329e-6, 1.4561e-6, "J"), band(9.5e-4, 1.2e-3, "s")
    ('1.43 to 1.46 µJ', '0.95 to 1.2 ms')
    """
    scale, name = scale_of(high, unit)
    first, last = _three_digits(low / scale), _three_digits(high / scale)
    return f"{last} {name}" if first == last else f"{first} to {last} {name}"


def scale_of(most: float, unit: str) -> tuple[float, str]:
    """Return the step of a scale that `most` reads best in, and its name.

    >>> scale_of(1.45e-6, "J")
    (1e-06, 'µJ')
    """
    scale, prefix = prefix_of(most)
    return scale, prefix.replace("u", "µ") + unit


def class_name(index: int, names: list[str]) -> str:
    """Return what a label stands for, or its number where classes have no names.

    >>> class_name(1, ["space", "A"]), class_name(1, [])
    ('A', '1')
    """
    return names[index] if 0 <= index < len(names) else str(index)


def _three_digits(number: float) -> str:
    return f"{number:,.0f}" if number >= 999.5 else f"{number:.3g}"


def exponents(value: Any) -> str:
    """Return a connection's exponent, or the range of one for each row.

    >>> exponents(3), exponents([4, -2, 0])
    ('3', '-2 to 4 by row')
    """
    return str(value) if isinstance(value, int) else f"{min(value)} to {max(value)} by row"
