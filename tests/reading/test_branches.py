"""Branches: sums, concatenations, residuals, splits, shared weights, gains; each module against its graph.

One line a case: what the module does to spikes `x` (steps, samples, ...) with layers of its own, and the sample's
shape. Every spike of every layer is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import neurodeploy
from neurodeploy.errors import FrameworkError
from neurodeploy.reading import graph_of
from tests.reading.branches import FLAT, PICTURE, READ, TOKENS, N, T, conv, fc, net, on
from tests.reading.same import DT_S, check_same, spikes, stronger

snn = pytest.importorskip("snntorch", reason="snntorch is not installed")
neuron = pytest.importorskip("spikingjelly.activation_based.neuron", reason="spikingjelly is not installed")


class Memory(nn.Module):
    """A linear memory in torch's own tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.keep, self.take, self.lif = nn.Parameter(torch.eye(N) / 2), nn.Linear(N, N), neuron.LIFNode()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        held, found = torch.zeros(x.shape[1], N), []
        for step in x:
            held = held @ self.keep + self.take(step)
            found.append(self.lif(held))
        return torch.stack(found)


class Changed(nn.Module):
    """A state that is halved between steps."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.lif = nn.Linear(N, N), snn.Leaky(0.9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mem, found = self.lif.reset_mem(), []
        for step in x:
            spk, mem = self.lif(self.fc(step), mem)
            mem = mem / 2
            found.append(spk)
        return torch.stack(found)


REFUSED: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "product of currents": (
        lambda: net(lambda m, x: m.c(m.f(x) * m.a(m.g(x))), f=fc(), g=fc()),
        FLAT,
        r"^Net: torch's mul combines what layer.f \(Linear\) gives with what layer.a \(LIFNode\) gives; only spikes",
    ),
    "attention": (
        lambda: net(lambda m, x: m.c((a := m.a(m.f(x))) @ m.b(m.g(x)).transpose(-1, -2) @ a), f=fc(), g=fc()),
        TOKENS,
        r"^Net: torch's matmul combines what layer.a \(LIFNode\) gives with what layer.b \(LIFNode\) gives; only",
    ),
    "product with a sum of spikes": (
        lambda: net(lambda m, x: m.c((a := m.a(m.f(x))) * (a + m.b(m.g(x)))), f=fc(), g=fc()),
        FLAT,
        r"^Net: torch's mul combines .* with what layer.a \(LIFNode\) and layer.b \(LIFNode\) gives",
    ),
    "maximum of a sum": (
        lambda: net(
            lambda m, x: m.c(on(m.p, (a := m.a(on(m.f, x))) + m.b(on(m.g, a)))), f=conv(2), g=conv(), p=nn.MaxPool2d(2)
        ),
        PICTURE,
        r"^layer.p \(MaxPool2d\): takes the maximum of sums or multiples of spikes \(of layer.a and layer.b\)",
    ),
    "neurons used twice": (
        lambda: net(lambda m, x: m.b(m.a(m.g(m.a(m.f(x))))), f=fc(), g=fc()),
        FLAT,
        r"^layer.a: is called twice in a step with one state for both; give each place neurons of its own",
    ),
    "weights along time": (
        lambda: net(lambda m, x: m.a(m.f(x.permute(1, 2, 0)).permute(2, 0, 1)), f=nn.Conv1d(N, N, 3, padding=1)),
        FLAT,
        r"^layer.f \(Conv1d\): gives layer.a \(LIFNode\) numbers of several steps",
    ),
    "a linear memory": (
        Memory,
        (T, T, N),
        r"^matmul \(Linear\): gets what it gave a step before, without neurons between",
    ),
    "a state that is changed": (
        Changed,
        FLAT,
        r"^lif \(Leaky\): its state was changed by the module between steps \(lif",
    ),
    "a matrix that is too large": (
        lambda: net(lambda m, x: m.b(m.a(m.f(x)).flip(-1)), f=fc(5000)),
        FLAT,
        r"^layer.b: takes 5000 of 5000 numbers in an order that only a matrix of 25000000 weights",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_graph_cannot_say_has_its_cause(name: str) -> None:
    make, shape, said = REFUSED[name]
    with pytest.raises(FrameworkError, match=said) as caught:
        graph_of(make(), spikes(*shape), dt_s=DT_S)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", READ)
def test_a_branch_becomes_a_graph_and_a_program(name: str, tmp_path: Path) -> None:
    make, shape = READ[name]
    check_same(make(), spikes(*shape), tmp_path)
    made = neurodeploy.deploy(make(), spikes(*shape), dt_s=DT_S)
    assert made.agreement["equal"]
    assert made.certificate["stages"][1]["equations"]["holds"]
    assert not any("its bias acts" in note for note in made.notes)


def test_weights_on_the_last_axis_stay_small(tmp_path: Path) -> None:
    """A convolution of one tap over tokens, no matrix of tokens by tokens; neurons follow its order."""
    generator = torch.Generator().manual_seed(1)
    lif = snn.Leaky(
        torch.rand(5, N, generator=generator), threshold=0.5 + torch.rand(5, N, generator=generator), init_hidden=True
    )
    last = snn.Leaky(0.9, init_hidden=True)
    module = stronger(nn.Sequential(nn.Linear(N, N), lif, nn.Linear(N, 3), nn.Flatten(), nn.Linear(15, 4), last), 3)
    read, _ = check_same(module, spikes(*TOKENS), tmp_path)
    assert {type(one).__name__ for one in read.graph.nodes.values() if hasattr(one, "groups")} == {"Conv1d"}
    assert max(np.size(one.weight) for one in read.graph.nodes.values() if hasattr(one, "weight")) == N * N
    assert read.graph.nodes["leaky1"].v_threshold.shape == (N, 5)
