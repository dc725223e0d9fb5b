"""`recipes` and `data list`: what there is to run, and to run it on."""

from __future__ import annotations

from typing import Any

from neurodeploy.data.load import listing
from neurodeploy.recipes import load_recipe, shipped


def list_recipes() -> dict[str, dict[str, Any]]:
    """Return the shipped recipes by name: `description`, `path`, and every setting under `recipe`."""
    found = {}
    for name, path in shipped().items():
        recipe = load_recipe(name)
        found[name] = {
            "description": recipe.description,
            "path": str(path),
            "recipe": recipe.model_dump(mode="json"),
        }
    return found


def list_datasets() -> list[dict[str, Any]]:
    """Return the datasets known by name: what each is, its licence, checksum, and where it lies."""
    return listing()
