"""A Program as a network of Lava's own processes, run in blocks of samples.

Spikes enter from Lava's ring buffer, a connection is its `Dense`, `DelayDense`, `Conv` or `Sparse`, a
layer its `LIF`, `LIFReset`, `Sigma`, `Delta` or `SigmaDelta`, all in their `fixed_pt` models; neurons that
Lava lacks are processes of ours. Several samples share a network as unconnected copies: block-diagonal
weights, groups of a convolution, or one matrix used for each leave each copy's arithmetic as it is.

Imports Lava, so it is loaded only where Lava is. Axes: B sample, T step, I channel, N neuron.
"""

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
from lava.proc.conv.process import Conv
from lava.proc.dense.process import DelayDense, Dense
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF, LIFReset
from lava.proc.sdn.process import ActivationMode, Delta, Sigma, SigmaDelta
from lava.proc.sparse.process import DelaySparse, Sparse
from lava.utils.weightutils import SignMode
from scipy import sparse

from neurodeploy.backends.lava import synapses
from neurodeploy.backends.lava.blocks import block_folder, blocks_of, layer_file, overflow_file
from neurodeploy.backends.lava.processes import MODELS, DenseByExponent, IntegerNeurons
from neurodeploy.backends.scores import read_by_step
from neurodeploy.backends.trace import Progress
from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.program import layer as layers
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.program import INPUT, Program

STEPS_AT_ONCE = 64
"""Lava is told to run so many steps, then the caller hears of it: often enough for a timeout."""


def run_blocks(
    program: Program, spikes: np.ndarray, folder: Path, *, record: bool, samples_per_run: int, progress: Progress
) -> float:
    """Run every sample, leave the states in `folder`, and return the seconds inside Lava's run().

    Args:
        spikes: Checked input spikes, (B, T, I).
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

        with forgotten_after():
            network = _build(program, spikes[first:after], n_steps, here, record)
            seconds += run_steps(network, n_steps, steps_done)
    return seconds


def run_steps(process: AbstractProcess, n_steps: int, steps_done: Callable[[int], None]) -> float:
    """Run the network that `process` belongs to, and stop it whatever happens."""
    chosen = Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=MODELS)
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
def forgotten_after() -> Iterator[None]:
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
    ends: dict[str, Any] = {INPUT: RingBuffer(data=data)}
    for index, layer in enumerate(program.layers):
        recorder: dict[str, Any] = {"file": str(layer_file(folder, index)), "n_steps": n_steps, "record": record}
        if layer.name == program.output:
            recorder |= {"readout": program.readout, "start": layer.start, "by_step": read_by_step(program)}
        ends[layer.name] = _neurons(layer, n_block, recorder)
    for index, one in enumerate(program.connections):
        graded = {"num_message_bits": rules.MESSAGE_BITS if program.graded(one.source) else 0}
        source, target = ends[one.source].s_out, ends[one.target].a_in
        if synapses.runs_as_conv(one):
            _connect_conv(one, source, target, n_block, graded, overflow_file(folder, index))
            continue
        parts = list(synapses.matrices(one))
        if synapses.shares_a_process(one):
            processes = [DenseByExponent(one=one, parts=parts, n_block=n_block, **graded)]
        else:
            processes = [_matrix(one, part, n_block, graded) for part in parts]
        for process in processes:
            source.connect(process.s_in)
            process.a_out.connect(target)
    return ends[program.layers[0].name]


def _neurons(layer: AnyLayer, n_block: int, recorder: dict[str, Any]) -> AbstractProcess:
    """Return Lava's own neurons wherever they can express the layer, else our own process."""
    process: AbstractProcess
    if isinstance(layer, layers.SigmaDelta):
        process = _sigma_delta(layer, n_block)
    elif isinstance(layer, layers.Layer) and layer.reset == rules.RESET_ZERO and not layer.rests:
        names = {"u": "u_init", "v": "v_init", "bias_mant": "bias_mant"}
        values: dict[str, Any] = {name: np.tile(getattr(layer, key), n_block) for name, key in names.items()}
        values["bias_exp"] = np.full_like(values["u"], layer.bias_exp)
        for key in ("du", "dv", "vth"):
            # Lava documents one number for all neurons; its model broadcasts one for each as well.
            each = getattr(layer, key)
            values[key] = int(each[0]) if layer.shared else np.tile(each, n_block)
        if layer.clear_every:
            offset = layer.clear_offset % layer.clear_every
            values |= {"reset_interval": layer.clear_every, "reset_offset": offset}
        process = (LIFReset if layer.clear_every else LIF)(shape=values["u"].shape, **values)
        process.proc_params["lower"] = layer.at_threshold
    else:
        return IntegerNeurons(layer=layer, n_block=n_block, recorder=recorder)
    process.proc_params["recorder"] = recorder
    return process


