"""A NIR graph, or a .nir file, run step by step in another framework.

Axes: B sample, T step, I input channel, N neuron of a node; several axes of a step are flattened in C order.
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch

from neurodeploy.errors import DataError, FrameworkError, GraphError
from neurodeploy.fixedpoint import rules
from neurodeploy.frameworks.run.loaded import Loaded, first_of, float_array, load, neurons_of, submodules_of
from neurodeploy.installed import check_known, first_line, quiet, version_of
from neurodeploy.phrases import Phrase

COUNT_NO_BATCH = ("spikingjelly",)
"""Importers that know that NIR's Flatten counts no batch axis."""
BATCH = 128


@dataclass(frozen=True, eq=False)
class FrameworkRun:
    """What a framework did with a graph.

    Attributes:
        spikes: By flat name of the NIR node, as many as the framework lets one see, 0 and 1, (B, T, N).
        output_BTN: What the graph gives, float32.
        notes: What had to be done to run it, one sentence each.
    """

    framework: str
    version: str
    spikes: dict[str, np.ndarray]
    output_BTN: np.ndarray
    notes: tuple[str, ...] = ()


def run_graph(
    framework: str,
    graph: nir.NIRGraph | str | Path,
    inputs_BTI: np.ndarray,
    *,
    dt_s: float | None,
    reset: str = rules.RESET_ZERO,
    batch_size: int = BATCH,
    batched: bool | None = None,
    type_check: bool = True,
) -> FrameworkRun:
    """Import a graph as users of a framework do, and run it step by step from rest.

    Args:
        framework: "snntorch", "norse", "spikingjelly" or "nirtorch" (its default map alone).
        graph: A path is read by `nir.read`; a graph is written to memory and read again, as a file would be.
        inputs_BTI: Input of each step (samples, steps, channels), or with all axes of a step (B, T, C, Y, X).
        dt_s: Given to importers that take a time step (Norse, SpikingJelly); None leaves them their own.
        reset: "zero" or "subtract", given to importers that take it (Norse, for CubaLIF).
        batched: False runs each sample alone, without a batch axis; None does so where a Flatten asks for it.
        type_check: Of NIR's reader, which refuses every grouped convolution.

    Raises:
        FrameworkError: it is not installed, or its importer or its module refuses the graph, with the node.
        GraphError: the file is no NIR graph that `nir.read` takes.
        DataError: the inputs do not fit the graph.
    """
    check_known(framework)
    found = _read(graph, type_check)
    shape = _input_shape(framework, found)
    inputs = np.asarray(inputs_BTI, np.float32)
    if inputs.ndim < 3 or math.prod(inputs.shape[2:]) != math.prod(shape):
        raise DataError(f"inputs of shape {inputs.shape}: the graph takes (samples, steps, {math.prod(shape)})")
    inputs = inputs.reshape(*inputs.shape[:2], *shape)
    names = list(neurons_of(found))
    # NIR's Flatten counts no batch axis, and most importers hand its number to torch.
    from_0 = any(isinstance(one, nir.Flatten) and int(one.start_dim) == 0 for one in found.nodes.values())
    asked = from_0 and framework not in COUNT_NO_BATCH
    alone = asked if batched is None else not batched
    loaded = load(framework, found, dt_s, reset)
    at = submodules_of(loaded.module, names)
    parts = []
    size = 1 if alone else batch_size
    for first in range(0, len(inputs), size):
        some = torch.from_numpy(inputs[first : first + size])
        parts.append(_run_batch(loaded, at, some[0] if alone else some, alone))
    joined = {key: np.concatenate([one[key] for one in parts]) for key in parts[0]} if parts else {}
    output = joined.pop("", np.zeros((0, inputs.shape[1], 0), np.float32))
    spikes = {name: values.astype(np.uint8) for name, values in joined.items()}
    notes = ("Flatten from axis 0 takes the batch axis along: each sample was run alone, without one",) if asked else ()
    return FrameworkRun(framework, version_of(framework), spikes, output, notes)


def _read(graph: nir.NIRGraph | str | Path, type_check: bool) -> nir.NIRGraph:
    """Return a graph as NIR's own reader gives it: importers get that, and change it."""
    source: Any = graph
    where = str(graph)
    if isinstance(graph, nir.NIRGraph):
        source, where = io.BytesIO(), "the graph"
    try:
        with quiet():
            if isinstance(graph, nir.NIRGraph):
                nir.write(source, graph)
            return nir.read(source, type_check=type_check)
    except Exception as error:  # its type check raises many kinds
        advice = Phrase("inspect writes a file that it takes, with {repair}")
        raise GraphError(f"NIR's own reader refuses it ({first_line(error)})", advice, where=where) from None


def _input_shape(framework: str, graph: nir.NIRGraph) -> tuple[int, ...]:
    found = [node for node in graph.nodes.values() if isinstance(node, nir.Input)]
    if len(found) != 1 or found[0].input_type.get("input") is None:
        raise FrameworkError(f"{framework}: the graph has {len(found)} inputs with a shape; exactly one is supported")
    return tuple(int(one) for one in np.ravel(found[0].input_type["input"]))


def _run_batch(loaded: Loaded, at: dict[str, str], inputs_BT: torch.Tensor, alone: bool) -> dict[str, np.ndarray]:
    """Return the spikes of each node and, under an empty name, the output, (B, T, N)."""
    seen: dict[str, torch.Tensor] = {}
    steps: dict[str, list[np.ndarray]] = {name: [] for name in (*at, "")}
    handles = []
    for path, module in loaded.module.named_modules():
        if path:
            handles.append(module.register_forward_pre_hook(lambda *_, path=path: loaded.entered.append(path)))
    for name, path in at.items():
        handles.append(loaded.module.get_submodule(path).register_forward_hook(_leaving(seen, name)))
    try:
        loaded.start()
        state = None
        for now in range(inputs_BT.shape[0 if alone else 1]):
            seen.clear()
            output, state = loaded.step(inputs_BT[now] if alone else inputs_BT[:, now], state)
            for name, values in (*seen.items(), ("", output)):
                steps[name].append(float_array(values[None] if alone else values))
    finally:
        for handle in handles:
            handle.remove()
    return {name: np.stack(values, axis=1) for name, values in steps.items() if values}


def _leaving(seen: dict[str, torch.Tensor], name: str) -> Callable[..., None]:
    def note(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        seen[name] = first_of(output).detach().clone()

    return note
