"""Which parts of a network a chip of spiking neurons runs, told from its modules and from what arrives at each.

Behind spikes a layer adds up weights. Behind numbers it multiplies each by its weights, which such a chip does with the
graded messages of sigma-delta neurons and integrators. A new kind of module is a rule in `RULES`: it takes the module,
what arrives and where the module lies, yields the parts, and returns what leaves.
"""

from collections.abc import Callable, Generator, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from torch import nn

from neurodeploy.errors import NetworkError
from neurodeploy.networks.blocks.attention import SpikingAttention
from neurodeploy.networks.blocks.frames import Beside, Shortcut, reference_name
from neurodeploy.networks.blocks.mixer import FramesLMU
from neurodeploy.neurons.lmu_layers import LinearMemory
from neurodeploy.neurons.plif import PLIF, LIFNode

ACCUMULATES, WEIGHS, MULTIPLIES = "accumulate only", "values by weights", "two activations"
NEURONS, FOLDED, NO_NEURON, HOST = "neurons", "in the weights", "no such neuron", "host"
COLUMNS = (ACCUMULATES, WEIGHS, MULTIPLIES, NEURONS, NO_NEURON, HOST)
"""Of a table; what is in the weights takes nothing of its own."""
STOPS = (MULTIPLIES, NO_NEURON)
"""What no chip of this kind does."""


class Kind(IntEnum):
    """What a signal is. Sums of weighted spikes count as spikes: they are further synapses of whatever hears them."""

    SPIKES = 0
    SUMS = 1
    VALUES = 2


class Origin(NamedTuple):
    """What made the numbers of a signal, and what would have to change for spikes in their place."""

    name: str
    change: str


class Signal(NamedTuple):
    """What arrives at a module, or leaves it; `origins` are those of values."""

    kind: Kind
    origins: tuple[Origin, ...] = ()

    def joined(self, other: "Signal") -> "Signal":
        """Return the sum of both, or both side by side."""
        return Signal(max(self.kind, other.kind), tuple(dict.fromkeys(self.origins + other.origins)))


class Part(NamedTuple):
    """A layer, or one of several things that a module does.

    Attributes:
        name: Of the module in the network; called as the reference calls its arrays.
        stage: The shortcut that it lies beside, or else the first word of its name.
        module: Its class, or what it does.
        what: "accumulate only", ...: one of `COLUMNS`, or "in the weights".
        macs: Multiplications and additions at a step (frame) of one sample, were all of them made.
        reason: How it is done, or why it is not; may be empty.
        change: What would have to change for spikes alone; may be empty.
    """

    name: str
    stage: str
    module: str
    what: str
    macs: int = 0
    reason: str = ""
    change: str = ""


class At(NamedTuple):
    """Where a module lies, see `Part`, and how many steps a sample has."""

    name: str
    stage: str
    n_steps: int

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
COMPOSED = "of sums of spikes: its weights times those of the layers before are synapses from their spikes"
INPUT = Signal(Kind.VALUES, (Origin("the input", "spikes for input, as a cochlea sends them"),))
MEMORY = Signal(Kind.VALUES, (Origin("the memory", "neurons behind the memory"),))


def parts_of(network: Any, n_steps: int) -> list[Part]:
    """Return what each part of a network takes, in the order in which they run.

    Args:
        network: Of real input: one with `stages` and a `head`, as a `streaming.Streamable`, or a module in `RULES`.
        n_steps: Steps (frames) of a sample; attention multiplies each with each.

    Raises:
        NetworkError: a part of it is not known.
    """
    at = At("", "", n_steps)
    return list(_network(network, at) if hasattr(network, "stages") else _walked(network, INPUT, at))


def told(parts: Sequence[Part]) -> dict[str, Any]:
    """Return what was found of a network as plain values.

    Returns:
        `parts`, the fields of each; `stages`, for each by `COLUMNS` the sum of its multiply-adds, or else the classes
        of its modules, None for nothing; `reasons` {what, reason, change, parts}, each once; and `ok`: no chip of this
        kind lacks what a part needs.
    """
    stages, reasons = dict[str, list[Part]](), dict[tuple[str, ...], list[str]]()
    for one in parts:
        stages.setdefault(one.stage, []).append(one)
        if one.reason:
            reasons.setdefault((one.what, one.reason, one.change), []).append(one.name)
    return {
        "ok": not any(one.what in STOPS for one in parts),
        "parts": [one._asdict() for one in parts],
        "stages": [{"stage": name} | {word: _cell(some, word) for word in COLUMNS} for name, some in stages.items()],
        "reasons": [
            {"what": what, "reason": reason, "change": change, "parts": names}
            for (what, reason, change), names in reasons.items()
        ],
    }


def _cell(parts: list[Part], what: str) -> int | str | None:
    some = [one for one in parts if one.what == what]
    return sum(one.macs for one in some) or ", ".join(dict.fromkeys(one.module for one in some)) or None


def _walked(module: nn.Module, arrives: Signal, at: At) -> Walk:
    rule = next((RULES[kind] for kind in type(module).__mro__ if kind in RULES), None)
    if rule is None:
        known, kind = ", ".join(sorted(one.__name__ for one in RULES)), type(module).__name__
        raise NetworkError(
            f"{at.name or 'module'}: found {kind}, what a chip makes of it is not known; known are {known}"
        )
    return (yield from rule(module, arrives, at))


