"""The SiLIF family and its baselines in the training loop: learning, modes, resuming, schedules, penalties."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from neurodeploy.data.spikes import SpikeData
from neurodeploy.data.stream import SampleSource, from_memory
from neurodeploy.errors import RecipeError, RunError
from neurodeploy.networks.families.s4d import slow_parameters
from neurodeploy.networks.families.silif import LAYERS
from neurodeploy.networks.families.table import build_network
from neurodeploy.networks.sequence import Answer, SequenceNetwork
from neurodeploy.training.augment import augmented
from neurodeploy.training.classifier import Classifier, optimiser
from neurodeploy.training.fit import evaluate, fit
from neurodeploy.training.reading import read
from neurodeploy.training.settings import TrainingSettings
from tests.networks.models import settings_of


def toy(seed: int, n_samples: int = 40) -> SampleSource:
    """Counts of two classes that differ in which half of the channels is busy."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n_samples) % 2
    rates = np.where((np.arange(8) < 4)[None, :] == (labels[:, None] == 0), 1.5, 0.3)
    counts = generator.poisson(rates[:, None, :], (n_samples, 10, 8)).astype(np.uint8)
    return from_memory(SpikeData("toy", counts, labels.astype(np.int64), kind="counts"))


def network(model: Any = "silif", seed: int = 0, **settings: Any) -> SequenceNetwork:
    """Return a small network; one that spikes has more drive than a new one has, so that gradients flow."""
    torch.manual_seed(seed)
    found = build_network(settings_of(model, hidden=(12, 8), **settings), (8,), 2, 4e-3)
    for layer in found.stack[:-1] if model in LAYERS else ():
        layer.norm.weight.data.mul_(300.0 if model == "rf" else 8.0)  # type: ignore[operator, union-attr]
    return found


def first_weights(found: nn.Module) -> torch.Tensor:
    return found.state_dict()["snn.0.W.weight"].clone()


@pytest.mark.parametrize("model", ["silif", "csilif", "rf", "mlp", "s4d"])
def test_every_kind_of_network_learns(model: str) -> None:
    found = network(model, dropout=0.1)
    history = fit(found, toy(0), toy(1), TrainingSettings(epochs=6, batch_size=10, learning_rate=0.05))
    assert history.best_validation > 0.9
    assert evaluate(found, toy(1)) == history.best_validation
    assert not any(module.training for module in found.modules())


def test_the_loss_is_cross_entropy_on_the_scores() -> None:
    found = network().eval()
    spikes = torch.from_numpy(toy(0).whole().spikes_BTI).float()
    labels = torch.from_numpy(toy(0).labels_B)
    answer = found(spikes)
    module = Classifier(found, TrainingSettings(), n_updates=1)
    expected = functional.cross_entropy(answer.output_BC, labels)
    assert module.objective(read(answer, 20.0), labels, spikes) == expected
    assert answer.output_BC.sum(dim=1).allclose(torch.tensor(10.0))  # 10 steps of softmax: no mean


def test_a_gain_below_one_keeps_the_loss_alive_when_the_class_is_right() -> None:
    """Scores are up to as large as there are steps: a class ahead by some of 100 steps has no loss left."""
    scores, label = torch.tensor([[60.0, 40.0]]), torch.tensor([0])
    losses = [
        functional.cross_entropy(read(Answer(scores, (), ()), score_gain=gain).logits_BC, label) for gain in (1, 0.1)
    ]
    assert losses[0] < 1e-8
    assert losses[1].item() == pytest.approx(float(np.log1p(np.exp(-2))))
    module = Classifier(network(), TrainingSettings(score_gain=0.25), n_updates=1)
    spikes = torch.from_numpy(toy(0).whole().spikes_BTI).float()
    found = module._read(module.network, spikes)
    torch.testing.assert_close(found.logits_BC, found.scores_BC / 4)


def test_asking_a_network_changes_neither_it_nor_the_generator() -> None:
    found = network(dropout=0.5, initial_state="random").train()
    found.stack[0].eval()
    before, modes = copy.deepcopy(found.state_dict()), [module.training for module in found.modules()]
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = evaluate(found, toy(1))
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(3)
    assert evaluate(found, toy(1)) == first
    assert [module.training for module in found.modules()] == modes
    assert all(torch.equal(value, before[key]) for key, value in found.state_dict().items())


class _Stopped(Exception):
    pass


def _stop_after(epoch: int) -> Any:
    def progress(done: int, total: int, record: dict[str, float]) -> None:
        if done == epoch:
            raise _Stopped

    return progress


