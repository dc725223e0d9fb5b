"""Precision choices: thresholds and weight exponents that use the chip's bits and cannot overflow.

A threshold of vth_mant << 6 chip units stands for 1. A large one makes weights and states fine; it
is bounded by the 24-bit state, which the current must never leave because it wraps.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from neurodeploy.errors import PrecisionError
from neurodeploy.fixedpoint import rules
from neurodeploy.memory import row_blocks
from neurodeploy.program.plan import ConnectionPlan
from neurodeploy.quantize import grid
from neurodeploy.quantize.rounding import RoundingErrors, largest_size, row_sizes

ROOMY = 512
"""A threshold mantissa from here on resolves weights and states well below their rounding."""
CURRENT_MARGIN, POTENTIAL_MARGIN = 2.0, 1.5
"""How far above the calibrated peak a state may go before it leaves 24 bits."""
POTENTIAL_HEADROOM = 16.0
"""Thresholds that an uncalibrated potential may reach, on either side, before it saturates."""
FINE = 63
"""Steps that the largest weight of an uncalibrated readout should have."""
CANDIDATES = 96


@dataclass(frozen=True, eq=False)
class LayerFacts:
    """What is known of a layer, in units of its threshold.

    Attributes:
        weights: Weights (O, I) of each connection that ends on it, of a convolution (K, I): K output
            channels after one another make up the neurons.
        alpha: Part of the current kept in a step; the largest where neurons differ.
        bias: Constant change of the potential per step (N,).
        rates: Spikes per step of each connection's sources (I,), where calibrated.
        u_peak, v_peak: Largest magnitude of current and potential seen, where calibrated.
        beta: Part of the potential kept in a step, for a readout; None where a threshold bounds it.
        values: Connections whose sources send values, where calibrated: at exponent 0 their sums would leave 24 bits
            long before the weights have all of theirs. Below 0 a sum is cut to whole units, of which a threshold has
            hundreds; the rounding of a weight errs by its fraction times a value.
    """

    name: str
    weights: Mapping[str, np.ndarray]
    alpha: float
    bias: np.ndarray
    rates: Mapping[str, np.ndarray] = field(default_factory=dict)
    u_peak: float | None = None
    v_peak: float | None = None
    beta: float | None = None
    values: Collection[str] = ()

    def least(self, name: str) -> int:
        """Return the smallest exponent of a connection."""
        return rules.WEIGHT_EXPONENT_MIN if name in self.values else 0

    def per_neuron(self, rows: np.ndarray) -> np.ndarray:
        """Return a value of each row of a connection's weights as one of each neuron (N,)."""
        return np.repeat(rows, len(self.bias) // len(rows))


def layer_plan(facts: LayerFacts, weight_bits: int) -> tuple[int, dict[str, ConnectionPlan]]:
    """Return the threshold mantissa and the connections' precision with the least weight error.

    The error of a weight counts by how often its source fires, where that was calibrated. A weight
    may be clipped to half its size when that lowers the error of the others enough.

    Raises:
        PrecisionError: the width is outside 2..8, or the layer does not fit 24 bits.
    """
    check_weight_bits(facts.name, weight_bits)
    highest = _highest_threshold(facts, weight_bits)
    if highest < 2:
        raise PrecisionError(
            f"weights of up to {_largest(facts):.3g} thresholds and biases of up to "
            f"{np.abs(facts.bias).max():.3g} are too much for a 24-bit current",
            "scale them down, or raise the threshold",
            where=facts.name,
        )
    errors = {
        name: RoundingErrors(weight, facts.rates.get(name), weight_bits) for name, weight in facts.weights.items()
    }
    best: tuple[int, dict[str, ConnectionPlan]] | None = None
    while best is None:
        candidates = np.unique(np.geomspace(max(2, highest // 2), highest, CANDIDATES).astype(int))[::-1]
        best = _least_error(facts, errors, [int(one) for one in candidates], weight_bits)
        highest //= 2
        if best is None and highest < 2:
            raise PrecisionError(
                f"rounded to {weight_bits} bits, its weights are too much for a 24-bit current",
                "use more bits, or scale them down",
                where=facts.name,
            )
    return best


def _least_error(
    facts: LayerFacts, errors: Mapping[str, RoundingErrors], candidates: list[int], weight_bits: int
) -> tuple[int, dict[str, ConnectionPlan]] | None:
    """Return the candidate with the least error that cannot wrap, the first of equals; None where all can.

    Only those are summed up whose lower bound is not above what was found already.
    """
    found: tuple[float, int, dict[str, ConnectionPlan]] | None = None

    def bounded(name: str, vth_mant: int) -> dict[int, tuple[float, float]]:
        return _bounds(errors[name], vth_mant, facts.least(name))

    least = [sum(min(low for low, _ in bounded(name, vth).values()) for name in errors) for vth in candidates]
    for place in np.argsort(least, kind="stable"):
        if found is not None and least[place] > found[0]:
            break
        vth_mant, total, chosen = candidates[place], 0.0, {}
        for name, one in errors.items():
            bounds = bounded(name, vth_mant)
            enough = min(high for _, high in bounds.values())
            sums = [(one.exact(vth_mant, exp), exp) for exp, (low, _) in bounds.items() if low <= enough]
            error, exponent = min(sums)
            total, chosen[name] = total + error, ConnectionPlan(weight_bits, exponent)
        better = found is None or (total, place) < found[:2]
        if better and _cannot_wrap(facts, vth_mant, chosen):
            found = total, int(place), chosen
    return None if found is None else (candidates[found[1]], found[2])


def _bounds(errors: RoundingErrors, vth_mant: int, least: int) -> dict[int, tuple[float, float]]:
    """Return the exponents that a matrix may have, ascending, and what its error lies between with each."""
    whole = _whole_exponent(errors.largest, vth_mant, errors.weight_bits, least)
    return {exponent: errors.bounds(vth_mant, exponent) for exponent in sorted({whole, max(whole - 1, least)})}


def check_weight_bits(where: str, weight_bits: int) -> None:
    """Check a weight width.

    Raises:
        PrecisionError: it is outside 2..8.
    """
    if not grid.MIN_WEIGHT_BITS <= weight_bits <= grid.MAX_WEIGHT_BITS:
        raise PrecisionError(
            f"weight_bits={weight_bits} is outside {grid.MIN_WEIGHT_BITS}..{grid.MAX_WEIGHT_BITS}", where=where
        )


def _cannot_wrap(facts: LayerFacts, vth_mant: int, chosen: Mapping[str, ConnectionPlan]) -> bool:
    """True where no input can make the current wrap; with calibration its peak has been allowed for instead.

    Few bits can round weights up by a lot, so the integers themselves are summed.
    """
    if facts.u_peak is not None:
        return True
    kept = max(facts.alpha, float(rules.kept_of_current(grid.du_of(np.array(facts.alpha)))) / rules.DECAY_ONE)
    most = np.abs(facts.bias) * vth_mant
    for name, weight in facts.weights.items():
        plan = chosen[name]
        sums = np.zeros(len(weight), np.int64)
        for rows in row_blocks(weight):
            whole = grid.weight_integers(weight[rows], vth_mant, plan.weight_exp, plan.weight_bits)
            sums[rows] = np.abs(whole).sum(axis=1)
        most = most + facts.per_neuron(sums) * grid.power(plan.weight_exp, 1) / (1 - kept)
    return float(most.max() * (1 << rules.ALIGN_SHIFT)) < rules.STATE_LIMIT - 1


def _whole_exponent(largest: float, vth_mant: int, weight_bits: int, least: int) -> int:
    """Return the smallest exponent at which the largest weight is not clipped."""
    steps = largest * vth_mant / grid.weight_limit(weight_bits)
    return min(max(least, int(np.ceil(np.log2(max(steps, 2.0**least))))), rules.WEIGHT_EXPONENT_MAX)


def _highest_threshold(facts: LayerFacts, weight_bits: int) -> int:
    """Return the largest threshold mantissa that keeps every field in range."""
    room = (rules.STATE_LIMIT - 1) / (1 << rules.ALIGN_SHIFT)
    # At 8 bits rounding raises a weight by at most 1/250 of the largest; `_cannot_wrap` looks at the result.
    sums = sum(facts.per_neuron(row_sizes(weight)) for weight in facts.weights.values())
    certain = room / (1.02 * (float(np.max(sums)) / (1 - facts.alpha) + float(np.abs(facts.bias).max())) + 1e-12)
    if certain < ROOMY and facts.u_peak is not None:
        certain = max(certain, min(ROOMY, room / (CURRENT_MARGIN * max(facts.u_peak, 1e-12))))
    if facts.v_peak is not None:
        # A readout's unit is arbitrary, so its potential may stay far below it.
        reach = max(POTENTIAL_MARGIN * facts.v_peak, 2.0 if facts.beta is None else 1e-12)
    else:
        reach = POTENTIAL_HEADROOM if facts.beta is None else _readout_reach(facts, float(np.max(sums)), weight_bits)
    largest_bias = ((1 << rules.BIAS_MANTISSA_BITS - 1) - 1) << rules.BIAS_EXPONENT_MAX
    limits = [
        certain,
        room / reach,
        (1 << rules.THRESHOLD_BITS) - 1,
        grid.weight_limit(weight_bits) * (1 << rules.WEIGHT_EXPONENT_MAX) / max(_largest(facts), 1e-12),
        largest_bias / (64 * max(float(np.abs(facts.bias).max()), 1e-12)),
    ]
    return int(min(limits))


def _readout_reach(facts: LayerFacts, most_input: float, weight_bits: int) -> float:
    """Return how far a potential without threshold may go, in its unit.

    The bound holds for any input. Where it leaves the largest weight fewer than `FINE` steps, that
    comes first: inputs that all spike at every step, all of one sign, do not happen.
    """
    steady = most_input / (1 - facts.alpha) + float(np.abs(facts.bias).max())
    bound = steady / max(1 - facts.beta, 1e-12) if facts.beta is not None else steady
    room = (rules.STATE_LIMIT - 1) / (1 << rules.ALIGN_SHIFT)
    return min(bound, room * max(_largest(facts), 1e-12) / (FINE * grid.weight_step(weight_bits)))


def _largest(facts: LayerFacts) -> float:
    return max(largest_size(weight) for weight in facts.weights.values())
