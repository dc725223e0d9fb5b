"""LMU modules against recorded runs of the reference, and their fast ways against the equations step by step."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from neurodeploy.errors import NetworkError
from neurodeploy.neurons.lmu import legendre_matrices
from neurodeploy.neurons.lmu_blocks import BLOCK
from neurodeploy.neurons.lmu_layers import LMU, LMUFFT, WAYS, LMUCell
from tests.needs import golden_file

ORDER_OF_SUMS = 1e-6
"""Relative to the largest number: float32 sums in another order than the reference's."""


def recorded(name: str, module: torch.nn.Module) -> dict[str, Any]:
    """Return a recording, whose arrays the module has taken over."""
    with np.load(golden_file("lmu", f"{name}_layer.npz")) as stored:
        arrays = {key: torch.tensor(stored[key]) for key in stored.files}
    state = {key.split(".", 1)[1]: value for key, value in arrays.items() if key.startswith(("param.", "buffer."))}
    module.load_state_dict(state)
    return arrays


def assert_near(found: torch.Tensor | None, wanted: torch.Tensor, part: float = ORDER_OF_SUMS) -> None:
    assert found is not None
    torch.testing.assert_close(found, wanted.to(found), rtol=0, atol=part * float(wanted.detach().abs().max()))


@pytest.mark.data
@pytest.mark.parametrize("stepped", [False, True])
def test_the_recorded_lmu_is_repeated_with_its_gradients(stepped: bool) -> None:
    module = LMU(3, 10, 8, 16)
    arrays = recorded("lmu", module)
    x = arrays["x"].requires_grad_()
    if stepped:
        states = list(itertools.accumulate(x.unbind(1), lambda s, x: module.cell(x, s), initial=zeros(module, 2)))
        out, (h, m) = torch.stack([h for h, _ in states[1:]], 1), states[-1]
        assert_near(torch.stack([m for _, m in states[1:]], 1), arrays["m_seq"])
    else:
        out, (h, m) = module(x)
    for found, name in ((out, "out"), (h, "h_n"), (m, "m_n")):
        assert_near(found, arrays[name])
    (out * arrays["upstream_grad"]).sum().backward()
    assert_near(x.grad, arrays["grad_x"])
    for name, parameter in module.named_parameters():
        assert_near(parameter.grad, arrays[f"grad.{name}"])


@pytest.mark.data
def test_the_recorded_lmufft_is_repeated_with_its_gradients() -> None:
    module = LMUFFT(3, 10, 8, 40, 16)
    arrays = recorded("lmufft", module)
    x = arrays["x"].requires_grad_()
    out, h = module(x)
    for found, name in ((out, "out"), (h, "h_n")):
        assert_near(found, arrays[name])
    (out * arrays["upstream_grad"]).sum().backward()
    assert_near(x.grad, arrays["grad_x"])
    for name, parameter in module.named_parameters():
        assert_near(parameter.grad, arrays[f"grad.{name}"])
    for way in WAYS:
        assert_near(module.memories(x, way=way), arrays["m_seq_recurrent_f64"])
    last_h, last_m = module.run(x, last=True)
    assert_near(last_h, arrays["h_n"])
    assert_near(last_m, arrays["m_seq_recurrent_f64"][:, -1])