@pytest.mark.parametrize(("schedule", "optimizer"), [("one_cycle", "adamw"), ("plateau", "adamw"), ("step", "lamb")])
def test_a_resumed_training_ends_like_an_uninterrupted_one(schedule: Any, optimizer: Any, tmp_path: Path) -> None:
    """With everything random there is: dropout, initial states, augmentation, order."""
    kept: dict[str, Any] = {"time_shift": 1, "event_drop": 0.2, "seed": 3}
    how: dict[str, Any] = {"schedule": schedule, "optimizer": optimizer, "plateau_patience": 0, **kept}
    settings = TrainingSettings(epochs=5, batch_size=16, **how)
    how = {"dropout": 0.4, "initial_state": "random"}
    whole = network(**how)
    wanted = fit(whole, toy(0), toy(1), settings)

    state = tmp_path / "state.ckpt"
    with pytest.raises(_Stopped):
        fit(network(**how), toy(0), toy(1), settings, state_file=state, progress=_stop_after(3))
    torch.manual_seed(99)  # a new process's generator is somewhere else
    again = network(seed=7, **how)
    found = fit(again, toy(0), toy(1), settings, state_file=state)
    assert found == wanted
    assert all(torch.equal(value, whole.state_dict()[key]) for key, value in again.state_dict().items())


def test_lamb_moves_each_array_by_its_own_norm() -> None:
    """As You et al. (ICLR 2020, version 3 of the paper) have it, without bias correction."""
    layer = nn.Linear(5, 3).double()
    before = [one.detach().clone() for one in layer.parameters()]
    settings = TrainingSettings(optimizer="lamb", learning_rate=0.01, weight_decay=0.1)
    made = optimiser(layer, settings)
    torch.manual_seed(1)
    grads = [torch.randn_like(one) for one in before]
    for one, grad in zip(layer.parameters(), grads, strict=True):
        one.grad = grad.clone()
    made.step()
    clip = min(1.0, 1 / (sum(float((one**2).sum()) for one in grads) + 1e-6) ** 0.5)
    for one, was, grad in zip(layer.parameters(), before, grads, strict=True):
        update = 0.1 * clip * grad / ((0.001 * (clip * grad) ** 2).sqrt() + 1e-6) + 0.1 * was
        torch.testing.assert_close(one.detach(), was - 0.01 * was.norm() / update.norm() * update)


def test_lamb_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    with pytest.raises(RecipeError, match=r"^training\.optimizer: found lamb, and pytorch_optimizer is not installed"):
        optimiser(network(), TrainingSettings(optimizer="lamb"))


def test_dropout_differs_from_update_to_update(monkeypatch: pytest.MonkeyPatch) -> None:
    found = network(dropout=0.5)
    batch = torch.from_numpy(toy(0).whole().spikes_BTI), torch.from_numpy(toy(0).labels_B)
    drawn = []
    for update in (0, 0, 1):
        monkeypatch.setattr(Classifier, "global_step", update)
        module = Classifier(copy.deepcopy(found), TrainingSettings(), n_updates=1)
        drawn.append(module.training_step(batch, 0).item())
    assert drawn[0] == drawn[1] != drawn[2]


def test_plateau_lowers_the_rate_where_accuracy_stops_rising() -> None:
    settings = TrainingSettings(
        schedule="plateau", learning_rate=0.01, plateau_factor=0.5, plateau_patience=1, learning_rate_min=0.004
    )
    module = Classifier(nn.Linear(2, 2), settings, n_updates=1)
    optimizer, schedule = module.configure_optimizers(), module.plateau
    assert schedule is not None
    rates = []
    for accuracy in (0.5, 0.6, 0.6, 0.6, 0.6, 0.6):
        schedule.step(accuracy)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [0.01, 0.01, 0.01, 0.005, 0.005, 0.004]


def test_a_training_on_a_plateau_lowers_its_rate(tmp_path: Path) -> None:
    """All samples are alike, so the accuracy cannot rise: each epoch after the first lowers the rate."""
    data = from_memory(SpikeData("same", np.ones((4, 3, 8), np.uint8), np.arange(4) % 2))
    settings = TrainingSettings(
        epochs=3, schedule="plateau", plateau_patience=0, plateau_factor=0.5, learning_rate=0.04, batch_size=4
    )
    fit(network(), data, data, settings, state_file=tmp_path / "state.ckpt")
    state = torch.load(tmp_path / "state.ckpt", weights_only=True)
    assert state["optimizer_states"][0]["param_groups"][0]["lr"] == 0.01


def test_kernels_of_s4d_learn_slowly_and_do_not_decay() -> None:
    found = network("s4d")
    settings = TrainingSettings(learning_rate=0.005, weight_decay=0.01)
    rest, kernels = optimiser(found, settings).param_groups
    assert (rest["lr"], rest["weight_decay"]) == (0.005, 0.01)
    assert (kernels["lr"], kernels["weight_decay"]) == (0.001, 0.0)
    assert {id(one) for one in kernels["params"]} == {id(one) for one in slow_parameters(found)}
    assert len(rest["params"]) + len(kernels["params"]) == len(list(found.parameters()))
    low = optimiser(found, TrainingSettings(learning_rate=0.0005)).param_groups[1]
    assert low["lr"] == 0.0005
    assert len(optimiser(network("silif"), settings).param_groups) == 1


