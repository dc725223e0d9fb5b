"""`bench train --work lmuformer`: a training step of the spiking LMUFormer with membrane shortcut for Speech Commands.

The peer is `lmuformer_peer` with the same weights. Axes: B sample, T frame, I input, C class.
"""

import copy
import statistics
import time
from typing import Any

from neurodeploy.bench.gradients import Pass, compared
from neurodeploy.bench.peers import Peer
from neurodeploy.bench.training import Classifier, Options, Step, Training, our_scores

N_INPUTS, N_CLASSES = 128, 35
CHECKS, CHECKED = 4, (2, 16)
"""Parts whose gradients are compared, and samples and frames of each: few enough that in some no spike is turned."""
STREAMED = 200


def _made(options: Options) -> Classifier:
    import torch

    from neurodeploy.networks.families.lmuformer import LmuFormerSettings, build

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        settings = LmuFormerSettings(model="spiking_lmuformer_ms", width=options.hidden)
        network = build(settings, (N_INPUTS,), N_CLASSES, 0.01)
        x_BTI = torch.randn(options.batch, options.steps, N_INPUTS)
        return Classifier(options, network, x_BTI, torch.randint(0, N_CLASSES, (options.batch,)))


def _peer_scores(network: Any, x_BTI: Any) -> Any:
    return network(x_BTI)


def _as_peer(made: Classifier) -> Classifier:
    from neurodeploy.bench.lmuformer_peer import like

    return made._replace(network=like(made.network, made.x_BTI.shape[1]))


def _spikingjelly(made: Classifier) -> Step:
    return _as_peer(made).step(_peer_scores)


PEERS = (Peer("spikingjelly", "spikingjelly", "the reference's structure, multi-step neurons", _spikingjelly),)


def _checked(made: Classifier) -> dict[str, Any] | None:
    if PEERS[0].missing:
        return None
    import torch

    from neurodeploy.bench.lmuformer_peer import sent_by

    samples, frames = CHECKED

    def passed(one: Classifier, kind: torch.dtype, *, peer: bool) -> Pass:
        own = one.of_kind(kind)
        if peer:
            own = _as_peer(own)
        spikes: list[torch.Tensor] = sent_by(own.network) if peer else []

        def scores(network: Any, x_BTI: Any) -> Any:
            if peer:
                return network(x_BTI)
            answer = network(x_BTI)
            spikes.extend(answer.hidden)
            return answer.output_BC

        own.loss(scores).backward()
        # A bias before a norm has no gradient but rounding.
        return Pass([each.grad.flatten(1) for each in own.network.parameters() if each.ndim > 1], spikes)

    generator = torch.Generator().manual_seed(1)
    parts = []
    for _ in range(CHECKS):
        x_BTI = torch.randn(samples, frames, N_INPUTS, generator=generator)
        part = made._replace(x_BTI=x_BTI, labels_B=torch.arange(samples))
        exact, eager = (passed(part, kind, peer=True) for kind in (torch.float64, torch.float32))
        parts.append((exact, eager, passed(part, torch.float32, peer=False)))
    return compared(parts)


def _frame_s(made: Classifier) -> float:
    """Return the median seconds of a frame of a stream in float64, by norms that have seen the input."""
    import torch

    network = copy.deepcopy(made.network)
    for one in network.modules():
        if isinstance(one, torch.nn.BatchNorm1d):
            one.momentum = None
    with torch.no_grad():
        network.train()(made.x_BTI)
    stream, seconds = network.double().eval().stream(), []
    for frame_I in made.x_BTI.flatten(0, 1)[:STREAMED].double():
        started = time.perf_counter()
        stream.push(frame_I)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _about(made: Classifier) -> dict[str, Any]:
    parameters = sum(one.numel() for one in made.network.parameters())
    return {"model": "spiking_lmuformer_ms", "width": made.options.hidden, "parameters": parameters}


LMUFORMER = Training(
    256, 128, _made, lambda made: made.step(our_scores), _about, PEERS, _checked, frame_s=_frame_s, memory=True
)
