"""Order, augmentation and fine-tuning."""

from __future__ import annotations

import copy
import csv
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.data.spikes import SpikeData
from neurodeploy.data.stream import SampleSource, from_memory
from neurodeploy.errors import RunError
from neurodeploy.networks.families.lif import LifSettings, build
from neurodeploy.training.augment import augmented, channels_mixed
from neurodeploy.training.batches import EpochOrder
from neurodeploy.training.checkpoint import load_weights, save_weights
from neurodeploy.training.classifier import Classifier
from neurodeploy.training.fit import evaluate, fit
from neurodeploy.training.settings import TrainingSettings


def toy(seed: int, n_samples: int = 60) -> SampleSource:
    """Two classes that differ in which half of the channels is busy."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n_samples) % 2
    rates = np.where((np.arange(8) < 4)[None, :] == (labels[:, None] == 0), 0.5, 0.1)
    spikes = (generator.random((n_samples, 12, 8)) < rates[:, None, :]).astype(np.uint8)
    return from_memory(SpikeData("toy", spikes, labels.astype(np.int64)))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    def batches(seed: int, epoch: int) -> list[Any]:
        order = EpochOrder(10, 4, seed)
        order.set_epoch(epoch)
        return list(order)

    assert batches(0, 3) == batches(0, 3)
    assert batches(0, 3) != batches(0, 4)
    assert batches(0, 3) != batches(1, 3)
    assert sorted(itertools.chain.from_iterable(batches(0, 3))) == list(range(10))
    assert list(EpochOrder(5, 2, None)) == [[0, 1], [2, 3], [4]]


def test_without_augmentation_samples_stay_as_they_are() -> None:
    spikes = torch.from_numpy(toy(0).whole().spikes_BTI).float()
    assert torch.equal(augmented(spikes, TrainingSettings(), torch.Generator()), spikes)


@pytest.mark.parametrize("changed", [{"time_shift": 3}, {"time_stretch": 0.2}, {"event_drop": 0.3}])
def test_augmentation_makes_no_spikes_and_repeats_with_its_generator(changed: dict[str, float]) -> None:
    settings = TrainingSettings(**changed)  # type: ignore[arg-type]
    spikes = torch.from_numpy(toy(0).whole().spikes_BTI).float()
    one = augmented(spikes, settings, torch.Generator().manual_seed(1))
    assert not torch.equal(one, spikes)
    assert torch.equal(one, augmented(spikes, settings, torch.Generator().manual_seed(1)))
    assert set(one.unique().tolist()) <= {0.0, 1.0}
    if "time_stretch" not in changed:  # slower samples show a spike twice
        assert one.sum() <= spikes.sum()


def test_a_shift_moves_whole_samples() -> None:
    spikes = torch.zeros(50, 9, 1)
    spikes[:, 4] = 1
    moved = augmented(spikes, TrainingSettings(time_shift=2), torch.Generator().manual_seed(0))
    assert torch.equal(moved.sum(dim=1), torch.ones(50, 1))
    assert set(moved.argmax(dim=1).flatten().tolist()) == {2, 3, 4, 5, 6}


def test_mixed_channels_come_from_one_other_sample_of_the_class_and_stay_in_their_place() -> None:
    labels, channels = torch.arange(60) % 3, torch.arange(8)
    own = 100 * labels + torch.arange(60)
    spikes = (1000.0 * own[:, None] + channels)[:, None].expand(60, 4, 8)
    mixed = channels_mixed(spikes, labels, 0.25, torch.Generator().manual_seed(0))
    assert torch.equal(mixed % 1000, spikes % 1000)
    assert torch.equal(mixed, mixed[:, :1].expand_as(mixed))  # a channel comes with all its steps
    sources = (mixed[:, 0] // 1000).long()
    assert torch.equal(sources // 100, labels[:, None].expand(60, 8))
    assert all(len({*row.tolist(), int(one)}) <= 2 for row, one in zip(sources, own, strict=True))
    assert 0.15 < float((sources != own[:, None]).float().mean()) < 0.3


def test_a_recipe_that_mixes_channels_trains_on_mixed_samples() -> None:
    weights = []
    for part in (0.0, 0.5, 0.5):
        torch.manual_seed(0)
        network = build(LifSettings(hidden=(8,), weight_gain=3.0), (8,), 2, 4e-3)
        fit(network, toy(0), toy(1), TrainingSettings(epochs=1, channel_mix=part))
        weights.append(dict(network.named_parameters())["layers.0.weight"].detach())
    assert torch.equal(weights[1], weights[2])
    assert not torch.equal(weights[0], weights[1])


def test_training_learns_and_keeps_the_best_epoch() -> None:
    torch.manual_seed(0)
    network = build(LifSettings(hidden=(16,), weight_gain=3.0), (8,), 2, 4e-3)
    history = fit(network, toy(0), toy(1), TrainingSettings(epochs=30, batch_size=20))
    accuracies = [epoch["validation_accuracy"] for epoch in history.epochs]
    assert len(accuracies) == 30
    assert history.best_validation == max(accuracies) > 0.9
    assert accuracies[history.best_epoch] == history.best_validation
    assert evaluate(network, toy(1)) == history.best_validation


@pytest.mark.parametrize("n_updates", [1, 2, 10])
def test_any_number_of_updates_trains(n_updates: int) -> None:
    torch.manual_seed(0)
    network = build(LifSettings(hidden=(4,), weight_gain=3.0), (8,), 2, 4e-3)
    before = copy.deepcopy(network.state_dict())
    fit(network, toy(0, n_samples=2 * n_updates), toy(1), TrainingSettings(epochs=1, batch_size=2))
    moved = max(float((value - before[key]).abs().max()) for key, value in network.state_dict().items())
    assert moved > 0.1 * TrainingSettings().learning_rate  # an update of AdamW moves a weight by nearly its rate


def test_training_that_diverges_says_so_and_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = build(LifSettings(hidden=(4,)), (8,), 2, 4e-3)

    def diverge(_: object, closure: Callable[[], object]) -> None:
        closure()
        network.layers[0].weight.data.fill_(np.inf)  # type: ignore[union-attr, operator]

    with monkeypatch.context() as patched:
        patched.setattr(torch.optim.AdamW, "step", diverge)
        with pytest.raises(RunError, match="a weight is nan in epoch 1; lower training"):  # the only loss is finite
            fit(network, toy(0, n_samples=2), toy(1), TrainingSettings(epochs=1, batch_size=2))
    network, teacher = (build(LifSettings(hidden=(4,)), (8,), 2, 4e-3) for _ in range(2))
    monkeypatch.setattr(Classifier, "objective_on", lambda *_: np.nan)
    with pytest.raises(RunError, match="the objective on validation data is nan in epoch 0; lower training"):
        fit(network, toy(0), toy(1), TrainingSettings(epochs=1), keep_initial=True, teacher=teacher)


def test_the_table_of_a_run_is_there_at_once_and_goes_on_with_it(tmp_path: Path) -> None:
    def rows() -> list[str]:
        with (tmp_path / "run" / "logs" / "metrics.csv").open(encoding="utf-8") as file:
            return [row["step"] for row in csv.DictReader(file) if row["loss"]]

    def stop(done: int, total: int, epoch: dict[str, float]) -> None:
        assert len(rows()) == done  # also where the process is killed
        if done == 2:
            raise KeyboardInterrupt

    given: dict[str, Any] = {"state_file": tmp_path / "state.ckpt", "logs": tmp_path / "run" / "logs"}
    settings = TrainingSettings(epochs=3, batch_size=30, tracker="csv")
    networks = [build(LifSettings(hidden=(4,)), (8,), 2, 4e-3) for _ in range(2)]
    with pytest.raises(KeyboardInterrupt):
        fit(networks[0], toy(0), toy(1), settings, progress=stop, **given)
    fit(networks[1], toy(0), toy(1), settings, **given)
    assert rows() == ["1", "2", "3"]


def test_fine_tuning_cannot_end_below_where_it_started() -> None:
    torch.manual_seed(0)
    network = build(LifSettings(hidden=(16,), weight_gain=3.0), (8,), 2, 4e-3)
    fit(network, toy(0), toy(1), TrainingSettings(epochs=12, batch_size=20))
    before, start = evaluate(network, toy(1)), copy.deepcopy(network.state_dict())
    harmful = TrainingSettings(epochs=1, learning_rate=1e5)
    history = fit(network, toy(0), toy(1), harmful, keep_initial=True)
    assert evaluate(network, toy(1)) >= before
    assert history.best_epoch == -1
    assert all(torch.equal(value, start[key]) for key, value in network.state_dict().items())


def test_a_teacher_pulls_and_is_neither_trained_nor_saved() -> None:
    torch.manual_seed(0)
    teacher = build(LifSettings(hidden=(16,), weight_gain=3.0), (8,), 2, 4e-3)
    fit(teacher, toy(0), toy(1), TrainingSettings(epochs=12, batch_size=20))
    before = copy.deepcopy(teacher.state_dict())
    settings = TrainingSettings(epochs=6, batch_size=20)

    def distance(with_teacher: bool) -> float:
        torch.manual_seed(5)
        student = build(LifSettings(hidden=(16,), weight_gain=3.0), (8,), 2, 4e-3)
        fit(student, toy(0), toy(1), settings, teacher=teacher if with_teacher else None)
        spikes = torch.from_numpy(toy(2).whole().spikes_BTI).float()
        with torch.no_grad():
            return float((student(spikes)[-1].mean(1) - teacher(spikes)[-1].mean(1)).abs().mean())

    assert distance(True) < distance(False)
    assert all(torch.equal(value, before[key]) for key, value in teacher.state_dict().items())


def test_a_checkpoint_of_another_network_is_refused(tmp_path: object) -> None:
    path = f"{tmp_path}/weights.safetensors"
    save_weights(path, build(LifSettings(hidden=(16,), weight_gain=3.0), (8,), 2, 4e-3))
    other = build(LifSettings(hidden=(17,)), (8,), 2, 4e-3)
    with pytest.raises(RunError, match=r"bias is \(16,\), not \(17,\); layers\.0\.weight is \(16, 8\)"):
        load_weights(path, other)
