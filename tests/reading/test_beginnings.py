"""Neurons that begin with a potential of their own: the graph, whose neurons begin at 0, gives the same spikes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import neurodeploy
from neurodeploy.errors import FrameworkError
from neurodeploy.reading import graph_of
from tests.reading.same import DT_S, N_IN, B, T, check_same, spikes, stronger

snn = pytest.importorskip("snntorch", reason="snntorch is not installed: pip install snntorch==1.0.0")
norse = pytest.importorskip("norse.torch", reason="norse is not installed: pip install --no-deps norse==1.1.0")
OF_EACH = torch.linspace(-0.9, 0.6, 12)


class Begins(nn.Module):
    """A loop over time in which neurons get their first state from the module."""

    def __init__(self, neurons: nn.Module, state: Any) -> None:
        super().__init__()
        self.fc, self.neurons, self.state = nn.Linear(N_IN, 12), neurons, state

    def forward(self, x_TBI: torch.Tensor) -> torch.Tensor:
        state = self.state(x_TBI.shape[1])
        found = []
        for x in x_TBI:
            spk, state = self.neurons(self.fc(x), state)
            found.append(spk.to_dense() if spk.is_sparse else spk)
        return torch.stack(found)


def lif_state(v: torch.Tensor, i: float = 0.0) -> Any:
    return norse.LIFFeedForwardState(v=v, i=torch.full(v.shape, i))


@pytest.mark.parametrize(
    ("neurons", "state"),
    [
        (lambda: snn.Leaky(beta=0.8, reset_mechanism="zero"), lambda n: OF_EACH.expand(n, 12)),
        (lambda: snn.Leaky(beta=0.8), lambda n: OF_EACH.expand(n, 12)),
        (lambda: snn.Leaky(beta=1.0), lambda n: OF_EACH.expand(n, 12)),
        (
            lambda: norse.LIFCell(p=norse.LIFParameters(v_leak=torch.tensor(-0.2))),
            lambda n: lif_state(OF_EACH.expand(n, 12)),
        ),
    ],
    ids=["zero", "subtract", "no leak", "norse"],
)
def test_a_first_potential_for_each_neuron(neurons: Any, state: Any, tmp_path: Path) -> None:
    module, sample = stronger(Begins(neurons(), state), 3), spikes(T, B, N_IN)
    read, _ = check_same(module, sample, tmp_path)
    module.state = lambda n: (
        lif_state(torch.full((n, 12), -0.2)) if "LIF" in type(module.neurons).__name__ else torch.zeros(n, 12)
    )
    equations = neurodeploy.deploy(Begins(neurons(), state), sample, dt_s=DT_S).certificate["stages"][1]["equations"]
    assert equations["holds"]
    at_rest = graph_of(module, sample, dt_s=DT_S)
    assert (at_rest.spikes["neurons"] != read.spikes["neurons"]).any(), "the first potential makes no difference"


@pytest.mark.parametrize(
    ("neurons", "state", "said"),
    [
        (lambda: snn.Leaky(beta=0.8), lambda n: torch.rand(n, 12) / 2, "begins with another potential for one sample"),
        (
            lambda: snn.Leaky(beta=0.8),
            lambda n: torch.full((n, 12), 1.5),
            "begins with a potential that is not below its",
        ),
        (
            lambda: norse.LIFCell(),
            lambda n: lif_state(torch.zeros(n, 12), 0.1),
            "begins with a current or spikes that are",
        ),
    ],
    ids=["by sample", "above", "current"],
)
def test_what_no_graph_begins_with(neurons: Any, state: Any, said: str) -> None:
    with pytest.raises(FrameworkError, match=rf"^neurons \(\w+\): {said}"):
        graph_of(stronger(Begins(neurons(), state), 3), spikes(T, B, N_IN), dt_s=DT_S)


def test_a_reset_value_that_is_not_leaked_to(tmp_path: Path) -> None:
    pytest.importorskip("spikingjelly", reason="spikingjelly is not installed")
    from spikingjelly.activation_based import neuron

    neurons = neuron.CUBALIFNode(c_decay=0.5, v_decay=0.7, v_reset=-0.3, v_threshold=0.8)
    check_same(stronger(nn.Sequential(nn.Linear(N_IN, 12), neurons), 2), spikes(T, B, N_IN), tmp_path)
