"""What training does to pictures, and the loss and the schedule of networks that vote."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from neurodeploy.data.stream import PixelOrder
from neurodeploy.errors import NetworkError
from neurodeploy.training import pictures
from neurodeploy.training.augment import blended, moved
from neurodeploy.training.classifier import Classifier, warm_cosine
from neurodeploy.training.reading import Reading
from neurodeploy.training.settings import TrainingSettings

SHAPE = (2, 6, 8)


def dots() -> torch.Tensor:
    """Return samples of three steps, with one bright pixel each, off the middle."""
    x = torch.zeros(40, 3, *SHAPE)
    x[:, :, 1, 2, 5] = 9.0
    return x.flatten(2)


def changed(**settings: object) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return moved(dots(), SHAPE, TrainingSettings(**settings), generator).unflatten(2, SHAPE)  # type: ignore[arg-type]


def test_pictures_move_by_whole_pixels_and_nothing_comes_round() -> None:
    found = changed(pixel_shift=2)
    places = {tuple(one.nonzero()[0].tolist()) for one in found[:, 0].round(decimals=4)}
    assert {row for _, row, _ in places} == {0, 1, 2, 3, 4}
    assert {column for _, _, column in places} == {3, 4, 5, 6, 7}
    assert {channel for channel, _, _ in places} == {1}
    assert torch.equal(found[:, 0], found[:, 2])
    assert torch.allclose(found.sum((1, 2, 3, 4)), torch.tensor(27.0))


def test_a_picture_in_the_order_of_its_pixels_moves_as_itself() -> None:
    generator, settings = np.random.default_rng(0), TrainingSettings(pixel_shift=2, rotation=20.0)
    x, order = torch.rand(5, 1, 48), PixelOrder((1, 6, 8), generator.permutation(48))
    wanted = moved(x, (1, 6, 8), settings, torch.Generator().manual_seed(0))
    shuffled = x[:, :, order.pixel_T].transpose(1, 2)
    found = moved(shuffled, (1,), settings, torch.Generator().manual_seed(0), order)
    assert torch.equal(found, wanted[:, :, order.pixel_T].transpose(1, 2))
    assert not torch.equal(found, shuffled)


def test_mirrored_turned_and_zoomed_pictures() -> None:
    mirrored = changed(flip=True)[:, 0, 1].round(decimals=4)
    columns = {int(one.nonzero()[0, 1]) for one in mirrored}
    assert columns == {5, 2}
    x = torch.zeros(200, 1, 1, 41, 41)
    x[..., 20, 35] = 1.0
    for settings in ({"rotation": 30.0}, {"zoom": 0.2}):
        kwargs = TrainingSettings(**settings)  # type: ignore[arg-type]
        found = moved(x.flatten(2), (1, 41, 41), kwargs, torch.Generator().manual_seed(1)).view(200, 41, 41)
        weight = found / found.sum((1, 2), keepdim=True)
        row = (weight.sum(2) * torch.arange(41)).sum(1) - 20
        column = (weight.sum(1) * torch.arange(41)).sum(1) - 20
        radius, angle = torch.hypot(row, column), torch.atan2(row, column).rad2deg()
        if "rotation" in settings:
            assert radius.sub(15).abs().max() < 0.5
            assert 25 < angle.abs().max() < 32
        else:
            assert angle.abs().max() < 1
            assert (radius.min(), radius.max()) == (pytest.approx(12.2, abs=0.4), pytest.approx(17.8, abs=0.4))


def test_pictures_that_are_no_squares_turn_without_being_sheared() -> None:
    x = torch.zeros(50, 1, 1, 21, 61)
    x[..., 10, 38] = 1.0  # 8 pixels right of the middle
    settings = TrainingSettings(rotation=90.0)
    found = moved(x.flatten(2), (1, 21, 61), settings, torch.Generator().manual_seed(1)).view(50, 21, 61)
    weight = found / found.sum((1, 2), keepdim=True)
    row = (weight.sum(2) * torch.arange(21)).sum(1) - 10
    column = (weight.sum(1) * torch.arange(61)).sum(1) - 30
    assert torch.hypot(row, column).sub(8).abs().max() < 0.5  # what falls between pixels is spread over them
    assert row.abs().max() > 7


def test_samples_without_pictures_stay() -> None:
    x = dots()
    assert moved(x, (96,), TrainingSettings(pixel_shift=2), torch.Generator()) is x


def test_squares_of_the_scores_are_the_loss_where_asked() -> None:
    scores_BC = torch.tensor([[0.9, 0.2], [0.5, 0.5]])
    module = Classifier(torch.nn.Linear(1, 1), TrainingSettings(loss="mse"), 1)
    found = module.objective(Reading(scores_BC, scores_BC, scores_BC, ()), torch.tensor([0, 1]), scores_BC)
    assert float(found) == pytest.approx((0.01 + 0.04 + 0.25 + 0.25) / 4)


def test_the_cosine_schedule_is_not_restarted() -> None:
    settings = TrainingSettings(schedule="cosine", learning_rate=1e-3, cosine_epochs=4)
    made = Classifier(torch.nn.Linear(1, 1), settings, 1).configure_optimizers()
    rates = []
    for _ in range(9):
        rates.append(made["optimizer"].param_groups[0]["lr"])
        made["optimizer"].step()
        made["lr_scheduler"].step()
    assert rates == pytest.approx([1e-3 * (1 + math.cos(math.pi * epoch / 4)) / 2 for epoch in range(9)], abs=1e-9)


def test_a_warm_cosine_rises_falls_and_cools_down() -> None:
    settings = TrainingSettings(
        epochs=310, schedule="warm_cosine", learning_rate=5e-4, learning_rate_min=1e-5, cooldown_epochs=10
    )
    found = [settings.learning_rate * warm_cosine(settings, epoch) for epoch in range(310)]
    for epoch, wanted in ((0, 1e-5), (10, 2.55e-4), (150, 2.55e-4), (300, 1e-5), (309, 1e-5)):
        assert found[epoch] == pytest.approx(wanted)
    assert found[20] == pytest.approx(1e-5 + 4.9e-4 * (1 + math.cos(math.pi / 15)) / 2)
    assert max(found) == found[20]


def test_a_batch_is_blended_with_its_reverse_in_one_share() -> None:
    settings, x, labels_B = TrainingSettings(mixup_alpha=0.5), torch.eye(4)[:, None], torch.tensor([0, 1, 2, 2])
    shares = []
    for seed in range(200):
        found, shares_BC = blended(x, labels_B, 3, settings, torch.Generator().manual_seed(seed))
        share = float(found[0, 0, 0])
        assert torch.allclose(found[:, 0], share * torch.eye(4) + (1 - share) * torch.eye(4).flip(0), atol=1e-6)
        assert torch.allclose(shares_BC[0], torch.tensor([share, 0, 1 - share]), atol=1e-6)
        assert torch.allclose(shares_BC.sum(1), torch.ones(4))
        shares.append(share)
    assert np.mean(shares) == pytest.approx(0.5, abs=0.08)
    assert np.var(shares) == pytest.approx(1 / 8, abs=0.02)  # of a beta distribution of 1/2 and 1/2
    never = TrainingSettings(mixup_alpha=0.5, mixup_batches=0.0)
    assert torch.equal(blended(x, labels_B, 3, never, torch.Generator())[0], x)


def test_tet_is_the_mean_loss_of_all_steps_and_pulls_scores_to_one() -> None:
    settings = TrainingSettings(loss="tet", tet_pull=0.1, label_smoothing=0.2)
    steps_BTC = torch.tensor([[[2.0, 0.0], [0.0, 1.0]], [[0.0, 3.0], [1.0, 1.0]]])
    reading = Reading(steps_BTC.mean(1), steps_BTC.mean(1), steps_BTC.mean(1), (), None, steps_BTC)
    module = Classifier(torch.nn.Linear(2, 2), settings, 10)
    entropies = [
        -sum(part * (steps_BTC[b, t, c] - steps_BTC[b, t].logsumexp(0)) for c, part in enumerate(wanted))
        for b, wanted in enumerate([(0.9, 0.1), (0.1, 0.9)])
        for t in range(2)
    ]
    wanted = 0.9 * sum(entropies) / 4 + 0.1 * (1 + 1 + 1 + 0 + 1 + 4 + 0 + 0) / 8
    found = module.objective(reading, torch.tensor([0, 1]), steps_BTC)
    assert float(found) == pytest.approx(float(wanted))
    with pytest.raises(NetworkError, match=r"^training.loss: tet needs the scores of each step"):
        module.objective(reading._replace(steps_BTC=None), torch.tensor([0, 1]), steps_BTC)


def test_kornia_changes_pictures_alike_at_all_steps_by_their_seed() -> None:
    pytest.importorskip("kornia", reason="kornia is not installed: pip install 'neurodeploy-toolkit[augment]'")
    x_BTI = torch.randint(0, 256, (16, 1, 3 * 32 * 32)).float().expand(-1, 2, -1)
    for told in ({"rand_augment": "full"}, {"rand_augment": "restricted"}, {"erasing": 1.0}, {"crop_area": 0.5}):
        settings = TrainingSettings(**told)  # type: ignore[arg-type]
        assert settings.changes_pictures
        once, again, other = (
            pictures.changed(x_BTI, (3, 32, 32), settings, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
        )
        assert torch.equal(once, again)
        assert not torch.equal(once, other)
        assert torch.equal(once[:, 0], once[:, 1])
        assert once.shape == x_BTI.shape
        assert (float(once.min()), float(once.max())) >= (0.0, 0.0)
        assert float(once.max()) <= 255.5
    with pytest.raises(NetworkError, match="are for pictures that stay, found steps of shape"):
        pictures.changed(torch.rand(2, 2, 3072), (3, 32, 32), settings, torch.Generator())
