"""A Program as a network of Lava's own processes, run in blocks of samples.

Spikes enter from Lava's ring buffer, every connection is its `Dense`, every layer its `LIF`, all in
their `fixed_pt` models. Several samples share a network as unconnected copies: block-diagonal
weights leave each copy's arithmetic as it is.

Imports Lava, so it is loaded only where Lava is. Axes: B sample, T step, I channel, N neuron.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from lava.magma.core.process.process import AbstractProcess, ProcessServer
from lava.magma.core.process.variable import VarServer
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF

from neurodeploy.backends.lava.blocks import block_folder, blocks_of, layer_file
from neurodeploy.backends.lava.processes import IntegerLif, RecordedLif
from neurodeploy.backends.trace import Progress
from neurodeploy.fixedpoint import rules
from neurodeploy.mapping.connection import Connection
from neurodeploy.mapping.layer import AnyLayer, Layer
from neurodeploy.mapping.program import INPUT, Program

STEPS_AT_ONCE = 64
"""Lava is told to run so many steps, then the caller hears of it: often enough for a timeout."""


def run_blocks(
    program: Program,
    spikes: np.ndarray,
    folder: Path,
    *,
    record: bool,
    samples_per_run: int,
    progress: Progress,
) -> float:
    """Run every sample, leave the states in `folder`, and return the seconds inside Lava's run().

    Args:
        spikes: Checked input spikes, uint8 (B, T, I).
        folder: Existing and empty; `blocks.read_part` reads what is left there.
        record: Keep every state, not only counts.
        samples_per_run: Samples side by side in one network.
    """
    n_samples, n_input_steps, _ = spikes.shape
    n_steps = program.n_steps(n_input_steps)
    seconds = 0.0
    for first, after in blocks_of(n_samples, samples_per_run):
        here = block_folder(folder, first)
        here.mkdir()

        def steps_done(steps: int, first: int = first, n_block: int = after - first) -> None:
            progress(first + n_block * steps // n_steps, n_samples)

        with _forgotten_after():
            network = _build(program, spikes[first:after], n_steps, here, record)
            seconds += _run(network, n_steps, steps_done)
    return seconds


def _run(process: AbstractProcess, n_steps: int, steps_done: Callable[[int], None]) -> float:
    """Run the network that `process` belongs to, and stop it whatever happens."""
    chosen = Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map={LIF: RecordedLif})
    try:
        process.create_runtime(run_cfg=chosen)
        seconds = 0.0
        for first, after in blocks_of(n_steps, STEPS_AT_ONCE):
            started = time.perf_counter()
            process.run(condition=RunSteps(num_steps=after - first))
            seconds += time.perf_counter() - started
            steps_done(after)
    except BaseException:
        _abandon(process)
        raise
    process.stop()
    return seconds


def _abandon(process: AbstractProcess) -> None:
    """End a network that failed; its orderly stop would wait for processes that are gone."""
    runtime = process.runtime
    if runtime is None:
        return
    runtime._is_started = False
    for actor in runtime._messaging_infrastructure.actors:
        with contextlib.suppress(Exception):
            actor.kill()
    with contextlib.suppress(Exception):
        runtime._messaging_infrastructure.stop()


@contextlib.contextmanager
def _forgotten_after() -> Iterator[None]:
    """Take out of Lava's registers what the block puts there: they keep every process for good."""
    processes, variables, log = ProcessServer().processes, VarServer().vars, logging.getLogger()
    n_processes, n_variables, handlers = len(processes), len(variables), list(log.handlers)
    try:
        yield
    finally:
        del processes[n_processes:], variables[n_variables:]
        log.handlers[:] = handlers


def _build(program: Program, spikes: np.ndarray, n_steps: int, folder: Path, record: bool) -> AbstractProcess:
    """Return one process of the network; Lava finds the others from it."""
    n_block, n_input_steps, n_inputs = spikes.shape
    data = np.zeros((n_block * n_inputs, n_steps), np.int32)
    data[:, :n_input_steps] = spikes.transpose(0, 2, 1).reshape(n_block * n_inputs, n_input_steps)
    sources: dict[str, Any] = {INPUT: RingBuffer(data=data)}
    for index, layer in enumerate(program.layers):
        recorder = {"file": str(layer_file(folder, index)), "n_steps": n_steps, "record": record}
        sources[layer.name] = _neurons(layer, n_block, recorder)
    for one in program.connections:
        synapses = _synapses(one, n_block)
        sources[one.source].s_out.connect(synapses.s_in)
        synapses.a_out.connect(sources[one.target].a_in)
    return sources[program.layers[0].name]


def _neurons(layer: AnyLayer, n_block: int, recorder: dict[str, Any]) -> AbstractProcess:
    """Return Lava's LIF wherever it can express the layer, else our own process."""
    assert isinstance(layer, Layer)
    names = {"u": "u_init", "v": "v_init", "bias_mant": "bias_mant"}
    each = {name: np.tile(getattr(layer, key), n_block) for name, key in names.items()}
    each["bias_exp"] = np.full_like(each["u"], layer.bias_exp)
    if layer.shared and layer.reset == rules.RESET_ZERO:
        shared = {key: int(getattr(layer, key)[0]) for key in ("du", "dv", "vth")}
        return LIF(shape=each["u"].shape, **each, **shared, recorder=recorder)
    own = {key: np.tile(getattr(layer, key), n_block) for key in ("du", "dv", "vth")}
    return IntegerLif(**each, **own, reset=layer.reset, recorder=recorder)


def _synapses(one: Connection, n_block: int) -> AbstractProcess:
    return Dense(weights=np.kron(np.eye(n_block, dtype=np.int64), one.weight), weight_exp=int(one.weight_exp))
