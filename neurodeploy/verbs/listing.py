"""`recipes`, `data list` and `data fetch`: what there is to run, and to run it on."""

from typing import Any

from neurodeploy.data.dataset import Source, folders
from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.fetch import fetch
from neurodeploy.data.load import source_of
from neurodeploy.data.settings import DataSettings
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
    return [_row(source) for source in SOURCES.values()]


def _row(source: Source) -> dict[str, Any]:
    path = source.path() if source.file else None
    binning = source.binning
    told = ("name", "what", "licence", "citation", "dt_s", "n_steps")
    return {name: getattr(source, name) for name in told} | {
        "sha256": source.sha256 or None,
        "files": list(source.files),
        "partitions": list(source.partitions),
        "binning": None if binning is None else vars(binning) | {"dt_s": binning.dt_s},
        "fetch": [one.url for one in source.downloads if one.url],
        "ready": source.ready,
        "path": str(path) if path else None,
        "searched": [str(one / source.file) for one in folders()] if source.file else [],
    }


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
