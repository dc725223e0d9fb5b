"""What every plain field of a Program may be: its kind, its length and its range, said once for files and for code."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from neurodeploy.errors import ProgramError
from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.fixedpoint.dynamics.step import MAX_FRACTION_BITS, MIN_FRACTION_BITS
from neurodeploy.memory import elementwise

MOST = 1 << 24
"""Channels, neurons, steps or sizes; no Program is near it, and beyond it a file could ask for any memory."""
MOST_NUMBER = 1 << 40
MOST_TEXT = 1 << 20
MESSAGE_EXP_MAX = 23
Problem = Callable[[Any], str]
"""Of a value: in words what is wrong with it, empty where nothing is."""


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _whole(low: int, high: int) -> Problem:
    def problem(value: Any) -> str:
        if not _is_whole(value):
            return f"is no whole number from {low} to {high}"
        return "" if low <= value <= high else f"is outside {low}..{high}"

    return problem


def _wholes(low: int, least: int, most: int, high: int = MOST) -> Problem:
    def problem(value: Any) -> str:
        many = f"{least}" if least == most else f"{least} to {most}"
        fits = isinstance(value, list | tuple) and least <= len(value) <= most
        fits = fits and all(_is_whole(one) and low <= one <= high for one in value)
        return "" if fits else f"is no list of {many} whole numbers from {low} to {high}"

    return problem


def _word(allowed: Collection[str]) -> Problem:
    return lambda value: "" if isinstance(value, str) and value in allowed else f"is not one of {', '.join(allowed)}"


def _kind(kinds: Any, words: str) -> Problem:
    return lambda value: "" if isinstance(value, kinds) else f"is no {words}"


def _text(value: Any) -> str:
    return "" if isinstance(value, str) and len(value) <= MOST_TEXT else "is no text"


def _texts(value: Any) -> str:
    return "" if isinstance(value, list | tuple) and not any(map(_text, value)) else "is no list of texts"


def _seconds(value: Any) -> str:
    fits = isinstance(value, float | int) and not isinstance(value, bool) and 0 < value < math.inf
    return "" if fits else "is not a positive number of seconds"


def _settings(value: Any) -> str:
    fits = isinstance(value, dict) and all(isinstance(one, str | int | float | bool) for one in value.values())
    return "" if fits else "is no table of words and numbers"


EXPONENT, STEPS = _whole(0, 7), _whole(0, 1 << 30)
FIELDS: dict[str, Problem] = {
    **dict.fromkeys(("name", "source", "target", "chip", "output"), _text),
    **dict.fromkeys(("bias_exp", "spike_exp", "state_exp"), EXPONENT),
    **dict.fromkeys(("refractory", "rest_init"), _whole(0, rules.REFRACTORY_MAX)),
    **dict.fromkeys(("clear_every", "clear_offset"), STEPS),
    **dict.fromkeys(("cumulative", "graded_input", "at_threshold"), _kind(bool | np.bool_, "truth")),
    **dict.fromkeys(("kernel", "stride", "dilation"), _wholes(1, 2, 2)),
    **dict.fromkeys(("n_inputs", "start", "out_channels", "groups", "n_heads"), _whole(1, MOST)),
    "shape": _wholes(1, 1, 8),
    "padding": _wholes(0, 2, 2),
    "fraction_bits": _whole(MIN_FRACTION_BITS, MAX_FRACTION_BITS),
    "message_exp": _whole(0, MESSAGE_EXP_MAX),
    "vth": _whole(0, (1 << 16) - 1),
    "reset": _word(rules.RESETS),
    "sign": _word(rules.SIGNS),
    "readout": _word(rules.READOUTS),
    "role": _word(sigma_delta.ROLES),
    "activation": _word(sigma_delta.ACTIVATIONS),
    "input_shape": _wholes(1, 1, 8),
    "encoding": _wholes(-rules.STATE_LIMIT, 2, 2, rules.STATE_LIMIT),
    "dt_s": _seconds,
    "notes": _texts,
    "plan": _kind(dict, "table"),
    "settings": _settings,
}
"""By name: the plain fields of populations, connections, their windows and the Program."""


def check_fields(where: object, values: Mapping[str, Any]) -> None:
    """Check the values of fields by their names.

    Raises:
        ProgramError: naming the first field, what it is, and what is allowed.
    """
    for key, value in values.items():
        problem = FIELDS[key](value)
        if problem:
            raise ProgramError(f"{key} {repr(value)[:60]} {problem}", where=where)


def read_fields(where: object, stored: Any, needed: Collection[str], more: Collection[str] = ()) -> dict[str, Any]:
    """Return the fields of a table in a file, lists as tuples, once each is known to be what it may be.

    Args:
        needed, more: Names of the fields that must be there, and of those that may be.

    Raises:
        ProgramError: it is no table, lacks a field, has another, or one means nothing.
    """
    if not isinstance(stored, dict):
        raise ProgramError(f"is {repr(stored)[:40]}, a table is needed", where=where)
    lacking, odd = [key for key in needed if key not in stored], [key for key in stored if key not in (*needed, *more)]
    if lacking or odd:
        raise ProgramError(
            f"lacks {lacking[0]!r}" if lacking else f"has {odd[0][:60]!r}, which is unknown", where=where
        )
    check_fields(where, stored)
    return {key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()}


def as_integers(name: str, value: np.ndarray) -> np.ndarray:
    """Return an array as int64, or int16 where it was so.

    Raises:
        ProgramError: numbers with a fraction, NaN, or beyond what any field holds.
    """
    if value.dtype.kind == "f" and (value != np.trunc(value)).any():
        raise ProgramError(f"{name}: holds {value.dtype} values that are not whole numbers")
    if value.size and not -MOST_NUMBER <= value.min() <= value.max() <= MOST_NUMBER:
        raise ProgramError(f"{name}: holds {value.min()}..{value.max()}, which no field of a Program does")
    return value if value.dtype == np.int16 else elementwise(lambda one: one.astype(np.int64), value)
