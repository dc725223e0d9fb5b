"""`bench simulate --work sdt`: the Spike-driven Transformer of recipe mnist_sdt, and the same one in SpikingJelly.

Weights are random: batch norms know one batch, and shift what arrives so that neurons spike about as often as trained.
The first convolution is part of the work of both, once a picture. Axes: B sample, T step, I input.
"""

from typing import Any

from neurodeploy.bench.peers import Peer
from neurodeploy.bench.plif_inference import DT_S, pictures
from neurodeploy.bench.plif_work import N_CLASSES, SIDE
from neurodeploy.bench.workloads import SDT, Work
from neurodeploy.pipeline.conversion import read_network
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.inputs import compiled
from neurodeploy.progress import Progress, silent
from neurodeploy.verbs.deploy import network_of

SETTINGS: dict[str, Any] = {"model": "sdt", "layout": "small", "width": 64, "depth": 1, "heads": 4, "mlp_ratio": 2.0}
SEED, SHIFT = 1, 0.35
"""Of batch norms."""


def random_network(x_BTI: Any) -> Any:
    """Return a network in evaluation mode, all of whose neurons spike on a batch."""
    import torch

    from neurodeploy.networks.families.transformer import TransformerSettings, build
    from neurodeploy.networks.untrained import normed_by

    with torch.random.fork_rng([]):
        torch.manual_seed(SEED)
        network = build(TransformerSettings(**SETTINGS, pools_spikes=True), (1, SIDE, SIDE), N_CLASSES, DT_S)
        return normed_by(network, x_BTI, SHIFT)


def sdt(progress: Progress = silent) -> Work:
    """Return the work: pictures, the same at all steps, as counts."""
    import torch

    from neurodeploy.networks.families.transformer import deployable

    spikes = pictures()
    network = random_network(torch.from_numpy(spikes).float())
    read = read_network(deployable(network), DT_S, counts=True)
    program = compiled(network_of(read, SDT), GraphOptions(), progress)[0].program
    peer = Peer("spikingjelly", "spikingjelly", "the same network in float32, multi-step", lambda _: _theirs(network))
    return Work(SDT, program, spikes, (1, 32), (peer,), scores_only=True)


def _theirs(network: Any) -> Any:
    """Return SpikingJelly's model with the arrays of a network; its first convolution runs once a picture."""
    from spikingjelly.activation_based import functional
    from spikingjelly.activation_based.model.spike_driven_transformer import SpikeDrivenTransformer
    from torch import nn

    one = SETTINGS
    theirs = SpikeDrivenTransformer(
        2, 1, N_CLASSES, one["width"], one["heads"], one["depth"], one["mlp_ratio"], pooling_stat="1100"
    ).eval()
    weighted = nn.Conv2d | nn.BatchNorm2d
    both = ([part for part in whole.modules() if isinstance(part, weighted)] for whole in (network, theirs))
    for ours, other in zip(*both, strict=True):
        if other.bias is not None:
            nn.init.zeros_(other.bias)  # before batch norms, which ours leaves out
        other.load_state_dict(ours.state_dict(), strict=False)
    theirs.head.load_state_dict(network.head.state_dict())
    (conv, norm, *rest), *_ = theirs.patch_embed.stages
    theirs.patch_embed.stages[0] = nn.Sequential(*rest)
    functional.set_step_mode(first := nn.Sequential(conv, norm), "s")

    def run(spikes_TBI: Any) -> list[Any]:
        functional.reset_net(theirs)
        current = first(spikes_TBI[0].unflatten(1, network.image))
        return [theirs(current.unsqueeze(0).expand(len(spikes_TBI), -1, -1, -1, -1)).unsqueeze(0)]

    return run
