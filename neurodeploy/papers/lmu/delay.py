"""The delay network of three Legendre coefficients in integers, by the measure that its chips were measured with.

Two errors are told of every signal, both over all delays of the window: against the states of the same equations in
float64, which is what the thesis measures, and against the delayed signal itself, which three coefficients can only
approximate.

Axes: B signal, T step, D coefficient, K delay.
Source: A. R. Voelker, PhD thesis, Waterloo, 2019; arvoelke/phd (0b2a172), code/dn.py.
"""

from typing import Any

import numpy as np

from neurodeploy.backends import fixed
from neurodeploy.backends.calibration import measure
from neurodeploy.mapping.compile import choose_plan, compile_network
from neurodeploy.neurons.lmu import legendre_matrices
from neurodeploy.pipeline.memories import UNIT, memory_alone
from neurodeploy.quantize.grid import MAX_WEIGHT_BITS

ORDER, WINDOW, CUTOFF_HZ, N_STEPS, DT_S = 3, 100, 3.0, 2000, 1e-3
"""Coefficients, the window in steps, the signal's bandwidth and steps, and seconds of a step."""
SIGNALS = 250
BITS = (16, 8)
RESAMPLED = 2000
DELAYS_K = np.arange(WINDOW + 1)


def delay_network(n_signals: int = SIGNALS) -> dict[str, Any]:
    """Return what the delay network in integers, and in float64, loses of white noise.

    Returns:
        `signals`; `rows`: by `what`, `ideal` and `delay`, the means of the errors against the states in float64 and
        against the delayed signal, [low, mean, high] each; `example`: the first signal, and delayed by the whole
        window as float64 and the integers of the first row have it.
    """
    u_BT = white_noise(np.random.default_rng(0), n_signals)
    a_DD, b_D = legendre_matrices(ORDER, float(WINDOW))
    ideal_BTD = states(a_DD, b_D, u_BT)
    whole = memory_alone(a_DD, b_D)
    sent = np.rint(u_BT[:, :, None] / UNIT).astype(np.int32)
    seen = measure(whole, sent[:16])
    found = {f"integers, A of {bits} bits": bits for bits in BITS}
    runs: dict[str, np.ndarray] = {}
    for what, bits in found.items():
        program = compile_network(whole, plan=choose_plan(whole, MAX_WEIGHT_BITS, seen, memory_bits=bits)).program
        v_BTN = fixed.run(program, sent, record=True, threads=1).layers["m"].v_BTN
        runs[what] = v_BTN[:, 1:] / program.layer("m").v_per_unit
    runs["float64"] = ideal_BTD
    rows = [{"what": what, **errors(m_BTD, ideal_BTD, u_BT)} for what, m_BTD in runs.items()]
    late = {what: (m_BTD[0] @ readout()[-1]).tolist() for what, m_BTD in runs.items()}
    return {"signals": n_signals, "rows": rows, "example": {"signal": u_BT[0].tolist(), "delayed": late}}


def white_noise(rng: np.random.Generator, n_signals: int) -> np.ndarray:
    """Return periodic signals (B, T) of an expected rms of 1, each beginning where it is nearest to 0."""
    n_waves = int(CUTOFF_HZ * N_STEPS * DT_S)
    real, imaginary = rng.normal(0, n_waves**-0.5, (2, n_signals, n_waves))
    turns = np.exp(2j * np.pi * np.arange(1, n_waves + 1)[:, None] * np.arange(N_STEPS) / N_STEPS)
    found = ((real + 1j * imaginary) @ turns).real
    return np.stack([np.roll(one, -int(np.abs(one).argmin())) for one in found])


def states(a_DD: np.ndarray, b_D: np.ndarray, u_BT: np.ndarray) -> np.ndarray:
    """Return the states after every step (B, T, D) in float64."""
    m_BTD = np.zeros((*u_BT.shape, len(b_D)))
    for step in range(u_BT.shape[1]):
        before = m_BTD[:, step - 1] if step else 0 * m_BTD[:, 0]
        m_BTD[:, step] = before @ a_DD.T + u_BT[:, step, None] * b_D
    return m_BTD


def readout() -> np.ndarray:
    """Return what makes of the coefficients the signal of each delay (K, D): shifted Legendre polynomials."""
    return np.polynomial.legendre.legvander(2 * DELAYS_K / WINDOW - 1, ORDER - 1)


def errors(m_BTD: np.ndarray, ideal_BTD: np.ndarray, u_BT: np.ndarray) -> dict[str, list[float]]:
    """Return the two errors of some states; see `delay_network`."""
    c_KD, of = readout(), {"ideal": [], "delay": []}  # type: ignore[var-annotated]
    for m_TD, ideal_TD, u_T in zip(m_BTD, ideal_BTD, u_BT, strict=True):
        w_TK, wanted_TK = m_TD @ c_KD.T, ideal_TD @ c_KD.T
        # A step holds its input, so a state lies between two steps of the signal. It repeats, so it has a next one.
        late_TK = np.stack([(np.roll(u_T, lag) + np.roll(u_T, lag - 1)) / 2 for lag in DELAYS_K], 1)
        of["ideal"].append(off(w_TK, wanted_TK))
        of["delay"].append(off(w_TK[WINDOW:], late_TK[WINDOW:]))
    return {name: interval(np.array(values)) for name, values in of.items()}


def off(found: np.ndarray, wanted: np.ndarray) -> float:
    """Return the root mean square of a difference, by that of what is wanted."""
    return float(np.sqrt(((found - wanted) ** 2).mean() / (wanted**2).mean()))


def interval(values_B: np.ndarray) -> list[float]:
    """Return the lower end, mean and upper end of what is known of a mean with 95 % certainty, by bootstrap."""
    drawn = np.random.default_rng(0).choice(values_B, (RESAMPLED, len(values_B))).mean(axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return [float(low), float(values_B.mean()), float(high)]
