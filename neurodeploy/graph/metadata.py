"""What neurodeploy writes into the `metadata` of NIR nodes, and how it reads it back.

Everything sits under one key, so that other tools' metadata stay untouched. NIR itself records
neither the time step nor the reset rule nor the quantisation; these entries do.

Graph:    format, dt_s, time_unit, integration, chip, name, dataset, partition, readout, decode (see
          `program.decode`); how timed events were binned: n_steps, binning, max_time_s, spatial_bin, counts (true
          where the input is more than 0 and 1)
Neurons:  reset, vth_mant; sub-graphs that are neurons: cell, model, vth_mant, fraction_bits, rounding
Weights:  weight_bits, weight_exp (or row_exps, one for each row), weight_scale, rounding
"""

from __future__ import annotations

from typing import Any

import numpy as np

KEY = "neurodeploy"
FORMAT = 1
INTEGRATION = "forward_euler"
ROUNDING = "nearest_even"
TOWARD_ZERO = "toward_zero"
"""How a sub-graph's states are rounded after their products; its coefficients are rounded to nearest."""


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
