"""`bench train --work lmu` and `lmufft`: a training step of a classifier of psMNIST's kind, ours and the reference's.

Both train the same network by cross-entropy on the last hidden state; the reference's equations (hrshtv/pytorch-lmu)
run in eager torch as they stand. Axes: B sample, T step, D memory, H hidden.
"""

import copy
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

from neurodeploy.bench import machine
from neurodeploy.bench.contenders import threads_of_torch, training_speeds, wanted_to_train
from neurodeploy.bench.peers import Peer
from neurodeploy.bench.rounds import block, in_turn, seconds_of
from neurodeploy.bench.training_work import training_step
from neurodeploy.progress import Progress, silent

MODELS = {"lmu": (212, 256), "lmufft": (346, 468)}
"""Hidden neurons and memory of the networks for psMNIST."""
N_CLASSES, THETA, CHECKED = 10, 784.0, 4
Scores = Callable[[Any, Any], Any]


def _reference(network: Any, x_BTI: Any) -> Any:
    import torch
    from torch.nn import functional

    unit, n_steps = network.unit, x_BTI.shape[1]
    if hasattr(unit, "cell"):
        cell = unit.cell
        h, m = (x_BTI.new_zeros(len(x_BTI), cell.sizes[name]) for name in ("hidden_size", "memory_size"))
        for x in x_BTI.unbind(1):
            u = functional.linear(x, cell.e_x) + functional.linear(h, cell.e_h) + functional.linear(m, cell.e_m)
            m = functional.linear(m, cell.A) + functional.linear(u, cell.B)
            h = functional.linear(x, cell.W_x) + functional.linear(h, cell.W_h) + functional.linear(m, cell.W_m)
            h = torch.tanh(h)
        return network.head(h)
    u_B1T = unit.W_u(x_BTI).relu().transpose(1, 2)
    spectrum = torch.fft.rfft(u_B1T, n=2 * n_steps) * torch.fft.rfft(network.response_DT, n=2 * n_steps)
    m_BTD = torch.fft.irfft(spectrum, n=2 * n_steps)[..., :n_steps].transpose(1, 2)
    return network.head(unit.W_h(torch.cat([m_BTD, x_BTI], 2)).relu()[:, -1])


def _made(model: str, sizes: tuple[int, int, int]) -> tuple[Any, Any, Any]:
    """Return a network, its input and its labels."""
    import torch

    from neurodeploy.networks.families.lmu import LmuSettings, build
    from neurodeploy.neurons.lmu_blocks import grown

    hidden, steps, batch = sizes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        settings: Any = {"model": model, "hidden": hidden, "memory": MODELS[model][1], "theta": THETA}
        network = build(LmuSettings(**settings), (1,), N_CLASSES, 1e-3)
        x_BTI, labels_B = torch.rand(batch, steps, 1), torch.randint(0, N_CLASSES, (batch,))
    if model == "lmufft":  # the reference makes it once, when it is built
        unit: Any = network.unit
        network.response_DT = grown(unit.B.double().t(), unit.A.double().t(), steps)[:, 0].t()
    return network, x_BTI, labels_B


def _of_kind(made: tuple[Any, Any, Any], kind: Any) -> tuple[Any, Any, Any]:
    """Return a copy that computes in float32 or float64."""
    network, x_BTI, labels_B = copy.deepcopy(made)
    if hasattr(network, "response_DT"):
        network.response_DT = network.response_DT.to(kind)
    return network.to(kind), x_BTI.to(kind), labels_B


def _stepper(made: tuple[Any, Any, Any], scores: Scores) -> Callable[[int], None]:
    import torch

    network, x_BTI, labels_B = _of_kind(made, torch.float32)
    return training_step(network, lambda _: torch.nn.functional.cross_entropy(scores(network, x_BTI), labels_B))


def _ours(network: Any, x_BTI: Any) -> Any:
    return network(x_BTI).output_BC


LMU_PEERS = (
    Peer("reference", "torch", "the same network by the reference's equations", partial(_stepper, scores=_reference)),
)


def _gradients(made: tuple[Any, Any, Any]) -> dict[str, float]:
    """Return how far ours and the reference's float32 gradients are from its float64, of the largest one of each."""
    import torch

    def found(scores: Scores, kind: torch.dtype) -> list[torch.Tensor]:
        network, x_BTI, labels_B = _of_kind(made, kind)
        torch.nn.functional.cross_entropy(scores(network, x_BTI[:CHECKED]), labels_B[:CHECKED]).backward()
        return [one.grad.double() for one in network.parameters()]

    exact = found(_reference, torch.float64)

    def furthest(scores: Scores) -> float:
        pairs = zip(found(scores, torch.float32), exact, strict=True)
        return max(float((one - two).abs().max() / two.abs().max().clamp(min=1e-300)) for one, two in pairs)

    return {
        "largest_relative_difference": furthest(_ours),
        "reference_largest_relative_difference": furthest(_reference),
    }


