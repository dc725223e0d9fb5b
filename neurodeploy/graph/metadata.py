"""What nodes say: what neurodeploy writes into their `metadata` and reads back, and their own numbers, checked.

Everything sits under one key, so that other tools' metadata stay untouched. NIR itself records
neither the time step nor the reset rule nor the quantisation; these entries do.

Graph:    format, dt_s, time_unit, integration, chip, name, dataset, test, partition, readout, decode and host (see
          `program.decode`, `program.host`); how timed events were binned: n_steps, binning, max_time_s, spatial_bin,
          counts (true where the input is more than 0 and 1)
Neurons:  reset, at_threshold (true where they spike at v >= v_threshold), begins (the step up to which their potential
          rests), vth_mant; sub-graphs that are neurons: cell, model, vth_mant, fraction_bits, rounding
Weights:  weight_bits, weight_exp (or row_exps, one for each row), weight_scale, rounding
"""

from collections.abc import Collection
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.step import MAX_FRACTION_BITS, MIN_FRACTION_BITS
from neurodeploy.fixedpoint.dynamics.table import TABLE
from neurodeploy.graph.stored import AGAIN
from neurodeploy.quantize.grid import MIN_WEIGHT_BITS, WIDEST

KEY = "neurodeploy"
FORMAT = 1
INTEGRATION = "forward_euler"
ROUNDING = "nearest_even"
TOWARD_ZERO = "toward_zero"
"""How a sub-graph's states are rounded after their products; its coefficients are rounded to nearest."""
INTEGERS = {
    "format": (1, FORMAT),
    "n_steps": (1, 1 << 24),
    "begins": (1, rules.REFRACTORY_MAX),
    "vth_mant": (1, rules.STATE_LIMIT - 1),
    "weight_bits": (MIN_WEIGHT_BITS, WIDEST),
    "weight_exp": (rules.WEIGHT_EXPONENT_MIN, rules.WEIGHT_EXPONENT_MAX),
    "fraction_bits": (MIN_FRACTION_BITS, MAX_FRACTION_BITS),
}
WORDS: dict[str, Collection[str]] = {
    "reset": rules.RESETS,
    "time_unit": ("s",),
    "integration": (INTEGRATION,),
    "rounding": (ROUNDING, TOWARD_ZERO),
    "cell": TABLE,
    "readout": rules.READOUTS,
}
LARGEST = 1e60
"""No number of a network is near it; from here on products of a few would leave float64."""


def ours(metadata: Any) -> dict[str, Any]:
    """Return our entries of a node's metadata as plain Python values; empty when there are none."""
    entries = metadata.get(KEY, {}) if isinstance(metadata, dict) else {}
    return {key: _plain(value) for key, value in entries.items()} if isinstance(entries, dict) else {}


def wrapped(**entries: Any) -> dict[str, Any]:
    """Return metadata for a NIR node that holds `entries` under our key."""
    return {KEY: {key: value for key, value in entries.items() if value is not None}}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, np.generic):
        return value.item()
    return value


def carried(where: str, node: nir.NIRNode) -> dict[str, Any]:
    """Return our entries of a node's metadata.

    Raises:
        GraphError: an entry means nothing: it was changed by hand, is damaged, or of a newer format.
    """
    try:
        found = ours(node.metadata)
    except UnicodeDecodeError:
        raise GraphError(f"its {KEY} metadata are no text", AGAIN, where=where) from None
    for key, value in found.items():
        allowed = _allowed(key, value)
        if allowed:
            raise GraphError(f"its {KEY} metadata say {key} = {value!r}, {allowed} is allowed", AGAIN, where=where)
    return found


def _allowed(key: str, value: Any) -> str:
    """Return in words what an entry may be; empty when it is that."""
    if key in INTEGERS:
        low, high = INTEGERS[key]
        fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return "" if fits else f"a whole number from {low} to {high}"
    if key in WORDS:
        return "" if isinstance(value, str) and value in WORDS[key] else " or ".join(WORDS[key])
    if key == "at_threshold":
        return "" if isinstance(value, bool) else "true or false"
    if key == "row_exps":
        low, high = rules.WEIGHT_EXPONENT_MIN, rules.WEIGHT_EXPONENT_MAX
        fits = isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "iu" and value.size > 0
        fits = fits and bool(low <= value.min() <= value.max() <= high)
        return "" if fits else f"a list of whole numbers from {low} to {high}"
    if key == "dt_s":
        fits = isinstance(value, float | int) and np.isfinite(value) and value > 0
        return "" if fits else "a positive number of seconds"
    return ""


def check_numbers(where: str, node: nir.NIRNode) -> None:
    """Check that every parameter of a node holds real numbers of a sensible size.

    Raises:
        GraphError: naming the parameter.
    """
    for key, value in vars(node).items():
        if key in ("metadata", "input_type", "output_type") or value is None or isinstance(value, int | str | bytes):
            continue
        numbers = np.asarray(value)
        if numbers.dtype.kind not in "biuf":
            raise GraphError(f"{key} holds {numbers.dtype}, real numbers are needed", AGAIN, where=where)
        if numbers.size and not -LARGEST <= float(numbers.min()) <= float(numbers.max()) <= LARGEST:  # NaN is neither
            raise GraphError(f"{key} holds NaN, infinity or a number beyond {LARGEST:g}", AGAIN, where=where)
