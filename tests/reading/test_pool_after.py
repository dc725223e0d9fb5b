"""Maximum pooling of currents: refused with what the change costs, and `pool="after"` makes exactly that change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from neurodeploy.errors import FrameworkError
from neurodeploy.reading import graph_of
from tests.reading.same import DT_S, B, T, check_same, spikes, stronger

snn = pytest.importorskip("snntorch", reason="snntorch is not installed: pip install snntorch==1.0.0")


class Tutorial(nn.Module):
    """conv, pool, neurons in a loop over time, as snnTorch's tutorial 6 writes it."""

    def __init__(self, after: bool) -> None:
        super().__init__()
        self.after = after
        self.conv1, self.conv2, self.fc = nn.Conv2d(2, 6, 3), nn.Conv2d(6, 8, 2), nn.Linear(32, 4)
        self.lif1, self.lif2, self.lif3 = (snn.Leaky(beta=0.5) for _ in range(3))

    def forward(self, x_TBCHW: torch.Tensor) -> torch.Tensor:
        mem1, mem2, mem3 = (one.init_leaky() for one in (self.lif1, self.lif2, self.lif3))
        found = []
        for x in x_TBCHW:
            spk1, mem1 = self._neurons(self.lif1, self.conv1(x), mem1)
            spk2, mem2 = self._neurons(self.lif2, self.conv2(spk1), mem2)
            spk3, mem3 = self.lif3(self.fc(spk2.flatten(1)), mem3)
            found.append(spk3)
        return torch.stack(found)

    def _neurons(self, lif: Any, current: torch.Tensor, mem: torch.Tensor) -> Any:
        if not self.after:
            return lif(F.max_pool2d(current, 2), mem)
        spk, mem = lif(current, mem)
        return F.max_pool2d(spk, 2), mem


def sequential() -> nn.Module:
    def lif(**options: Any) -> Any:
        return snn.Leaky(beta=0.5, init_hidden=True, **options)

    norm = nn.BatchNorm1d(3)
    norm.running_mean = torch.tensor([0.1, 0.0, -0.2])
    layers = (nn.Conv1d(2, 3, 3), nn.MaxPool1d(2), norm, lif(), nn.Flatten(), nn.Linear(15, 4), lif(output=True))
    return stronger(nn.Sequential(*layers).eval(), 6)  # type: ignore[no-any-return]


def test_the_change_is_the_one_written_by_hand(tmp_path: Path) -> None:
    sample = spikes(T, B, 2, 12, 12)
    mine, by_hand = (stronger(Tutorial(after=after), 2) for after in (False, True))
    read, _ = check_same(mine, sample, tmp_path, pool="after")
    wanted = graph_of(by_hand, sample, dt_s=DT_S)
    with torch.no_grad():
        own, moved = mine(sample), by_hand(sample)
    assert not torch.equal(own, moved)
    np.testing.assert_array_equal(read.spikes["lif3"], moved.transpose(0, 1).numpy() > 0)
    for name in ("lif1", "lif2", "lif3"):
        np.testing.assert_array_equal(read.spikes[name], wanted.spikes[name])
    assert read.own is not None
    np.testing.assert_array_equal(read.own.classes_B, moved.sum(0).argmax(1).numpy())
    again = read.own.classes(read.inputs_BTF)
    np.testing.assert_array_equal(again, read.own.classes_B)


def test_the_note_counts_what_changes() -> None:
    sample = spikes(T, B, 2, 12, 12)
    mine, by_hand = (stronger(Tutorial(after=after), 2) for after in (False, True))
    counts = []
    for module in (mine, by_hand):
        found: list[torch.Tensor] = []
        for lif in (module.lif1, module.lif2):
            lif.register_forward_hook(lambda _, args, given, found=found: found.append(given[0].detach()))
        scores = module(sample).sum(0)
        first = torch.stack(found[::2])
        pooled = first if module is mine else F.max_pool2d(first.flatten(0, 1), 2).unflatten(0, first.shape[:2])
        counts.append((pooled, scores.argmax(1)))
    (before, own), (after, others) = counts
    note = graph_of(mine, sample, dt_s=DT_S, pool="after").notes[-1]
    assert f"{int((own != others).sum())} of {B} classes change" in note
    told = f"{int(before.sum()):,} before, {int(after.sum()):,} after, {int((before != after).sum()):,} differ"
    assert f"spikes of lif1: {told}" in note


def test_pools_and_norms_as_modules(tmp_path: Path) -> None:
    read, _ = check_same(sequential(), spikes(T, B, 2, 12), tmp_path, pool="after")
    assert read.graph.nodes["leaky3"].v_threshold.shape == (3, 10)


def test_without_the_option_the_refusal_says_what_it_costs() -> None:
    cost = rf"\(on the sample input \d of {B} classes change; spikes of 3: [\d,]+ before, [\d,]+ after, \d+ differ\)"
    said = rf"^1 \(MaxPool1d\): takes the maximum of currents.*put it after 3 \(Leaky\), as pool='after' does {cost}"
    with pytest.raises(FrameworkError, match=said) as caught:
        graph_of(sequential(), spikes(T, B, 2, 12), dt_s=DT_S)
    assert "\n" not in str(caught.value)


def test_a_sequence_of_spikingjelly(tmp_path: Path) -> None:
    pytest.importorskip("spikingjelly", reason="spikingjelly is not installed")
    from spikingjelly.activation_based import functional, layer, neuron

    layers = (layer.Conv2d(2, 3, 3), layer.MaxPool2d(2, 2), neuron.LIFNode(v_threshold=0.4), layer.Flatten())
    module = stronger(nn.Sequential(*layers, layer.Linear(75, 4), neuron.LIFNode()), 2)
    functional.set_step_mode(module, "m")
    check_same(module, spikes(T, B, 2, 12, 12), tmp_path, pool="after")


def test_a_pool_whose_maximum_goes_on_to_weights() -> None:
    weights = (nn.Conv1d(2, 3, 3), nn.MaxPool1d(2), nn.Conv1d(3, 3, 2))
    module = nn.Sequential(*weights, snn.Leaky(beta=0.5, init_hidden=True))
    with pytest.raises(FrameworkError, match=r"^1 \(MaxPool1d\): takes the maximum of currents.*2 takes what it gives"):
        graph_of(module, spikes(T, B, 2, 12), dt_s=DT_S, pool="after")
