"""A NIR graph, or a .nir file, run step by step in another framework, through that framework's own importer.

snnTorch's neurons keep their states themselves, and its importer takes no time step: always 1e-4 s, reset to zero.
Norse's and SpikingJelly's pass states from step to step; Norse's importer takes a reset rule for CubaLIF as well.
NIRTorch's default map has weights, convolutions and pools, and no neurons.

Axes: B sample, T step, I input channel, N neuron of a node; several axes of a step are flattened in C order.

>>> FRAMEWORKS
('snntorch', 'norse', 'spikingjelly', 'nirtorch')
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import nir
import numpy as np
import torch

from neurodeploy.errors import DataError, FrameworkError, GraphError
from neurodeploy.fixedpoint import rules
from neurodeploy.installed import FRAMEWORKS, check_known, first_line, imported, installed, quiet, version_of
from neurodeploy.phrases import Phrase

__all__ = ["FRAMEWORKS", "FrameworkRun", "installed", "run_graph"]

IMPORTERS = {
    "snntorch": ("snntorch.import_nir", "import_from_nir"),
    "norse": ("norse.torch.utils.import_nir", "from_nir"),
    "spikingjelly": ("spikingjelly.activation_based.nir_exchange", "import_from_nir"),
    "nirtorch": ("nirtorch", "nir_to_torch"),
}
"""Module and function of each framework's importer."""
STATES = ("mem", "syn", "spk")
"""What snnTorch's neurons keep."""
SPIKING = (nir.IF, nir.LIF, nir.CubaLIF, nir.Threshold)
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
    # NIR's Flatten counts no batch axis, and most importers hand its number to torch.
    from_0 = any(isinstance(one, nir.Flatten) and int(one.start_dim) == 0 for one in found.nodes.values())
    asked = from_0 and framework not in COUNT_NO_BATCH
    alone = asked if batched is None else not batched
    module = _loaded(framework, found, dt_s, reset)
    at = _submodules(module, [name for name, node in _all_nodes(found) if isinstance(node, SPIKING)])
    parts = []
    size = 1 if alone else batch_size
    for first in range(0, len(inputs), size):
        some = torch.from_numpy(inputs[first : first + size])
        parts.append(_run_batch(framework, module, at, some[0] if alone else some, alone))
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


def _loaded(framework: str, graph: nir.NIRGraph, dt_s: float | None, reset: str) -> torch.nn.Module:
    """Return what a framework's importer makes of a graph: called with a step's input and the state before it.

    Raises:
        FrameworkError: it is not installed, or refuses the graph; with the node it had in hand.
    """
    module, function = IMPORTERS[framework]
    importer = getattr(imported(framework, module), function)
    more: dict[str, Any] = {} if dt_s is None or framework not in ("norse", "spikingjelly") else {"dt": dt_s}
    if framework == "nirtorch":
        more = {"node_map": {}}
    if framework == "norse":
        more["ignore_warnings"] = True
        if reset == rules.RESET_SUBTRACT:
            more["reset_method"] = imported(framework, "norse.torch.functional.reset").reset_subtract
    try:
        with quiet():
            made: torch.nn.Module = importer(graph, **more)
            return made
    except Exception as error:  # another project's code: it raises anything
        node = _in_hand(error.__traceback__, graph)
        at = f"node {node}: " if node else ""
        raise FrameworkError(
            f"{framework}: {at}its importer refuses the graph ({first_line(error)}); `inspect` says what it cannot take"
        ) from None


def forget(module: torch.nn.Module) -> None:
    """Empty the states of every neuron of snnTorch's; they take the shape of the next input."""
    for one in module.modules():
        for key in STATES:
            if isinstance(getattr(one, key, None), torch.Tensor) and type(one).__module__.startswith("snntorch."):
                setattr(one, key, torch.zeros(0))


def _in_hand(trace: TracebackType | None, graph: nir.NIRGraph) -> str:
    """Return the name of the node that the functions of a traceback held last; empty where none did."""
    names = {id(node): name for name, node in _all_nodes(graph)}
    found = ""
    while trace is not None:
        held = trace.tb_frame.f_locals.get("node")
        found = names.get(id(held), found)
        trace = trace.tb_next
    return found


def _all_nodes(graph: nir.NIRGraph, inside: str = "") -> list[tuple[str, nir.NIRNode]]:
    found: list[tuple[str, nir.NIRNode]] = []
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            found += _all_nodes(node, f"{inside}{name}.")
        found.append((f"{inside}{name}", node))
    return found


def _submodules(module: torch.nn.Module, names: list[str]) -> dict[str, str]:
    """Return for each node the path of its submodule, as far as there is one; importers write dots as underscores.

    snnTorch puts a recurrent layer into a sub-graph of its own and keeps the node's full name in it.
    """
    paths = [path for path, _ in module.named_modules() if path]
    by_name = {path.replace(".", "_"): path for path in reversed(paths)}
    by_end = {path.split(".")[-1]: path for path in reversed(paths)}
    found = {name: by_name.get(name.replace(".", "_")) or by_end.get(name.replace(".", "_")) for name in names}
    return {name: path for name, path in found.items() if path}


def _run_batch(
    framework: str, module: torch.nn.Module, at: dict[str, str], inputs_BT: torch.Tensor, alone: bool
) -> dict[str, np.ndarray]:
    """Return the spikes of each node and, under an empty name, the output, (B, T, N).

    Raises:
        FrameworkError: the module refuses a step; with the submodule it was in.
    """
    seen: dict[str, torch.Tensor] = {}
    entered: list[str] = []
    steps: dict[str, list[np.ndarray]] = {name: [] for name in (*at, "")}
    handles = []
    for path, one in module.named_modules():
        if path:
            handles.append(one.register_forward_pre_hook(lambda *_, path=path: entered.append(path)))
    for name, path in at.items():
        handles.append(module.get_submodule(path).register_forward_hook(_leaving(seen, name)))
    try:
        forget(module)
        state = None
        for now in range(inputs_BT.shape[0 if alone else 1]):
            seen.clear()
            entered.clear()
            try:
                with quiet(), torch.no_grad():
                    output, state = module(inputs_BT[now] if alone else inputs_BT[:, now], state)
            except Exception as error:  # another project's code: it raises anything
                where = f" in {entered[-1]}" if entered else ""
                raise FrameworkError(
                    f"{framework}: its module stops{where} ({first_line(error)}); `inspect` says what it cannot take"
                ) from None
            for name, values in (*seen.items(), ("", _first_of(output))):
                batch = values[None] if alone else values
                steps[name].append(batch.detach().reshape(batch.shape[0], -1).to(torch.float32).cpu().numpy())
    finally:
        for handle in handles:
            handle.remove()
    return {name: np.stack(values, axis=1) for name, values in steps.items() if values}


def _leaving(seen: dict[str, torch.Tensor], name: str) -> Callable[..., None]:
    def note(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        seen[name] = _first_of(output).detach().clone()

    return note


def _first_of(found: Any) -> torch.Tensor:
    """Return the values of what a module gave; neurons give their state behind them."""
    return _first_of(found[0]) if isinstance(found, tuple | list) else found
