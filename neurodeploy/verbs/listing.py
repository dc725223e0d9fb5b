"""`recipes`, `data list` and `data fetch`: what there is to run, and to run it on."""

from typing import Any

from neurodeploy.data.fetch import fetch
from neurodeploy.data.load import DataSettings, listing, source_of
from neurodeploy.progress import Progress, silent
from neurodeploy.recipes import load_recipe, shipped


def list_recipes() -> dict[str, dict[str, Any]]:
    """Return the shipped recipes by name: `description`, `path`, and every setting under `recipe`."""
    found = {}
    for name, path in shipped().items():
        recipe = load_recipe(name)
        found[name] = {"description": recipe.description, "path": str(path), "recipe": recipe.model_dump(mode="json")}
    return found


def list_datasets() -> list[dict[str, Any]]:
    """Return the datasets known by name: what each is, its licence, checksum, and where it lies."""
    return listing()


def fetch_dataset(name: str, progress: Progress = silent) -> dict[str, Any]:
    """Download a dataset's files that are not on this machine, each whole and with the published checksum.

    Args:
        name: Of a dataset, as `list_datasets` has it.
        progress: Hears how far the work is.

    Returns:
        `name`, and `paths` of its files; none where it comes with the package.

    Raises:
        DataError: the name is unknown, the dataset is not offered, or there is no network.
    """
    source = source_of(DataSettings(dataset=name))
    return {"name": name, "paths": [str(path) for path in fetch(source, progress)]}
