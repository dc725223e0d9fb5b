"""`paper lmuformer`: the delay by the network's geometry, and its picture and page for any network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from neurodeploy.networks.blocks.frames import FrameConv
from neurodeploy.networks.spike_driven import parts_of, told
from neurodeploy.papers.lmuformer.drawing import draw
from neurodeploy.papers.lmuformer.measure import RECEIVED, delays, enough
from neurodeploy.papers.lmuformer.tables import page
from tests.networks.test_lmuformer import tiny
from tests.report.overlaps import text_problems

CAUSAL = ("lmuformer", "spiking_lmuformer", "spiking_lmuformer_ms")


@pytest.mark.parametrize("model", CAUSAL)
def test_the_delay_is_that_of_the_stream_and_of_whole_windows(model: str) -> None:
    """Ten frames through convolutions without padding: two are complete after four, as the paper draws it."""
    network = tiny(model, blocks=2)
    rows = delays(network)
    x_BCT = torch.randn(1, 10, RECEIVED)
    for row, conv in zip(rows, (one for one in network.modules() if isinstance(one, FrameConv)), strict=False):
        if row["complete"]:
            x_BCT = functional.conv1d(x_BCT, conv.weight)
            assert x_BCT.shape[2] == row["complete"] == RECEIVED - row["lost_so_far"]
    assert [row["complete"] for row in rows[:5]] == [8, 6, 4, 2, 0]
    assert [row["waits_so_far"] for row in rows] == [1, 2, 3, 4, *[network.stream().look_ahead] * 6]
    blocks = ["block.0.attn", "block.0.mlp", "block.1.attn", "block.1.mlp"]
    assert [row["layer"] for row in rows[5:]] == [*blocks, "head"]


def test_attention_waits_for_the_whole_clip() -> None:
    rows = delays(tiny("spiking_transformer"))
    assert [row["waits"] for row in rows] == [1, 1, 1, 1, 1, None, None, None]


def test_enough_frames_keep_99_percent_to_the_end() -> None:
    assert enough([0.99, 0.98, 0.995, 1.0], 1.0) == 3
    assert enough([0.99, 0.99, 0.98], 1.0) is None
    assert enough([], 0.5) is None


def test_page_and_picture_of_every_model() -> None:
    networks = []
    for model in (*CAUSAL, "spiking_transformer"):
        network, whole = tiny(model), [0.9 * (1 - 0.9**frame) for frame in range(1, 65)]
        ways: dict[str, Any] = {"whole clip": {"curve": whole, "late": 0}}
        if model in CAUSAL:
            ways["streamed"] = {"curve": [None] * 5 + whole[:-5], "late": 5}
        for way in ways.values():
            way.update(accuracy=whole[-1], off=1e-14, enough=enough(way["curve"], whole[-1]))
        one: dict[str, Any] = {"what": model, "model": model, "dataset": "fsdd_mel", "sound": 40.0, "ways": ways}
        networks.append(one | {"step_s": 0.01, "delays": delays(network), "chip": told(parts_of(network, 64))})
    published = {"prefixes": [[36, 0.4877], [63, 0.8692], [87, 0.9517], [128, 0.9612]], "source": "a source"}
    result = {"published": published, "networks": networks}
    assert text_problems(draw(result)) == []
    assert text_problems(draw(result | {"networks": networks[2:3]})) == []
    said = page(result)
    assert said.count("| patch_embed.rpe_conv | 1 | 5 | 50 | 2 | 10 | 0 |") == 4
    assert "| block.0.attn | the whole clip |" in said
    assert "87 of 128 frames have 99.0 % of the accuracy of all" in said
    assert said.count("each frame is answered 5 frames later, its scores at most 1.0e-14 off the whole clip's") == 3
    assert "no such neuron: no neuron of a chip has this activation; to change: ReLU or neurons" in said
    (row,) = (line for line in said.splitlines() if line.startswith("| 36 |"))
    assert row.endswith("| 48.77 % |")
    assert row.split(" | ")[1:3] == [f"{100 * whole[35]:.2f} %", f"{100 * whole[30]:.2f} %"]
