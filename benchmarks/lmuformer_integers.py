"""The integers of a spiking LMUFormer: by block, frame by frame, and at the size for Speech Commands.

    python benchmarks/lmuformer_integers.py RUN [--clips 100]

RUN is a folder of `neurodeploy run fsdd_spiking_lmuformer --out RUN`. Printed are, by block, the spikes that the
certificate's layers keep of the graph's and the synops of a frame beside the dense multiply-adds; whether a stream has
every state of the whole clip; and of a network of random weights, 256 wide with 128 features, the milliseconds of a
frame and its cores on Loihi 2.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

import neurodeploy
from neurodeploy.backends import fixed
from neurodeploy.backends.calibration import measure
from neurodeploy.backends.fixed.frames import FrameSimulator
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import choose_plan, compile_network
from neurodeploy.networks.blocks.frames import FrameNorm
from neurodeploy.networks.families.lmuformer import LmuFormerSettings, build, deployable
from neurodeploy.pipeline.conversion import part
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.program.program import INPUT, Program
from neurodeploy.reading.graph_of import graph_of


def block_of(name: str) -> str:
    """Return the part of the network that a layer belongs to.

    >>> [block_of(one) for one in ("patch_embed.proj_lif", "block.0.attn.lmu.m", "head_lif")]
    ['patch_embed', 'block.0.attn', 'head']
    """
    parts = name.split(".")
    return ".".join(parts[:3]) if parts[0] == "block" else parts[0].removesuffix("_lif")


def by_block(program: Program, run: Path, sent_BTI: np.ndarray, n_frames: int) -> None:
    trace = fixed.run(program, sent_BTI, threads=1)
    events = {INPUT: trace.input_counts_BI} | trace.counts
    synops, neurons, dense = Counter[str](), Counter[str](), Counter[str]()
    for one in program.connections:
        total = int((events[one.source].sum(axis=0) * one.fan_out()).sum())
        synops[block_of(one.target)] += total / (len(sent_BTI) * n_frames)
        dense[block_of(one.target)] += 0 if one.name.startswith("behind") else int(one.weight.size)
    for layer in program.layers:
        neurons[block_of(layer.name)] += layer.n_neurons
    stages = json.loads((run / "certificate.json").read_text())["stages"]
    rows: dict[str, list[dict[str, Any]]] = {}
    for one in next(one for one in stages if one["name"] == "fixed")["layers"]:
        rows.setdefault(block_of(one["name"]), []).append(one)
    for block, some in rows.items():
        spiking = [one for one in some if one["spike_agreement"] is not None]
        kept = [100 * one["spike_agreement"] for one in spiking]
        print(
            f"{block:14s} {neurons[block]:5d} neurons, synapses {dense[block]:9,}, synops a frame "
            f"{synops[block]:9,.0f}, spikes kept {min(kept, default=0):.1f} to {max(kept, default=0):.1f} %"
        )


def streamed(program: Program, clips: list[np.ndarray], sent_BTI: np.ndarray) -> None:
    names = [layer.name for layer in program.layers]
    stream = FrameSimulator(program, probes=names)
    for frames_TI, sent_TI in zip(clips, sent_BTI, strict=True):
        whole = fixed.run(program, sent_TI[None], record=True, threads=1)
        heard = [stream.push(frame_I) for frame_I in frames_TI] + list(stream.finish())
        last = heard[-1]
        assert last is not None
        assert last.frame == len(frames_TI) - 1
        total_C = whole.layers[program.output].v_BTN[0, stream.delay :].sum(axis=0)
        assert np.array_equal(last.scores_C, total_C / stream.output.v_per_unit / len(frames_TI))
        for now, sent_I in enumerate([*sent_TI, *np.zeros((program.depth, len(sent_TI[0])), np.int32)]):
            for name, states in stream.simulator.step(sent_I[None]).items():
                for state, wanted in zip(states, whole.layers[name], strict=True):
                    assert np.array_equal(state, wanted[:, now])
        stream.reset()
    print(f"{len(clips)} clips frame by frame: every state is the whole clip's")


def at_full_size() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = build(LmuFormerSettings(), (128,), 35, 0.01)
    for one in network.modules():
        if isinstance(one, FrameNorm):
            one.momentum = None
    x_BTI = torch.randn(4, 128, 128).cumsum(1) / 8
    network.train()(x_BTI)
    frames = deployable(network.eval())
    graph = graph_of(frames, torch.zeros(1, 3, 129), dt_s=0.01).graph
    read = discretised(GraphFile(Path("full"), "full", graph, stores_reset=True))
    plan = choose_plan(read, 8, measure(read, frames.host.currents(x_BTI.numpy())))  # weights rounded one by one
    program = compile_network(read, plan=plan).program
    stream, times = FrameSimulator(program), []
    for frame_I in x_BTI[0].numpy():
        began = time.process_time()
        stream.push(frame_I)
        times.append(1e3 * (time.process_time() - began))
    rates = {name: float(one.mean()) / stream.n_pushed for name, one in stream.simulator.counts.items()}
    print(f"full size: a frame takes {np.median(times):.2f} ms of a core (median), spikes a step and neuron: {rates}")
    few = neurodeploy.profile(program, frames.host.currents(x_BTI.numpy()), chip="loihi2")
    print(f"step {few['latency']['step_s']}, {few['synops_per_sample'] / x_BTI.shape[1]:,.0f} synops a frame")
    for bits in (8, 4):
        plan = choose_plan(read, bits, None)
        found = neurodeploy.fit(compile_network(read, plan=plan).program, chip="loihi2")
        print(f"{bits} bits: {found['cores']} cores; {found['binding_limit']['message']}")
        print([one["effect"] for one in found["advice"]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--clips", type=int, default=100)
    asked = parser.parse_args()
    program = neurodeploy.read_program(asked.run / "program.npz")
    test = part(RunFolder(asked.run).recipe(), "test").first(asked.clips).whole()
    assert program.host is not None
    sent_BTI = program.host.currents(test.spikes_BTI)
    by_block(program, asked.run, sent_BTI, test.spikes_BTI.shape[1])
    streamed(program, list(test.spikes_BTI), sent_BTI)
    at_full_size()


if __name__ == "__main__":
    main()
