"""`bench train --work lmu` and `lmufft`: a training step of a classifier of psMNIST's kind, ours and the reference's.

Both train the same network by cross-entropy on the last hidden state; the reference's equations (hrshtv/pytorch-lmu)
run in eager torch as they stand. Axes: B sample, T step, D memory, H hidden.
"""

from typing import Any

from neurodeploy.bench.gradients import Pass, compared
from neurodeploy.bench.peers import Peer
from neurodeploy.bench.training import Classifier, Options, Step, Training, our_scores

MODELS = {"lmu": (212, 256), "lmufft": (346, 468)}
"""Hidden neurons and memory of the networks for psMNIST."""
N_CLASSES, THETA, N_STEPS, CHECKED = 10, 784.0, 784, 4


def reference_scores(network: Any, x_BTI: Any) -> Any:
    """Return what the reference's equations give."""
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


def _made(options: Options) -> Classifier:
    import torch

    from neurodeploy.networks.families.lmu import LmuSettings, build
    from neurodeploy.neurons.lmu_blocks import grown

    model = options.work
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        settings: Any = {"model": model, "hidden": options.hidden, "memory": MODELS[model][1], "theta": THETA}
        network = build(LmuSettings(**settings), (1,), N_CLASSES, 1e-3)
        x_BTI = torch.rand(options.batch, options.steps, 1)
        labels_B = torch.randint(0, N_CLASSES, (options.batch,))
    if model == "lmufft":  # the reference makes it once, when it is built
        unit: Any = network.unit
        response_DT = grown(unit.B.double().t(), unit.A.double().t(), options.steps)[:, 0].t()
        network.register_buffer("response_DT", response_DT)
    return Classifier(options, network, x_BTI, labels_B)


def _checked(made: Classifier) -> dict[str, Any]:
    import torch

    few = made._replace(x_BTI=made.x_BTI[:CHECKED], labels_B=made.labels_B[:CHECKED])

    def passed(kind: torch.dtype, scores: Any) -> Pass:
        own = few.of_kind(kind)
        own.loss(scores).backward()
        return Pass([one.grad for one in own.network.parameters()], [])

    exact = passed(torch.float64, reference_scores)
    return compared([(exact, passed(torch.float32, reference_scores), passed(torch.float32, our_scores))])


def _products(made: Classifier) -> Step:
    import torch

    from neurodeploy.neurons.lmu_blocks import BLOCK, grown

    (model, hidden, steps, batch, *_), rand = made.options, torch.rand
    order = MODELS[model][1]
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
    n_rows, learned = hidden + BLOCK, slice(hidden + 1)  # of a row; and what is made of it by weights that are learned
    rows_LBR, weights_RC, back_CR = rand(BLOCK, batch, n_rows), rand(n_rows, n_rows), rand(n_rows, n_rows)
    z_LBH, m_BD, from_start_LHD = rand(BLOCK, batch, hidden), rand(batch, order), rand(BLOCK, hidden, order)
    to_block_LDH, A_DD, row_BR = rand(BLOCK, order, hidden), rand(order, order) / order, rand(batch, n_rows)
    of_weights, of_start = torch.zeros(n_rows, hidden + 1), torch.zeros(BLOCK, hidden, order)

    def scanned(_: int) -> None:
        grown(from_start_LHD[0], A_DD, BLOCK)
        for _ in range(-(-steps // BLOCK)):
            torch.bmm(m_BD.expand(BLOCK, -1, -1), to_block_LDH, out=z_LBH)
            of_weights.addmm_(rows_LBR.flatten(0, 1).t(), rows_LBR[:, :, learned].flatten(0, 1))
            of_start.baddbmm_(z_LBH.transpose(1, 2), m_BD.expand(BLOCK, -1, -1))
        for step in range(steps):
            i = step % BLOCK
            torch.mm(rows_LBR[i], weights_RC, out=row_BR)
            torch.mm(rows_LBR[i], back_CR, out=row_BR)
            m_BD.addmm_(z_LBH[i], from_start_LHD[i], beta=0)

    return scanned


def _about(made: Classifier) -> dict[str, Any]:
    model, hidden = made.options.work, made.options.hidden
    parameters = sum(one.numel() for one in made.network.parameters())
    return {"model": model, "hidden": hidden, "memory": MODELS[model][1], "parameters": parameters}


PEERS = (
    Peer(
        "reference", "torch", "the same network by the reference's equations", lambda made: made.step(reference_scores)
    ),
)
LMUS = {
    model: Training(hidden, N_STEPS, _made, lambda made: made.step(our_scores), _about, PEERS, _checked, _products)
    for model, (hidden, _) in MODELS.items()
}
