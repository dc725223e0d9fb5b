"""Errors of a grid from bins and in parts, against the sum over the whole matrix."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurodeploy.memory import BLOCK
from neurodeploy.program.plan import ConnectionPlan
from neurodeploy.quantize import grid, plan
from neurodeploy.quantize.plan import LayerFacts, layer_plan
from neurodeploy.quantize.rounding import RoundingErrors, row_sizes, sum_in_halves

DRAWN = {
    "normal": lambda random, shape: random.normal(0, 0.05, shape),
    "on a grid": lambda random, shape: np.rint(random.normal(0, 9, shape)) / 40,
    "sparse": lambda random, shape: random.normal(0, 1, shape) * (random.random(shape) < 0.1),
    "long tails": lambda random, shape: random.standard_t(2, shape) / 100,
    "of one sign": lambda random, shape: np.abs(random.normal(0, 1, shape).astype(np.float32)).astype(float),
    "zeros": lambda _, shape: np.zeros(shape),
}
KINDS = st.sampled_from(sorted(DRAWN))


def error(weight: np.ndarray, rates: np.ndarray | None, vth_mant: int, exponent: int, bits: int) -> float:
    """Return the error as one sum over the matrix."""
    whole = grid.weight_integers(weight, vth_mant, exponent, bits)
    found = (grid.weight_values(whole, vth_mant, exponent) - weight) ** 2
    return float((found if rates is None else found * (rates + 1e-6)).sum())


def plain_plan(facts: LayerFacts, bits: int) -> tuple[int, dict[str, ConnectionPlan]]:
    """Return the plan with every candidate tried on the whole matrices."""
    highest, best = plan._highest_threshold(facts, bits), None
    while best is None:
        for vth in np.unique(np.geomspace(max(2, highest // 2), highest, plan.CANDIDATES).astype(int))[::-1].tolist():
            total, chosen = 0.0, {}
            for name, weight in facts.weights.items():
                whole = plan._whole_exponent(float(np.abs(weight).max()), vth, bits, 0)
                tried = sorted({whole, max(whole - 1, 0)})
                least = min((error(weight, facts.rates.get(name), vth, one, bits), one) for one in tried)
                total, chosen[name] = total + least[0], ConnectionPlan(bits, least[1])
            if (best is None or total < best[0]) and plan._cannot_wrap(facts, vth, chosen):
                best = total, vth, chosen
        highest //= 2
    return best[1], best[2]


@settings(max_examples=40, deadline=None)
@given(kind=KINDS, bits=st.integers(2, 8), vth=st.integers(2, 9000), exponent=st.integers(0, 7), rated=st.booleans())
def test_the_error_is_numpys_sum_and_lies_between_its_bounds(
    kind: str, bits: int, vth: int, exponent: int, rated: bool
) -> None:
    random = np.random.default_rng(bits)
    weight = DRAWN[kind](random, (300, 211))
    rates = random.random(211) if rated else None
    one = RoundingErrors(weight, rates, bits)
    expected = error(weight, rates, vth, exponent, bits)
    assert one.exact(vth, exponent) == expected
    whole = plan._whole_exponent(one.largest, vth, bits, 0)
    if exponent >= whole - 1:  # the grids that are asked for: at most half of the largest weight is clipped
        low, high = one.bounds(vth, exponent)
        assert low <= expected <= high
        if kind == "normal" and exponent == whole:
            assert high - low < 2e-3 * expected


@settings(max_examples=25, deadline=None)
@given(
    kinds=st.lists(KINDS, min_size=1, max_size=2), bits=st.integers(2, 8), rated=st.booleans(), seed=st.integers(0, 9)
)
def test_the_plan_is_the_one_of_trying_every_candidate(kinds: list[str], bits: int, rated: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 200))
    weights = {f"c{place}": DRAWN[kind](random, (size, 150)) for place, kind in enumerate(kinds)}
    weights["c0"][0, 0] = 0.5
    rates = {name: random.random(150) for name in weights} if rated else {}
    facts = LayerFacts("l", weights, 0.5, random.normal(0, 0.01, size), rates)
    assert layer_plan(facts, bits) == plain_plan(facts, bits)


def test_a_large_matrix_is_summed_up_for_few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    summed: list[tuple[int, int]] = []
    exact = RoundingErrors._summed

    def counting(self: RoundingErrors, vth_mant: int, exponent: int) -> float:
        summed.append((vth_mant, exponent))
        return exact(self, vth_mant, exponent)

    monkeypatch.setattr(RoundingErrors, "_summed", counting)
    weight = np.random.default_rng(0).normal(0, 0.05, (400, 300))
    layer_plan(LayerFacts("l", {"c": weight}, 0.9, np.zeros(400)), 8)
    assert 1 <= len(summed) <= 8  # of 192


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17, 8 * BLOCK])
def test_halves_add_up_as_numpy_does(size: int) -> None:
    values = np.random.default_rng(size).standard_t(2, size)
    assert sum_in_halves(lambda first, last: float(values[first:last].sum()), 0, size) == values.sum()


def test_rows_add_up_as_numpy_does() -> None:
    for shape in itertools.product((1, 3, 700), (1, 129, 3000)):
        weight = np.random.default_rng(1).normal(0, 1, shape)
        np.testing.assert_array_equal(row_sizes(weight), np.abs(weight).sum(axis=1))


def test_what_is_clipped_is_what_rounds_beyond_the_largest_integer() -> None:
    """255/64 of a threshold of 64 is level 127.5, which the tie to even takes to 128, one more than there is."""
    weight = np.array([[253, 254, 254.9, 255, 257]]) / 64
    assert grid.weight_integers(weight, 64, 0, 8).tolist() == [[252, 254, 254, 254, 254]]
    assert grid.clipped(weight, 64, 0, 8).tolist() == [[False, False, False, True, True]]
