"""`bench train --work plif`: a training step of the paper's network for MNIST, of ours and of the peers.

All train the same network: convolutions with batch norm, one learned time constant a layer, maximum pools, dropout and
votes, by the squared error.
"""

from collections.abc import Callable
from typing import Any

from neurodeploy.bench.peers import Peer
from neurodeploy.bench.training import Options, Step, Training, our_scores, training_step

N_CLASSES, VOTERS, HIDDEN, SIDE = 10, 10, 2048, 28


def _stepper(module: Any, scores: Callable[[Any], Any], batch: int) -> Step:
    import torch
    from torch.nn import functional

    generator = torch.Generator().manual_seed(1)
    x = torch.rand(batch, 1, SIDE, SIDE, generator=generator)
    wanted = functional.one_hot(torch.randint(0, N_CLASSES, (batch,), generator=generator), N_CLASSES).float()
    return training_step(module, lambda _: functional.mse_loss(scores(x), wanted))


def _ours(options: Options) -> Step:
    channels, steps, batch = options.hidden, options.steps, options.batch
    from neurodeploy.networks.families.plif import PlifSettings, build

    network = build(PlifSettings(channels=(channels,), hidden=HIDDEN), (1, SIDE, SIDE), N_CLASSES, 1e-3).train()
    return _stepper(network, lambda x: our_scores(network, x.flatten(1)[:, None].expand(-1, steps, -1)), batch)


def spikingjelly_modules(channels: tuple[int, int], hidden: int) -> tuple[Any, Any]:
    """Return the first convolution with its batch norm, and the rest in multi-step mode."""
    from spikingjelly.activation_based import functional, layer, neuron, surrogate
    from torch import nn

    def neurons() -> Any:
        return neuron.ParametricLIFNode(surrogate_function=surrogate.ATan(), detach_reset=True)

    def conv(n_inputs: int, n_outputs: int) -> list[Any]:
        return [layer.Conv2d(n_inputs, n_outputs, 3, padding=1, bias=False), layer.BatchNorm2d(n_outputs)]

    n_features = channels[1] * (SIDE // 4) ** 2
    first = nn.Sequential(*conv(1, channels[0]))
    inner = [neurons(), layer.MaxPool2d(2, 2), *conv(*channels), neurons(), layer.MaxPool2d(2, 2), layer.Flatten()]
    full = [layer.Dropout(0.5), layer.Linear(n_features, hidden, bias=False), neurons(), layer.Dropout(0.5)]
    last = [layer.Linear(hidden, N_CLASSES * VOTERS, bias=False), neurons(), layer.VotingLayer(VOTERS)]
    rest = nn.Sequential(*inner, *full, *last)
    functional.set_step_mode(rest, "m")
    return first, rest


def _spikingjelly(options: Options) -> Step:
    from spikingjelly.activation_based import functional
    from torch import nn

    channels, steps, batch = options.hidden, options.steps, options.batch
    first, rest = spikingjelly_modules((channels, channels), HIDDEN)

    def scores(x: Any) -> Any:
        functional.reset_net(rest)
        return rest(first(x).unsqueeze(0).expand(steps, -1, -1, -1, -1)).mean(0)

    return _stepper(nn.ModuleList([first, rest]).train(), scores, batch)


def _snntorch(options: Options) -> Step:
    """Its `Leaky` with a learned decay, reset to zero; dropout draws anew at each step."""
    import snntorch.surrogate
    import snntorch.utils
    import torch
    from torch import nn

    channels, steps, batch = options.hidden, options.steps, options.batch

    def neurons() -> Any:
        atan = snntorch.surrogate.atan(alpha=2.0)
        return snntorch.Leaky(beta=0.5, learn_beta=True, spike_grad=atan, reset_mechanism="zero", init_hidden=True)

    def conv(n_inputs: int) -> list[Any]:
        return [nn.Conv2d(n_inputs, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]

    n_features = channels * (SIDE // 4) ** 2
    first = nn.Sequential(*conv(1))
    hidden = [neurons(), nn.MaxPool2d(2), *conv(channels), neurons(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5)]
    full = [nn.Linear(n_features, HIDDEN, bias=False), neurons(), nn.Dropout(0.5)]
    rest = nn.Sequential(*hidden, *full, nn.Linear(HIDDEN, N_CLASSES * VOTERS, bias=False), neurons())

    def scores(x: Any) -> Any:
        snntorch.utils.reset(rest)
        current = first(x)
        return torch.stack([rest(current) for _ in range(steps)]).unflatten(2, (N_CLASSES, VOTERS)).mean((0, 3))

    return _stepper(nn.ModuleList([first, rest]).train(), scores, batch)


PLIF_PEERS = (
    Peer("spikingjelly", "spikingjelly", "the same network, multi-step", _spikingjelly),
    Peer("snntorch", "snntorch", "the same network, step by step; dropout drawn at each step", _snntorch),
)
PLIF = Training(
    32, 8, lambda options: options, _ours, lambda options: {"channels": options.hidden}, PLIF_PEERS, memory=True
)
