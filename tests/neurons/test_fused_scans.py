"""The recurrences in one piece against the readable ones: the same spikes, and autograd's gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch

from neurodeploy.errors import NetworkError
from neurodeploy.neurons import engine
from neurodeploy.neurons.adaptive import AdaptiveCoefficients, AdaptiveState, adaptive_trace
from neurodeploy.neurons.resonator import Complex, ResonatorCoefficients, ResonatorState
from tests.neurons.test_silif_layers import relative_error

pytest.importorskip("numba")
from neurodeploy.neurons.fused import recurrence

EXTENTS = [(2, 60, 8), (3, 50, 13), (2, 20, 64), (2, 40, 136)]
"""A vector, no whole vector, a block, and blocks with a part of one; samples, steps, neurons."""
SMALLEST_MARGIN = 1e-6
"""Where weights between neurons are summed in another order, no potential may lie nearer to the threshold."""


def uniform(generator: torch.Generator, *shape: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
    return torch.rand(*shape, generator=generator) * (high - low) + low


def adaptive_arguments(extent: tuple[int, int, int], *, adapts: bool, recurrent: bool, start: bool) -> list[Any]:
    n_samples, _, n_neurons = extent
    generator = torch.Generator().manual_seed(n_neurons)
    drive_BTN = torch.randn(extent, generator=generator) * 2 + 1
    between_NN = torch.randn(n_neurons, n_neurons, generator=generator) / n_neurons**0.5
    bounds = {"alpha": (0.4, 0.96), "beta": (0.96, 0.99), "a": (0.0, 1.0), "b": (0.0, 2.0)}
    drawn = [uniform(generator, n_neurons, low=low, high=high) for low, high in bounds.values()]
    state = [uniform(generator, n_samples, n_neurons) for _ in range(3)]
    return [
        drive_BTN,
        AdaptiveCoefficients(between_NN if recurrent else None, *(drawn if adapts else drawn[:1])),
        AdaptiveState(state[0], state[1] if adapts else None, state[2]) if start else None,
    ]


def resonator_arguments(extent: tuple[int, int, int], *, start: bool) -> list[Any]:
    n_samples, _, n_neurons = extent
    generator = torch.Generator().manual_seed(n_neurons)
    drive_BTN = torch.randn(extent, generator=generator)
    decay_N = Complex(uniform(generator, n_neurons, low=0.6, high=0.9), uniform(generator, n_neurons, high=0.4))
    gain_N = uniform(generator, n_neurons)
    reset_N = Complex(uniform(generator, n_neurons), uniform(generator, n_neurons))
    state = [uniform(generator, n_samples, n_neurons) for _ in range(3)]
    coefficients = ResonatorCoefficients(decay_N, gain_N, reset_N, 2.0)
    return [drive_BTN, coefficients, ResonatorState(Complex(*state[:2]), state[2]) if start else None]


def readable(*arguments: Any) -> torch.Tensor:
    return engine.trace(*arguments).s_BTN  # type: ignore[no-any-return]


def tensors(values: Iterable[Any]) -> list[torch.Tensor]:
    """Return the tensors among arguments, pairs taken apart."""
    found = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, tuple):
            found += tensors(value)
    return found


def copied(value: Any, *, trains: bool) -> Any:
    """Return copies of the tensors in an argument."""
    if isinstance(value, torch.Tensor):
        return value.clone().requires_grad_(trains)
    if isinstance(value, tuple):
        is_state = isinstance(value, AdaptiveState | ResonatorState)
        return type(value)(*(copied(one, trains=trains and not is_state) for one in value))
    return value


def compare(readable: Callable[..., torch.Tensor], fused: Callable[..., torch.Tensor], arguments: list[Any]) -> None:
    """Assert equal spikes, and gradients within 1e-5 of the largest."""
    upstream = torch.randn(arguments[0].shape, generator=torch.Generator().manual_seed(1)).to(arguments[0].device)
    results = []
    for function in (readable, fused):
        used = [copied(argument, trains=True) for argument in arguments]
        spikes = function(*used)
        (spikes * upstream).sum().backward()
        results.append((spikes.detach(), [one.grad for one in tensors(used[:-1])]))
    (wanted, wanted_grads), (found, found_grads) = results
    assert 0.02 < wanted.mean() < 0.98
    assert torch.equal(found, wanted)
    for mine, autograd in zip(found_grads, wanted_grads, strict=True):
        assert mine is not None
        assert autograd is not None
        assert autograd.abs().max() > 0
        assert relative_error(mine, autograd) < 1e-5


@pytest.mark.parametrize("start", [True, False], ids=["started", "zero"])
@pytest.mark.parametrize("recurrent", [True, False], ids=["recurrent", "forward"])
@pytest.mark.parametrize("adapts", [True, False], ids=["adaptive", "leaky"])
@pytest.mark.parametrize("extent", EXTENTS, ids=str)
def test_the_adaptive_recurrence(extent: tuple[int, int, int], adapts: bool, recurrent: bool, start: bool) -> None:
    arguments = adaptive_arguments(extent, adapts=adapts, recurrent=recurrent, start=start)
    if recurrent:
        traced = adaptive_trace(*arguments)
        assert (traced.u_BTN - 1).abs().min() > SMALLEST_MARGIN
    compare(readable, recurrence.scan, arguments)


@pytest.mark.parametrize("start", [True, False], ids=["started", "zero"])
@pytest.mark.parametrize("extent", EXTENTS, ids=str)
def test_the_resonating_recurrence(extent: tuple[int, int, int], start: bool) -> None:
    compare(readable, recurrence.scan, resonator_arguments(extent, start=start))


def test_spikes_are_equal_over_many_neurons_and_steps() -> None:
    """200,000 potentials, some within float noise of the threshold: each operation is rounded as torch rounds it."""
    for arguments in (
        adaptive_arguments((4, 200, 256), adapts=True, recurrent=False, start=True),
        resonator_arguments((4, 200, 256), start=True),
    ):
        with torch.no_grad():
            assert torch.equal(recurrence.scan(*arguments), readable(*arguments))


@pytest.mark.parametrize("recurrent", [True, False], ids=["recurrent", "forward"])
def test_threads_never_change_a_number(recurrent: bool) -> None:
    results = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            arguments = adaptive_arguments((5, 30, 136), adapts=True, recurrent=recurrent, start=True)
            used = [copied(argument, trains=True) for argument in arguments]
            spikes = recurrence.scan(*used)
            spikes.sum().backward()
            results.append([spikes.detach(), *(one.grad for one in tensors(used[:-1]))])
    finally:
        torch.set_num_threads(before)
    for one, three in zip(*results, strict=True):
        assert one is not None
        assert torch.equal(one, three)


def test_a_surrogate_is_open_below_and_closed_above() -> None:
    """alpha = 0 makes the potential the input: -1/2 and 1/2 beside the threshold, exactly."""
    drive = torch.tensor([0.5, 0.5000001, 1.0, 1.5, 1.5000001]).view(1, 1, 5).requires_grad_()
    recurrence.scan(drive, AdaptiveCoefficients(None, torch.zeros(5))).sum().backward()
    assert drive.grad is not None
    assert drive.grad.flatten().tolist() == [0, 1, 1, 1, 0]


def test_graphs_can_be_gone_through_twice() -> None:
    arguments = adaptive_arguments((2, 20, 64), adapts=True, recurrent=True, start=True)
    used = [copied(argument, trains=True) for argument in arguments]
    loss = recurrence.scan(*used).sum()
    first = torch.autograd.grad(loss, used[0], retain_graph=True)[0]
    other = torch.autograd.grad(loss, used[0])[0]
    assert torch.equal(first, other)


@pytest.mark.parametrize(
    ("drive", "start", "says"),
    [
        (torch.zeros(1, 2, 3, dtype=torch.float64), None, "computes in float32, and this is float64"),
        (torch.zeros(1, 0, 3), None, "the shape is \\(1, 0, 3\\)"),
        (torch.zeros(1, 2, 3), AdaptiveState(torch.zeros(1, 3).requires_grad_(), None, torch.zeros(1, 3)), "before"),
        (torch.zeros(1, 2, 3, device="meta"), None, "runs on cpu and cuda, and this is meta"),
    ],
    ids=["float64", "no steps", "trained start", "device"],
)
def test_what_cannot_run_is_said_or_left_to_the_readable_version(drive: Any, start: Any, says: str) -> None:
    with pytest.raises(NetworkError, match=f"scan_engine 'fused': .*{says}.*'auto' or 'reference'"):
        engine.runs_fused("fused", drive, start)
    assert not engine.runs_fused("auto", drive, start)
    assert not engine.runs_fused("reference", drive, start)


def test_weights_between_neurons_are_for_the_cpu() -> None:
    assert engine.runs_fused("auto", torch.zeros(1, 2, 3), None, recurrent=True)
    with pytest.raises(NetworkError, match="weights between neurons on cpu only"):
        engine.runs_fused("fused", torch.zeros(1, 2, 3, device="meta"), None, recurrent=True)


def test_auto_is_fused_where_that_runs() -> None:
    assert engine.runs_fused("auto", torch.zeros(1, 2, 3), None)
    with pytest.raises(NetworkError, match="scan_engine 'fuzed' is not there; did you mean 'fused'"):
        engine.runs_fused("fuzed", torch.zeros(1, 2, 3), None)
