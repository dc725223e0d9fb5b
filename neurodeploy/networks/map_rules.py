"""From a trained spiking transformer to the populations and synapses that a chip holds.

A current that shortcuts carry needs no neurons of its own: whoever listens to it takes synapses from all that it is a
sum of, a copy of the weights each, batch norms folded in. AND and OR of spikes are neurons without memory behind
convolutions of ones. A new kind of block is a rule in `RULES`, and nothing where it is a `blocks.maps.Wired` of parts
that have one.

Axes: B sample, T step, C channel, H row, W column, O output.
"""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from neurodeploy.errors import NetworkError
from neurodeploy.networks.blocks.deformed import DeformedShortcut
from neurodeploy.networks.blocks.frames import Shortcut, affine
from neurodeploy.networks.blocks.maps import And, AnyOf, AnySpike, Pictures, Wired
from neurodeploy.networks.blocks.sdsa import OverHeads
from neurodeploy.networks.blocks.ssa import SampleMixing, SpikingSelfAttention
from neurodeploy.networks.chip_maps import HEAD, INPUT, ChipMaps, Heard, Multiplied, Scores, fixed
from neurodeploy.networks.families.plif import ChipLIF
from neurodeploy.neurons.lif import ScanSettings
from neurodeploy.neurons.plif import CubaLIFNode, LIFNode
from neurodeploy.program.host import UNIT, Host


class Term(NamedTuple):
    """Spikes of a population, and what is made of them; None where they are taken as they are."""

    source: str
    map: nn.Conv2d | None = None


Current = tuple[Term, ...]
"""A sum."""
Rule = Callable[..., Current]


class Flow:
    """Follows what arrives through modules, and makes a population where it comes to neurons.

    Args:
        image: Channels, rows and columns of the input.

    Attributes:
        steps: By name of a population its module, and the names of the sources that it takes.
        seen: What each sends in one step of silence (1, 1, C, H, W).
    """

    def __init__(self, image: tuple[int, ...]) -> None:
        self.steps: dict[str, tuple[nn.Module, list[str]]] = {}
        self.seen = {INPUT: torch.zeros(1, 1, *image)}

    def through(self, module: nn.Module, path: str, *arrive: Current) -> Current:
        """Return what a module makes of what arrives.

        Raises:
            NetworkError: no chip does that.
        """
        rule = next((RULES[kind] for kind in type(module).__mro__ if kind in RULES), None)
        if rule is None:
            called = f"{population_name(path)} ({type(module).__name__})"
            raise NetworkError(f"network: {called} is not known to be made of spikes; train it only")
        return rule(self, module, path, *arrive)

    def step(self, path: str, module: nn.Module, sources: list[str]) -> Current:
        """Add a population, and return what it sends."""
        name = population_name(path)
        self.seen[name] = module(*(self.seen[one] for one in sources))
        self.steps[name] = copy.deepcopy(module), sources
        return (Term(name),)

    def tap(self, term: Term) -> nn.Conv2d:
        """Return a copy of the weights of a term, in float64: of a current that several listen to, each has its own."""
        if term.map is not None:
            return copy.deepcopy(term.map)
        channels = self.seen[term.source].shape[2]
        return fixed(torch.eye(channels)[:, :, None, None]).double().requires_grad_(True)

    def mean(self, term: Term) -> nn.Conv2d:
        """Return the mean over places of a term as one window over the picture, (C, 1, 1) of (C, H, W).

        A convolution, because its places share axons and, where their weights are equal, the synapses.
        """
        tap: Any = self.tap(term)
        places = self.seen[term.source].shape[3:]
        ones = torch.ones(1, tap.out_channels, *tap(self.seen[term.source][0].double()).shape[2:], dtype=torch.double)
        back = functional.conv_transpose2d(ones, tap.weight, None, tap.stride, tap.padding, groups=tap.out_channels)
        weight = back.unflatten(1, (tap.out_channels, -1))[0] / ones[0, 0].numel()
        assert weight.shape[2:] == places
        return windows(weight, tap.bias)

    def heard(self, path: str, module: LIFNode, taps: list[Any], sources: list[str]) -> Current:
        """Add neurons that listen to sources.

        Raises:
            NetworkError: they have a current of their own.
        """
        if isinstance(module, CubaLIFNode):
            raise NetworkError(
                f"network: {population_name(path)} ({type(module).__name__}) has no integer form here; set "
                "network.neuron = lif"
            )
        leaky, gain = _leaky(module)
        for one in taps:
            one.weight.mul_(gain)
            if one.bias is not None:
                one.bias.mul_(gain)
        return self.step(path, Heard(taps, leaky).float(), sources)