def _products(model: str, sizes: tuple[int, int, int]) -> Callable[[int], None]:
    """Return all matrix products of our step, and nothing else."""
    import torch

    from neurodeploy.neurons.lmu_blocks import BLOCK, grown

    (hidden, steps, batch), order = sizes, MODELS[model][1]
    rand = torch.rand
    if model == "lmufft":
        u_BT, inputs_TD, m_BD, z_BH = (
            rand(batch, steps),
            rand(steps, order),
            rand(batch, order + 1),
            rand(batch, hidden),
        )
        weights_HD = rand(hidden, order + 1)

        def last(_: int) -> None:
            u_BT @ inputs_TD
            m_BD @ weights_HD.t()
            z_BH.t() @ m_BD
            (z_BH @ weights_HD)[:, :order] @ inputs_TD.t()

        return last
    n_rows, made = hidden + BLOCK, slice(hidden + 1)  # of a row and of what is made of it; with a gradient of weights
    rows_LBR, weights_RC, back_CR = rand(BLOCK, batch, n_rows), rand(n_rows, n_rows), rand(n_rows, n_rows)
    z_LBH, m_BD, from_start_LHD = rand(BLOCK, batch, hidden), rand(batch, order), rand(BLOCK, hidden, order)
    to_block_LDH, A_DD, row_BR = rand(BLOCK, order, hidden), rand(order, order) / order, rand(batch, n_rows)
    of_weights, of_start = torch.zeros(n_rows, hidden + 1), torch.zeros(BLOCK, hidden, order)

    def scanned(_: int) -> None:
        grown(from_start_LHD[0], A_DD, BLOCK)
        for _ in range(-(-steps // BLOCK)):
            torch.bmm(m_BD.expand(BLOCK, -1, -1), to_block_LDH, out=z_LBH)
            of_weights.addmm_(rows_LBR.flatten(0, 1).t(), rows_LBR[:, :, made].flatten(0, 1))
            of_start.baddbmm_(z_LBH.transpose(1, 2), m_BD.expand(BLOCK, -1, -1))
        for step in range(steps):
            i = step % BLOCK
            torch.mm(rows_LBR[i], weights_RC, out=row_BR)
            torch.mm(rows_LBR[i], back_CR, out=row_BR)
            m_BD.addmm_(z_LBH[i], from_start_LHD[i], beta=0)

    return scanned


def bench_lmu(
    model: str,
    *,
    hidden: int | None = None,
    steps: int = 784,
    batch: int = 32,
    threads: int = 1,
    repeats: int = 5,
    peers: str | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Measure one training step (forward, backward, Adam's update) of one input a step and ten classes.

    Args:
        model: One of `MODELS`, whose memory it has.
        hidden: Hidden neurons; the model's when None.
        steps, batch, threads, repeats, peers, progress: As in `bench_train`.

    Returns:
        `work`, `machine`, `ours` (`seconds_per_step`, `samples_per_second`), `peers` (the same, and `ratio`, ours to
        the peer's), `gradients` (how far ours and the reference's float32 are from float64), `floor` (our step's matrix
        products alone), `absent`.

    Raises:
        NeurodeployError: an argument names nothing or is out of range.
    """
    hidden = MODELS[model][0] if hidden is None else hidden
    numbers = {"hidden": hidden, "steps": steps, "batch": batch, "threads": threads, "repeats": repeats}
    wanted = wanted_to_train(LMU_PEERS, peers, **numbers)
    with threads_of_torch(threads):
        progress("bench", 0, repeats, "comparing gradients")
        sizes = hidden, steps, batch
        made, floor = _made(model, sizes), _products(model, sizes)
        gradients = _gradients(made)
        mine = block(_stepper(made, _ours), batch)
        products: list[float] = []
        floor(0)

        def tell(done: int) -> None:
            products.append(seconds_of(floor, 3) / 3)
            progress("bench", done, repeats)

        speeds = in_turn(mine, {peer.name: block(peer.build(made), batch) for peer in wanted}, repeats, tell)
    told, products_s = training_speeds(wanted, speeds, batch), statistics.median(products)
    return {
        "work": {"model": model, "hidden": hidden, "memory": MODELS[model][1], "steps": steps, "batch": batch}
        | {"threads": threads, "parameters": sum(one.numel() for one in made[0].parameters())},
        "machine": machine.describe(),
        **told,
        "gradients": gradients,
        "floor": {
            "products_s": products_s,
            "ours_over_products": told["ours"]["seconds_per_step"] / products_s,
        },
    }
