"""What a module takes: several inputs, numbers of every type, what torch compiled; and what is said of the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import neurodeploy
from neurodeploy.errors import DataError, FrameworkError
from neurodeploy.reading import graph_of
from tests.reading.same import DT_S, check_same, spikes, stronger

snn = pytest.importorskip("snntorch", reason="snntorch is not installed")
neuron = pytest.importorskip("spikingjelly.activation_based.neuron", reason="spikingjelly is not installed")

T, B = 12, 4
KEPT = {"init_hidden": True, "reset_mechanism": "zero"}


def leaky() -> nn.Module:
    return snn.Leaky(0.8, **KEPT)  # type: ignore[no-any-return]


class Two(nn.Module):
    """Two inputs of a step, each through weights of its own."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.a, self.b, self.l1, self.c, self.l2 = first, second, leaky(), nn.Linear(8, 3), leaky()

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.l2(self.c(self.l1(self.a(x) + self.b(y))))  # type: ignore[no-any-return]


class Cat(Two):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.l2(self.c(self.l1(self.a(torch.cat([y, x], -1)))))  # type: ignore[no-any-return]


class Pair(Two):
    """Both inputs as one argument, and the loop over time inside."""

    def forward(self, pair: Any) -> torch.Tensor:  # type: ignore[override]
        return torch.stack([super(Pair, self).forward(x, y) for x, y in zip(*pair, strict=True)])


def flat(kind: type[Two], n_in: int = 6) -> nn.Module:
    return stronger(kind(nn.Linear(n_in, 8), nn.Linear(5, 8)), 3)  # type: ignore[no-any-return]


def images() -> nn.Module:
    """Images of another size each."""
    first = nn.Sequential(nn.Conv2d(2, 2, 3), nn.Flatten())
    second = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten())
    return stronger(Two(first, second), 3)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (lambda: flat(Two), ((T, B, 6), (T, B, 5))),
        (lambda: flat(Cat, 11), ((T, B, 6), (T, B, 5))),
        (lambda: flat(Pair), ((T, B, 6), (T, B, 5))),
        (images, ((T, B, 2, 4, 4), (T, B, 1, 3, 3))),
    ],
    ids=["two", "cat", "pair", "images"],
)
def test_several_inputs_are_one_side_by_side(
    make: Callable[[], nn.Module], shapes: tuple[tuple[int, ...], ...], tmp_path: Path
) -> None:
    both = tuple(spikes(*shape, seed=seed) for seed, shape in enumerate(shapes))
    read, _ = check_same(make(), both, tmp_path)  # type: ignore[arg-type]
    channels = sorted(read.inputs_BTF.reshape(T * B, -1).sum(axis=0))
    assert channels == sorted(torch.cat([one.flatten(2) for one in both], 2).sum((0, 1)).tolist())
    one: Any = [0]
    batches = DataLoader(one, collate_fn=lambda _: (both, torch.zeros(B)))
    made = neurodeploy.deploy(make(), both, dt_s=DT_S, test=batches)
    assert made.agreement["equal"]
    assert made.certificate["stages"][1]["equations"]["holds"]
    of_loader = neurodeploy.deploy(make(), batches, dt_s=DT_S)
    np.testing.assert_array_equal(of_loader.read.inputs_BTF, read.inputs_BTF)
    assert (of_loader.certificate["labels"], made.certificate["labels"]) == ("given", "given")
    more = [torch.cat([part, part])[:, :2] for part in both]
    np.testing.assert_array_equal(made.read.feed(more)[:, :T], read.inputs_BTF[:2])
    assert made.simulate(tuple(more)).n_input_steps == 2 * T


def test_several_inputs_that_do_not_go_together_are_one_line() -> None:
    x, y = spikes(T, B, 6), spikes(T, B, 5)
    said = r"^sample_input: has inputs of shapes \(12, 4, 6\), \(4,\); only numbers of every step .* forward="
    with pytest.raises(FrameworkError, match=said):
        graph_of(flat(Pair), (x, torch.tensor([12, 7, 3, 12])), dt_s=DT_S)
    with pytest.raises(FrameworkError, match=r"^sample_input: holds a dict that is no array"):
        graph_of(flat(Two), {"x": x}, dt_s=DT_S)
    made = neurodeploy.deploy(flat(Two), (x, y), dt_s=DT_S)
    for batch, said in (
        (x, "^inputs: found Tensor, the module takes a tuple of 2"),
        ((x, y, y), "^inputs: found 3, the module takes a tuple of 2"),
        ((y, x), r"^inputs: have shapes \(12, 4, 5\), \(12, 4, 6\), which are not those of the sample input"),
        ((x, y[:5]), r"^inputs: have shapes \(12, 4, 6\), \(5, 4, 5\)"),
    ):
        with pytest.raises(DataError, match=said):
            made.simulate(batch)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_numbers_of_every_type_that_a_module_runs_in(dtype: torch.dtype, tmp_path: Path) -> None:
    """Weights of a few bits and no decay, so that nothing is rounded in any of them."""
    module = nn.Sequential(nn.Linear(6, 8, bias=False), neuron.IFNode(v_threshold=1.5, v_reset=0.0, step_mode="m"))
    generator = torch.Generator().manual_seed(0)
    module[0].weight.data = torch.randint(-2, 4, (8, 6), generator=generator).to(dtype) / 4
    check_same(module.to(dtype), spikes(T, B, 6).to(dtype), tmp_path)


def test_a_type_that_a_module_does_not_run_in_is_told_in_its_own_words() -> None:
    module = nn.Sequential(nn.Linear(6, 8), leaky(), nn.Linear(8, 3), leaky()).double()
    with pytest.raises(FrameworkError, match=r"^2 \(Linear\): .*RuntimeError: .* same dtype, .*; deploy module.float"):
        graph_of(module, spikes(T, B, 6).double(), dt_s=DT_S)


@pytest.mark.parametrize("whole", [True, False], ids=["all of it", "a part"])
def test_what_torch_compiled_is_read_as_it_was_written(whole: bool, tmp_path: Path) -> None:
    def compiled(module: nn.Module) -> Any:
        return torch.compile(module, backend="eager")

    part = stronger(nn.Sequential(nn.Linear(6, 8)), 4)
    module = nn.Sequential(part if whole else compiled(part), leaky())
    read, _ = check_same(compiled(module) if whole else module, spikes(T, B, 6), tmp_path)
    assert list(read.nodes.values()) == ["0.0", "1"]


class Encoded(nn.Module):
    """What encodes pictures by itself."""

    def __init__(self, encode: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.encode, self.f, self.l = encode, nn.Linear(6, 3), leaky()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.l(self.f(step)) for step in self.encode(x)])


def test_what_encodes_by_itself_is_told_to_do_it_outside() -> None:
    spikegen = pytest.importorskip("snntorch.spikegen")
    encoding = pytest.importorskip("spikingjelly.activation_based.encoding")
    for encode, who in (
        (lambda x: spikegen.rate(x, 5), "Encoded: torch's clamp"),
        (lambda x: torch.bernoulli(x.expand(5, *x.shape)), "Encoded: torch's bernoulli"),
        (encoding.PoissonEncoder(), r"encode \(PoissonEncoder\):"),
    ):
        with pytest.raises(FrameworkError, match=f"^{who}.* makes spikes of the input; encode it outside"):
            graph_of(Encoded(encode), torch.rand(B, 6), dt_s=DT_S)
