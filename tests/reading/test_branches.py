"""Branches: sums, concatenations, residuals, splits, shared weights, gains; each module against its graph.

One line a case: what the module does to spikes `x` (steps, samples, ...) with layers of its own, and the sample's
shape. Every spike of every layer is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import neurodeploy
from neurodeploy.errors import FrameworkError
from neurodeploy.reading import graph_of
from tests.reading.same import DT_S, check_same, spikes, stronger

snn = pytest.importorskip("snntorch", reason="snntorch is not installed")
neuron = pytest.importorskip("spikingjelly.activation_based.neuron", reason="spikingjelly is not installed")

T, B, N = 6, 3, 8
FLAT = (T, B, N)
TOKENS = (T, B, 5, N)
PICTURE = (T, B, 2, 4, 4)


class Net(nn.Module):
    """Layers by name, made when they are first asked for, and a function that uses them."""

    def __init__(self, forward: Callable[[Any, torch.Tensor], Any], layers: dict[str, nn.Module]) -> None:
        super().__init__()
        self.net, self.layer = forward, nn.ModuleDict(layers)

    def __getattr__(self, name: str) -> Any:
        layers = self.__dict__["_modules"].get("layer")
        return layers[name] if layers is not None and name in layers else super().__getattr__(name)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(self, x)  # type: ignore[no-any-return]


def net(forward: Callable[[Any, torch.Tensor], Any], **layers: nn.Module) -> nn.Module:
    """Return a module with neurons a, b, c, d and `layers`, with weights that make all of them spike."""
    for name in "abcd":
        layers.setdefault(name, neuron.LIFNode(tau=2.0, decay_input=False, step_mode="m"))
    return stronger(Net(forward, layers), 4).eval()  # type: ignore[no-any-return]


def fc(n_out: int = N, n_in: int = N) -> nn.Module:
    return nn.Linear(n_in, n_out)


def conv(n_in: int = 3, n_out: int = 3) -> nn.Module:
    return nn.Conv2d(n_in, n_out, 3, padding=1)


def on(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Apply a layer to all steps and samples at once, as it takes one axis for both."""
    return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])  # type: ignore[no-any-return]


def cat(*some: torch.Tensor, axis: int = -1) -> torch.Tensor:
    return torch.cat(some, axis)


def before(x: torch.Tensor) -> torch.Tensor:
    """Return what was there a step before."""
    return torch.cat([torch.zeros(1, *x.shape[1:]), x[:-1]])


GAIN = torch.linspace(0.5, 1.5, N)

