"""Small modules with branches, an entry each, that become graphs: what `test_branches` reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.reading.same import stronger

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


def inhibiting(channels: int) -> nn.Module:
    one = nn.BatchNorm2d(channels)
    nn.init.constant_(one.bias, -0.6)
    return one


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
    "blocks of integrators that add spikes, with biases that inhibit": (
        lambda: net(
            lambda m, x: m.c(
                on(m.p, on(m.h, (s := (r := m.a(on(m.f, x))) + m.b(on(m.o, on(m.g, r))))) + on(m.q, on(m.i, s)))
            ),
            f=conv(2),
            **{name: conv() for name in "ghi"},
            **{name: inhibiting(3) for name in "opq"},
            **{name: neuron.IFNode(step_mode="m") for name in "abc"},
        ),
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