def windows(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Conv2d:
    """Return a trainable convolution of weights (O, C, rows, columns), in float64."""
    made = fixed(weight).double().requires_grad_(True)
    made.weight.copy_(weight)
    made.bias = None if bias is None else nn.Parameter(bias)
    return made


def population_name(path: str) -> str:
    """Return what neurons are called that lie at a path of a transformer."""
    return ".".join(part for part in path.split(".") if part not in ("parts", "path", "last", "map", "neurons"))


def _leaky(module: LIFNode) -> tuple[ChipLIF, float]:
    """Return neurons with a threshold of 1 that take all of their input, and what this is then multiplied by."""
    rule, lost = module.rule, module.part().detach().double()
    settings = ScanSettings("subtract" if rule.v_reset is None else "zero", rule.surrogate, rule.slope)
    made = ChipLIF(0.5, train_decays=bool(list(module.parameters())), settings=settings)
    made.beta_logit.copy_(torch.logit(1 - lost))
    return made, (float(lost) if rule.decay_input else 1.0) / rule.v_threshold


def _chain(flow: Flow, module: nn.Sequential, path: str, current: Current) -> Current:
    for name, one in module.named_children():
        current = flow.through(one, f"{path}.{name}".strip("."), current)
    return current


def _pictures(flow: Flow, module: Pictures, path: str, current: Current) -> Current:
    parts = dict(module.named_children())
    if "conv" not in parts:
        return flow.step(path, module, _sources(current))
    if "pool" in parts:
        raise NetworkError(
            f"network: {population_name(path)} takes the maximum of currents, which no sum of spikes is; set "
            "network.pools_spikes = true and train it again"
        )
    first, *others = (Term(one, folded(parts["conv"], parts["bn"])) for one in _sources(current))
    for one in others:
        assert one.map is not None
        one.map.bias = None  # which counts once
    return first, *others


def folded(conv: Any, norm: Any) -> nn.Conv2d:
    """Return a convolution, in float64, that does what it and a batch norm in evaluation do."""
    made, (scale_C, shift_C) = copy.deepcopy(conv).double(), affine(copy.deepcopy(norm).double())
    made.weight.mul_(scale_C[:, None, None, None])
    bias_C = shift_C if made.bias is None else made.bias * scale_C + shift_C
    made.bias = nn.Parameter(bias_C)
    return made  # type: ignore[no-any-return]


def _sources(*currents: Current) -> list[str]:
    terms = [term for one in currents for term in one]
    assert all(term.map is None for term in terms)  # else neurons are missing between two maps
    return [term.source for term in terms]


def _shortcut(flow: Flow, module: Shortcut, path: str, current: Current) -> Current:
    return (*current, *flow.through(module.path, f"{path}.path", current))


def _deformed(flow: Flow, module: DeformedShortcut, path: str, current: Current) -> Current:
    both = ((module.path, f"{path}.path"), (module.shortcut, f"{path}.shortcut"))
    return tuple(term for one, at in both for term in flow.through(one, at, current))


def _neurons(flow: Flow, module: LIFNode, path: str, current: Current) -> Current:
    taps = [flow.tap(one) for one in current]
    return flow.heard(path, module, taps, [one.source for one in current])


def _wired(flow: Flow, module: Wired, path: str, current: Current) -> Current:
    values = {"x": current}
    for name, sources in module.ways:
        arrive = (values[one] for one in sources)
        values[name] = flow.through(module.get_submodule(name), f"{path}.{name}", *arrive)
    return values[name]


def _any(flow: Flow, module: AnyOf, path: str, current: Current) -> Current:
    (source,) = _sources(current)
    channels, *places = flow.seen[source].shape[2:]
    if not module.n_heads:
        return flow.step(path, Pictures(pool=nn.MaxPool2d((places[0], places[1]))), [source])
    weight = torch.eye(module.n_heads).repeat_interleave(channels // module.n_heads, 1)
    return flow.step(path, Heard([fixed(weight[:, :, None, None])], module.neurons), [source])


def _and(flow: Flow, module: And, path: str, gate: Current, current: Current) -> Current:
    sources = _sources(gate, current)
    gates, *there = flow.seen[sources[0]].shape[2:]
    channels, *places = flow.seen[sources[1]].shape[2:]
    same = nn.AvgPool2d(1)
    taps: list[nn.Module] = [same, same]
    if there != places:  # from one place to all: a window of ones that slides over it
        window = torch.eye(channels)[:, :, None, None] * torch.ones(places)
        taps[0] = fixed(window, padding=(places[0] - 1, places[1] - 1))
    elif gates != channels:
        taps[0] = fixed(torch.eye(gates).repeat_interleave(channels // gates, 0)[:, :, None, None])
    return flow.step(path, Heard(taps, module.neurons), sources)


def _over_heads(flow: Flow, module: OverHeads, path: str, current: Current) -> Current:
    """Places side by side are those of a row, and the last of a row with the first of the next."""
    (source,) = _sources(current)
    channels, _, columns = flow.seen[source].shape[2:]
    place = torch.arange(channels)
    near_CC = (place[:, None] - place).abs() <= 1
    near_CC &= place[:, None] * module.n_heads // channels == place * module.n_heads // channels
    window = torch.zeros(3, 2 * columns - 1)
    window[1, max(columns - 2, 0) : columns + 1] = window[2, 0] = window[0, -1] = 1.0
    tap = fixed(near_CC[:, :, None, None] * window, padding=(1, columns - 1))
    return flow.step(path, Heard([tap], AnySpike()), [source])


def _self_attention(flow: Flow, module: SpikingSelfAttention, path: str, current: Current) -> Current:
    """The products are the host's; what is around them is neurons as everywhere."""
    mixes = {
        "q of a step with the one before, sooner than a chip's connections": hasattr(module, "TIM"),
        "the samples of a batch, as network.uncorrected says": isinstance(module.proj.lif, SampleMixing),
    }
    for what, does in mixes.items():
        if does:
            raise NetworkError(
                f"network: {population_name(path)} ({type(module).__name__}) mixes {what}; train it only"
            )
    q, k, v = (flow.through(getattr(module, name), f"{path}.{name}", current) for name in "qkv")
    sources = _sources(q, k, v)
    channels, products = flow.seen[sources[0]].shape[2], module.products
    (counts,) = flow.step(f"{path}.products", Multiplied(channels, products.n_heads), sources)
    scale = fixed(products.scale * torch.eye(channels)[:, :, None, None]).double().requires_grad_(True)
    attended = flow.through(module.attn_lif, f"{path}.attn_lif", (Term(counts.source, scale),))
    return flow.through(module.proj, f"{path}.proj", attended)


RULES: dict[type[nn.Module], Rule] = {
    nn.Sequential: _chain,
    Pictures: _pictures,
    Shortcut: _shortcut,
    DeformedShortcut: _deformed,
    LIFNode: _neurons,
    Wired: _wired,
    And: _and,
    AnyOf: _any,
    OverHeads: _over_heads,
    SpikingSelfAttention: _self_attention,
}


@torch.no_grad()
def chip_maps(network: Any) -> ChipMaps:
    """Return a trained transformer as populations and synapses: what is put on a grid.

    Args:
        network: A `families.transformer.SpikingTransformer`; with `host_encoder` its first convolution is the host's.

    Raises:
        NetworkError: a part of it is nothing that a chip does.
    """
    parts, image, host = copy.deepcopy(network.parts), network.image, None
    first = parts[0][0]  # type: ignore[index]
    first.map.conv.weight.div_(network.input_scale.view(1, -1, 1, 1))
    mean = network.input_mean.expand(*image).double()
    if network.settings.host_encoder:
        _, gain = _leaky(first.lif)
        encoder = folded(first.map.conv, first.map.bn)
        bias = encoder(-mean[None])[0].flatten(1)
        host = Host.of((gain * encoder.weight).numpy(), (gain * bias).numpy(), image, once=network.once)
        image = host.window.output_shape
        sent = fixed(torch.eye(image[0])[:, :, None, None] * (UNIT / gain)).requires_grad_(True)
        first.map = Pictures(conv=sent, bn=nn.BatchNorm2d(image[0], eps=0.0).eval())
    flow = Flow(image)
    current = flow.through(parts, "", (Term(INPUT),))
    if host is None and bool(mean.any()):
        raise NetworkError("network.input_mean: a chip takes no mean off its input; set network.host_encoder = true")
    taps = [flow.mean(one) for one in current]
    sources = [one.source for one in current]
    head = network.head.weight.double()
    if network.head_lif is not None:
        sources, taps = [flow.heard("head_lif", network.head_lif, taps, sources)[0].source], []
        taps = [windows(head[:, :, None, None], None)]
    else:
        for one in taps:
            one.weight = nn.Parameter(torch.einsum("oc,cihw->oihw", head, one.weight))
            one.bias = None if one.bias is None else nn.Parameter(head @ one.bias)
    bias = network.head.bias.double()
    taps[0].bias = nn.Parameter(bias if taps[0].bias is None else bias + taps[0].bias)
    flow.step(HEAD, Heard([*taps], Scores()).float(), sources)
    return ChipMaps(flow.steps, image, host).train(network.training)
