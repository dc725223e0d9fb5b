"""What a chip runs of networks over pictures and events, as spiking transformers.

Axes: C channel, H row, W column.
"""

import math
from typing import Any

import torch
from torch import nn

from neurodeploy.networks.blocks.deformed import DeformedShortcut
from neurodeploy.networks.blocks.maps import And, AnyOf, Pictures, Wired
from neurodeploy.networks.blocks.sdsa import OverHeads
from neurodeploy.networks.blocks.ssa import SampleMixing, SpikeProducts, SpikingSelfAttention
from neurodeploy.networks.blocks.tim import TemporalInteraction
from neurodeploy.networks.spike_driven.signals import (
    ACCUMULATES,
    FOLDED,
    HOST,
    MULTIPLIES,
    NEURONS,
    NO_NEURON,
    Kind,
    Origin,
    Signal,
)
from neurodeploy.networks.spike_driven.walk import BESIDE, At, Walk, chain, walked, weighed
from neurodeploy.program.window import Window

PICTURE = (Origin("the picture", "network.host_encoder = true, which leaves the first convolution to the host"),)
OR = "OR of the spikes {}: neurons without memory, of threshold 0.5"
AND = "AND of two spikes: neurons without memory, of threshold 1.5"


def network(module: Any, _: Signal, at: At) -> Walk:
    """Follow a `families.transformer.SpikingTransformer`."""
    signal = Signal(Kind.VALUES, PICTURE, module.image)
    embed, *others = module.parts.named_children()
    first, *stages = embed[1].named_children()
    yield at.inside("input").part("picture", HOST, 0, _given(module))
    inside = at.inside(embed[0])
    if module.settings.host_encoder:
        signal = yield from _encoder(first[1].map, signal, inside.inside(first[0]))
        signal = yield from chain(first[1][1:], signal, inside.inside(first[0]))
    else:
        signal = yield from walked(first[1], signal, inside.inside(first[0]))
    for name, one in stages:
        signal = yield from walked(one, signal, inside.inside(name))
    for name, one in others:
        signal = yield from walked(one, signal, at.inside(name))
    head = at.inside("head")
    yield head.inside("mean").part("mean", FOLDED, 0, "each place has its share of the weights behind it")
    if module.head_lif is not None:
        signal = yield from walked(module.head_lif, signal, head.inside("lif"))
    yield from weighed(module.head.weight.numel(), module.head, signal, head)
    yield head.inside("sum").part("integrators", NEURONS, 0, "they add up the scores of all steps")
    return signal


def _given(module: Any) -> str:
    mean = bool(torch.tensor(module.settings.input_mean).any())
    if module.settings.host_encoder or not mean:
        return "numbers of the picture, or of events at each step"
    return "network.input_mean is taken off, which needs network.host_encoder = true: zeros beside it are no zeros then"


def _encoder(module: Pictures, arrives: Signal, at: At) -> Walk:
    conv: Any = module.conv
    shape = _convolved(conv, arrives.shape)
    reason = "the first convolution and its batch norm; the host sends currents"
    yield at.part(conv, HOST, conv.weight.numel() * math.prod(shape[1:]), reason)
    return Signal(Kind.VALUES, PICTURE, shape)


def _convolved(conv: Any, shape: Any) -> tuple[int, ...]:
    return Window(shape, conv.out_channels, conv.kernel_size, conv.stride, conv.padding).output_shape


def pictures(module: Pictures, arrives: Signal, at: At) -> Walk:
    """Follow modules that have no name of their own among the published ones."""
    return (yield from chain(module, arrives, at._replace(name=at.name.removesuffix(".map").removesuffix(".pool"))))


def conv(module: nn.Conv2d, arrives: Signal, at: At) -> Walk:
    """Follow a convolution."""
    shape = _convolved(module, arrives.shape)
    macs = module.weight.numel() * math.prod(shape[1:])
    return (yield from weighed(macs, module, arrives, at))._replace(shape=shape)