Case = tuple[Callable[[], nn.Module], tuple[int, ...]]
READ: dict[str, Case] = {
    "sum of populations": (
        lambda: net(lambda m, x: m.c(m.h(m.a(m.f(x)) + m.b(m.g(x)))), f=fc(), g=fc(), h=fc(4)),
        FLAT,
    ),
    "sum of a population and the one after it": (
        lambda: net(lambda m, x: m.c(m.h((a := m.a(m.f(x))) + m.b(m.g(a)))), f=fc(), g=fc(), h=fc(4)),
        FLAT,
    ),
    "sum of currents": (
        lambda: net(lambda m, x: m.c(m.h(a := m.a(m.f(x))) + m.i(m.b(m.g(a)))), f=fc(), g=fc(), h=fc(4), i=fc(4)),
        FLAT,
    ),
    "residual of a convolution": (
        lambda: net(lambda m, x: m.b(on(m.g, a := m.a(on(m.f, x))) + a), f=conv(2), g=conv()),
        PICTURE,
    ),
    "membrane shortcut": (
        lambda: net(lambda m, x: m.b((u := on(m.f, x)) + on(m.g, m.a(u))), f=conv(2), g=conv()),
        PICTURE,
    ),
    "cat of populations": (
        lambda: net(lambda m, x: m.c(m.h(cat(a := m.a(m.f(x)), m.b(m.g(a))))), f=fc(), g=fc(), h=fc(4, 2 * N)),
        FLAT,
    ),
    "cat with the input": (
        lambda: net(lambda m, x: m.c(m.h(cat(x, m.a(m.f(x))))), f=fc(), h=fc(4, 2 * N)),
        FLAT,
    ),
    "cat of channels": (
        lambda: net(
            lambda m, x: m.c(on(m.h, cat(a := m.a(on(m.f, x)), m.b(on(m.g, a)), axis=2))),
            f=conv(2),
            g=conv(),
            h=conv(6),
        ),
        PICTURE,
    ),
    "cat of channels with the input": (
        lambda: net(lambda m, x: m.c(on(m.h, cat(m.a(on(m.f, x)), x, axis=2))), f=conv(2), h=conv(5)),
        PICTURE,
    ),
    "cat of currents": (
        lambda: net(lambda m, x: m.c(m.h(m.a(cat(m.f(x), -m.g(x))))), f=fc(), g=fc(), h=fc(4, 2 * N)),
        FLAT,
    ),
    "cat of sums": (
        lambda: net(
            lambda m, x: m.c(m.h(cat((a := m.a(m.f(x))) + m.b(m.g(x)), 2 * a, x))), f=fc(), g=fc(), h=fc(4, 3 * N)
        ),
        FLAT,
    ),
    "split channels": (
        lambda: net(
            lambda m, x: m.c(m.h((m.a(on(m.f, x[:, :, :1])) + m.b(on(m.g, x[:, :, 1:]))).flatten(2))),
            f=conv(1),
            g=conv(1),
            h=fc(4, 48),
        ),
        PICTURE,
    ),
    "split features": (
        lambda: net(
            lambda m, x: m.c(m.h((a := m.a(m.f(x)))[..., :3]) + m.i(a[..., 3:])), f=fc(), h=fc(4, 3), i=fc(4, 5)
        ),
        FLAT,
    ),
    "split input, weights shared": (
        lambda: net(lambda m, x: m.c(m.h(m.a(m.f(x[..., :4])) + m.b(m.f(x[..., 4:])))), f=fc(N, 4), h=fc(4)),
        FLAT,
    ),
    "another order of channels": (
        lambda: net(lambda m, x: m.b(on(m.g, m.a(on(m.f, x)).flip(2))), f=conv(2), g=conv()),
        PICTURE,
    ),
    "another order of neurons": (lambda: net(lambda m, x: m.c(m.a(m.f(x)).flip(-1)), f=fc()), FLAT),
    "another order of places, pooled": (
        lambda: net(lambda m, x: m.b(on(m.p, m.a(on(m.f, x)).flip(-1))), f=conv(2), p=nn.AvgPool2d(2)),
        PICTURE,
    ),
    "weights used twice": (lambda: net(lambda m, x: m.b(m.f(m.a(m.f(x)))), f=fc()), FLAT),
    "weights used twice, once for a sum": (
        lambda: net(lambda m, x: m.c(m.g(a := m.a(m.f(x))) - m.g(a + x)), f=fc(), g=fc()),
        FLAT,
    ),
    "gain of each neuron": (
        lambda: net(lambda m, x: m.c(m.h(m.a(m.f(x) * GAIN) * GAIN.flip(0))), f=fc(), h=fc(4)),
        FLAT,
    ),
    "gain of each channel": (
        lambda: net(
            lambda m, x: m.b(on(m.g, m.a(on(m.f, x)) * GAIN[:3, None, None]) / GAIN[3:6, None, None]),
            f=conv(2),
            g=conv(),
        ),
        PICTURE,
    ),
    "some neurons masked": (lambda: net(lambda m, x: m.c(m.h(m.a(m.f(x)) * (GAIN > 1))), f=fc(), h=fc(4)), FLAT),
    "mean over places": (
        lambda: net(lambda m, x: m.c(m.h(4 * m.a(on(m.f, x)).mean((3, 4)))), f=conv(2), h=fc(4, 3)),
        PICTURE,
    ),
    "sum over neurons": (
        lambda: net(lambda m, x: m.c(m.h(m.a(m.f(x)).sum(-1, keepdim=True))), f=fc(), h=fc(4, 1)),
        FLAT,
    ),
    "the step before as well": (
        lambda: net(lambda m, x: m.c(m.h(a := m.a(m.f(x))) + m.h(before(a))), f=fc(), h=fc(4)),
        FLAT,
    ),
    "two steps side by side": (
        lambda: net(lambda m, x: m.c(m.h(cat(a := m.a(m.f(x)), before(a)))), f=fc(), h=fc(4, 2 * N)),
        FLAT,
    ),
    "padded": (
        lambda: net(
            lambda m, x: m.b(on(m.g, functional.pad(m.a(on(m.f, x)), (1, 1, 1, 1)))), f=conv(2), g=nn.Conv2d(3, 3, 3)
        ),
        PICTURE,
    ),
    "weights on the last axis": (
        lambda: net(lambda m, x: m.b(m.g(m.a(m.f(x))))[:, :, 0], f=fc(), g=fc(4)),
        TOKENS,
    ),
    "weights on the last axis, flattened": (
        lambda: net(lambda m, x: m.c(m.h(m.b(m.g(m.a(m.f(x)))).flatten(2))), f=fc(), g=fc(4), h=fc(4, 20)),
        TOKENS,
    ),
    "weights on the last axis, then on the one before": (
        lambda: net(lambda m, x: m.b(m.g(m.a(m.f(x)).transpose(2, 3)).mean(-1) * 3), f=fc(), g=fc(4, 5)),
        TOKENS,
    ),
    "weights on the last axis of a picture, a norm behind": (
        lambda: net(
            lambda m, x: m.c(m.h(m.a(on(m.n, m.f(x.movedim(2, 4)).movedim(4, 2))).mean((3, 4)) * 3)),
            f=fc(6, 2),
            n=nn.BatchNorm2d(6),
            h=fc(4, 6),
        ),
        PICTURE,
    ),
    "weights on the last axis, a norm of all rows behind": (
        lambda: net(
            lambda m, x: m.c(m.h(m.a(m.n(m.f(x).flatten(0, 2)).unflatten(0, (T, B, 5))).mean(2) * 3)),
            f=fc(),
            n=nn.BatchNorm1d(N),
            h=fc(4),
        ),
        TOKENS,
    ),
    "residual of tokens": (
        lambda: net(lambda m, x: m.c(m.h(((a := m.a(m.f(x))) + m.b(m.g(a))).mean(2) * 3)), f=fc(), g=fc(), h=fc(4)),
        TOKENS,
    ),
    "pools along one axis": (
        lambda: net(
            lambda m, x: m.c(m.h(on(m.q, m.b(4 * on(m.p, m.a(m.f(x))))).flatten(2))),
            f=fc(),
            p=nn.AvgPool1d(2, padding=1),
            q=nn.MaxPool1d(2),
            h=fc(4, 10),
        ),
        TOKENS,
    ),
    "pools along one axis as functions": (
        lambda: net(
            lambda m, x: m.c(
                m.h(4 * functional.adaptive_avg_pool1d(m.a(m.f(x)).flatten(0, 1), 4).unflatten(0, (T, B)).flatten(2))
            ),
            f=fc(),
            h=fc(4, 20),
        ),
        TOKENS,
    ),
    "windows that overlap": (
        lambda: net(
            lambda m, x: m.c(m.h(on(m.q, on(m.p, m.a(on(m.f, x)) * 9)).flatten(2))),
            f=conv(2),
            p=nn.AdaptiveAvgPool2d(3),
            q=nn.AvgPool2d(2, 1),
            h=fc(4, 12),
        ),
        PICTURE,
    ),
    "padding that is not counted": (
        lambda: net(
            lambda m, x: m.c(m.h(on(m.p, m.a(on(m.f, x)) * 4).flatten(2))),
            f=conv(2),
            p=nn.AvgPool2d(3, 2, 1, count_include_pad=False, ceil_mode=False),
            h=fc(4, 12),
        ),
        PICTURE,
    ),
    "and of spikes": (lambda: net(lambda m, x: m.c(m.h(m.a(m.f(x)) * m.b(m.g(x)))), f=fc(), g=fc(), h=fc(4)), FLAT),
    "and of a population and the one after it": (
        lambda: net(lambda m, x: m.c(on(m.h, (a := m.a(on(m.f, x))) * m.b(on(m.g, a)))), f=conv(2), g=conv(), h=conv()),
        PICTURE,
    ),
    "and with what does not spike": (
        lambda: net(lambda m, x: m.c(m.h((a := m.a(m.f(x))) * (1.0 - m.b(m.g(a))))), f=fc(), g=fc(), h=fc(4)),
        FLAT,
    ),
    "or of spikes, and with the input": (
        lambda: net(
            lambda m, x: m.c(m.h(((m.a(m.f(x)).bool() | m.b(m.g(x)).bool()) & x.bool()).float())),
            f=fc(),
            g=fc(),
            h=fc(4),
        ),
        FLAT,
    ),
    "tokens masked by spikes": (
        lambda: net(
            lambda m, x: m.d(m.h((m.a(m.f(x).sum(-1, keepdim=True)) * m.b(m.g(x))).mean(2) * 4)),
            f=fc(),
            g=fc(),
            h=fc(4),
        ),
        TOKENS,
    ),
    "flattened and back": (
        lambda: net(lambda m, x: m.b(on(m.g, m.a(m.f(x.flatten(2))).unflatten(2, (3, 4, 4)))), f=fc(48, 32), g=conv()),
        PICTURE,
    ),
}


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
