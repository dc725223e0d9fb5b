"""A network over frames as a graph: its populations, and a Linear for each synapse between them, behind a Delay.

All neurons are standard nodes; that they spike at their threshold, and rest until their first frame, is in their
metadata, because NIR has no field for it. Axes: B sample, T frame, I input, N neuron.
"""

from typing import Any

import nir
import numpy as np
import torch
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.graph.metadata import FORMAT, INTEGRATION, ours, wrapped
from neurodeploy.networks.chip_frames import INPUT, Neurons, chip_frames
from neurodeploy.program.host import CURRENT_BITS, MOST
from neurodeploy.reading.inputs import InputOrder, Sample
from neurodeploy.reading.leaves import ChipNeurons, Source, numbers
from neurodeploy.reading.memories import ANSWER, Integrators
from neurodeploy.reading.neurons import readout, spiking
from neurodeploy.reading.outputs import OwnAnswer


class FrameNeurons(ChipNeurons):
    """Neurons whose decay the chip holds exactly, or that keep nothing: scores of a frame."""

    def __init__(self, one: Neurons) -> None:
        self.one = one

    def gain(self) -> float:
        return 1.0 if self.one.rule is None else self.one.k / self.one.rule.v_threshold

    def keep(self, name: str, vth_mant: int, fraction_bits: int | None) -> None:
        """Change nothing."""


def of_chip_frames(module: nn.Module, path: str, sample: Sample, dt_s: float, name: str) -> dict[str, Any]:
    """Return the fields of a `graph_of.GraphOf` of a `ChipFrames`, which may be on a grid."""
    frames: Any = module.get_submodule(path)
    assert isinstance(sample, torch.Tensor)
    (n_sent,), size = frames.input_shape, {one.name: one.size for one in frames.populations}
    nodes: dict[str, nir.NIRNode] = {INPUT: nir.Input({"input": np.array([n_sent])})}
    ways, weights = [], {}
    for one in frames.populations:
        nodes[one.name] = _neurons(one, dt_s, memory=one.name in frames.memories)
    for tap in frames.taps:
        bias = None if tap.bias is None else numbers(tap.bias)
        node = tap.name
        if tap.steps and tap.source != tap.target:
            wait = f"{tap.source}@{tap.steps}"
            if wait not in nodes:
                nodes[wait] = nir.Delay(np.full(size.get(tap.source, n_sent), tap.steps * dt_s))
                ways.append((tap.source, wait))
        else:
            wait = tap.source
        made = nir.Linear(numbers(tap.weight)) if bias is None else nir.Affine(numbers(tap.weight), bias)
        nodes[node], weights[node] = made, Source(tap, "weight", None if bias is None else "bias")
        ways += [(wait, node), (node, tap.target)]
    last = frames.populations[-1]
    nodes["output"] = nir.Output({"output": np.array([last.size])})
    entries = {"format": FORMAT, "dt_s": float(dt_s), "time_unit": "s", "integration": INTEGRATION, "name": name}
    metadata = wrapped(**entries, readout="v_sum", counts=True, host=frames.host.text)
    nodes = dict(sorted(nodes.items()))  # the order of files, and so of a Program's connections
    axes = InputOrder(0, 1, sample.shape[1], tuple(sample.shape), np.arange(n_sent), (n_sent,))
    return {
        "graph": nir.NIRGraph(nodes, [*ways, (last.name, "output")], metadata=metadata, type_check=False),
        "dt_s": float(dt_s),
        "reset": "zero",
        "readout": "v_sum",
        "own": None,
        "notes": (),
        "nodes": dict.fromkeys(size, path),
        "inputs": axes,
        "inputs_BTF": axes.feed(sample),
        "feed": axes.feed,
        "weights": weights,
        "chip": {
            one.name: Integrators() if one.name in frames.memories else FrameNeurons(one) for one in frames.populations
        },
        "spikes": {},
        "potentials": {},
    }


def of_lmuformer(module: nn.Module, path: str, sample: Sample, dt_s: float, name: str) -> dict[str, Any]:
    """Return the fields of a `graph_of.GraphOf` of a spiking LMUFormer.

    Raises:
        FrameworkError: it is a part of a module.
        NetworkError: it has no integer form.
    """
    if path or not isinstance(sample, torch.Tensor):
        raise FrameworkError(f"{path or 'module'}: an LmuFormer is read alone, of one input; give that itself")
    network: Any = module
    frames, n_inputs = chip_frames(network), network.n_inputs

    def feed(values: Any) -> np.ndarray:
        """Return what the host sends for clips (B, T, I)."""
        return frames.host.currents(numbers(values))

    with torch.no_grad():
        own = numbers(network(sample).output_BC).argmax(axis=1)
    sent = feed(sample)
    heard_BTI = sent[:, : sample.shape[1], :n_inputs]
    cut = int(np.count_nonzero(np.abs(heard_BTI) == MOST))
    share = f"{cut:,} of {heard_BTI.size:,} numbers of the sample"
    cuts = f"{path or 'module'}: {share} are cut off by the host, whose {CURRENT_BITS} bits end there; scale the input"
    found = of_chip_frames(frames, "", torch.as_tensor(sent), dt_s, name)
    return found | {
        "notes": (cuts,) if cut else (),
        "own": OwnAnswer(own, ANSWER, np.asarray, module, None),
        "inputs": InputOrder(0, 1, sample.shape[1], tuple(sample.shape), np.arange(n_inputs), (n_inputs,)),
        "feed": feed,
        "weights": {},
        "chip": {},
    }


def _neurons(one: Neurons, dt_s: float, *, memory: bool) -> nir.NIRNode:
    """Return the node of a population, which says in its metadata when it begins."""
    ones = np.ones(one.size)
    node: nir.NIRNode
    if one.rule is None:
        node = readout(dt_s, None, ones if memory else 0 * ones, ones)
    else:
        threshold = one.rule.v_threshold * ones
        node = spiking(dt_s, None, (1 - one.k) * ones, one.k * ones, threshold, "zero", at_threshold=True)
    node.metadata = wrapped(**ours(node.metadata), begins=None if memory else one.begins or None)
    return node
