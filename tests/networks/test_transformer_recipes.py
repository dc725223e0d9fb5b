"""Recipes of spiking transformers: each builds the network that it names, of the size of its data."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from neurodeploy.errors import RecipeError
from neurodeploy.networks.families.transformer import TransformerSettings, build
from neurodeploy.recipes import load_recipe
from tests.conformance.test_round_trips import NO_PROGRAM, PICTURES

FOLDER = Path(__file__).parents[2] / "training"
RECIPES = [path.stem for path in sorted(FOLDER.glob("*.toml")) if path.stem.endswith(NO_PROGRAM)]
MILLIONS = {
    "cifar10_spikformer": 9.324730,
    "cifar10_sdt": 10.233418,
    "cifar10_qkformer": 6.706234,
    "imagenet_spikformer": 29.689384,
    "imagenet_sdt": 29.689384,
    "imagenet_qkformer": 29.079336,
    "cifar10dvs_qkformer": 1.504138,
    "dvs128_qkformer": 1.999371,
    "cifar10_small_spikformer": 0.096210,
    "cifar10_small_sdt": 0.096210,
    "cifar10_small_qkformer": 0.101466,
    "mnist_spikformer": 0.096066,
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_builds_its_network(name: str) -> None:
    recipe = load_recipe(name)
    assert isinstance(recipe.network, TransformerSettings)
    image = (PICTURES | {"cifar100": (3, 32, 32), "imagenet": (3, 224, 224)})[recipe.data.dataset]
    with torch.device("meta"):
        network = build(recipe.network, image, 10 if "dvs128" not in name else 11, 1e-3)
    found = sum(one.numel() for one in network.parameters())
    if name in MILLIONS:
        n_classes = 990 * (recipe.network.width + 1) if "imagenet" in name else 0
        assert found + n_classes == round(MILLIONS[name] * 1e6)
    assert ("not run here" in recipe.description) == (recipe.data.dataset != "mnist")
    assert recipe.network.encoder == ("each_step" if "dvs" in name else "once")


@pytest.mark.parametrize(
    ("recipe", "setting", "told"),
    [
        (
            "mnist_spikformer",
            'attention=["token"]',
            "attention is of qkformer alone, found model = spik",
        ),
        (
            "mnist_spikformer",
            "pools_spikes=true",
            "pools_spikes is of sdt and qkformer alone, found model",
        ),
        ("mnist_sdt", "tim_axis=channels", "tim_axis is of tim alone, found model = sdt"),
        ("mnist_sdt", "uncorrected=true", "uncorrected is of qkformer and tim alone, found model = sdt"),
        ("mnist_qkformer", "pools=1100", "pools is of spikformer and sdt and tim alone, found model = qkformer"),
    ],
)
def test_a_setting_that_the_model_has_not_is_refused(recipe: str, setting: str, told: str) -> None:
    with pytest.raises(RecipeError, match=f"^{recipe}: network: {told}"):
        load_recipe(recipe, (f"network.{setting}",))
    assert load_recipe("mnist_spikformer", ("network.pools=1111",)).network.pools == "1111"  # type: ignore[attr-defined]
