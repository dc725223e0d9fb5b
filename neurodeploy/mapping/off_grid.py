"""Weights that are not where their file's grid is: what was changed after quantisation, the weights or their neuron."""

from __future__ import annotations

import numpy as np

from neurodeploy.errors import MappingError

ON_GRID = 0.02
"""How far, in weight steps, a float32 weight may lie from the grid its file states."""
ENOUGH = 4
"""Weights of a neuron that must share a factor, before its own numbers are blamed."""


def refuse_off_grid(where: tuple[str, str], target: str, levels: np.ndarray, first_row: int, weight_bits: int) -> None:
    """Refuse weights that lie off their grid.

    Args:
        where: Network and connection.
        target: Population that they end on.
        levels: Weights in steps of their grid, where whole numbers are on it: rows of targets or output channels.
        first_row: Of `levels`, counted from the connection's first.

    Raises:
        MappingError: with the first neuron, and what of it was changed.
    """
    most = (1 << weight_bits - 1) - 1
    off = (np.abs(levels - np.rint(levels)) > ON_GRID) | (np.abs(levels) > most + ON_GRID)
    if not off.any():
        return
    rows = levels.reshape(len(levels), -1)
    row = int(off.reshape(rows.shape).any(axis=1).argmax())
    factor = _shared_factor(rows[row], most)
    if factor is not None:
        raise MappingError(
            f"neuron {first_row + row} of {target} takes all its weights {factor:.4g} times as strong as they were "
            "quantised for, so they, or its v_threshold, v_reset, r, w_in or time constants, were changed afterwards",
            "quantise the network again",
            where=where,
        )
    at = [first_row + row, *(int(one) for one in np.argwhere(off[row])[0])]
    raise MappingError(
        f"weights are not on the {weight_bits}-bit grid that the file states (first at {at}, {off.sum()} of {off.size}"
        " here), so they were changed after quantisation",
        "quantise the network again",
        where=where,
    )


def _shared_factor(levels: np.ndarray, most: int) -> float | None:
    """Return the factor that a row's weights are off by together, None where they share none."""
    there = levels[levels != 0]
    if len(there) < ENOUGH:
        return None
    largest = np.abs(there).max()
    for whole in range(1, most + 1):
        scaled = there * (whole / largest)
        if (np.abs(scaled - np.rint(scaled)) <= ON_GRID).all():
            return float(largest / whole)
    return None
