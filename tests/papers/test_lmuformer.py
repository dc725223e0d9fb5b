"""`paper lmuformer`: the delay by the network's geometry, and its picture and page for any network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from neurodeploy.backends import fixed
from neurodeploy.backends.calibration import measure
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import compile_network
from neurodeploy.networks.blocks.frames import FrameConv
from neurodeploy.networks.families.lmuformer import deployable
from neurodeploy.networks.spike_driven.signals import told
from neurodeploy.networks.spike_driven.table import parts_of
from neurodeploy.papers.lmuformer import measure as measuring
from neurodeploy.papers.lmuformer.drawing import draw
from neurodeploy.papers.lmuformer.measure import RECEIVED, delays, enough
from neurodeploy.papers.lmuformer.tables import page
from neurodeploy.pipeline.conversion import read_network
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.program.file import write_program
from tests.networks.test_lmuformer import tiny
from tests.reading.test_frames import FRAMES, clips, trained
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


def test_a_runs_program_streams_beside_its_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the integers, the classes at the end are those of a run of whole clips."""
    network, x_BTI = trained("spiking_lmuformer_ms"), clips(4)
    frames, labels_B = deployable(network), np.array([0, 1, 2, 3])
    file = GraphFile(Path("m.nir"), "m", read_network(frames, 0.01).graph, stores_reset=True)
    whole, sent = discretised(file), frames.host.currents(x_BTI.numpy())
    program = compile_network(whole, measured=measure(whole, sent)).program
    write_program(tmp_path / "program.npz", program)

    class Test:
        def __len__(self) -> int:
            return len(x_BTI)

        def first(self, limit: int) -> Test:
            return self

        def batches(self, size: int) -> Iterator[Any]:
            yield SimpleNamespace(spikes_BTI=x_BTI.float().numpy(), labels_B=labels_B)

    monkeypatch.setattr(RunFolder, "recipe", lambda self: None)
    monkeypatch.setattr(measuring, "trained_network", lambda folder: network)
    monkeypatch.setattr(measuring, "part", lambda recipe, split: Test())
    ways = measuring.measured(RunFolder(tmp_path), 4, lambda *_: None)["ways"]
    assert list(ways) == ["whole clip", "streamed", "streamed integers"]
    integers = ways["streamed integers"]
    late = 5 + program.layer(program.output).start
    assert integers["late"] == late
    assert [one is None for one in integers["curve"]] == [frame < late for frame in range(FRAMES)]
    last_BC = fixed.run(program, sent, record=True, threads=1).layers[program.output].v_BTN[:, -1]
    assert integers["accuracy"] == float((last_BC.argmax(1) == labels_B).mean())
    assert ways["streamed"]["off"] < 1e-9 < integers["off"] < 1, "a spike that is missing is all of an early frame"
    assert ways["streamed"]["same"] == 1 > integers["same"] > 0.8


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
            way.update(accuracy=whole[-1], off=1e-3, same=0.99, enough=enough(way["curve"], whole[-1]))
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
    assert said.count("answered 5 frames later, with its class in 99.0 %, scores at most 0.1 % of the largest off") == 3
    assert "no such neuron: no neuron of a chip has this activation; to change: ReLU or neurons" in said
    (row,) = (line for line in said.splitlines() if line.startswith("| 36 |"))
    assert row.endswith("| 48.77 % |")
    assert row.split(" | ")[1:3] == [f"{100 * whole[35]:.2f} %", f"{100 * whole[30]:.2f} %"]
