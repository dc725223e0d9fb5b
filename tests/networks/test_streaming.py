"""A stream gives what the whole clip does, look_ahead frames later, and survives what is pushed by mistake."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.errors import NetworkError
from neurodeploy.networks.blocks.frames import FrameNorm
from neurodeploy.networks.families.lmuformer import LmuFormer, LmuFormerSettings, build
from neurodeploy.networks.streaming import Heard
from tests.networks.test_lmuformer import recorded, tiny
from tests.neurons.test_lmu_layers import assert_near

CAUSAL = ("lmuformer", "spiking_lmuformer", "spiking_lmuformer_ms")


def lively(network: LmuFormer, x_BTI: torch.Tensor) -> LmuFormer:
    """Return a new network whose norms have seen the frames, so that its neurons fire."""
    for one in network.modules():
        if isinstance(one, FrameNorm):
            one.momentum = None
            torch.nn.init.uniform_(one.weight, 0.7, 1.5)
            torch.nn.init.uniform_(one.bias, -0.2, 0.8)
    network.train()(x_BTI)
    return network.eval()


def streamed(network: LmuFormer, x_TI: torch.Tensor) -> list[Heard]:
    """Return all answers of a stream, which come as late as it says."""
    stream = network.stream()
    at_once = [stream.push(frame) for frame in x_TI]
    assert [one is None for one in at_once] == [step < stream.look_ahead for step in range(len(x_TI))]
    found = [one for one in at_once if one is not None] + stream.finish()
    assert [one.frame for one in found] == list(range(len(x_TI)))
    return found


def assert_streams(network: LmuFormer, x_BTI: torch.Tensor, most: float) -> None:
    """Check features and scores of every frame against the whole clip's, to a part of the largest of them."""
    with torch.no_grad():
        features_BTC, scores_BTC = network.features(x_BTI), network.scores_so_far(x_BTI)
    for x_TI, features_TC, scores_TC in zip(x_BTI, features_BTC, scores_BTC, strict=True):
        found = streamed(network, x_TI)
        assert_near(torch.stack([one.features_C for one in found]), features_TC, most)
        assert_near(torch.stack([one.scores_C for one in found]), scores_TC, most)


@pytest.mark.data
@pytest.mark.parametrize("model", CAUSAL)
def test_recorded_networks_stream_the_recorded_scores(model: str, tmp_path: Path) -> None:
    network, arrays = recorded(model, tmp_path)
    for sample, x_TI in enumerate(torch.tensor(arrays["x"])):
        found = torch.stack([one.scores_C for one in streamed(network, x_TI)])
        np.testing.assert_allclose(found, arrays["out_all_seq"][:, sample], rtol=0, atol=1e-5)


@pytest.mark.parametrize("model", CAUSAL)
@pytest.mark.parametrize("frames", [1, 3, 6, 60])
def test_a_stream_gives_what_the_whole_clip_does(model: str, frames: int) -> None:
    torch.manual_seed(0)
    network = tiny(model, blocks=2, memory=11, theta=20.0, input_mean=-2.0, input_scale=3.0)
    x_BTI = 3 * torch.randn(2, frames, 10, dtype=torch.float64)
    lively(network.double(), 3 * torch.randn(2, 60, 10, dtype=torch.float64))
    assert_streams(network, x_BTI, 1e-9)


def test_the_look_ahead_is_what_the_whole_clip_shows() -> None:
    torch.manual_seed(0)
    network = lively(tiny("lmuformer").double(), torch.randn(2, 60, 10, dtype=torch.float64))
    x_BTI = torch.randn(1, 60, 10, dtype=torch.float64)
    other = x_BTI.clone()
    other[0, 30] += 1
    with torch.no_grad():
        changed_T = (network.features(x_BTI) - network.features(other)).abs().amax((0, 2)) > 1e-9
    assert 30 - int(changed_T.nonzero()[0]) == network.stream().look_ahead == 5
    assert tiny("spiking_lmuformer_ms").stream().look_ahead == 5


@pytest.mark.parametrize("model", ["lmuformer", "spiking_lmuformer_ms"])
def test_networks_of_full_size_stream(model: str) -> None:
    torch.manual_seed(0)
    network = build(LmuFormerSettings(model=model), (128,), 35, 0.01)  # type: ignore[arg-type]
    x_BTI = torch.randn(1, 24, 128)
    lively(network, torch.randn(4, 24, 128))
    if model == "lmuformer":
        assert_streams(network, x_BTI, 1e-5)
    assert_streams(network.double(), x_BTI.double(), 1e-9)


def held(value: Any) -> int:
    """Return how many numbers a stream holds, but for the network's weights."""
    if isinstance(value, torch.Tensor):
        return value.numel()
    if isinstance(value, (list, tuple, deque)):
        return sum(held(one) for one in value)
    inside = type(value).__module__ == "neurodeploy.networks.streaming"
    return sum(held(one) for one in vars(value).values()) if inside else 0


def test_what_a_stream_holds_does_not_grow() -> None:
    torch.manual_seed(0)
    stream = tiny("spiking_lmuformer_ms").stream()
    sizes = []
    for step in range(200):
        stream.push(torch.randn(10))
        if step in (20, 199):
            sizes.append(held(stream))
    assert sizes[0] == sizes[1] > 0


def test_a_stream_goes_on_after_what_is_no_frame_and_starts_anew() -> None:
    torch.manual_seed(0)
    network, x_TI = tiny("lmuformer").eval(), torch.randn(9, 10)
    stream, other = network.stream(), network.stream()
    assert stream.finish() == []
    found = []
    for step, frame in enumerate(x_TI):
        for bad, says in (
            (np.zeros(11), r"has shape \(11,\), \(10,\) finite numbers are needed; it was not taken"),
            (np.zeros((1, 10)), r"has shape \(1, 10\)"),
            (np.full(10, np.nan), "holds what is not finite"),
            ("frame", "is no array of numbers"),
        ):
            with pytest.raises(NetworkError, match=rf"^stream: frame {step} {says}"):
                stream.push(bad)
        found.append(stream.push(frame.numpy()))
    for mine, wanted in zip(found, (other.push(frame) for frame in x_TI), strict=True):
        assert (mine is None) == (wanted is None)
        assert mine is None or wanted is None or torch.equal(mine.scores_C, wanted.scores_C)
    assert len(stream.finish()) == stream.look_ahead
    again = [stream.push(frame) for frame in x_TI]
    assert again[5] is not None
    assert again[5].frame == 0
    with pytest.raises(NetworkError, match=r"^stream: SpikingAttention needs the whole clip before its first answer"):
        tiny("spiking_transformer").stream()
