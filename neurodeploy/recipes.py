"""Recipes: complete, validated settings of a run, from one TOML file each."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError

from neurodeploy import toml
from neurodeploy.certificate.certify import CertificateSettings
from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.load import source_of
from neurodeploy.data.own import is_own, whole_name
from neurodeploy.data.settings import DataSettings
from neurodeploy.errors import DataError, RecipeError, nearest
from neurodeploy.hardware.chips import CHIPS, DEFAULT, program_chips
from neurodeploy.networks.families.lif import LifSettings
from neurodeploy.networks.families.settings import NetworkSettings
from neurodeploy.networks.families.table import FAMILIES
from neurodeploy.quantize.settings import QuantizeSettings
from neurodeploy.training.settings import TrainingSettings


class Recipe(BaseModel):
    """Everything a run depends on. Each table is owned by the room that uses it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str = ""
    chip: str = DEFAULT
    data: DataSettings
    network: SerializeAsAny[NetworkSettings] = LifSettings()
    """The settings of its `family`; see `networks.families.table`."""
    training: TrainingSettings = TrainingSettings()
    quantize: QuantizeSettings = QuantizeSettings()
    certificate: CertificateSettings = Field(default_factory=CertificateSettings)

    def to_toml(self) -> str:
        """Return the recipe as TOML with every setting in it."""
        return toml.dumps(self.model_dump(mode="json"))


def load_recipe(name: str, settings: Iterable[str] = ()) -> Recipe:
    """Return a shipped recipe by name, or the one in a .toml file, with `key=value` settings applied.

    Raises:
        RecipeError: the recipe or a key is unknown (the nearest is suggested), or a value is invalid.
    """
    values = _read(name, ())
    values.setdefault("name", Path(name).stem)
    for setting in sorted(settings, key=lambda one: not one.strip().startswith(("data.dataset", "network.family"))):
        _apply(values, setting)
    return validated(values, name)


def validated(values: dict[str, Any], where: str) -> Recipe:
    """Return the recipe that plain values describe.

    Raises:
        RecipeError: one line with the first key that is unknown or out of range.
    """
    try:
        recipe = Recipe(**values | _network(values, where))
    except ValidationError as error:
        raise RecipeError(f"{where}: {_one_line(error)}") from None
    data = recipe.data
    if data.dataset not in SOURCES and not is_own(data.dataset):
        raise RecipeError(f"{where}: data.dataset {data.dataset!r} is unknown; {nearest(data.dataset, SOURCES)}")
    if data.dataset not in SOURCES:  # a run goes on in any folder
        names = {"dataset": whole_name(data.dataset), "test": data.test and whole_name(data.test)}
        recipe = recipe.model_copy(update={"data": data.model_copy(update=names)})
    try:
        source_of(recipe.data).wanted(recipe.data)
    except DataError as error:
        raise error.inside(where, kind=RecipeError) from None
    shipped_chip = recipe.chip in CHIPS and CHIPS[recipe.chip].program
    if not shipped_chip and Path(recipe.chip).suffix != ".toml":
        raise RecipeError(f"{where}: chip {recipe.chip!r} is unknown; {nearest(recipe.chip, program_chips())}")
    return recipe


def shipped() -> dict[str, Path]:
    """Return the recipes that come with the package, by name."""
    package = Path(__file__).parent
    for folder in (package / "training_recipes", package.parent / "training"):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return {}