def _sigma_delta(layer: layers.SigmaDelta, n_block: int) -> AbstractProcess:
    shape = (n_block * layer.n_neurons,)
    if layer.role == sigma_delta.SIGMA:
        return Sigma(shape=shape)
    values = {"spike_exp": layer.spike_exp, "state_exp": layer.state_exp, "cum_error": layer.cumulative}
    if layer.role == sigma_delta.DELTA:
        return Delta(shape=shape, vth=layer.vth, **values)
    mode = ActivationMode.RELU if layer.activation == sigma_delta.RELU else ActivationMode.UNIT
    return SigmaDelta(shape=shape, vth=layer.vth, bias=np.tile(layer.bias, n_block), act_mode=mode, **values)


def _matrix(one: Connection, matrix: synapses.Matrix, n_block: int, graded: dict[str, int]) -> AbstractProcess:
    """Return Lava's matrix process for `n_block` unconnected copies of a matrix, or of a kernel unrolled."""
    values: dict[str, Any] = {"weight_exp": matrix.exponent, **graded}
    if matrix.sign != rules.SIGN_FROM_VALUES:
        values["sign_mode"] = SignMode[matrix.sign.upper()]
    if one.window:
        targets, sources, weights = synapses.entries(one.window, matrix.weight)
        shape = one.n_outputs, one.n_inputs
        unrolled = sparse.csr_matrix((weights, (targets, sources)), shape)
        values["weights"] = sparse.kron(np.eye(n_block, dtype=np.int64), unrolled, format="csr").astype(np.int64)
        return _delayed_copies(values, int(one.delay)) if one.delay else Sparse(**values)
    values["weights"] = np.kron(np.eye(n_block, dtype=np.int64), matrix.weight)
    if not one.largest_delay:
        return Dense(**values)
    delays = np.tile(np.broadcast_to(one.delay, one.weight.shape), (n_block, n_block))
    return DelayDense(delays=delays, max_delay=one.largest_delay, **values)


def _delayed_copies(values: dict[str, Any], delay: int) -> AbstractProcess:
    delays = values["weights"].copy()
    delays.data = np.full_like(delays.data, delay)
    return DelaySparse(delays=delays, **values)


def _connect_conv(
    one: Connection, source: Any, target: Any, n_block: int, graded: dict[str, int], overflow: Path
) -> None:
    """Connect two populations by Lava's convolution, the samples as groups of channels.

    Lava's axes are column, row, channel, and its kernel is that of a true convolution, so it is flipped.
    A delay follows as a matrix of ones: the connection's own step is the convolution's.
    """
    window = one.window
    assert window
    kernel = one.weight << np.broadcast_to(one.weight_exp, one.weight.shape[:1])[:, None, None, None]
    channels, rows, columns = window.input_shape
    conv = Conv(
        weight=np.tile(kernel[:, :, ::-1, ::-1].transpose(0, 3, 2, 1), (n_block, 1, 1, 1)),
        input_shape=(columns, rows, n_block * channels),
        padding=window.padding[::-1],
        stride=window.stride[::-1],
        dilation=window.dilation[::-1],
        groups=n_block * window.groups,
        **graded,
    )
    conv.proc_params["overflow"] = str(overflow)
    source.reshape((n_block * channels, rows, columns)).transpose((2, 1, 0)).connect(conv.s_in)
    sums = conv.a_out.transpose((2, 1, 0)).flatten()
    if one.delay:
        ones = sparse.identity(n_block * one.n_outputs, np.int64, "csr")
        values = {"weights": ones, "num_message_bits": rules.MESSAGE_BITS}
        late = _delayed_copies(values, int(one.delay) - 1) if one.delay > 1 else Sparse(**values)
        sums.connect(late.s_in)
        sums = late.a_out
    sums.connect(target)
