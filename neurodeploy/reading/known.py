"""The modules that are known, by framework, and why others are not taken.

Each framework's table is its own file; a module is looked up by its package and class. A class of the user's own
that only inherits (its `forward` is the known one) counts as what it inherits from.
"""

import functools
import importlib
from collections.abc import Callable
from typing import Any

from torch import nn

from neurodeploy.reading.gates import Gate, gate
from neurodeploy.reading.leaves import Memoryless, Neurons
from neurodeploy.reading.operations import OUTSIDE

Maker = Callable[[nn.Module], Memoryless | Neurons | None]
TABLES = {
    "torch": "neurodeploy.reading.torch_layers",
    "snntorch": "neurodeploy.reading.snntorch_neurons",
    "norse": "neurodeploy.reading.norse_neurons",
    "spikingjelly": "neurodeploy.reading.spikingjelly_neurons",
    "neurodeploy": "neurodeploy.reading.our_layers",
}


def package(kind: type) -> str:
    """Return the package that a class comes from."""
    return kind.__module__.split(".")[0]


def is_unknown(module: nn.Module) -> bool:
    """True for a framework's module that its table lacks."""
    kind = type(module)
    return package(kind) in TABLES and kind.__name__ not in table(package(kind))


def leaf_of(module: nn.Module) -> Memoryless | Neurons | None:
    """Return what a module is to the reader; None where its inside is followed instead."""
    if isinstance(module, Gate):
        return gate(module)
    kinds = type(module).__mro__
    if kinds[0].__module__.startswith("torch.nn.utils"):  # a class that torch made to parametrise another
        kinds = kinds[1:]
    mine: Any = kinds[0]
    for kind in kinds:
        if package(kind) not in TABLES:
            continue
        if kind is not mine and mine.forward is not getattr(kind, "forward", None):
            return None
        maker = table(package(kind)).get(kind.__name__)
        if maker is not None or package(mine) in TABLES:
            return None if maker is None else maker(module)
    return None


@functools.cache
def table(framework: str) -> dict[str, Maker]:
    """Return the modules known of a framework, by class."""
    found: dict[str, Maker] = importlib.import_module(TABLES[framework]).LEAVES
    return found


def is_random(module: nn.Module) -> bool:
    """True for a module in training mode that gives something else for each batch."""
    changes = isinstance(module, nn.modules.batchnorm._BatchNorm) or type(module).__name__.startswith("Dropout")
    return changes and module.training


def refusal(name: str, module: nn.Module) -> str:
    """Return why a module is not taken, beginning with its name."""
    if any(is_random(one) for one in module.modules()):
        return f"{name}: is in training mode, where it changes with the batch; call module.eval() first"
    if isinstance(module, nn.RNNBase | nn.RNNCellBase | nn.MultiheadAttention):
        return f"{name}: computes with real-valued states; only spiking neurons can hold states, take {SPIKING}"
    if "ncod" in type(module).__name__:
        return f"{name}:{OUTSIDE}"
    kind = package(type(module))
    if kind in ("snntorch", "norse", "spikingjelly", "neurodeploy"):
        why = next((f", because it {why}" for part, why in WHY.items() if part in type(module).__name__), "")
        return f"{name}: is not taken from {kind}{why}; {', '.join(sorted(table(kind)))} are"
    return name


def without_neurons(module: nn.Module) -> str:
    """Return why a module has no neurons: those it has are not taken, or there are none."""
    for path, one in module.named_modules():
        neurons = is_unknown(one) and package(type(one)) != "torch"
        if neurons and all(leaf_of(inner) is None for inner in one.modules()):
            return refusal(f"{path or 'module'} ({type(one).__name__})", one)
    return (
        "module: has no spiking neurons that are known; put some behind its weights, for example snntorch's Leaky, "
        "norse's LIFCell or spikingjelly's LIFNode"
    )


WHY = {
    "SpikeProducts": "multiplies spikes with counts of them; take attention of AND and OR (of SDT, or QK attention)",
    "Refrac": "keeps its potential for some steps after a spike, which no node of NIR does",
    "LSNN": "raises its threshold with its spikes and resets to a value, where our adaptive neurons subtract",
    "LIFAdEx": "adds an exponential of its potential",
    "LIFEx": "adds an exponential of its potential",
    "Izhikevich": "squares its potential",
    "CobaLIF": "multiplies its potential with its inputs",
    "LIFMC": "moves charge between neurons at every step, not with spikes",
    "LIFCorrelation": "changes its weights as it runs",
}
"""What no integer neuron does, of classes whose names hold a word."""
SPIKING = "snntorch's RLeaky, norse's LIFRecurrentCell or a neuron of that kind"
