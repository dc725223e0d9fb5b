"""`bench simulate --work plif`: a small PLIF network on pictures, and the same network in SpikingJelly.

Weights are random: batch norms know one batch, and full layers are scaled until their currents deviate by as much as
they do, so that every layer spikes. Axes: B sample, T step, I input (channels, rows, columns in one).
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from neurodeploy.bench.peers import Peer
from neurodeploy.bench.plif_work import N_CLASSES, SIDE, spikingjelly_modules
from neurodeploy.bench.workloads import PLIF, Work
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.inputs import compiled
from neurodeploy.progress import Progress, silent
from neurodeploy.verbs.deploy import network_of

if TYPE_CHECKING:
    from neurodeploy.reading import GraphOf

CHANNELS, HIDDEN, N_STEPS, N_SAMPLES, INK = (32, 64), 256, 2, 64, 0.19
"""Those of recipe mnist_plif; the last is the part of a picture that is not black, as in MNIST."""
SEED, DT_S = 1, 1e-3


def random_network(settings: dict[str, Any], shape: tuple[int, ...], n_classes: int, x_BTI: Any) -> Any:
    """Return a PLIF network of random weights, in evaluation mode, all of whose layers spike on a batch."""
    import torch

    from neurodeploy.networks.families.plif import PlifSettings, build

    with torch.random.fork_rng([]), torch.no_grad():
        torch.manual_seed(SEED)
        network = build(PlifSettings(**settings), shape, n_classes, DT_S).train()
        sent = x_BTI.unflatten(2, shape)
        for stage in network.stages:
            stage.dropout = 0.0
            if stage.norm is None:
                stage.weights.weight.mul_(1 / stage.drive(sent).std())
            else:
                stage.norm.momentum = None  # its statistics are this batch's
            *_, sent = stage.parts(sent)
    return network.eval()


def read(network: Any, x_BTI: Any) -> "GraphOf":
    """Return a PLIF network as a recipe exports it, followed on a few steps of its input, which tell that it counts."""
    from neurodeploy.networks.families.plif import deployable
    from neurodeploy.pipeline.conversion import STEPS
    from neurodeploy.reading import graph_of

    return graph_of(deployable(network), x_BTI[:1, :STEPS], dt_s=DT_S)


def pictures() -> np.ndarray:
    """Return random pictures (B, T, I) of `INK`, int32, the same at all steps."""
    random = np.random.default_rng(SEED)
    shape = (N_SAMPLES, 1, SIDE * SIDE)
    return np.repeat((random.integers(1, 256, shape) * (random.random(shape) < INK)).astype(np.int32), N_STEPS, axis=1)


def plif(progress: Progress = silent) -> Work:
    """Return the work: pictures of `INK`, the same at all steps, as counts."""
    import torch

    spikes = pictures()
    x_BTI = torch.from_numpy(spikes).float()
    network = random_network({"channels": CHANNELS, "hidden": HIDDEN}, (1, SIDE, SIDE), N_CLASSES, x_BTI)
    program = compiled(network_of(read(network, x_BTI), PLIF), GraphOptions(), progress)[0].program
    peer = Peer("spikingjelly", "spikingjelly", "the same network in float32, multi-step", lambda _: _theirs(network))
    return Work(PLIF, program, spikes, (1, 64), (peer,))


def _theirs(network: Any) -> Any:
    """Return SpikingJelly's module of a network as a peer is run; its first convolution runs once a picture."""
    from spikingjelly.activation_based import functional

    first, rest = spikingjelly_modules(CHANNELS, HIDDEN)
    theirs = [*first.state_dict().values(), *rest.state_dict().values()]
    for own, value in zip(theirs, network.state_dict().values(), strict=True):
        own.copy_(value)
    first.eval(), rest.eval()

    def run(spikes_TBI: Any) -> list[Any]:
        functional.reset_net(rest)
        current = first(spikes_TBI[0].unflatten(1, network.image))
        return [rest(current.unsqueeze(0).expand(len(spikes_TBI), -1, -1, -1, -1))]

    return run
