"""A Program fed step by step and chunk by chunk is the Program fed at once.

Axes: B sample, T step, I input channel.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

import neurodeploy
from neurodeploy.backends import fixed
from neurodeploy.backends.fixed import ENGINES, Simulator, make_ready
from neurodeploy.backends.trace import check_spikes
from neurodeploy.conformance.generate import random_case
from neurodeploy.errors import DataError, ProgramError
from neurodeploy.program.file import write_program
from neurodeploy.program.program import Program
from tests.backends.lava_support import random_spikes, small_network


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(6))
def test_steps_and_chunks_are_one_run(engine: str, seed: int) -> None:
    case = random_case(seed)
    made = case.program
    spikes = check_spikes(case.spikes, made.n_inputs, "test", graded=made.graded_input)
    names = tuple(layer.name for layer in made.layers)
    whole = fixed.run(made, spikes, record=True, engine="plain")
    fed = Simulator(made, len(spikes), probes=names, engine=engine)
    half = spikes.shape[1] // 2
    found = [fed.step(spikes[:, now]) for now in range(half)]
    kept = {name: [one[name].v_BTN for one in found] for name in names}
    rest, after = fed.advance(spikes[:, half:]), fed.silent(made.depth)
    for name in names:
        steps = [v[:, None] for v in kept[name]] + [rest[name].v_BTN, after[name].v_BTN]
        np.testing.assert_array_equal(np.concatenate(steps, axis=1), whole.layers[name].v_BTN)
        np.testing.assert_array_equal(fed.counts[name], whole.counts[name])
    assert fed.now == made.n_steps(spikes.shape[1])


def test_the_output_is_probed_where_nothing_else_is() -> None:
    fed = Simulator(small_network(0))
    assert list(fed.step()) == ["readout"]
    assert fed.step(np.ones((1, 5)))["readout"].spikes_BTN.shape == (1, 3)


def test_a_closed_loop_can_feed_back_what_came_out() -> None:
    """The neuron's own spike, fed back by the caller, is the loop a connection would be, two steps later."""
    fed = Simulator(small_network(1))
    last = np.zeros((1, 5))
    for _ in range(40):
        out = fed.step(last)["readout"].spikes_BTN
        last = np.pad(out, ((0, 0), (0, 2)), constant_values=True)
    assert fed.counts["readout"].sum() > 0


def test_reset_starts_anew() -> None:
    fed = Simulator(small_network(2), 2)
    spikes = random_spikes(3, 2, 20, 5)
    first = fed.advance(spikes)["readout"].v_BTN
    fed.reset()
    assert fed.now == 0
    np.testing.assert_array_equal(fed.advance(spikes)["readout"].v_BTN, first)


def test_torch_tensors_are_arrays() -> None:
    spikes = random_spikes(4, 2, 10, 5)
    one, other = Simulator(small_network(3), 2), Simulator(small_network(3), 2)
    np.testing.assert_array_equal(
        one.advance(spikes)["readout"].u_BTN, other.advance(torch.tensor(spikes))["readout"].u_BTN
    )


def test_a_path_stands_for_its_program_and_a_name_for_one_probe(tmp_path: Path) -> None:
    write_program(tmp_path / "p.npz", small_network(3))
    fed = neurodeploy.Simulator(tmp_path / "p.npz", probes="readout")
    assert fed.program.digest == small_network(3).digest
    assert list(fed.silent(2)) == ["readout"]
    with pytest.raises(ProgramError, match=r"absent\.npz: cannot be read"):
        neurodeploy.Simulator(tmp_path / "absent.npz")


def told(program: Program, patch: pytest.MonkeyPatch, *, engine: str = "auto", compiled: bool = False) -> list[str]:
    """Return the stages that are told when a process makes its first run."""
    stages: list[str] = []
    module = importlib.import_module("neurodeploy.backends.fixed.run")
    patch.setattr(module, "_LOADED", [])
    patch.setattr(module, "is_kept", lambda _: compiled)
    for _ in range(2):
        make_ready(program, engine, lambda stage, done, total, _="": stages.append(f"{stage} {done}/{total}"))
    return stages


def test_the_first_run_on_a_machine_says_why_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_network(5)
    assert told(network, monkeypatch) == ["compiling 0/1", "compiling 1/1"]
    assert told(network, monkeypatch, compiled=True) == []
    assert told(network, monkeypatch, engine="plain") == []


def test_what_does_not_fit_is_one_line() -> None:
    network = small_network(4)
    fed = Simulator(network, 2)
    with pytest.raises(DataError, match="spikes have 4 channels, the network takes 5"):
        fed.step(np.zeros((2, 4)))
    with pytest.raises(DataError, match="spikes hold 3 samples, 2 are simulated"):
        fed.step(np.zeros((3, 5)))
    with pytest.raises(DataError, match=r"a step has shape \(5,\), \(samples, channels\) is needed"):
        fed.step(np.zeros(5))
    with pytest.raises(DataError, match="spikes: are no array"):
        fed.step([[0] * 5, [0]])
    with pytest.raises(DataError, match="n_steps: found -1, 0 or more is needed"):
        fed.silent(-1)
    with pytest.raises(DataError, match="n_samples: found 0"):
        Simulator(network, 0)
    with pytest.raises(DataError, match="probe: 'lif' is not a layer"):
        Simulator(network, probes=["lif"])
    with pytest.raises(DataError, match=r"engine: 'navite' is unknown; .*native"):
        Simulator(network, engine="navite")
    with pytest.raises(DataError, match="threads: found 0"):
        Simulator(network, threads=0)
    assert fed.now == 0
