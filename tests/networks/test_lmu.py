"""The LMU family: its sizes, what it computes of its settings, and small trainings of its recipes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import neurodeploy
from neurodeploy.data.sequences import SHA256
from neurodeploy.errors import NetworkError, RecipeError
from neurodeploy.networks.families.lmu import LmuSettings, build
from neurodeploy.neurons.lmu_layers import LMU, LMUFFT
from neurodeploy.recipes import load_recipe
from tests.data.test_idx import write_pictures

SMALL = ("network.hidden=6", "network.memory=5", "data.validation_part=0.2", "training.batch_size=20")


@pytest.mark.parametrize(
    ("recipe", "parameters"), [("psmnist_lmu", 102_027), ("psmnist_lmufft", 166_092), ("digits_lmu", 5_850)]
)
def test_the_recipes_have_the_publications_sizes(recipe: str, parameters: int) -> None:
    """5,850 by hand: encoders 8 + 64 + 8, kernels 64 (8 + 64 + 8), head 65 x 10."""
    told = load_recipe(recipe)
    assert isinstance(told.network, LmuSettings)
    network = build(told.network, (8,) if recipe == "digits_lmu" else (1,), 10, 1e-3)
    assert sum(one.numel() for one in network.parameters()) == parameters
    assert told.training.gradient_clip > 0


@pytest.mark.parametrize("model", ["lmu", "lmufft"])
def test_the_scores_are_the_heads_of_the_last_hidden_state(model: str) -> None:
    torch.manual_seed(0)
    settings = LmuSettings(model=model, hidden=6, memory=5, theta=30, largest_input=16, dropout=0.5)  # type: ignore[arg-type]
    network, x = build(settings, (2, 1, 2), 3, 1e-3), torch.randint(0, 17, (4, 40, 4))
    answer = network.eval()(x)
    h = network.unit(x / 16)[0][:, -1]
    torch.testing.assert_close(answer.output_BC, network.head(h))
    assert answer.logits
    assert isinstance(network.unit, LMU if model == "lmu" else LMUFFT)
    assert not torch.equal(network.train()(x).output_BC, answer.output_BC)  # dropout


def test_a_new_lmufft_always_hears_its_input() -> None:
    """Of torch's own draws, w and b of relu(w x + b) are both negative in a quarter."""
    for seed in range(12):
        torch.manual_seed(seed)
        unit = build(LmuSettings(hidden=6, memory=5, theta=30), (1,), 3, 1e-3).unit
        assert isinstance(unit, LMUFFT)
        assert unit.run(torch.rand(1, 40, 1), last=True)[1].any()


def test_an_lmufft_has_no_choices_of_the_lmu() -> None:
    with pytest.raises(NetworkError, match=r"^network.learn_a: an lmufft has no such choice; leave it out, or set mod"):
        build(LmuSettings(learn_a=True), (1,), 3, 1e-3)
    with pytest.raises(RecipeError, match=r"network.theta: input should be greater than or equal to 1, found 0\.5"):
        load_recipe("psmnist_lmu", ["network.theta=0.5"])


@pytest.mark.parametrize("recipe", ["psmnist_lmu", "psmnist_lmufft"])
def test_a_recipe_trains_and_goes_on_where_it_stopped(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    write_pictures(tmp_path / "mnist", 60, 20)
    settings = (*SMALL, "training.epochs=2", "training.learning_rate=0.02", "network.theta=100.0")
    found = neurodeploy.train(recipe, out=tmp_path / "whole", settings=settings)
    assert any(SHA256 in note for note in found["data_notes"])
    assert found["training"]["epochs"][1]["loss"] < found["training"]["epochs"][0]["loss"]

    def stopped(stage: str, done: int, total: int, detail: str = "") -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        neurodeploy.train(recipe, out=tmp_path / "parts", settings=settings, progress=stopped)
    neurodeploy.train(recipe, out=tmp_path / "parts", settings=settings, mode="resume")
    assert len({(tmp_path / one / "checkpoint.safetensors").read_bytes() for one in ("whole", "parts")}) == 1


def test_a_learned_memory_that_left_the_unit_circle_ends_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    write_pictures(tmp_path / "mnist", 60, 20)
    settings = ("training.epochs=1", "training.learning_rate=0.3", "training.average=0.0", "data.n_steps=20")
    with pytest.raises(NetworkError, match=r"^LMU: its learned A has a spectral radius of \S+, at most 1 is allowed"):
        neurodeploy.train("psmnist_lmu", out=tmp_path / "run", settings=(*SMALL, *settings, "network.learn_a=true"))