def test_the_penalty_on_rates_out_of_bounds_has_a_gradient() -> None:
    batch = torch.from_numpy(toy(0).whole().spikes_BTI), torch.from_numpy(toy(0).labels_B)
    gradients = []
    for penalty in (0.0, 0.5):
        settings = TrainingSettings(rate_bounds_penalty=penalty, rate_lowest=0.6, rate_highest=0.9)
        module = Classifier(network(), settings, n_updates=1)
        module.training_step(batch, 0).backward()
        gradients.append(dict(module.network.named_parameters())["snn.0.W.weight"].grad)
    assert gradients[0] is not None
    assert gradients[1] is not None
    assert not torch.equal(gradients[0], gradients[1])


def test_updates_are_clipped_where_asked() -> None:
    start, moved = first_weights(network()), []
    for clip in (0.0, 1e-12):
        found = network()
        fit(found, toy(0), toy(1), TrainingSettings(epochs=1, schedule="plateau", gradient_clip=clip))
        moved.append((first_weights(found) - start).abs().max())
    assert moved[0] > 1e-5
    assert moved[1] < 1e-6  # a gradient of 1e-12 is far below Adam's epsilon of 1e-8


def test_a_loss_that_is_no_number_stops_the_training() -> None:
    found = network()
    found.stack[-1].W.weight.data.fill_(float("nan"))  # type: ignore[operator, union-attr]
    with pytest.raises(RunError, match=r"the loss is nan in epoch 1; lower training\.learning_rate"):
        fit(found, toy(0), toy(1), TrainingSettings(epochs=2))


class _Double(nn.Module):
    """A folded network's shape: no `SequenceNetwork`, and in float64."""

    def __init__(self, inner: SequenceNetwork) -> None:
        super().__init__()
        self.inner = inner.double()

    def forward(self, x_BTI: torch.Tensor) -> Answer:
        return self.inner(x_BTI)  # type: ignore[no-any-return]


def test_a_teacher_adds_the_distance_from_its_probabilities() -> None:
    student, teacher = _Double(network(seed=6)).eval(), network(seed=5).eval()
    spikes, labels = torch.from_numpy(toy(0).whole().spikes_BTI).float(), torch.from_numpy(toy(0).labels_B)
    with torch.no_grad():
        found = student(spikes)
        p, q = teacher(spikes).output_BC.double() / 10, found.output_BC / 10
        expected = functional.cross_entropy(found.output_BC, labels) + (p * (p / q).log()).sum(dim=1).mean()
        module = Classifier(student, TrainingSettings(), n_updates=1, teacher=teacher)
        assert float(module.objective(read(found, 20.0), labels, spikes)) == pytest.approx(float(expected))
    assert not any("teacher" in name for name in module.state_dict())


def test_a_folded_student_is_fine_tuned_and_its_teacher_left_alone() -> None:
    student, teacher = _Double(network(seed=6)), network(seed=5, dropout=0.5)
    before = copy.deepcopy(teacher.state_dict())
    start = copy.deepcopy(student.state_dict())
    settings = TrainingSettings(epochs=2, batch_size=10, learning_rate=1e-3)
    history = fit(student, toy(0), toy(1), settings, teacher=teacher, keep_initial=True)
    assert len(history.epochs) == 2
    assert history.best_epoch >= 0
    assert any(not torch.equal(value, start[key]) for key, value in student.state_dict().items())
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())


def test_probabilities_are_the_mean_softmax() -> None:
    answer = Answer(torch.tensor([[7.5, 2.5], [10.0, 0.0]]), (), ())
    found = read(answer, 1.0).log_probabilities_BC.exp()
    torch.testing.assert_close(found, torch.tensor([[0.75, 0.25], [1.0, 0.0]]), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "changed", [{"time_shift": 2}, {"time_stretch": 0.3}, {"channel_shift": 2}, {"event_drop": 0.4}]
)
def test_augmentation_keeps_counts_whole(changed: dict[str, Any]) -> None:
    counts = torch.arange(1.0, 1 + 5 * 9 * 7).reshape(5, 9, 7)
    found = augmented(counts, TrainingSettings(**changed), torch.Generator().manual_seed(0))
    assert not torch.equal(found, counts)
    for sample, whole in zip(found, counts, strict=True):  # nothing new, and nothing from another sample
        assert set(sample.unique().tolist()) <= {0.0, *whole.unique().tolist()}


def test_a_channel_shift_moves_whole_samples() -> None:
    spikes = torch.zeros(60, 2, 9)
    spikes[:, :, 4] = 3
    moved = augmented(spikes, TrainingSettings(channel_shift=2), torch.Generator().manual_seed(0))
    assert torch.equal(moved.sum(dim=2), torch.full((60, 2), 3.0))
    assert set(moved.argmax(dim=2).flatten().tolist()) == {2, 3, 4, 5, 6}
    edge = torch.zeros(60, 1, 9)
    edge[:, :, 0] = 1
    assert augmented(edge, TrainingSettings(channel_shift=2), torch.Generator().manual_seed(0))[:, :, 5:].sum() == 0
