"""Advice is what really was placed; the mildest that gains anything comes first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurodeploy.hardware.chips import chip_named
from neurodeploy.mapping.placement import demand, place
from neurodeploy.mapping.placement.advice import PRUNED, advice, can_be_shortened, fit_of, pruned, with_weight_bits
from neurodeploy.mapping.placement.encoding import stored_bits
from neurodeploy.mapping.placement.limits import Limits
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import Program
from neurodeploy.program.window import Window
from tests.backends.lava_support import program
from tests.mapping.placement.networks import convolution, dense, diagonal

LOIHI1, LOIHI2 = chip_named("loihi1"), chip_named("loihi2")


def advised(made: Program, chip_name: str = "loihi2") -> list[dict]:
    chip = chip_named(chip_name)
    return advice(made, chip, place(made, chip))


def test_weight_bits_are_advised_with_their_effect() -> None:
    made = dense(700, 512, 512, 35)
    before = place(made, LOIHI2).n_cores
    first = advised(made)[0]
    assert first["change"] == "7-bit weights"
    after = place(with_weight_bits(made, 7), LOIHI2).n_cores
    assert first["effect"] == f"7-bit weights: {before} -> {after} cores"
    assert (first["cores"], first["saved"], first["exact"]) == (after, before - after, False)
    # 7 bits are no width of Loihi 1.
    assert advised(made, "loihi1")[0]["change"] == "6-bit weights"


def test_all_advice_takes_fewer_cores_and_no_kind_says_the_same_twice() -> None:
    made = dense(700, 512, 512, 35)
    before = place(made, LOIHI2).n_cores
    found = advised(made)
    assert all(one["cores"] < before for one in found)
    assert len({(one["kind"], one["cores"]) for one in found}) == len(found)


def test_weights_that_need_less_than_their_field_are_advised_first_because_nothing_changes() -> None:
    made = dense(700, 512)
    small = Connection("fc1", "input", "lif1", np.sign(made.connections[0].weight) * 2, 2)
    found = advised(program(700, made.layers, [small]))
    assert found[0]["kind"] == "narrow"
    assert found[0]["exact"]
    # What changes the network must gain more than what does not.
    assert all(one["cores"] < found[0]["cores"] for one in found[1:] if not one["exact"])


def test_one_neuron_too_many_is_advised_away() -> None:
    made = diagonal(1025)
    two = Connection("fc2", "lif1", "out", np.ones((2, 1025), np.int64) * 2)
    out = dense(2, 2).layers[0]
    out = type(out)(**{**vars(out), "name": "out", "start": 2})
    both = program(1025, [made.layers[0], out], [made.connections[0], two])
    effects = [one["effect"] for one in advised(both, "loihi1")]
    assert "lif1 of 1,024 instead of 1,025 neurons: 3 -> 2 cores" in effects


def test_decays_of_every_neuron_are_advised_away_on_loihi1() -> None:
    made = dense(4, 99, 2, vth=1000)
    own = type(made.layers[0])(**{**vars(made.layers[0]), "du": np.arange(99) * 10})
    effects = [one["effect"] for one in advised(program(4, [own, made.layers[1]], made.connections), "loihi1")]
    assert effects[0] == "one decay and threshold for each layer: 5 -> 2 cores"


def test_delays_of_every_synapse_are_advised_away() -> None:
    made = dense(8, 600, 2)
    delay = np.resize([0, 0, 30], made.connections[0].weight.shape)
    waiting = Connection("fc1", "input", "lif1", made.connections[0].weight, -6, delay=delay)
    found = advised(program(8, made.layers, [waiting, made.connections[1]]), "loihi1")
    assert "one delay for each connection" in [one["change"] for one in found]


def test_a_network_on_one_core_a_layer_gets_no_advice() -> None:
    assert advised(dense(20, 30, 5)) == []


def test_what_does_not_fit_one_chip_is_tried_on_the_other() -> None:
    found = advised(dense(4097, 3), "loihi1")
    assert place(dense(4097, 3), LOIHI2).n_cores == 1
    assert found[0]["effect"] == "loihi2: does not fit -> 1 core"
    assert found[0]["saved"] is None


@pytest.mark.parametrize("bits", [3, 5, 7])
def test_rounded_weights_fit_their_field_and_stay_near(bits: int) -> None:
    made = dense(40, 30)
    one = with_weight_bits(made, bits).connections[0]
    width = stored_bits(with_weight_bits(made, bits), one, Limits.of(LOIHI2))
    assert width == bits
    step = 2 << 8 - bits
    # Rounding costs half a step; the largest positive weight is clipped by less than one.
    assert np.abs(one.weight - made.connections[0].weight).max() < step
    assert len(np.unique(one.weight)) > 1


def test_pruning_takes_the_smallest_weights() -> None:
    made = dense(40, 30)
    before, after = (one.connections[0].weight for one in (made, pruned(made, 0.75)))
    gone = (after == 0) & (before != 0)
    assert 0.75 <= (after == 0).mean() < 0.8
    assert np.abs(before[gone]).max() <= np.abs(after[after != 0]).min()
    np.testing.assert_array_equal(after[~gone], before[~gone])


def test_images_and_outputs_are_not_shortened() -> None:
    made = convolution(Window((1, 6, 6), 2, (3, 3)), then=4)
    assert not can_be_shortened(made, "conv")
    assert not can_be_shortened(made, made.output)


@pytest.mark.parametrize("sign", ["auto", "mixed", "excitatory", "inhibitory"])
@pytest.mark.parametrize("kind", [np.int16, np.int64])
def test_counted_sizes_and_shifts_are_quantiles_and_divisions(sign: str, kind: type) -> None:
    made = dense(40, 30)
    weight: np.ndarray = np.random.default_rng(1).integers(-250, 251, (30, 40)).astype(kind)
    one = replace(made.connections[0], weight=weight, sign=sign)
    held = one.held.astype(np.int64)
    for part in PRUNED:
        most = np.quantile(np.abs(held), part, method="lower")
        kept = pruned(replace(made, connections=(one,)), part).connections[0].weight
        np.testing.assert_array_equal(kept, np.where(np.abs(held) > most, weight, 0))
    for bits in (3, 5, 7):
        step = 1 << max(1, int(np.abs(held).max()).bit_length() - bits + 1)
        limit = (1 << bits - 1) - 1
        found = with_weight_bits(replace(made, connections=(one,)), bits).connections[0].weight
        np.testing.assert_array_equal(found, np.clip(np.rint(held / step), -limit, limit) * step)


def test_one_advice_counts_what_no_change_touches_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []

    def counting(one: Connection, neurons: np.ndarray | None) -> list[demand.Lists]:
        counted.append(one.name)
        return lists(one, neurons)

    lists = demand._lists
    monkeypatch.setattr(demand, "_lists", counting)
    found = fit_of(dense(900, 800, 400, 30), LOIHI1)
    assert found.advice
    # Before, 4 narrower widths, 3 of pruning, and of one layer shorter what ends on or leaves it; the strongest once.
    assert {name: counted.count(name) for name in counted} == {"fc1": 8 + 1, "fc2": 8 + 2, "fc3": 8 + 1}
    assert sorted(counted[:3]) == [one.name for one in found.program.connections]
