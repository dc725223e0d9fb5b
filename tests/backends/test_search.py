"""Precision chosen on samples: by size, unless samples held out from the choice show that it is better otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurodeploy.backends import calibration, fixed, reference, search
from neurodeploy.backends.calibration import measure
from neurodeploy.backends.search import Choice, calibrate
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import choose_plan, compile_network
from neurodeploy.program.program import Program
from tests.backends.test_given_spikes import N_INPUTS, network


def spikes(n_samples: int, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random((n_samples, 40, N_INPUTS)) < 0.3).astype(np.uint8)


def kept(found: Network, program: Program, data: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the share of spikes kept by layer (L,), and of all together."""
    real, whole, sums = reference.run(found, data, record=True), fixed.run(program, data, record=True), []
    for name, one in real.layers.items():
        start = program.layer(name).start
        a, b = one.spikes_BTN, whole.layers[name].spikes_BTN[:, start : start + data.shape[1]]
        sums.append((2 * int((a & b).sum()), int(a.sum()) + int(b.sum())))
    same, both = np.array(sums).T
    return same / both, float(same.sum() / both.sum())


def lost_alone(found: Network, on_grid: Network, data: np.ndarray) -> np.ndarray:
    """Return the share of spikes that layers lose (B,), their mean, each alone, of what a sample has on average."""
    real, rows = reference.run(found, data, record=True).layers, []
    for name, one in real.items():
        given = {key: other.spikes_BTN for key, other in real.items() if key != name}
        mine = reference.run(on_grid, data, record=True, given=given).layers[name].spikes_BTN
        both = mine.sum(axis=(1, 2)) + one.spikes_BTN.sum(axis=(1, 2))
        rows.append((mine ^ one.spikes_BTN).sum(axis=(1, 2)) / both.mean())
    return np.mean(rows, axis=0)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("made", [{}, {"recurrent": True}])
@pytest.mark.parametrize("n_samples", [2, 8, 32])
def test_unseen_samples_never_lose_by_it(made: dict[str, bool], bits: int, n_samples: int) -> None:
    found, fresh = network(**made), spikes(64, 9)
    chosen = calibrate(found, spikes(n_samples, 1), bits)
    plain = compile_network(found, weight_bits=bits)
    best = compile_network(chosen.network, plan=chosen.plan)
    assert kept(found, best.program, fresh)[1] > kept(found, plain.program, fresh)[1] - 0.005
    if chosen.choice.chosen == "by size":
        assert best.program.digest == plain.program.digest


def test_what_it_says_is_what_the_samples_held_out_show() -> None:
    found, data = network(), spikes(64, 1)
    chosen = calibrate(found, data, 4)
    plain, best = compile_network(found, weight_bits=4), compile_network(chosen.network, plan=chosen.plan)
    shares = [kept(found, one.program, data[1::2])[0] for one in (plain, best)]
    lost = [lost_alone(found, one.quantised, data[1::2]) for one in (plain, best)]
    gain_B, told = 100 * (lost[0] - lost[1]), chosen.choice
    assert (told.chosen, told.chosen_on, told.held_out) == ("calibrated", 32, 32)
    assert told.agreement == pytest.approx({"by size": shares[0].mean(), "calibrated": shares[1].mean()})
    assert told.gain == pytest.approx(gain_B.mean())
    # 1.6955: Student's t, 95 %, 31 degrees of freedom.
    assert told.gain_at_least == pytest.approx(gain_B.mean() - 1.6955 * gain_B.std(ddof=1) / 32**0.5, abs=1e-3)
    assert told.layers is not None
    assert [one["calibrated"] for one in told.layers.values()] == pytest.approx(shares[1])
    assert f"{told.gain:+.2f} points" in told.told(4, "it")


def test_few_samples_choose_nothing_and_say_so() -> None:
    found = network()
    chosen = calibrate(found, spikes(7, 1), 8)
    assert chosen.network is found
    assert chosen.plan == choose_plan(found, 8, None)
    assert chosen.choice == Choice("by size", "7 samples are too few to choose on, 8 are needed", 7)


def test_a_plan_that_loses_on_the_samples_held_out_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = network(recurrent=True)
    coarse = choose_plan(found, 4, None)
    coarse = replace(coarse, vth_mant={name: max(2, one // 8) for name, one in coarse.vth_mant.items()})
    monkeypatch.setattr(search, "_by_layer", lambda *_: (coarse, set()))
    chosen = calibrate(found, spikes(32, 1), 4)
    assert chosen.choice.gain is not None
    assert chosen.choice.gain < 0
    assert chosen.choice.reason.startswith("calibrated is not better beyond doubt: on 16 samples held out, ")
    assert chosen.network is found
    assert chosen.plan == choose_plan(found, 4, None)


def test_a_layer_whose_states_a_plan_would_cut_off_has_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Potentials drift far below the reset, beyond the 16 thresholds that a plan by size allows for."""
    found = network()
    pulled = tuple(replace(one, weight=one.weight - 2.0) if one.target == "n2" else one for one in found.synapses)
    found, data = replace(found, synapses=pulled), spikes(16, 1)
    measured = measure(found, data[::2])
    by_size, wide = choose_plan(found, 8, None), choose_plan(found, 8, measured)
    assert measured["n2"].v_peak.max() * by_size.vth_mant["n2"] * 64 > 1 << 23
    assert [search._holds(found, "n2", measured, one) for one in (by_size, wide)] == [False, True]
    assert calibrate(found, data[:7]).choice.reason.endswith("are needed; 24 bits do not hold n2 by size")
    losses = np.array([[0.1, 0.1, 0.1], [0.2, 0.2, 0.05]])  # of n1, n2, n3: as if only n3 lost less
    monkeypatch.setattr(search, "_apart", lambda *_: [np.stack([one, np.ones(3)], axis=1)[..., None] for one in losses])
    monkeypatch.setattr(search, "_judged", lambda _, both, mended, *__: Choice("calibrated", " ".join(mended)))
    taken = calibrate(found, data)
    assert taken.choice.reason == "n2"
    mants = {name: (by_size if name == "n1" else wide).vth_mant[name] for name in ("n1", "n2", "n3")}
    assert taken.plan.vth_mant == mants


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found, data = network(recurrent=True), spikes(24, 1)
    whole, at_once = measure(found, data), calibrate(found, data, 4)
    monkeypatch.setattr(calibration, "MOST_HELD", 40 * 22 * 5)
    assert [len(some) for _, some in calibration.batches(found, data)] == [5, 5, 5, 5, 4]
    for name, one in measure(found, data).items():
        for key in ("u_peak", "v_peak", "rates", "moment"):
            np.testing.assert_allclose(getattr(one, key), getattr(whole[name], key))
    in_batches = calibrate(found, data, 4)
    assert in_batches.plan == at_once.plan
    assert in_batches.choice.agreement == pytest.approx(at_once.choice.agreement)
