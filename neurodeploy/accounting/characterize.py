"""Prices per event fitted to measured runs: non-negative least squares, and its error on runs it has not seen.

    minimise  sum over runs of ((energy - counts @ prices) / weight)^2,  prices >= 0

The weight of a run is its measured error where the file gives one, else its energy: every run counts alike, however
large. Prices that the runs cannot tell apart are refused instead of guessed. The leave-one-out error of a run is that
of prices fitted to all the others.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodeploy.accounting.measured_runs import COLUMNS, Runs
from neurodeploy.errors import ChipError

LARGEST_CONDITION = 1e6
"""Of the weighted counts, columns scaled to length 1. Above it, two columns grow together but for rounding."""
POOR_CONDITION = 30.0
"""From here on prices are told apart poorly (the usual rule of thumb), and the result says so."""
ERRORS = 2.0
"""A price's band is so many standard errors to either side."""


@dataclass(frozen=True, eq=False)
class Fit:
    """Prices in joules per event (C,), of `seconds` in watts.

    Attributes:
        prices_C: Never negative.
        errors_C: Standard error of each; 0 for prices that are held at 0.
        fitted_R: Joules that the prices give each run.
        left_out_R: The same by prices fitted to the other runs; NaN where those cannot settle them.
        condition: How well the columns are told apart: 1 is perfect.
    """

    prices_C: np.ndarray
    errors_C: np.ndarray
    fitted_R: np.ndarray
    left_out_R: np.ndarray
    condition: float


def fit(runs: Runs) -> Fit:
    """Return the prices that fit measured runs best.

    Raises:
        ChipError: too few runs, a column that does not vary, or columns whose prices cannot be told apart.
    """
    check(runs)
    weights_R = runs.weights_R
    prices_C = _solve(runs.counts_RC, runs.energy_R, weights_R)
    left_out_R = np.full(len(runs.names), np.nan)
    for row in range(len(runs.names)):
        others = np.arange(len(runs.names)) != row
        if condition(runs.counts_RC[others], weights_R[others]) <= LARGEST_CONDITION:
            part_C = _solve(runs.counts_RC[others], runs.energy_R[others], weights_R[others])
            left_out_R[row] = runs.counts_RC[row] @ part_C
    errors_C = _standard_errors(runs, prices_C)
    return Fit(prices_C, errors_C, runs.counts_RC @ prices_C, left_out_R, condition(runs.counts_RC, weights_R))


def check(runs: Runs) -> None:
    """Refuse runs that cannot settle the prices asked of them.

    Raises:
        ChipError: one line that says which column, and what to do.
    """
    n_runs, n_columns = runs.counts_RC.shape
    where = runs.file
    if n_runs == 1:
        raise ChipError(f"{where}: holds one run, which cannot tell prices apart; measure at least {n_columns + 1}")
    for at, column in enumerate(runs.columns):
        if np.ptp(runs.counts_RC[:, at]) == 0:
            found = f"{column} is {runs.counts_RC[0, at]:g} in every run"
            raise ChipError(
                f"{where}: {found}, so its price cannot be told from a constant overhead; "
                "measure runs in which it differs, or leave the column out"
            )
    if n_runs <= n_columns:
        raise ChipError(
            f"{where}: {n_runs} runs cannot settle {n_columns} prices and leave one run out to test them; "
            f"measure at least {n_columns + 1}, or leave columns out"
        )
    if condition(runs.counts_RC, runs.weights_R) > LARGEST_CONDITION:
        names = " and ".join(_alike(runs))
        raise ChipError(
            f"{where}: {names} grow together in all runs, so their prices cannot be told apart; "
            "measure runs in which they do not, or leave one out"
        )


def condition(counts_RC: np.ndarray, weights_R: np.ndarray) -> float:
    """Return the condition number of weighted counts with columns of length 1; infinite where one is all zero."""
    scaled, lengths = _scaled(counts_RC, weights_R)
    if len(scaled) < len(lengths) or not lengths.all():
        return float("inf")
    return float(np.linalg.cond(scaled / lengths))


