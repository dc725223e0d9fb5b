"""`bench train`: a training step of ours and of the peers, in one run."""

import itertools
import statistics
import time
from typing import Any

from neurodeploy.bench import machine
from neurodeploy.bench.contenders import threads_of_torch, training_speeds, wanted_to_train
from neurodeploy.bench.lmu_work import MODELS, bench_lmu
from neurodeploy.bench.plif_work import bench_plif
from neurodeploy.bench.rounds import Block, block, in_turn
from neurodeploy.bench.training_check import checked
from neurodeploy.bench.training_work import INPUT_RATE, TRAINING_PEERS, TrainingWork, ours, training_work
from neurodeploy.errors import NeurodeployError, nearest
from neurodeploy.networks.families.silif import LAYERS
from neurodeploy.progress import Progress, silent

WORKS = ("silif", "plif", *MODELS)


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
        work: "silif", whose arguments and result these are; "plif", see `plif_work.bench_plif`; "lmu" or "lmufft", see
            `lmu_work.bench_lmu`.
        model: A spiking model of the SiLIF family.
        hidden: Neurons in each of two hidden layers, between 140 inputs and 35 classes, 512 when None; of plif,
            channels of each convolution, 32 when None; of lmu 212 and of lmufft 346.
        threads: CPU threads of all contenders.
        repeats: Rounds; medians are reported.
        peers: Their names with commas, or "none"; every one that is installed when None.
        fresh: Leave the network as it is initialised, instead of letting it fire as a trained one does.
        progress: Hears how far the work is.
        steps: Of a sample; 250 when None, of plif 8, of lmu and lmufft 784.
        batch: Samples of a training step.

    Returns:
        `work`, `machine`; `ours` (seconds per step and samples per second), `peers` (the same, and `ratio`, ours to the
        peer's); `gradients` (how far ours and torch's float32 are from float64); `floor` (the step's matrix products,
        dense); `absent`.

    Raises:
        NeurodeployError: an argument names nothing or is out of range.
    """
    if work not in WORKS:
        raise NeurodeployError(f"{work!r} is unknown", nearest(work, WORKS), option="work")
    shared: Any = {"batch": batch, "threads": threads, "repeats": repeats, "peers": peers, "progress": progress}
    if work in MODELS:
        return bench_lmu(work, hidden=hidden, steps=784 if steps is None else steps, **shared)
    if work == "plif":
        return bench_plif(channels=32 if hidden is None else hidden, steps=8 if steps is None else steps, **shared)
    hidden, steps = 512 if hidden is None else hidden, 250 if steps is None else steps
    if model not in LAYERS:
        raise NeurodeployError(f"{model!r} is unknown", nearest(model, LAYERS), option="model")
    numbers = {"hidden": hidden, "steps": steps, "batch": batch, "threads": threads, "repeats": repeats}
    wanted = wanted_to_train(TRAINING_PEERS, peers, **numbers)
    with threads_of_torch(threads):
        progress("bench", 0, repeats, "compiling and loading kernels")
        made = training_work(model, hidden=hidden, steps=steps, batch=batch, fresh=fresh)
        progress("bench", 0, repeats, "comparing gradients")
        gradients = checked(made)
        mine = block(ours(made), batch)
        blocks: dict[str, Block] = {peer.name: block(peer.build(made), batch) for peer in wanted if not peer.missing}
        products: list[float] = []

        def tell(done: int) -> None:
            products.append(_dense_products(made))
            progress("bench", done, repeats, f"batch {batch}, threads {threads}")

        tell(0)
        speeds = in_turn(mine, blocks, repeats, tell)
    return {
        "work": {
            "model": model,
            "sizes": made.sizes,
            "steps": steps,
            "batch": batch,
            "threads": threads,
            "input_rate": INPUT_RATE,
            "rates": made.rates,
            "parameters": sum(one.numel() for one in made.network.parameters()),
        },
        "machine": machine.describe(),
        **training_speeds(wanted, speeds, batch),
        "gradients": gradients,
        "floor": {
            "dense_products_s": statistics.median(products),
            "ours_over_dense_products": batch / statistics.median(speeds.ours) / statistics.median(products),
            "how": "matrix products of forward and backward pass with dense inputs by torch.mm, in each round; the "
            "median. Ours takes less than that where it computes spikes alone.",
        },
    }


def _dense_products(work: TrainingWork) -> float:
    """Return the seconds of the step's matrix products, dense, by torch: what no dense implementation can undercut."""
    import torch

    rows = work.batches[0][0].shape[0] * work.batches[0][0].shape[1]
    seconds = 0.0
    for index, (n_inputs, n_outputs) in enumerate(itertools.pairwise(work.sizes)):
        x, grad, weight = torch.rand(rows, n_inputs), torch.rand(rows, n_outputs), torch.rand(n_outputs, n_inputs)
        calls = [lambda x=x, weight=weight: x @ weight.t(), lambda x=x, grad=grad: grad.t() @ x]
        if index:  # the network's input needs no gradient
            calls.append(lambda grad=grad, weight=weight: grad @ weight)
        for call in calls:
            call()
            started = time.perf_counter()
            call()
            seconds += time.perf_counter() - started
    return seconds
