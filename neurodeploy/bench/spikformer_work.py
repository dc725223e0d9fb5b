"""`bench train --work spikformer`: a training step of Spikformer for CIFAR-10; by default 4-384, 4 steps a picture.

The peer is SpikingJelly's own Spikformer, which has no biases before norms; they change nothing. It pools before the
neurons of a stage, so that fewer run, and the published code behind them: for gradients its pools are moved there.
Axes: B sample, T step, I input, C class.
"""

from collections.abc import Iterator
from typing import Any

from neurodeploy.bench.gradients import Pass, compared
from neurodeploy.bench.peers import Peer
from neurodeploy.bench.training import Classifier, Options, Step, Training, our_scores

N_CLASSES, N_COLOURS, SIDE, PER_HEAD, DEPTH = 10, 3, 32, 32, 4
CHECKS, CHECKED_WIDTH, CHECKED_SIDE = 4, 32, 8
"""Parts whose gradients are compared, of smaller networks: few enough neurons that in some no spike is turned."""


def _classifier(options: Options, side: int, seed: int) -> Classifier:
    import torch

    from neurodeploy.networks.families.transformer import TransformerSettings, build

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        heads = max(1, options.hidden // PER_HEAD)
        settings = TransformerSettings(width=options.hidden, depth=DEPTH, heads=heads)
        network = build(settings, (N_COLOURS, side, side), N_CLASSES, 1e-3).train()
        x_BI = torch.randn(options.batch, N_COLOURS * side * side)
        labels_B = torch.randint(0, N_CLASSES, (options.batch,))
    return Classifier(options, network, x_BI[:, None].expand(-1, options.steps, -1), labels_B)


def _made(options: Options) -> Classifier:
    return _classifier(options, SIDE, 0)


def arrays(network: Any, of: str = "data") -> list[Any]:
    """Return all maps' weights, then all norms' weights and biases, of ours or of the peer; or their gradients.

    Args:
        of: "data" or "grad".
    """
    from torch import nn

    def found(kinds: tuple[type, ...], name: str) -> Iterator[Any]:
        for path, one in network.named_modules():
            if isinstance(one, kinds):
                array = getattr(getattr(one, name), of)
                yield from array.chunk(3) if "qkv" in path else (array,)

    norms = (nn.BatchNorm1d, nn.BatchNorm2d)
    return [*found((nn.Conv1d, nn.Conv2d, nn.Linear), "weight"), *found(norms, "weight"), *found(norms, "bias")]


def _as_peer(made: Classifier) -> Classifier:
    from spikingjelly.activation_based.model.spikformer import Spikformer

    ours = made.network
    _, rows, columns = ours.image
    width, heads = made.options.hidden, ours.settings.heads
    network: Any = Spikformer(made.options.steps, N_COLOURS, rows, columns, 4, N_CLASSES, width, heads, 4.0, DEPTH)
    network = network.to(ours.head.weight.dtype)
    for mine, its in zip(arrays(ours), arrays(network), strict=True):
        its.copy_(mine.view_as(its))
    return made._replace(network=network.train())


def _pooled_behind(network: Any) -> Any:
    """Return the peer with its pools behind the neurons."""
    from spikingjelly.activation_based import layer
    from torch import nn

    for stage in network.patch_embed.stages:
        *_, last = block = stage.conv_bn.block
        if isinstance(last, nn.MaxPool2d):
            del block[-1]
            stage.neuron = nn.Sequential(stage.neuron, layer.SeqToANNContainer(last))
    return network


def _peer_scores(network: Any, x_BTI: Any) -> Any:
    from spikingjelly.activation_based import functional

    functional.reset_net(network)
    stem = network.patch_embed
    return network(x_BTI[:, 0].unflatten(1, (N_COLOURS, *stem.image_size))).mean(0)


def _spikingjelly(made: Classifier) -> Step:
    return _as_peer(made).step(_peer_scores)


PEERS = (Peer("spikingjelly", "spikingjelly", "its own Spikformer, multi-step neurons", _spikingjelly),)


def _checked(made: Classifier) -> dict[str, Any] | None:
    if PEERS[0].missing:
        return None
    import torch
    from spikingjelly.activation_based import neuron

    def passed(one: Classifier, kind: torch.dtype, *, peer: bool) -> Pass:
        own = one.of_kind(kind)
        sent: list[torch.Tensor] = []
        if peer:
            own = _as_peer(own)
            for node in _pooled_behind(own.network).modules():
                if isinstance(node, neuron.LIFNode):
                    node.register_forward_hook(lambda _, __, found_TB: sent.append(found_TB.transpose(0, 1).flatten(2)))

        def scores(network: Any, x_BTI: Any) -> Any:
            if peer:
                return _peer_scores(network, x_BTI)
            answer = network(x_BTI)
            sent.extend(answer.hidden)
            return answer.output_BC

        own.loss(scores).backward()
        grads = [one.reshape(len(one), -1) for one in arrays(own.network, "grad")]
        return Pass(grads, [torch.cat(sent, 2).detach()])  # the peer's q, k and v are one layer

    parts = []
    options = made.options._replace(hidden=CHECKED_WIDTH, batch=2)
    for seed in range(CHECKS):
        part = _classifier(options, CHECKED_SIDE, seed)
        exact, eager = (passed(part, kind, peer=True) for kind in (torch.float64, torch.float32))
        parts.append((exact, eager, passed(part, torch.float32, peer=False)))
    return compared(parts)


def _about(made: Classifier) -> dict[str, Any]:
    parameters = sum(one.numel() for one in made.network.parameters())
    return {"model": "spikformer", "depth": DEPTH, "width": made.options.hidden, "parameters": parameters}


SPIKFORMER = Training(384, 4, _made, lambda made: made.step(our_scores), _about, PEERS, _checked, memory=True, least=8)