def _network(values: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the network's table as settings of its own family, so that an error speaks of that family alone."""
    table = values.get("network")
    if not isinstance(table, dict):
        return {}
    family = table.get("family")
    if not isinstance(family, str) or family not in FAMILIES:
        found = "has none" if family is None else f"{family!r} is unknown"
        raise RecipeError(f"{where}: network.family {found}; {nearest(str(family or ''), FAMILIES)}")
    settings = FAMILIES[family].settings
    try:
        return {"network": settings(**table)}
    except ValidationError as error:
        keys = [f"network.{key}" for key in settings.model_fields]
        raise RecipeError(f"{where}: {_one_line(error, 'network.', keys)}") from None


def _read(name: str, seen: tuple[str, ...]) -> dict[str, Any]:
    known = shipped()
    path = known.get(name, Path(name))
    if name not in known and path.suffix != ".toml":
        raise RecipeError(f"{name!r} is not a recipe; {nearest(name, known)} (neurodeploy recipes lists them)")
    if str(path) in seen:
        raise RecipeError(f"{name}: extends itself by way of {' -> '.join(seen)}; remove one of the extends")
    values = toml.read(path, RecipeError)[0]
    base = values.pop("extends", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise RecipeError(f"{path}: extends is {base!r}, the name of one recipe is needed")
    below = path.parent / f"{base}.toml"
    return _merged(_read(base if base in known else str(below), (*seen, str(path))), values)


def _merged(base: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    if above.get("family", base.get("family")) != base.get("family"):
        return above  # another family's settings are other ones
    result = dict(base)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merged(result[key], value) if both else value
    return result


def _apply(values: dict[str, Any], setting: str) -> None:
    key, separator, text = setting.partition("=")
    if not separator:
        raise RecipeError(f"found {setting!r}, key=value is needed, e.g. training.epochs=5", option="settings")
    try:
        value = toml.loads(f"value = {text}")["value"]
    except ValueError:  # TOML's own, and a number of thousands of digits
        value = text
    *tables, last = key.strip().split(".")
    inner = values
    for table in tables:
        inner = inner.setdefault(table, {})
        if not isinstance(inner, dict):
            raise RecipeError(f"{key!r}: {table} is a value, not a table", _suggestion(key), option="settings")
    if key.strip() not in _keys():
        raise RecipeError(f"{key!r} is not a setting", f"{_suggestion(key)}", option="settings")
    own = key.strip() == "data.dataset" and str(value) not in SOURCES and is_own(str(value))
    if (last == "family" or own) and value != inner.get(last):
        inner.clear()  # another's settings mean nothing here
    inner[last] = value


def _keys() -> list[str]:
    """Return every key that can be set, as table.key."""
    found = []
    for name in Recipe.model_fields:
        inner = [f"{name}.{key}" for model in _tables(name) for key in model.model_fields]
        found += inner or [name]
    return list(dict.fromkeys(found))


def _tables(name: str) -> list[type[BaseModel]]:
    """Return the settings that a field of the recipe may hold."""
    if name == "network":
        return [one.settings for one in FAMILIES.values()]
    annotation = Recipe.model_fields[name].annotation
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []


def _suggestion(key: str, keys: Sequence[str] = ()) -> str:
    """Return the end of an error line that names the setting nearest to `key`, as a whole or by its last word.

    Args:
        keys: Settings to choose from; all where there are none.
    """
    tables = dict.fromkeys(one.partition(".")[0] for one in _keys() if "." in one)
    if key in tables:
        return f"name one in this table, e.g. {next(one for one in _keys() if one.startswith(f'{key}.'))!r}"
    by_word = {one: one for one in keys or _keys()}
    for one in keys or _keys():
        by_word.setdefault(one.rpartition(".")[2], one)
    for word in (key, key.rpartition(".")[2]):
        found = difflib.get_close_matches(word, by_word, n=1, cutoff=0.7)
        if found:
            return f"did you mean {by_word[found[0]]!r}?"
    return f"settings are in the tables {', '.join(tables)}, e.g. training.epochs"


def _one_line(error: ValidationError, before: str = "", keys: Sequence[str] = ()) -> str:
    first = error.errors()[0]
    key = (before + ".".join(str(part) for part in first["loc"])).rstrip(".")
    if first["type"] == "extra_forbidden":
        return f"{key!r} is not a setting; {_suggestion(key, keys)}"
    whole_table = first["type"] == "missing" or isinstance(first["input"], Mapping)
    found = "" if whole_table else f", found {first['input']!r}"
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if first["type"] == "tuple_type":
        message = f"a list is needed, e.g. [{first['input']}]"
    return f"{key}: {message}{found}"