def _network(network: Any, at: At) -> Walk:
    reason = "made and normalised by the host, which sends them as whole numbers"
    yield at.inside("input").part("frames", HOST, 0, reason)
    names, signal = {module: name for name, module in network.named_children()}, INPUT
    for module in (*network.stages, network.head):
        signal = yield from _walked(module, signal, at.inside(names[module]))
    reason = "integrators add up the scores of all frames: the largest sum is the largest mean"
    yield at.inside(names[network.head]).inside("mean").part("integrators", NEURONS, 0, reason)
    return signal


def _chain(module: nn.Sequential, arrives: Signal, at: At) -> Walk:
    for name, one in module.named_children():
        arrives = yield from _walked(one, arrives, at.inside(name))
    return arrives


def _shortcut(module: Shortcut, arrives: Signal, at: At) -> Walk:
    return (yield from _beside(module, arrives, at._replace(stage=at.name)))


def _beside(module: Shortcut, arrives: Signal, at: At) -> Walk:
    made = yield from _walked(module.path, arrives, at)
    return made.joined(arrives)


def _weights(module: nn.Linear | nn.Conv1d, arrives: Signal, at: At) -> Walk:
    return (yield from _weighed(module.weight.numel(), module, arrives, at))


def _weighed(macs: int, module: object, arrives: Signal, at: At) -> Walk:
    if arrives.kind < Kind.VALUES:
        yield at.part(module, ACCUMULATES, macs, COMPOSED if arrives.kind == Kind.SUMS else "")
        return Signal(Kind.SUMS)
    names, changes = zip(*arrives.origins, strict=True)
    reason = f"numbers of {' and '.join(names)} are graded messages, which Loihi 2 has and Loihi 1 has not"
    yield at.part(module, WEIGHS, macs, reason, "; ".join(changes))
    return arrives


def _norm(module: nn.BatchNorm1d, arrives: Signal, at: At) -> Walk:
    if arrives == MEMORY:  # no weights lie between integrators and what hears them: a synapse for each
        return (yield from _weighed(module.num_features, module, arrives, at))
    yield at.part(module, FOLDED)
    return arrives.joined(Signal(Kind.SUMS))


def _neurons(module: nn.Module, arrives: Signal, at: At) -> Walk:
    yield at.part(module, NEURONS)
    return Signal(Kind.SPIKES)


def _nothing(module: nn.Module, arrives: Signal, at: At) -> Walk:
    yield from ()
    return arrives


def _makes_values(what: str, reason: str, change: str) -> Rule:
    def rule(module: nn.Module, arrives: Signal, at: At) -> Walk:
        yield at.part(module, what, 0, reason, change if what in STOPS else "")
        return Signal(Kind.VALUES, (Origin(type(module).__name__, change),))

    return rule


def _memory(module: LinearMemory, arrives: Signal, at: At) -> Walk:
    order = len(module.A)
    yield from _weighed(order, "B", arrives, at.inside("B"))
    reason = "the memory's potentials feed it as numbers: integrators with graded messages"
    yield at.inside("A").part("A", WEIGHS, order**2, reason, "a smaller memory takes less, by the square of its size")
    yield at.part("integrators", NEURONS)
    return MEMORY


def _unit(module: FramesLMU, arrives: Signal, at: At) -> Walk:
    u = yield from _weights(module.W_u, arrives, at.inside("W_u"))
    u = yield from _walked(nn.ReLU(), u, at.inside("u"))
    m = yield from _memory(module, u, at.inside("memory"))
    h = yield from _weights(module.W_h, m.joined(arrives), at.inside("W_h"))
    return (yield from _walked(nn.ReLU(), h, at.inside("h")))


def _attention(module: Any, arrives: Signal, at: At) -> Walk:
    x = yield from _parts(module, ("pre_bn", "pre_lif"), arrives, at)
    for name in "qkv":
        yield from _parts(module, (f"{name}_conv", f"{name}_bn", f"{name}_lif"), x, at)
    width = module.q_conv.out_features
    reason = f"spikes of each of {at.n_steps} frames are multiplied with those of every other, later ones too"
    change = "a mixer without products, as the memory of spiking_lmuformer_ms"
    yield at.inside("products").part("q k' v", MULTIPLIES, 2 * at.n_steps * width, reason, change)
    return (yield from _parts(module, ("attn_lif", "proj_conv", "proj_bn"), Signal(Kind.SUMS), at))


def _parts(module: nn.Module, names: tuple[str, ...], arrives: Signal, at: At) -> Walk:
    for name in names:
        arrives = yield from _walked(module.get_submodule(name), arrives, at.inside(name))
    return arrives


SIGMA_DELTA = "sigma-delta neurons send its changes; here networks of lava-dl alone have them"
RULES: dict[type[nn.Module], Rule] = {
    nn.Sequential: _chain,
    Shortcut: _shortcut,
    Beside: _beside,
    nn.Linear: _weights,
    nn.Conv1d: _weights,
    nn.BatchNorm1d: _norm,
    nn.Identity: _nothing,
    LIFNode: _neurons,
    PLIF: _neurons,
    nn.ReLU: _makes_values(NEURONS, SIGMA_DELTA, "neurons in place of ReLU"),
    nn.GELU: _makes_values(NO_NEURON, "no neuron of a chip has this activation", "ReLU or neurons in place of GELU"),
    nn.LayerNorm: _makes_values(
        NO_NEURON, "it needs mean and deviation of all channels of a frame", "batch norm, which goes into the weights"
    ),
    LinearMemory: _memory,
    FramesLMU: _unit,
    SpikingAttention: _attention,
}
