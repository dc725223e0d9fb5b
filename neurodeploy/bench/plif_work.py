"""`bench train --work plif`: a training step of the paper's network for MNIST, of ours and of the peers.

All train the same network: convolutions with batch norm, one learned time constant a layer, maximum pools, dropout and
votes, by the squared error. Memory is what a fresh process takes for some steps beyond what it took before the first.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from neurodeploy.bench import machine
from neurodeploy.bench.contenders import threads_of_torch, training_speeds, wanted_to_train
from neurodeploy.bench.peers import Peer
from neurodeploy.bench.rounds import block, in_turn
from neurodeploy.bench.training_work import training_step
from neurodeploy.errors import NeurodeployError
from neurodeploy.progress import Progress, silent

Step = Callable[[int], None]
Sizes = tuple[int, int, int]
"""Channels, steps of a sample, samples of a batch."""
N_CLASSES, VOTERS, HIDDEN, SIDE = 10, 10, 2048, 28
MEMORY_STEPS = 3


def _stepper(module: Any, scores: Callable[[Any], Any], batch: int) -> Step:
    import torch
    from torch.nn import functional

    generator = torch.Generator().manual_seed(1)
    x = torch.rand(batch, 1, SIDE, SIDE, generator=generator)
    wanted = functional.one_hot(torch.randint(0, N_CLASSES, (batch,), generator=generator), N_CLASSES).float()
    return training_step(module, lambda _: functional.mse_loss(scores(x), wanted))


def _ours(sizes: Sizes) -> Step:
    channels, steps, batch = sizes
    from neurodeploy.networks.families.plif import PlifSettings, build

    network = build(PlifSettings(channels=(channels,), hidden=HIDDEN), (1, SIDE, SIDE), N_CLASSES, 1e-3).train()
    return _stepper(network, lambda x: network(x.flatten(1)[:, None].expand(-1, steps, -1)).output_BC, batch)


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


def _spikingjelly(sizes: Sizes) -> Step:
    from spikingjelly.activation_based import functional
    from torch import nn

    channels, steps, batch = sizes
    first, rest = spikingjelly_modules((channels, channels), HIDDEN)

    def scores(x: Any) -> Any:
        functional.reset_net(rest)
        return rest(first(x).unsqueeze(0).expand(steps, -1, -1, -1, -1)).mean(0)

    return _stepper(nn.ModuleList([first, rest]).train(), scores, batch)


def _snntorch(sizes: Sizes) -> Step:
    """Its `Leaky` with a learned decay, reset to zero; dropout draws anew at each step."""
    import snntorch.surrogate
    import snntorch.utils
    import torch
    from torch import nn

    channels, steps, batch = sizes

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
CONTENDERS: dict[str, Callable[[Sizes], Step]] = {"neurodeploy": _ours} | {one.name: one.build for one in PLIF_PEERS}


def bench_plif(
    *,
    channels: int = 32,
    steps: int = 8,
    batch: int = 32,
    threads: int = 1,
    repeats: int = 5,
    peers: str | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Measure one training step (forward, backward, Adam's update), and the memory that steps take.

    Args:
        channels: Of both convolutions.
        steps, batch, threads, repeats, peers, progress: As in `bench_train`.

    Returns:
        `work`, `machine`, `ours` (`seconds_per_step`, `samples_per_second`, `memory_bytes`), `peers` (the same, `ratio`
        and `memory_ratio`, ours to the peer's), `absent`.

    Raises:
        NeurodeployError: an argument names nothing or is out of range.
    """
    numbers = {"hidden": channels, "steps": steps, "batch": batch, "threads": threads, "repeats": repeats}
    wanted = wanted_to_train(PLIF_PEERS, peers, **numbers)
    with threads_of_torch(threads):
        progress("bench", 0, repeats, "compiling and loading kernels")
        sizes = channels, steps, batch
        mine = block(_ours(sizes), batch)
        blocks = {peer.name: block(peer.build(sizes), batch) for peer in wanted if not peer.missing}
        speeds = in_turn(mine, blocks, repeats, partial(_told, progress, repeats))
    memory = {name: _memory(name, channels, steps, batch, threads) for name in ("neurodeploy", *blocks)}
    told = training_speeds(wanted, speeds, batch)
    told["ours"]["memory_bytes"] = mine_bytes = memory["neurodeploy"]
    for one in told["peers"]:
        one |= {"memory_bytes": memory[one["name"]], "memory_ratio": mine_bytes / memory[one["name"]]}
    work = {"channels": channels, "steps": steps, "batch": batch, "threads": threads}
    return {"work": work, "machine": machine.describe(), **told}


def _told(progress: Progress, repeats: int, done: int) -> None:
    progress("bench", done, repeats)


def _memory(*work: Any) -> int:
    """Return the bytes that training steps take in a fresh process beyond what it had before the first."""
    # By way of a small process: a process's largest memory counts that of the one it came from.
    between = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:], check=False).returncode)"
    command = [sys.executable, "-c", between, sys.executable, "-m", __name__, *map(str, work)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NeurodeployError(f"bench: {work[0]} failed in a fresh process: {done.stderr.strip().splitlines()[-1:]}")
    return int(json.loads(done.stdout.splitlines()[-1]))


def _main(name: str, *sizes: str) -> None:
    import resource

    channels, steps, batch, threads = map(int, sizes)
    with threads_of_torch(threads):
        CONTENDERS[name]((2, 2, 2))(0)  # kernels and libraries are loaded
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        step = CONTENDERS[name]((channels, steps, batch))
        for index in range(MEMORY_STEPS):
            step(index)
        unit = 1 if sys.platform == "darwin" else 1024
        print(json.dumps((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit))


if __name__ == "__main__":
    _main(*sys.argv[1:])
