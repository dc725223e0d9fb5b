"""What a chip runs of networks over frames, as an LMUFormer."""

from typing import Any

from torch import nn

from neurodeploy.networks.blocks.mixer import FramesLMU
from neurodeploy.networks.spike_driven.signals import FOLDED, HOST, MULTIPLIES, NEURONS, WEIGHS, Kind, Origin, Signal
from neurodeploy.networks.spike_driven.walk import INPUT, At, Walk, walked, weighed, weights
from neurodeploy.neurons.lmu_layers import LinearMemory

MEMORY = Signal(Kind.VALUES, (Origin("the memory", "neurons behind the memory"),))
SIGMA_DELTA = "sigma-delta neurons send its changes; here networks of lava-dl alone have them"


def network(network: Any, at: At) -> Walk:
    reason = "made and normalised by the host, which sends them as whole numbers"
    yield at.inside("input").part("frames", HOST, 0, reason)
    names, signal = {module: name for name, module in network.named_children()}, INPUT
    for module in (*network.stages, network.head):
        signal = yield from walked(module, signal, at.inside(names[module]))
    reason = "integrators add up the scores of all frames: the largest sum is the largest mean"
    yield at.inside(names[network.head]).inside("mean").part("integrators", NEURONS, 0, reason)
    return signal


def memory(module: LinearMemory, arrives: Signal, at: At) -> Walk:
    order = len(module.A)
    yield from weighed(order, "B", arrives, at.inside("B"))
    reason = "the memory's potentials feed it as numbers: integrators with graded messages"
    yield at.inside("A").part("A", WEIGHS, order**2, reason, "a smaller memory takes less, by the square of its size")
    yield at.part("integrators", NEURONS)
    return MEMORY


def unit(module: FramesLMU, arrives: Signal, at: At) -> Walk:
    u = yield from weights(module.W_u, arrives, at.inside("W_u"))
    u = yield from walked(nn.ReLU(), u, at.inside("u"))
    m = yield from memory(module, u, at.inside("memory"))
    h = yield from weights(module.W_h, m.joined(arrives), at.inside("W_h"))
    return (yield from walked(nn.ReLU(), h, at.inside("h")))


def attention(module: Any, arrives: Signal, at: At) -> Walk:
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
        arrives = yield from walked(module.get_submodule(name), arrives, at.inside(name))
    return arrives


def norm(module: nn.BatchNorm1d, arrives: Signal, at: At) -> Walk:
    if arrives == MEMORY:  # no weights lie between integrators and what hears them: a synapse for each
        return (yield from weighed(module.num_features, module, arrives, at))
    yield at.part(module, FOLDED)
    return arrives.joined(Signal(Kind.SUMS))
