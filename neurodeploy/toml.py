"""TOML, read by the standard library where that has a reader."""

import sys
from pathlib import Path
from typing import Any

import tomli_w

from neurodeploy.errors import NeurodeployError
from neurodeploy.files import check_fetched

if sys.version_info >= (3, 11):
    from tomllib import loads
else:
    from tomli import loads

__all__ = ["dumps", "flat", "loads", "read"]


def read(path: str | Path, kind: type[NeurodeployError]) -> tuple[dict[str, Any], bytes]:
    """Return the values of a TOML file, and its bytes.

    Raises:
        NeurodeployError: of `kind`: it is absent or not TOML.
    """
    check_fetched(path, kind)
    try:
        content = Path(path).read_bytes()
        return loads(content.decode("utf-8")), content
    except OSError as error:
        raise kind(f"cannot be read ({error.strerror})", "check the path", where=path) from None
    except (ValueError, RecursionError) as error:  # TOML's own, UTF-8's, and a number of thousands of digits
        raise kind(f"is not TOML ({error})", "correct this place", where=path) from None


def dumps(values: dict[str, Any]) -> str:
    """Return tables as TOML; a setting without a value is left out, as TOML has none.

    >>> print(dumps({"name": "a", "data": {"n_steps": None, "dataset": "digits"}}), end="")
    name = "a"
    <BLANKLINE>
    [data]
    dataset = "digits"
    """
    return tomli_w.dumps(_without_none(values))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return value


def flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Return the values of nested tables by table.key."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return found
