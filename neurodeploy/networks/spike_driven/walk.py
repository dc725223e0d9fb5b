"""How modules are followed, and what they take that frames and pictures both have.

A rule takes a module, what arrives and where the module lies, yields the parts, and returns what leaves.
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any, NamedTuple

from torch import nn

from neurodeploy.errors import NetworkError
from neurodeploy.networks.blocks.frames import Shortcut, reference_name
from neurodeploy.networks.spike_driven.signals import (
    ACCUMULATES,
    FOLDED,
    NEURONS,
    STOPS,
    WEIGHS,
    Kind,
    Origin,
    Part,
    Signal,
)

COMPOSED = "of sums of spikes: its weights times those of the layers before are synapses from their spikes"
BESIDE = "whoever listens has synapses from all that are added up here"
INPUT = Signal(Kind.VALUES, (Origin("the input", "spikes for input, as a cochlea sends them"),))


class At(NamedTuple):
    """Where a module lies, see `Part`, how many steps a sample has, and the rules by which it is followed."""

    name: str
    stage: str
    n_steps: int
    rules: Mapping[type[nn.Module], "Rule"]

    def inside(self, name: str) -> "At":
        """Return the place of a module in it."""
        whole = f"{self.name}.{name}" if self.name else name
        return self._replace(name=reference_name(whole), stage=self.stage or name)

    def part(self, module: object, what: str, macs: int = 0, reason: str = "", change: str = "") -> Part:
        """Return a part that lies here; `module` may be a word in its place."""
        word = module if isinstance(module, str) else type(module).__name__
        return Part(self.name, self.stage, word, what, macs, reason, change)


Walk = Generator[Part, None, Signal]
Rule = Callable[[Any, Signal, At], Walk]


def walked(module: nn.Module, arrives: Signal, at: At) -> Walk:
    rule = next((at.rules[kind] for kind in type(module).__mro__ if kind in at.rules), None)
    if rule is None:
        known, kind = ", ".join(sorted(one.__name__ for one in at.rules)), type(module).__name__
        raise NetworkError(
            f"{at.name or 'module'}: found {kind}, what a chip makes of it is not known; known are {known}"
        )
    return (yield from rule(module, arrives, at))


def chain(module: nn.Sequential, arrives: Signal, at: At) -> Walk:
    for name, one in module.named_children():
        arrives = yield from walked(one, arrives, at.inside(name))
    return arrives


def shortcut(module: Shortcut, arrives: Signal, at: At) -> Walk:
    at = at._replace(stage=at.name)
    made = yield from beside(module, arrives, at)
    yield at.inside("sum").part(module, FOLDED, 0, BESIDE)
    return made


def beside(module: Shortcut, arrives: Signal, at: At) -> Walk:
    made = yield from walked(module.path, arrives, at)
    return made.joined(arrives)


def weights(module: nn.Linear | nn.Conv1d, arrives: Signal, at: At) -> Walk:
    return (yield from weighed(module.weight.numel(), module, arrives, at))


def weighed(macs: int, module: object, arrives: Signal, at: At) -> Walk:
    if arrives.kind < Kind.VALUES:
        yield at.part(module, ACCUMULATES, macs, COMPOSED if arrives.kind == Kind.SUMS else "")
        return Signal(Kind.SUMS, (), arrives.shape)
    names, changes = zip(*arrives.origins, strict=True)
    reason = f"numbers of {' and '.join(names)} are graded messages, which Loihi 2 has and Loihi 1 has not"
    yield at.part(module, WEIGHS, macs, reason, "; ".join(changes))
    return arrives


def neurons(module: nn.Module, arrives: Signal, at: At) -> Walk:
    yield at.part(module, NEURONS)
    return Signal(Kind.SPIKES, (), arrives.shape)


def nothing(module: nn.Module, arrives: Signal, at: At) -> Walk:
    yield from ()
    return arrives


def makes_values(what: str, reason: str, change: str) -> Rule:
    def rule(module: nn.Module, arrives: Signal, at: At) -> Walk:
        yield at.part(module, what, 0, reason, change if what in STOPS else "")
        return Signal(Kind.VALUES, (Origin(type(module).__name__, change),))

    return rule
