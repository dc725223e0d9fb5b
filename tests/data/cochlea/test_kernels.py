"""The compiled stages do what the readable ones do."""

from __future__ import annotations

import numpy as np
import pytest

from neurodeploy.data.cochlea import kernels, lanes
from neurodeploy.data.cochlea.kernels import LANES, STATES, TILE
from tests.data.cochlea import equations

DT_S = 1 / 24_000
APART = kernels.refractory_steps(DT_S)


def at_rest() -> np.ndarray:
    rest = kernels.rest()
    state = np.zeros((STATES, LANES), np.float32)
    state[:3] = np.array([rest.free, rest.cleft, rest.store])[:, None]
    return state.ravel()


class Fibres:
    """Hair cells and fibres of `LANES` channels, a tile of steps at a time."""

    def __init__(self, seed: int) -> None:
        self.state = at_rest()
        drawn = np.random.SeedSequence(seed).generate_state(2 * LANES + 2, np.uint32)
        self.channel_random, self.fibre_random = drawn[: 2 * LANES].copy(), drawn[2 * LANES :].view(np.uint64).copy()
        self.last = np.full(LANES * kernels.FIBRES, -APART, np.int32)
        self.now = 0

    def advance(self, velocity_TC: np.ndarray, rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities and kept spikes (T, C) of at most `TILE` steps."""
        n = len(velocity_TC)
        tile, uniform = np.zeros(TILE * LANES, np.float32), np.zeros(TILE * LANES, np.float32)
        flags, counts = np.zeros(TILE * LANES, np.uint8), np.zeros(TILE * LANES, np.uint8)
        tile[: n * LANES] = velocity_TC.ravel()
        kernels.hear(tile, self.state, self.channel_random, uniform, flags, n, rate)
        words = flags.view(np.uint64)
        kernels.draw_fibres(words, n, tile, uniform, self.last, self.now, APART, counts, self.fibre_random)
        self.now += n
        return tile[: n * LANES].reshape(n, LANES).copy(), counts[: n * LANES].reshape(n, LANES)

    def run(self, velocity_TC: np.ndarray, rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = [self.advance(velocity_TC[at : at + TILE], rate) for at in range(0, len(velocity_TC), TILE)]
        return np.concatenate([one for one, _ in parts]), np.concatenate([one for _, one in parts])


def test_hair_cells_are_those_of_the_equations() -> None:
    time_T1 = np.arange(3000)[:, None] / 24_000
    velocity_TC = 10.0 ** np.linspace(-1, 3, LANES) * np.sin(2 * np.pi * 400 * time_T1)
    found, _ = Fibres(0).run(velocity_TC.astype(np.float32), kernels.rates(DT_S))
    # Single precision: roundings add up over the thousands of steps that the pools remember.
    np.testing.assert_allclose(found, equations.spike_probability(velocity_TC, DT_S), rtol=1e-4)


@pytest.mark.parametrize("probability", [0.003, 0.05, 0.4, 1.0])
def test_fibres_spike_as_often_as_those_of_the_equations(probability: float) -> None:
    # Hair cells at rest, with a rate of firing that makes their probability the wanted one.
    rate = kernels.rates(DT_S)
    rate[5] = probability / kernels.rest().cleft
    n_steps = 4 * TILE
    p_TC, counts_TC = Fibres(1).run(np.zeros((n_steps, LANES), np.float32), rate)
    np.testing.assert_allclose(p_TC, probability, rtol=1e-4)
    expected_TC = equations.fibre_spikes(p_TC.astype(np.float64), DT_S, np.random.RandomState(2))
    for some in (slice(0, APART), slice(APART, n_steps)):  # before and after the first refractory period
        found, expected = counts_TC[some].astype(float), expected_TC[some].astype(float)
        error = 4 * np.sqrt((found.var() + expected.var()) / found.size) + 1e-9
        assert abs(found.mean() - expected.mean()) < error
        for count in range(4):
            share = (expected == count).mean()
            error = 4 * np.sqrt(2 * (share + 1e-4) / found.size)
            assert abs((found == count).mean() - share) < error


@pytest.mark.parametrize("probability", [0.003, 0.1, 1.0])
def test_each_fibre_keeps_its_refractory_period(probability: float) -> None:
    rate = kernels.rates(DT_S)
    rate[5] = probability / kernels.rest().cleft
    fibres = Fibres(3)
    gaps = []
    for _ in range(1500 if probability < 0.1 else 100):
        before = fibres.last.copy()
        fibres.advance(np.zeros((1, LANES), np.float32), rate)
        gaps.append((fibres.last - before)[(fibres.last > before) & (before >= 0)])
    counts = np.bincount(np.concatenate(gaps), minlength=APART + 3)
    assert counts[:APART].sum() == 0
    # A fibre may spike again as soon as the period is over, as probably as in the steps after.
    assert counts[APART] > counts[APART : APART + 3].mean() / 2


def test_bushy_cells_fire_as_those_of_the_equations() -> None:
    counts_TC = np.random.default_rng(4).poisson(np.linspace(0, 3, LANES), (2 * TILE, LANES)).astype(np.uint8)
    state, flags = at_rest(), np.zeros(TILE * LANES, np.uint8)
    steps, lanes = np.zeros(9999, np.int64), np.zeros(9999, np.int64)
    found = 0
    for first in (0, TILE):
        kernels.integrate(state, counts_TC[first : first + TILE].ravel(), flags, TILE, kernels.rates(DT_S))
        found = kernels.collect(flags.view(np.uint64), TILE, first, steps, lanes, found)
    expected = equations.bushy_cell_spikes(counts_TC, DT_S)
    assert found == len(expected[0]) > 300
    np.testing.assert_array_equal([steps[:found], lanes[:found]], expected)


@pytest.mark.parametrize("n_steps", [TILE, TILE - 3])
@pytest.mark.parametrize("every", [1, 2, 4])
def test_steps_between_are_those_of_the_whole_signal(every: int, n_steps: int) -> None:
    n_whole = 480
    spectra = np.zeros((LANES, n_whole // 2 + 1), complex)
    n_bins = int(lanes.EVEN_BELOW * 2 / every * n_whole)
    random = np.random.default_rng(5)
    spectra[:, :n_bins] = random.normal(size=(LANES, n_bins)) + 1j * random.normal(size=(LANES, n_bins))
    spectra[:, 0] = spectra[:, 0].real
    whole = np.fft.irfft(spectra, n_whole).astype(np.float32)
    tile, narrow, narrower = np.zeros(TILE * LANES, np.float32), lanes.room(), lanes.room()
    kept = np.ascontiguousarray(whole[:, ::every])
    for first in (0, 128, (n_whole - n_steps) // 4 * 4):
        lanes.load(kept, every, first, n_steps, tile, narrow, narrower, lanes.between())
        found = tile.reshape(-1, LANES)[:n_steps].T
        np.testing.assert_allclose(found, whole[:, first : first + n_steps], atol=1e-3 * np.abs(whole).max())
