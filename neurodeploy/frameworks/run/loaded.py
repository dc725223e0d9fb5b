"""A graph as a framework's own importer made it: the module, how it is stepped, and where its neurons are.

snnTorch's neurons keep their states themselves, and its importer takes no time step: always 1e-4 s, reset to zero.
Norse's and SpikingJelly's pass states from step to step; Norse's importer takes a reset rule for CubaLIF as well.
NIRTorch's default map has weights, convolutions and pools, and no neurons.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import nir
import numpy as np
import torch

from neurodeploy.errors import FrameworkError
from neurodeploy.fixedpoint import rules
from neurodeploy.installed import first_line, imported, quiet

Forget = Callable[[torch.nn.Module], None]


@dataclass(eq=False)
class Loaded:
    """What an importer gave.

    Attributes:
        module: Called with one step of input and the state of the step before; gives output and new state.
        forget: Puts the states that the module itself keeps back to their start, None where it keeps none.
    """

    framework: str
    module: torch.nn.Module
    forget: Forget | None = None
    entered: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Put every state to its start."""
        if self.forget is not None:
            with quiet():
                self.forget(self.module)

    def step(self, input_B: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """Return one step's output (B, ...) and the state after it.

        Raises:
            FrameworkError: the module refuses the step; with the submodule it was in.
        """
        self.entered.clear()
        try:
            with quiet(), torch.no_grad():
                found, state = self.module(input_B, state)
        except Exception as error:  # another project's code: it raises anything
            at = f" in {self.entered[-1]}" if self.entered else ""
            raise FrameworkError(
                f"{self.framework}: its module stops{at} ({first_line(error)}); `inspect` says what it cannot take"
            ) from None
        return first_of(found), state


def first_of(found: Any) -> torch.Tensor:
    """Return the values of what a module gave; neurons give their state behind them."""
    return first_of(found[0]) if isinstance(found, tuple | list) else found


IMPORTERS = {
    "snntorch": ("snntorch.import_nir", "import_from_nir"),
    "norse": ("norse.torch.utils.import_nir", "from_nir"),
    "spikingjelly": ("spikingjelly.activation_based.nir_exchange", "import_from_nir"),
    "nirtorch": ("nirtorch", "nir_to_torch"),
}
"""Module and function of each framework's importer."""
STATES = ("mem", "syn", "spk")
"""What snnTorch's neurons keep."""


def load(framework: str, graph: nir.NIRGraph, dt_s: float | None, reset: str) -> Loaded:
    """Return what a framework's importer makes of a graph.

    Args:
        dt_s, reset: For importers that take them.

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
            return Loaded(framework, importer(graph, **more), forget if framework == "snntorch" else None)
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


def neurons_of(graph: nir.NIRGraph) -> dict[str, nir.NIRNode]:
    """Return the spiking nodes of a graph and of those in it, by flat name."""
    kinds = (nir.IF, nir.LIF, nir.CubaLIF, nir.Threshold)
    return {name: node for name, node in _all_nodes(graph) if isinstance(node, kinds)}


def submodules_of(module: torch.nn.Module, names: list[str]) -> dict[str, str]:
    """Return for each node the path of its submodule, as far as there is one; importers write dots as underscores.

    snnTorch puts a recurrent layer into a sub-graph of its own and keeps the node's full name in it.
    """
    paths = [path for path, _ in module.named_modules() if path]
    by_name = {_plain(path): path for path in reversed(paths)}
    by_end = {path.split(".")[-1]: path for path in reversed(paths)}
    found = {name: by_name.get(_plain(name)) or by_end.get(_plain(name)) for name in names}
    return {name: path for name, path in found.items() if path}


def _plain(name: str) -> str:
    return name.replace(".", "_")


def float_array(values: torch.Tensor) -> np.ndarray:
    """Return a tensor as (B, N), float32."""
    return values.detach().reshape(values.shape[0], -1).to(torch.float32).cpu().numpy()
