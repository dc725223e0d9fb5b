"""A linear memory, and a classifier of the last step of an LMUFFT, as graphs: all but the memory is on the host.

    the host, every step:    u = relu(W_u x + b_u), rounded to whole numbers, and x
    the chip, every step:    m = A m' + B u, an integrator with A - I as synapses; beside it x, kept for one step
    the host, at the end:    head relu(W_h [m, x] + b_h)

The last layers cost the host as many multiply-adds once as they would cost the chip synops at every step.

Axes: B sample, T step, I input, D memory, C class.
"""

from typing import Any

import nir
import numpy as np
import torch
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.graph.metadata import FORMAT, INTEGRATION, wrapped
from neurodeploy.networks.chip_memory import ChipMemory
from neurodeploy.program.decode import Decode
from neurodeploy.reading.answers import Answer
from neurodeploy.reading.host import HOST_BITS, whole_currents
from neurodeploy.reading.inputs import InputOrder, Sample
from neurodeploy.reading.leaves import ChipNeurons, Source, numbers
from neurodeploy.reading.outputs import OwnAnswer

NAME = "memory"
SAME = 1e-3
"""Of the largest score: by how much the module's own may differ from those that are worked out here."""
MAC_J = 4.6e-12
"""Of a multiplication and addition of 32 bits; M. Horowitz, ISSCC 2014, 45 nm, without memory."""


ANSWER = Answer("", np.ones(1), None, np.zeros(1), 1.0, None, "argmax", 0, None)
"""Classes, one a sample: rounding its input moves the scores more than float32 does."""


class Integrators(ChipNeurons):
    """Neurons without a number of their own that the chip could round."""

    graded = True

    def keep(self, name: str, vth_mant: int, fraction_bits: int | None) -> None:
        """Change nothing."""


def of_chip_memory(module: nn.Module, path: str, sample: Sample, dt_s: float, name: str) -> dict[str, Any]:
    """Return the fields of a `graph_of.GraphOf` of a `ChipMemory`, which may be on a grid."""
    memory: Any = module.get_submodule(path)
    n_states, n_sent = memory.enter.shape
    assert isinstance(sample, torch.Tensor)
    nodes = {
        "input": nir.Input({"input": np.array([n_sent])}),
        f"{NAME}_in": nir.Linear(numbers(memory.enter)),
        NAME: nir.I(r=np.ones(n_states) / dt_s),
        f"{NAME}_turn": nir.Linear(numbers(memory.turn)),
        "output": nir.Output({"output": np.array([n_states])}),
    }
    ways = [("input", f"{NAME}_in"), (f"{NAME}_in", NAME), (NAME, f"{NAME}_turn"), (f"{NAME}_turn", NAME)]
    decode = Decode((), *_layer(memory.head), *_layer(memory.hidden))
    entries = {"format": FORMAT, "dt_s": float(dt_s), "time_unit": "s", "integration": INTEGRATION, "name": name}
    metadata = wrapped(**entries, readout="v_last", decode=decode.text, counts=True)
    axes = InputOrder(0, 1, sample.shape[1], tuple(sample.shape), np.arange(n_sent), (n_sent,))
    return {
        "graph": nir.NIRGraph(nodes, [*ways, (NAME, "output")], metadata=metadata, type_check=False),
        "dt_s": float(dt_s),
        "reset": "zero",
        "readout": "v_last",
        "own": None,
        "notes": (),
        "nodes": {NAME: path},
        "inputs": axes,
        "inputs_BTF": axes.feed(sample),
        "feed": axes.feed,
        "weights": {f"{NAME}_in": Source(memory, "enter"), f"{NAME}_turn": Source(memory, "turn")},
        "chip": {NAME: Integrators()},
        "spikes": {},
        "potentials": {},
    }