def pool(module: Any, arrives: Signal, at: At) -> Walk:
    """Follow a maximum pool: of spikes it is an OR."""
    kernel, stride, padding = ((one, one) for one in (module.kernel_size, module.stride, module.padding))
    shape: Any = arrives.shape
    if arrives.kind == Kind.SPIKES:
        yield at.part(module, NEURONS, 0, OR.format("in a window"))
    else:
        reason = "it takes the maximum of currents, which no sum of spikes is"
        yield at.part(module, NO_NEURON, 0, reason, "network.pools_spikes = true: the pool behind the neurons")
    return arrives._replace(shape=Window(shape, shape[0], kernel, stride, padding).output_shape)


def deformed(module: DeformedShortcut, arrives: Signal, at: At) -> Walk:
    """Follow both paths."""
    at = at._replace(name=at.name.removesuffix(".both"))
    made = yield from walked(module.path, arrives, at)
    other = yield from walked(module.shortcut, arrives, at)
    yield at.inside("sum").part(module, FOLDED, 0, BESIDE)
    return made.joined(other)


def wired(module: Wired, arrives: Signal, at: At) -> Walk:
    """Follow parts that take what others give."""
    values = {"x": arrives}
    for name, sources in module.ways:
        *_, last = sources
        values[name] = yield from walked(module.get_submodule(name), values[last], at.inside(name))
    return values[name]


def any_of(module: AnyOf, arrives: Signal, at: At) -> Walk:
    """Follow an OR, which passes the gate on: whoever takes it has its own shape from elsewhere."""
    where = "of a head's channels" if module.n_heads else "of all places"
    yield at.part("OR", NEURONS, 0, OR.format(where))
    return arrives


def both(module: And, arrives: Signal, at: At) -> Walk:
    """Follow an AND."""
    yield at.part("AND", NEURONS, 0, AND)
    return arrives


def over_heads(module: OverHeads, arrives: Signal, at: At) -> Walk:
    """Follow a dilation over places and channels."""
    yield at.part("OR", NEURONS, 0, OR.format("in a window of places and channels"))
    return arrives


def attention(module: SpikingSelfAttention, arrives: Signal, at: At) -> Walk:
    """Follow products of spikes, and what lies around them."""
    for name in "qkv":
        x = yield from walked(module.get_submodule(name), arrives, at.inside(name))
    if hasattr(module, "TIM"):
        yield from walked(module.TIM, x, at.inside("TIM"))
    yield from walked(module.products, x, at.inside("products"))
    x = yield from walked(module.attn_lif, x._replace(kind=Kind.SUMS), at.inside("attn_lif"))
    return (yield from walked(module.proj, x, at.inside("proj")))


def products(module: SpikeProducts, arrives: Signal, at: At) -> Walk:
    """Follow q k' v by heads, whichever order takes fewer."""
    width, places = arrives.shape[0], math.prod(arrives.shape[1:])
    macs = 2 * places * width * min(places, width // module.n_heads)
    reason = "spikes are multiplied with counts of spikes, which no chip of this kind does; a host must"
    change = 'network.model = "sdt", or for qkformer network.attention of token and channel alone'
    yield at.part("q k' v", MULTIPLIES, macs, reason, change)
    return Signal(Kind.SUMS, (), arrives.shape)


def tim(module: TemporalInteraction, arrives: Signal, at: At) -> Walk:
    """Follow a loop over steps."""
    conv = module.interactor
    n_channels, size = arrives.shape[0], arrives.shape[0] // module.n_heads
    slides = size if module.axis == "tokens" else math.prod(arrives.shape[1:])
    yield at.inside("interactor").part(conv, ACCUMULATES, conv.weight.numel() * slides * n_channels // size)
    reason = "two populations in a loop take two steps of a chip, where the network has one"
    yield at.part("loop", NO_NEURON, 0, reason, "network.model = spikformer, or sdt")
    return arrives


def mixing(module: SampleMixing, arrives: Signal, at: At) -> Walk:
    """Follow neurons that take samples for steps."""
    yield at.part(module, NO_NEURON, 0, "samples of a batch pass for steps", "network.uncorrected = false")
    return Signal(Kind.SPIKES, (), arrives.shape)
