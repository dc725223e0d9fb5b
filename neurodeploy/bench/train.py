"""`bench train`: a training step of ours and of the peers, in one run."""

import statistics
from typing import Any

from neurodeploy.bench import machine
from neurodeploy.bench.contenders import threads_of_torch, training_speeds, wanted_to_train
from neurodeploy.bench.rounds import block, in_turn, seconds_of
from neurodeploy.bench.training import Options
from neurodeploy.bench.training_memory import OURS, memory_bytes
from neurodeploy.bench.training_works import WORKS
from neurodeploy.errors import NeurodeployError, nearest
from neurodeploy.networks.families.silif import LAYERS
from neurodeploy.progress import Progress, silent

PRODUCTS = 3
"""Runs of a step's products in a round."""


def bench_train(
    *,
    work: str = "silif",
    model: str = "silif",
    hidden: int | None = None,
    steps: int | None = None,
    batch: int = 32,
    threads: int = 1,
    repeats: int = 5,
    peers: str | None = None,
    fresh: bool = False,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Measure one training step (forward, backward, Adam's update) of ours and of the peers.

    Args:
        work: "silif": speech by state-space neurons; "plif": the PLIF paper's network for MNIST; "lmu" or "lmufft":
            psMNIST by a Legendre memory; "lmuformer": the spiking LMUFormer for Speech Commands; "spikformer": that
            of four blocks for CIFAR-10.
        model: A spiking model of the SiLIF family, of silif.
        hidden: Neurons in each of two hidden layers, between 140 inputs and 35 classes, 512 when None; of plif,
            channels of each convolution, 32 when None; of lmu 212 and of lmufft 346; channels of lmuformer, 256,
            and of spikformer, 384, a multiple of 8.
        threads: CPU threads of all contenders.
        repeats: Rounds; medians are reported.
        peers: Their names with commas, or "none"; every one that is installed when None.
        fresh: Leave silif's network as it is initialised, instead of letting it fire as a trained one does.
        progress: Hears how far the work is.
        steps: Of a sample; 250 when None, of plif 8, of lmu and lmufft 784, of lmuformer 128 frames, of
            spikformer 4.
        batch: Samples of a training step.

    Returns:
        `work`, `machine`; `ours` (seconds per step and samples per second), `peers` (the same, and `ratio`, ours to the
        peer's); `absent`. Of plif, lmuformer and spikformer the bytes that some steps take, with a `memory_ratio`. Of
        all but plif `gradients` (how far ours and eager torch's float32 are from float64, of spikformer in smaller
        networks), where what they are compared with is installed. Of silif, lmu and lmufft
        `floor`: the matrix products of our step alone, those of silif dense.
        Of lmuformer, `ours` has `frame_s`, what a frame of a stream takes in float64.

    Raises:
        NeurodeployError: an argument names nothing or is out of range.
    """
    if work not in WORKS:
        raise NeurodeployError(f"{work!r} is unknown", nearest(work, WORKS), option="work")
    if model not in LAYERS:
        raise NeurodeployError(f"{model!r} is unknown", nearest(model, LAYERS), option="model")
    training = WORKS[work]
    hidden, steps = training.hidden if hidden is None else hidden, training.steps if steps is None else steps
    numbers = {"hidden": hidden, "steps": steps, "batch": batch, "threads": threads, "repeats": repeats}
    wanted = wanted_to_train(training.peers, peers, **numbers)
    options = Options(work, hidden, steps, batch, threads, model, fresh)
    with threads_of_torch(threads):
        progress("bench", 0, repeats, "compiling and loading kernels")
        made = training.made(options)
        gradients = None
        if training.checked:
            progress("bench", 0, repeats, "comparing gradients")
            gradients = training.checked(made)
        mine = block(training.ours(made), batch)
        blocks = {peer.name: block(peer.build(made), batch) for peer in wanted if not peer.missing}
        products, products_s = training.products and training.products(made), list[float]()

        def tell(done: int) -> None:
            if products:
                products(0)
                products_s.append(seconds_of(products, PRODUCTS) / PRODUCTS)
            progress("bench", done, repeats)

        speeds = in_turn(mine, blocks, repeats, tell)
        told = training_speeds(wanted, speeds, batch)
        if training.frame_s:
            told["ours"]["frame_s"] = training.frame_s(made)
        about = training.about(made) | {"steps": steps, "batch": batch, "threads": threads}
    if training.memory:
        told["ours"]["memory_bytes"] = least = memory_bytes(OURS, options)
        for one in told["peers"]:
            taken = memory_bytes(one["name"], options)
            one |= {"memory_bytes": taken, "memory_ratio": least / taken}
    if gradients:
        told["gradients"] = gradients
    if products_s:
        floor_s = statistics.median(products_s)
        told["floor"] = {"products_s": floor_s, "ours_over_products": told["ours"]["seconds_per_step"] / floor_s}
    return {"work": about, "machine": machine.describe(), **told}
