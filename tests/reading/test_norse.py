"""Modules of Norse, written as its notebooks write them, give their own spikes as graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.reading import graph_of
from tests.reading.same import DT_S, N_IN, B, T, check_same, spikes, stronger

norse = pytest.importorskip("norse.torch", reason="norse is not installed: neurodeploy frameworks setup")


def box(**values: float) -> Any:
    return norse.LIFBoxParameters(**{name: torch.tensor(value) for name, value in values.items()})


def lif(**values: float) -> Any:
    return norse.LIFParameters(**{name: torch.tensor(value) for name, value in values.items()})


@pytest.mark.parametrize(
    "neuron",
    [
        lambda: norse.LIFCell(),
        lambda: norse.LIFCell(p=lif(tau_syn_inv=300.0, tau_mem_inv=60.0, v_th=0.4)),
        lambda: norse.LIFCell(p=lif(v_leak=-0.2, v_reset=-0.4, v_th=0.3)),
        lambda: norse.LIFBoxCell(p=box(v_th=0.3)),
        lambda: norse.LIFBoxCell(
            p=norse.LIFBoxParameters(v_th=torch.tensor(0.3), reset_method=norse.functional.reset.reset_subtract)
        ),
        lambda: norse.IAFCell(),
    ],
    ids=["lif", "parameters", "leak and reset", "box", "box-subtract", "iaf"],
)
def test_cells_a_step_at_a_time(neuron: Any, tmp_path: Path) -> None:
    """`net(x[t], state)` in a loop of the user's own, which the reader makes itself."""
    module = norse.SequentialState(
        nn.Linear(N_IN, 30), neuron(), nn.Linear(30, 5), norse.LIFBoxCell(p=box(v_th=0.4, tau_mem_inv=400.0))
    )
    read, _ = check_same(stronger(module, 4), spikes(T, B, N_IN), tmp_path)
    assert read.readout == "spikes"


def test_sequences_and_lift(tmp_path: Path) -> None:
    module = norse.SequentialState(
        norse.Lift(nn.Conv2d(2, 6, 3)),
        norse.LIF(p=lif(v_th=0.3)),
        nn.Flatten(2),
        norse.LIFRecurrent(6 * 64, 8, p=lif(v_th=0.5)),
        nn.Linear(8, 3),
        norse.LI(),
    )
    module[3].input_weights.data.uniform_(-0.1, 0.12, generator=torch.Generator().manual_seed(1))
    read, _ = check_same(stronger(module, 6), spikes(T, B, 2, 10, 10), tmp_path, readout="v_last")
    assert read.readout == "v_last"
    assert read.inputs.time_axis == 0


class Memory(nn.Module):
    """A recurrent cell and a leaky readout with their states in a loop, the class by the largest potential."""

    def __init__(self, hidden: Any, out: Any) -> None:
        super().__init__()
        self.hidden, self.fc, self.out = hidden, nn.Linear(30, 5, bias=False), out

    def forward(self, x_TBI: torch.Tensor) -> torch.Tensor:
        state = out_state = None
        voltages = []
        for step in range(x_TBI.shape[0]):
            spk, state = self.hidden(x_TBI[step], state)
            voltage, out_state = self.out(self.fc(spk), out_state)
            voltages.append(voltage)
        largest, _ = torch.max(torch.stack(voltages), 0)
        return torch.nn.functional.log_softmax(largest, dim=1)


@pytest.mark.parametrize("out", ["LICell", "LIBoxCell"])
def test_states_in_a_loop(out: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    hidden = norse.LIFRecurrentCell(N_IN, 30, p=lif(v_th=0.5))
    module = Memory(hidden, getattr(norse, out)())
    sample = spikes(T, B, N_IN)
    read, trace = check_same(module, sample, tmp_path)
    assert read.readout == "v_max"
    np.testing.assert_array_equal(trace.predictions_B, module(sample).argmax(1).numpy())


def test_a_cell_lifted_over_time(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(N_IN, 12), norse.Lift(norse.LIFCell(p=lif(v_th=0.3))))
    check_same(stronger(module, 3), spikes(T, B, N_IN), tmp_path)


def test_another_time_step_than_the_cells() -> None:
    module = stronger(norse.SequentialState(nn.Linear(N_IN, 30), norse.LIFCell()), 4)
    with pytest.raises(FrameworkError, match=r"^1 \(LIFCell\): has a time step of 0.001 s, 0.002 was given"):
        graph_of(module, spikes(T, B, N_IN), dt_s=2e-3)


@pytest.mark.parametrize(
    ("neuron", "said"),
    [
        (
            lambda: norse.LSNNCell(),
            r"^1 \(LSNNCell\): is not taken from norse, because it raises its threshold with its spikes.*; IAF",
        ),
        (
            lambda: norse.LIFRefracCell(),
            r"^1 \(LIFRefracCell\): is not taken from norse, because it keeps its potential for some steps",
        ),
        (lambda: norse.LIFCell(p=lif(tau_mem_inv=1500.0)), r"^1 \(LIFCell\): tau_mem_inv is 1500.0, 0 to 1 / dt"),
    ],
    ids=["lsnn", "refractory", "decay"],
)
def test_a_neuron_that_no_graph_can_say(neuron: Any, said: str) -> None:
    module = stronger(norse.SequentialState(nn.Linear(N_IN, 30), neuron(), nn.Linear(30, 5), norse.LICell()), 4)
    with pytest.raises(FrameworkError, match=said) as caught:
        graph_of(module, spikes(T, B, N_IN), dt_s=DT_S)
    assert "\n" not in str(caught.value)
