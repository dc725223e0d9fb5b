"""Frozen results whose JSON comes from one place: a key for each field, in the fields' order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

from neurodeploy.errors import DataError
from neurodeploy.hardware.constants import Constant

P = TypeVar("P", bound="Plain")


class Plain:
    """What a frozen dataclass gains by deriving from it: `to_dict`, and `from_dict` which reads that back.

    Attributes:
        JSON_KEYS: Fields whose key is not their name.
        OPTIONAL: Fields that have no key where they are None.
    """

    JSON_KEYS: ClassVar[Mapping[str, str]] = {}
    OPTIONAL: ClassVar[tuple[str, ...]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}  # type: ignore[arg-type]
        return {
            self.JSON_KEYS.get(name, name): _written(value)
            for name, value in values.items()
            if value is not None or name not in self.OPTIONAL
        }

    @classmethod
    def from_dict(cls: type[P], values: Mapping[str, Any]) -> P:
        """Return what `to_dict` wrote, of this version or of an earlier one; keys that are unknown are passed over.

        Raises:
            DataError: a key without a default is absent, or a value has another form.
        """
        if not isinstance(values, Mapping):
            raise DataError(f"{cls.__name__}: is {type(values).__name__}, a table was expected; make the file again")
        hints = get_type_hints(cls)
        keys = {cls.JSON_KEYS.get(one.name, one.name): one.name for one in fields(cls)}  # type: ignore[arg-type]
        found = {name: _read(hints[name], values[key]) for key, name in keys.items() if key in values}
        try:
            return cls(**found)
        except TypeError:
            lacking = [key for key, name in keys.items() if name not in found]
            raise DataError(f"{cls.__name__}: lacks one of {', '.join(lacking)}; make the file again") from None


def _written(value: Any) -> Any:
    if isinstance(value, Plain | Constant):
        return value.to_dict()
    if isinstance(value, tuple | list):
        return [_written(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _written(one) for key, one in value.items()}
    return value


def _read(hint: Any, value: Any, key: str = "") -> Any:
    """Return a value as the type that a field states."""
    inner = get_args(hint)
    if value is None or hint is Any:
        return value
    if isinstance(hint, type) and issubclass(hint, Plain):
        return hint.from_dict(value)
    if hint is Constant:
        return Constant.from_dict(key, value)
    if get_origin(hint) is tuple:
        return tuple(_read(inner[0], one) for one in value)
    if get_origin(hint) is Mapping:
        return {name: _read(inner[1], one, name) for name, one in value.items()}
    if type(None) in inner:
        return _read(inner[0], value, key)
    return value


@dataclass(frozen=True)
class Band(Plain):
    """Least, middle and most of what several sources or models give differently, in one unit."""

    low: float
    mid: float
    high: float

    def each(self, change: Callable[[float, float], float], other: Band) -> Band:
        """Return the band of `change` of both, end by end."""
        return Band(change(self.low, other.low), change(self.mid, other.mid), change(self.high, other.high))
