"""What the verdict says of accuracy, of silence and of agreement."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nir
import numpy as np
import pytest

import neurodeploy
from neurodeploy.backends import fixed, reference
from neurodeploy.backends.trace import LayerTrace, Trace
from neurodeploy.certificate.accuracy import Paired, paired
from neurodeploy.certificate.certify import CertificateSettings, StageRun, certificate
from neurodeploy.errors import GraphError
from neurodeploy.mapping.compile import compile_network
from tests.graph.images import chained, network, neurons

PUBLISHED = {
    (36, 12, 2, 0): (5.69, 34.04),  # Newcombe 1998, table II, method 10
    (1, 1, 7, 12): (-50.7, -2.6),  # Fagerland, Lydersen and Laake, BMC Med. Res. Methodol. 14, 2014, airway data
}
"""Cells a, b, c, d of a paired table: both, the first alone, the second alone, neither; interval of first - second."""


@pytest.mark.parametrize("cells", PUBLISHED)
def test_the_interval_is_the_published_one(cells: tuple[int, int, int, int]) -> None:
    both, first, second, neither = cells
    found = Paired(both, second, first, neither).change  # before is what is taken off
    low, high = PUBLISHED[cells]
    assert found.points == pytest.approx(100 * (first - second) / sum(cells))
    assert found.low == pytest.approx(low, abs=0.05)
    assert found.high == pytest.approx(high, abs=0.05)


def test_the_interval_holds_the_true_change_in_95_of_100_draws() -> None:
    rng, shares, held = np.random.default_rng(3), np.array([0.85, 0.05, 0.02, 0.08]), 0
    for _ in range(400):
        found = Paired(*map(float, rng.multinomial(150, shares))).change
        held += found.low <= 100 * (shares[2] - shares[1]) <= found.high
    assert 0.93 * 400 <= held <= 0.985 * 400


def test_samples_needed_settle_what_fewer_do_not() -> None:
    few = Paired(93, 4, 1, 2)
    assert not few.settles(0.015)
    needed = few.needed(0.015)
    assert needed is not None
    scaled = [Paired(*(part * needed * size / 100 for part in (93, 4, 1, 2))) for size in (0.8, 1)]
    assert [one.settles(0.015) for one in scaled] == [False, True]
    assert Paired(100, 0, 0, 0).settles(0.05)
    assert not Paired(4, 0, 0, 0).settles(0.015)  # four samples show nothing


def run(backend: str, classes: np.ndarray, spikes_BTN: np.ndarray) -> StageRun:
    """Return a run of one layer "n" of three neurons with the given classes, without states."""
    scores = np.eye(3)[classes]
    counts = spikes_BTN.sum(axis=1)
    inputs = np.ones((len(classes), 2), np.int64)
    return StageRun(Trace(backend, 4, "n", inputs, {"n": counts}, {}, {}, 0.0, scores_BN=scores))


def judged(before: np.ndarray, after: np.ndarray, limit: float) -> Any:
    graph = chained((2,), w=nir.Linear(np.ones((3, 2))), n=neurons(3))
    program = compile_network(network(graph)).program
    spikes = np.ones((len(before), 4, 3), bool)
    states = {"n": LayerTrace(spikes[:1], spikes[:1], spikes[:1])}
    runs = [
        StageRun(replace(run(name, classes, spikes).trace, layers=states))
        for name, classes in (("float", before), ("quantised", after))
    ]
    return certificate(runs, program, np.zeros(len(before), int), CertificateSettings(max_accuracy_drop=limit))


def test_a_loss_that_the_samples_cannot_settle_says_how_many_are_needed() -> None:
    classes = np.zeros(100, int)
    worse = classes.copy()
    worse[:3] = 1
    found = judged(classes, worse, 0.015)
    assert not found.passed
    assert (
        "3.00 points below the first stage's, at most 1.5 are allowed; 100 samples cannot settle that"
        in found.failures[0]
    )
    needed = paired(classes == 0, worse == 0).needed(0.015)
    assert f"about {needed:,} are needed" in found.failures[0]
    assert found.accuracy_change.points == pytest.approx(-3)
    much_worse = np.ones(100, int)
    assert "settle" not in judged(classes, much_worse, 0.015).failures[0]


def test_the_rule_says_what_was_compared_and_what_the_samples_can_show() -> None:
    classes = np.zeros(4, int)
    found = judged(classes, classes, 0.015)
    assert found.passed
    assert found.rule.startswith(
        "quantised may lose at most 1.5 points of float's accuracy: on 4 samples it changed by +0.00"
    )
    assert "but 4 samples cannot settle that" in found.rule
    many = np.zeros(1000, int)
    assert ", which settles it;" in judged(many, many, 0.015).rule


def if_graph() -> nir.NIRGraph:
    """Return the case silent_network: at dt 1e-4 its neuron gains 6e-6 of a threshold a step."""
    ones = np.ones(1)
    return chained((1,), w=nir.Linear(np.array([[0.0625]])), n=nir.IF(r=ones, v_threshold=ones, v_reset=0 * ones))


@pytest.mark.parametrize(("dt_s", "passed"), [(1.0, True), (1e-4, False)])
def test_silence_does_not_pass(dt_s: float, passed: bool, tmp_path: Any) -> None:
    nir.write(tmp_path / "if.nir", if_graph())
    found = neurodeploy.certify(tmp_path / "if.nir", np.ones((1, 60, 1), np.uint8), dt_s=dt_s)
    assert found["passed"] == passed
    fixed = found["stages"][1]
    np.savez(tmp_path / "ones.npz", spikes=np.ones((1, 60, 1), np.uint8), labels=[0])
    said = [
        neurodeploy.simulate(tmp_path / "if.nir", tmp_path / "ones.npz", backend=backend, dt_s=dt_s)["data_notes"]
        for backend in ("reference", "fixed")
    ]
    assert [any("n: never spikes, so no class was found" in note for note in notes) for notes in said] == [
        not passed
    ] * 2
    if passed:
        assert fixed["silent"] == []
        assert fixed["spike_agreement"] == 1.0
        return
    assert fixed["silent"] == ["n"]
    assert (fixed["spike_agreement"], fixed["layers"][0]["spike_agreement"]) == (None, None)
    assert [line.partition(",")[0] for line in found["failures"]] == [
        f"{name}: no layer ever spikes" for name in ("reference", "fixed")
    ]


def test_one_backend_is_no_comparison(tmp_path: Any) -> None:
    nir.write(tmp_path / "if.nir", if_graph())
    with pytest.raises(GraphError, match="backends: found 'fixed'; name two or more to compare"):
        neurodeploy.certify(tmp_path / "if.nir", np.ones((1, 60, 1), np.uint8), dt_s=1.0, backends=("fixed",))


def test_low_agreement_of_spikes_is_in_the_verdict(tmp_path: Any) -> None:
    graph = chained((2,), w=nir.Linear(0.3 * np.eye(2)), n=neurons(2), x=nir.Linear(0.9 * np.eye(2)), m=neurons(2))
    made = compile_network(network(graph))
    nir.write(tmp_path / "g.nir", graph)
    spikes = (np.random.default_rng(0).random((4, 60, 2)) < 0.5).astype(np.uint8)
    whole = neurodeploy.certify(tmp_path / "g.nir", spikes, dt_s=1e-3)
    assert whole["warnings"] == []
    connection = made.program.connections[1]
    weaker = replace(connection, weight=connection.weight // 4 * 2)
    program = replace(made.program, connections=(made.program.connections[0], weaker))
    found = neurodeploy.certify(tmp_path / "g.nir", spikes, dt_s=1e-3, program=program, max_accuracy_drop=1)
    assert "% of the spikes agree with reference, in m " in "".join(found["warnings"])


def test_potentials_that_are_cut_off_are_named() -> None:
    graph = chained((2,), w=nir.Linear(50 * np.ones((3, 2))), n=neurons(3))
    found = network(graph)
    made = compile_network(found)
    data = np.ones((2, 4, 2), np.uint8)
    real, whole = reference.run(found, data, record=True), fixed.run(made.program, data, record=True)
    runs = [StageRun(real), StageRun(replace(whole, overflows={"n": {"wrapped": 0, "saturated": 1234}}))]
    judgement = certificate(runs, made.program, np.zeros(2, int), CertificateSettings())
    assert judgement.passed
    assert "fixed: potentials were cut off at 24 bits (1,234 in n); calibrate on data like these" in judgement.warnings
