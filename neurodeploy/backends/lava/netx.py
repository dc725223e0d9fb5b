"""A `.net` file run by lava-dl's own reader, netx 0.6.0, in Lava's fixed-point models, and recorded like any other run.

netx needs neither torch nor SLAYER for what a Program holds, but imports both: they are stood in for while it
does. Every sample has a network of its own, built by netx from the file. Nothing in it is changed but that its
neurons tell their states.

Imports Lava, so it is loaded only where Lava is. Axes: B sample, T step, I input value, flattened from (C, Y, X);
lava-dl's axes are X, Y, C.
"""

import contextlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from lava.magma.core.process.process import AbstractProcess
from lava.proc.conv.process import Conv
from lava.proc.io.source import RingBuffer

from neurodeploy.backends.lava.blocks import BIAS, CURRENT, SPIKES, block_folder, layer_file, overflow_file
from neurodeploy.backends.lava.network import forgotten_after, run_steps
from neurodeploy.backends.trace import Progress
from neurodeploy.errors import LavaError

_SLAYER = "lava.lib.dl.slayer"
MESSAGE_BITS = 16


def run_net(
    file: Path, values_BTI: np.ndarray, folder: Path, *, entry: str, options: dict[str, Any], progress: Progress
) -> float:
    """Run every sample and leave the states in `folder`, a block for each; return the seconds inside Lava's run().

    Args:
        values_BTI: Input of all steps to run, integers; for the biases the first step's count.
        entry: One of `BIAS`, `CURRENT`, `SPIKES`.
        options: `shape` (C, Y, X) of the input, `graded` (its values are messages), `reset_interval`, `reset_offset`.

    Raises:
        LavaError: netx cannot build the network.
    """
    made = network_class()
    seconds = 0.0
    for sample, values_TI in enumerate(values_BTI):
        here = block_folder(folder, sample)
        here.mkdir()
        with forgotten_after():
            try:
                network = _build(made, file, values_TI, here, entry, options)
            except Exception as error:
                raise LavaError(f"lava-dl's netx refuses it ({type(error).__name__}: {error})", where=file) from error
            with warnings.catch_warnings():
                # Lava looks for models in every file beside netx's, and one of them needs the real torch.
                warnings.filterwarnings("ignore", "Cannot import module", UserWarning)
                seconds += run_steps(network, len(values_TI), lambda steps: None)
        progress(sample + 1, len(values_BTI))
    return seconds


def network_class() -> Any:
    """Return netx's `Network`.

    Raises:
        LavaError: lava-dl is not installed here.
    """
    with _stood_in_for():
        try:
            from lava.lib.dl.netx.hdf5 import Network
        except ImportError as error:
            raise LavaError(
                f"lava-dl's netx does not import ({error})", "run: neurodeploy lava setup", where="lava"
            ) from None
    return Network


@contextlib.contextmanager
def _stood_in_for() -> Iterator[None]:
    """Give what netx imports and does not use for the layers that we read: torch, and SLAYER's resonators."""

    def neuron_params(*_: Any) -> Any:
        raise NotImplementedError("resonators need SLAYER, which is not installed")

    torch, resonator = ModuleType("torch"), ModuleType(f"{_SLAYER}.neuron.rf")
    torch.__dict__.update(tensor=object, Tensor=object, nn=ModuleType("torch.nn"))
    torch.__dict__["nn"].Module = object
    resonator.__dict__["neuron_params"] = neuron_params
    modules = {name: ModuleType(name) for name in (_SLAYER, f"{_SLAYER}.neuron")}
    modules |= {"torch": torch, "torch.nn": torch.__dict__["nn"], f"{_SLAYER}.neuron.rf": resonator}
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module


def _build(
    made: Any, file: Path, values_TI: np.ndarray, here: Path, entry: str, options: dict[str, Any]
) -> AbstractProcess:
    """Return netx's network for one sample, with its input connected and its neurons recorded."""
    shape = tuple(options["shape"])
    network = made(
        net_config=str(file),
        input_shape=shape[::-1],
        input_message_bits=MESSAGE_BITS if options["graded"] and entry == SPIKES else 0,
        reset_interval=options["reset_interval"],
        reset_offset=options["reset_offset"],
    )
    network.net_config.f.close()
    for index, layer in enumerate(network.layers):
        recorder = {"file": str(layer_file(here, index)), "n_steps": len(values_TI), "record": True}
        layer.neuron.proc_params["recorder"] = recorder
        if isinstance(getattr(layer, "synapse", None), Conv):
            layer.synapse.proc_params["overflow"] = str(overflow_file(here, index))
    first = network.in_layer
    if entry == BIAS:
        first.neuron.bias_mant.init = _their_axes(values_TI[0], shape, first.neuron.a_in.shape)
        return network
    port = first.neuron.a_in if entry == CURRENT else network.inp
    data = np.stack([_their_axes(one, shape, port.shape) for one in values_TI], axis=-1)
    RingBuffer(data=data).s_out.connect(port)
    return network


def _their_axes(values_I: np.ndarray, shape: tuple[int, ...], wanted: tuple[int, ...]) -> np.ndarray:
    """Return one step's input with the axes (X, Y, C), or flat where a matrix takes it."""
    values = values_I.astype(np.int32)
    return values if len(wanted) == 1 else values.reshape(shape).T.reshape(wanted)