def of_lmufft(module: nn.Module, path: str, sample: Sample, dt_s: float, name: str) -> dict[str, Any]:
    """Return the fields of a `graph_of.GraphOf` of a module with an LMUFFT at `path`.

    Raises:
        FrameworkError: it is no classifier of the last step, or its memory does not forget.
    """
    memory: Any = module.get_submodule(path)
    heads = [(at, one) for at, one in module.named_modules() if isinstance(one, nn.Linear)]
    heads = [(at, one) for at, one in heads if one not in (memory.W_u, memory.W_h)]
    if len(heads) != 1 or isinstance(sample, tuple) or sample.dim() != 3:
        raise FrameworkError(
            f"{path}: an LMUFFT is read with one linear layer behind its last step and an input (samples, steps, "
            f"inputs), found {len(heads)} such layers; read its state_dict into such a module"
        )
    radius = float(np.abs(np.linalg.eigvals(numbers(memory.A))).max())
    if radius > 1:
        raise FrameworkError(
            f"{path}: its A has a spectral radius of {radius:.6g}, so its memory grows without end; at most 1 is "
            "allowed: train with learn_a=False"
        )
    head, (order, w_u) = heads[0][1], (len(memory.A), memory.W_u.weight)
    n_inputs, n_steps = w_u.shape[1], sample.shape[1]
    x_BTI, scores = _run(module, memory, sample)
    own = _checked(path, x_BTI, scores, head, memory)
    u_unit, x_unit = (whole_currents(torch.as_tensor(one), 0.0)[1] for one in (_currents(memory, x_BTI), x_BTI))

    def feed(values: Any) -> np.ndarray:
        """Return what the host sends for a batch (B, T, 1 + I): u and x in whole units."""
        x, _ = _run(module, memory, torch.as_tensor(np.asarray(values)).to(sample))
        both = (_currents(memory, x), u_unit), (x, x_unit)
        return np.concatenate([whole_currents(torch.as_tensor(one), unit)[0].numpy() for one, unit in both], axis=2)

    values = feed(sample)
    alone = ChipMemory.of(memory.A, memory.B, (u_unit, x_unit), memory.W_h, head)
    found = of_chip_memory(alone, "", torch.as_tensor(values), dt_s, name)
    macs = n_steps * w_u.numel() + memory.W_h.weight.numel() + head.weight.numel()
    note = (
        f"{path}: the host works out each step's input, {n_steps * (1 + n_inputs):,} numbers of {HOST_BITS} bits a "
        f"sample, and the hidden layer and classes of {order + n_inputs} potentials after the last: {macs:,} multiply-"
        f"adds, {macs * MAC_J * 1e6:.2g} uJ by 45 nm arithmetic (Horowitz 2014), which no price of a chip includes"
    )
    return found | {
        "own": OwnAnswer(own, ANSWER, np.asarray, module, None),
        "notes": (note,),
        "nodes": {NAME: path},
        "inputs": InputOrder(0, 1, n_steps, tuple(sample.shape), np.arange(n_inputs), (n_inputs,)),
        "inputs_BTF": values,
        "feed": feed,
        "host": path,
        "weights": {},
        "chip": {},
    }


def _run(module: nn.Module, memory: Any, sample: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return what reaches the memory of a batch (B, T, I), float64, and what the module gives, first of several."""
    heard: list[torch.Tensor] = []
    hook = memory.W_u.register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    try:
        with torch.no_grad():
            found = module(sample)
    finally:
        hook.remove()
    if len(heard) != 1 or heard[0].dim() != 3:
        raise FrameworkError(f"module: runs its LMUFFT {len(heard)} times, once for all steps is needed")
    return numbers(heard[0]), numbers(found[0] if isinstance(found, tuple) else found)


def _currents(memory: Any, x_BTI: np.ndarray) -> np.ndarray:
    """Return u (B, T, 1), float64."""
    u: np.ndarray = x_BTI @ numbers(memory.W_u.weight).T + numbers(memory.W_u.bias)
    return np.maximum(u, 0)


def _checked(path: str, x_BTI: np.ndarray, own: np.ndarray, head: nn.Linear, memory: Any) -> np.ndarray:
    """Return the module's own classes of the sample (B,), once it gives what is worked out from its arrays."""
    a, b, w_h, b_h = (numbers(one) for one in (memory.A, memory.B, *memory.W_h.parameters()))
    m_BD, u_BT1 = np.zeros((len(x_BTI), len(a))), _currents(memory, x_BTI)
    for step in range(x_BTI.shape[1]):
        m_BD = m_BD @ a.T + u_BT1[:, step] * b.reshape(-1)
    hidden = np.maximum(np.concatenate([m_BD, x_BTI[:, -1]], 1) @ w_h.T + b_h, 0)
    scores = hidden @ numbers(head.weight).T + (0 if head.bias is None else numbers(head.bias))
    if own.shape != scores.shape or np.abs(own - scores).max() > SAME * np.abs(scores).max():
        raise FrameworkError(
            f"{path}: the module does not give its linear layer of the LMUFFT's last step, in evaluation mode; "
            "return that alone"
        )
    return np.asarray(own.argmax(axis=1))


def _layer(layer: nn.Linear) -> tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]:
    """Return the weights and the bias of a layer."""
    bias = np.zeros(layer.out_features) if layer.bias is None else numbers(layer.bias)
    return tuple(map(_row, numbers(layer.weight))), _row(bias)


def _row(values: np.ndarray) -> tuple[float, ...]:
    return tuple(values.tolist())