def summary(runs: Runs, found: Fit) -> dict[str, Any]:
    """Return a fit as plain values for JSON.

    Keys: `terms`, `runs` with relative errors, `fit_error` and `leave_one_out` {mean, max} over the magnitudes of the
    relative errors (None where no run could be left out), `condition`, `notes`.
    """
    errors_R = found.fitted_R / runs.energy_R - 1
    left_R = found.left_out_R / runs.energy_R - 1
    known_R = left_R[np.isfinite(left_R)]
    return {
        "terms": [
            {
                "term": COLUMNS[column],
                "column": column,
                "unit": "W" if column == "seconds" else "J",
                "value": float(found.prices_C[at]),
                "standard_error": float(found.errors_C[at]),
                "low": float(max(found.prices_C[at] - ERRORS * found.errors_C[at], 0.0)),
                "high": float(found.prices_C[at] + ERRORS * found.errors_C[at]),
            }
            for at, column in enumerate(runs.columns)
        ],
        "runs": [
            {
                "name": name,
                "energy_j": float(runs.energy_R[row]),
                "energy_error_j": None if runs.error_R is None else float(runs.error_R[row]),
                "fitted_j": float(found.fitted_R[row]),
                "error": float(errors_R[row]),
                "left_out_j": float(found.left_out_R[row]) if np.isfinite(left_R[row]) else None,
                "left_out_error": float(left_R[row]) if np.isfinite(left_R[row]) else None,
            }
            for row, name in enumerate(runs.names)
        ],
        "fit_error": _mean_and_most(errors_R),
        "leave_one_out": _mean_and_most(known_R) if len(known_R) else None,
        "condition": found.condition,
        "notes": _notes(runs, found),
    }


def _scaled(counts_RC: np.ndarray, weights_R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted counts, and the lengths of their columns."""
    scaled = counts_RC / weights_R[:, None]
    return scaled, np.linalg.norm(scaled, axis=0)


def _solve(counts_RC: np.ndarray, energy_R: np.ndarray, weights_R: np.ndarray) -> np.ndarray:
    """Return non-negative prices; columns are scaled to length 1, because counts span many powers of ten."""
    from scipy.optimize import nnls

    scaled, lengths = _scaled(counts_RC, weights_R)
    return nnls(scaled / lengths, energy_R / weights_R)[0] / lengths


def _standard_errors(runs: Runs, prices_C: np.ndarray) -> np.ndarray:
    """Return the standard error of each price, those held at 0 taken as known."""
    free_C = prices_C > 0
    scaled, lengths = _scaled(runs.counts_RC[:, free_C], runs.weights_R)
    residuals_R = (runs.energy_R - runs.counts_RC @ prices_C) / runs.weights_R
    spare = len(residuals_R) - int(free_C.sum())
    variance = float(residuals_R @ residuals_R) / spare
    if runs.error_R is not None:  # the file's errors are taken at their word, unless the fit is worse than they say
        variance = max(variance, 1.0)
    errors_C = np.zeros(len(prices_C))
    if free_C.any():
        covariance = np.linalg.inv((scaled / lengths).T @ (scaled / lengths))
        errors_C[free_C] = np.sqrt(variance * np.diag(covariance)) / lengths
    return errors_C


def _alike(runs: Runs) -> list[str]:
    """Return the columns that take part in the direction which the runs do not settle."""
    scaled, lengths = _scaled(runs.counts_RC, runs.weights_R)
    least = np.abs(np.linalg.svd(scaled / lengths)[2][-1])
    return [column for column, share in zip(runs.columns, least, strict=True) if share > 0.1 * least.max()]


def _mean_and_most(errors: np.ndarray) -> dict[str, float]:
    return {"mean": float(np.abs(errors).mean()), "max": float(np.abs(errors).max())}


def _notes(runs: Runs, found: Fit) -> list[str]:
    notes = [
        f"{column} is held at 0: the runs would have its price negative"
        for column, one in zip(runs.columns, found.prices_C, strict=True)
        if one == 0
    ]
    if found.condition > POOR_CONDITION:
        names = " and ".join(_alike(runs))
        notes.append(f"{names} grow nearly together (condition {found.condition:.0f}): their sum is surer than each")
    notes += [
        f"without {name} the other runs cannot tell the prices apart, so it has no leave-one-out error"
        for name, left in zip(runs.names, found.left_out_R, strict=True)
        if not np.isfinite(left)
    ]
    return notes