@pytest.fixture
def precise() -> Iterator[None]:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def zeros(module: LMU, n_samples: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(n_samples, module.cell.sizes["hidden_size"]), torch.zeros(n_samples, len(module.cell.A))


def learning_lmu() -> LMU:
    module = LMU(3, 5, 6, 9.5, learn_a=True, learn_b=True)
    with torch.no_grad():
        module.cell.e_m.uniform_(-0.3, 0.3)
    return module


def results(run: Callable[..., Any], module: LMU, n_steps: int, read_all: bool) -> list[torch.Tensor]:
    """Return what a run gives, and the gradients of a loss on all of it or on the last states alone."""
    generator = torch.Generator().manual_seed(n_steps)
    shapes = (4, n_steps, 3), (4, 5), (4, 6)
    x, *state = (torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes)
    out, (h, m) = run(x, tuple(state))
    loss = h.sum() + (m * m).sum() + (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum() * read_all
    return [out, h, m, *torch.autograd.grad(loss, [x, *state, *module.parameters()])]


@pytest.mark.usefixtures("precise")
@pytest.mark.parametrize("n_steps", [1, BLOCK, 2 * BLOCK + 5])
@pytest.mark.parametrize("read_all", [True, False])
def test_the_scan_and_all_its_gradients_are_those_of_the_cell(n_steps: int, read_all: bool) -> None:
    module = learning_lmu()

    def stepped(x: torch.Tensor, state: Any) -> Any:
        states = list(itertools.accumulate(x.unbind(1), lambda s, x: module.cell(x, s), initial=state))
        return torch.stack([h for h, _ in states[1:]], 1), states[-1]

    for found, wanted in zip(*(results(run, module, n_steps, read_all) for run in (module, stepped)), strict=True):
        assert_near(found, wanted, 1e-12)


@pytest.mark.usefixtures("precise")
@pytest.mark.parametrize("n_steps", [1, 7, 100])
def test_an_lmufft_is_the_same_whichever_way_it_takes(n_steps: int) -> None:
    module, x, start = LMUFFT(2, 5, 6, None, 9.5), torch.randn(40, n_steps, 2), torch.randn(40, 6)
    A, B = legendre_matrices(6, 9.5)
    u, m, wanted = (x @ module.W_u.weight.t() + module.W_u.bias).relu().detach().numpy(), start.numpy(), []
    for step in range(n_steps):
        m = m @ A.T + u[:, step] * B
        wanted.append(m)
    for way in ("steps", "blocks", ""):
        np.testing.assert_allclose(module.memories(x, start, way=way).detach(), np.stack(wanted, 1), atol=1e-13)
    assert_near(module.memories(x, way="fft"), module.memories(x, way="steps"), 1e-12)
    h, end = module.run(x, start)
    for n_samples in (40, 1):  # in blocks where they pay, and through all memories
        some = module.run(x[:n_samples], start[:n_samples])[0]
        assert_near(some, module.W_h(torch.cat([torch.tensor(np.stack(wanted, 1)), x], 2)).relu()[:n_samples], 1e-12)
    for found, expected in zip(module.run(x, start, last=True), (h[:, -1], end), strict=True):
        assert_near(found, expected, 1e-12)


@pytest.mark.usefixtures("precise")
def test_a_sequence_may_come_in_parts() -> None:
    lmu, fft, x = LMU(3, 5, 6, 9.5), LMUFFT(3, 5, 6, None, 9.5), torch.randn(2, 70, 3)
    whole, end = lmu(x)
    first, state = lmu(x[:, :31])
    second, state = lmu(x[:, 31:], state)
    assert_near(torch.cat([first, second], 1), whole, 1e-12)
    assert_near(state[1], end[1], 1e-12)
    _, m = fft.run(x[:, :31], last=True)
    assert_near(fft.run(x[:, 31:], m, last=True)[0], fft(x)[1], 1e-12)


def test_what_is_kept_follows_the_memory() -> None:
    module, x = LMUFFT(1, 3, 4, None, 9), torch.rand(2, 30, 1)
    before = module.run(x, last=True)[1]
    other = LMUFFT(1, 3, 4, None, 20)
    module.load_state_dict(other.state_dict() | {"W_u.weight": module.W_u.weight, "W_u.bias": module.W_u.bias})
    assert not torch.allclose(before, module.run(x, last=True)[1])
    assert_near(module.run(x, last=True)[1], module.memories(x, way="steps")[:, -1])


@pytest.mark.parametrize("psmnist", [False, True])
def test_sizes_and_initial_values_are_the_references(psmnist: bool) -> None:
    cell = LMU(1, 212, 256, 784, psmnist=psmnist).cell
    assert sum(one.numel() for one in cell.parameters()) + 2130 == 102_027  # with 10 classes
    silent = {name for name, one in cell.named_parameters() if not one.any()}
    assert silent == ({"e_h", "e_m", "W_x", "W_h"} if psmnist else {"e_m"})
    assert float(cell.W_m.detach().std()) == pytest.approx((2 / (212 + 256)) ** 0.5, rel=0.02)
    module = LMUFFT(1, 346, 468, 784, 784)
    assert sum(one.numel() for one in module.parameters()) + 3470 == 166_092


def test_weights_go_to_files_and_back(tmp_path: Path) -> None:
    module, other, x = LMU(2, 3, 4, 5), LMU(2, 3, 4, 50), torch.rand(1, 6, 2)
    save_file(module.state_dict(), tmp_path / "lmu.safetensors")
    torch.save(module.state_dict(), tmp_path / "lmu.pt")
    for state in (load_file(tmp_path / "lmu.safetensors"), torch.load(tmp_path / "lmu.pt", weights_only=True)):
        other.load_state_dict(state)
        assert torch.equal(other(x)[0], module(x)[0])


def test_a_learned_memory_that_grows_is_refused() -> None:
    module = LMU(1, 3, 4, 5, learn_a=True)
    module.cell.check_stable()
    with torch.no_grad():
        module.cell.A.copy_(1.02 * torch.eye(4))
    with pytest.raises(NetworkError, match=r"^LMU: its learned A has a spectral radius of 1\.02, at most 1"):
        module.cell.check_stable()


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: LMU(1, 3, 0, 5), "LMU: found memory_size=0, at least 1 is needed"),
        (lambda: LMUCell(1, 0, 4, 5), "LMU: found hidden_size=0, at least 1 is needed"),
        (lambda: LMUFFT(1, 3, 4, 0, 5), "LMU: found seq_len=0, at least 1 is needed"),
        (lambda: LMU(1, 3, 4, 0.5), "LMU: found theta=0.5, the window must be finite and at least 1 step long"),
        (
            lambda: LMU(2, 3, 4, 5)(torch.zeros(6, 0, 2)),
            "LMU: found an input of shape (6, 0, 2), (samples, steps, inputs) with at least one each and 2 inputs "
            "is needed",
        ),
        (
            lambda: LMUCell(2, 3, 4, 5)(torch.zeros(6, 1), (torch.zeros(6, 3), torch.zeros(6, 4))),
            "LMU: found an input of shape (6, 1), (samples, inputs) with at least one each and 2 inputs is needed",
        ),
        (
            lambda: LMU(2, 3, 4, 5)(torch.zeros(6, 7, 2), (torch.zeros(6, 4), torch.zeros(6, 4))),
            "LMU: found a state of hidden of shape (6, 4), (samples, hidden_size) = (6, 3) is needed",
        ),
        (
            lambda: LMUFFT(2, 3, 4, None, 5).run(torch.zeros(6, 7, 2), torch.zeros(4)),
            "LMU: found a state of memory of shape (4,), (samples, memory_size) = (6, 4) is needed",
        ),
        (
            lambda: LMUFFT(2, 3, 4, None, 5).run(torch.zeros(6, 7, 2), (torch.zeros(6, 3), torch.zeros(6, 4))),  # type: ignore[arg-type]
            "LMU: found a state of memory that is a tuple, (samples, memory_size) = (6, 4) is needed",
        ),
        (
            lambda: LMU(2, 3, 4, 5)(torch.zeros(6, 7, 2), torch.zeros(6, 3)),
            "LMU: found a state that is a Tensor, a pair (h, m) of tensors is needed",
        ),
        (
            lambda: LMU(2, 3, 4, 5)(torch.zeros(6, 7, 2), (torch.zeros(6, 3),)),
            "LMU: found a state of length 1, a pair (h, m) of tensors is needed",
        ),
    ],
)
def test_what_cannot_be_is_one_line(make: Callable[[], Any], line: str) -> None:
    with pytest.raises(NetworkError) as error:
        make()
    assert str(error.value) == line
