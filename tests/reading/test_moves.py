"""What only moves numbers between layers is read in any form; what an output, or a module without neurons, is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nir
import pytest
import torch
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.reading import graph_of
from tests.reading.same import DT_S, N_IN, B, T, check_same, spikes, stronger

snn = pytest.importorskip("snntorch", reason="snntorch is not installed: pip install snntorch==1.0.0")


def lif() -> Any:
    return snn.Leaky(beta=0.5, init_hidden=True)


@pytest.mark.parametrize(
    "move",
    [nn.ReflectionPad2d(1), nn.CircularPad2d(1), nn.Upsample(scale_factor=2), nn.PixelShuffle(2), nn.ChannelShuffle(2)],
    ids=lambda one: type(one).__name__,
)
def test_pictures_are_moved(move: nn.Module, tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(2, 4, 3), lif(), move, nn.LazyConv2d(3, 2), lif())
    sample = spikes(T, B, 2, 6, 6)
    module(sample[0])
    check_same(stronger(module, 4), sample, tmp_path)


@pytest.mark.parametrize("pad", [(1, 1, 1, 1), (2, 0, 1, 3)])
def test_zeros_around_pictures_cost_no_matrix(pad: tuple[int, int, int, int], tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(2, 4, 3), lif(), nn.ZeroPad2d(pad), nn.Conv2d(4, 3, 2), lif())
    read, _ = check_same(stronger(module, 4), spikes(T, B, 2, 6, 6), tmp_path)
    assert not any(isinstance(node, nir.Linear | nir.Affine) for node in read.graph.nodes.values())


class Two(nn.Module):
    """Two outputs, and what is made of them."""

    def __init__(self, of: Any) -> None:
        super().__init__()
        self.a, self.b, self.of = nn.Linear(N_IN, 3), nn.Linear(N_IN, 3), of
        self.one, self.two = lif(), lif()

    def forward(self, x: torch.Tensor) -> Any:
        return self.of(self.one(self.a(x)), self.two(self.b(x)))


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (Two(lambda a, b: a + b), "module: combines what one and two give, which no readout does"),
        (Two(lambda a, b: a.numpy()), "module: gives list, in which there is no tensor"),
        (
            nn.Sequential(nn.Linear(N_IN, 3), snn.Alpha(alpha=0.9, beta=0.8, init_hidden=True)),
            r"1 \(Alpha\): is not taken",
        ),
        (nn.Sequential(nn.Linear(N_IN, 3), nn.ReLU()), "module: has no spiking neurons that are known"),
    ],
    ids=["sum", "numpy", "unknown neurons", "no neurons"],
)
def test_the_true_cause(module: nn.Module, said: str) -> None:
    with pytest.raises(FrameworkError, match=f"^{said}"):
        graph_of(module.eval(), spikes(T, B, N_IN), dt_s=DT_S)
