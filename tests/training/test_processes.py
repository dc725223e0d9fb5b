"""Training in several processes: on CPUs here, by the same path as on GPUs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.multiprocessing import ProcessRaisedException

from neurodeploy.errors import RecipeError, RunError
from neurodeploy.networks.sequence import Answer
from neurodeploy.training import batches
from neurodeploy.training.batches import EpochOrder
from neurodeploy.training.fit import fit
from neurodeploy.training.processes import share, trainer_options
from neurodeploy.training.settings import TrainingSettings
from tests.training.test_family_training import _stop_after, _Stopped, toy

HOW: dict[str, Any] = {"epochs": 3, "batch_size": 8, "learning_rate": 0.01, "schedule": "step"}


class Scores(nn.Module):
    """Scores of the mean input: nothing that depends on which samples come together."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.map = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2))

    def forward(self, x_BTI: torch.Tensor) -> Answer:
        return Answer(self.map(x_BTI.mean(1)), [], (), logits=True)


def trained(**settings: Any) -> tuple[nn.Module, Any]:
    network = Scores()
    told = {key: settings.pop(key) for key in ("state_file", "progress") if key in settings}
    history = fit(network, toy(0), toy(1), TrainingSettings(**HOW | settings), **told)
    return network, history


def test_two_processes_with_half_of_each_batch_train_as_one_with_the_whole() -> None:
    (one, alone), (both, shared) = trained(), trained(devices=2)
    for key, value in one.state_dict().items():
        torch.testing.assert_close(both.state_dict()[key], value)
    assert [epoch["loss"] for epoch in shared.epochs] == pytest.approx([epoch["loss"] for epoch in alone.epochs])
    assert [epoch["train_accuracy"] for epoch in shared.epochs] == [epoch["train_accuracy"] for epoch in alone.epochs]
    assert (shared.best_epoch, shared.best_validation) == (alone.best_epoch, alone.best_validation)
    assert not torch.equal(one.state_dict()["map.0.weight"], Scores().state_dict()["map.0.weight"])


def test_an_interrupted_training_of_two_goes_on(tmp_path: Path) -> None:
    whole, wanted = trained(devices=2)
    state = tmp_path / "state.ckpt"
    with pytest.raises(ProcessRaisedException, match=_Stopped.__name__):
        trained(devices=2, state_file=state, progress=_stop_after(2))
    assert state.exists()
    again, found = trained(devices=2, state_file=state)
    assert found == wanted
    assert all(torch.equal(value, whole.state_dict()[key]) for key, value in again.state_dict().items())


def test_each_process_has_as_many_samples_and_all_are_seen() -> None:
    for n_samples in (1, 7, 8, 9):
        shares = [share(list(range(n_samples)), rank, 4) for rank in range(4)]
        assert len({len(one) for one in shares}) == 1
        assert {sample for one in shares for sample in one} == set(range(n_samples))


def test_training_batches_are_shared_and_those_of_evaluation_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, stored = list(EpochOrder(20, 8, 5)), list(EpochOrder(20, 8, None))
    monkeypatch.setattr(batches, "process", lambda: (1, 2))
    assert list(EpochOrder(20, 8, 5)) == [share(one, 1, 2) for one in whole]  # type: ignore[arg-type]
    assert [len(one) for one in EpochOrder(20, 8, 5)] == [4, 4, 2]
    assert list(EpochOrder(20, 8, None)) == stored


def test_what_another_process_raises_is_told_in_one_line() -> None:
    broken = Scores()
    nn.init.constant_(broken.map[0].weight, float("nan"))  # type: ignore[arg-type]
    with pytest.raises(RunError, match=r"^training: the loss is nan in epoch 1; lower training\.learning_rate") as told:
        fit(broken, toy(0), toy(1), TrainingSettings(**HOW, devices=2))
    assert "\n" not in str(told.value)


def test_more_devices_than_there_are_and_a_machine_without_a_number_are_refused(monkeypatch: Any) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for accelerator in ("gpu", "auto"):
        with pytest.raises(RecipeError, match=r"^training\.devices: found 8, this machine has 2; set as many or few"):
            trainer_options(TrainingSettings(devices=8, accelerator=accelerator))
    assert trainer_options(TrainingSettings(devices=2, accelerator="gpu"))["devices"] == 2
    for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RecipeError, match=r"^training\.nodes: found 2, and MASTER_ADDR, MASTER_PORT, NODE_RANK not in"):
        trainer_options(TrainingSettings(nodes=2))
