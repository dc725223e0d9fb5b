"""Published models of when a spiking network takes less energy: their constants and claims, one TOML file each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from neurodeploy.errors import ChipError, nearest
from neurodeploy.hardware.chip_file import citations, constants, lines, read_toml
from neurodeploy.hardware.constants import Constant, text
from neurodeploy.hardware.vocabulary import COSTS, CROSSOVER

FOLDER = Path(__file__).parent / "models"
TOP = ("name", "title", "notes", "sources", "costs", "crossover")


@dataclass(frozen=True)
class CostModel:
    """A cost model.

    Attributes:
        costs: By key of `vocabulary.COSTS`, joules; empty where only a claim is published.
        crossover: By key of `vocabulary.CROSSOVER`: the rate below which spikes win, with its low and high.
        notes: What to know before using it.
    """

    name: str
    title: str
    costs: Mapping[str, Constant]
    crossover: Mapping[str, Constant]
    notes: tuple[str, ...]


def cost_models() -> tuple[str, ...]:
    """Return the names of the shipped cost models."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def cost_model(name: str) -> CostModel:
    """Return a shipped cost model.

    Raises:
        ChipError: there is none of this name; the nearest is suggested.
    """
    if name not in cost_models():
        raise ChipError(f"cost model {name!r} is unknown; {nearest(name, cost_models())}")
    path = FOLDER / f"{name}.toml"
    values, _ = read_toml(path)
    try:
        for key in values:
            if key not in TOP:
                raise ChipError(f"{key}: is no key of a cost model; {nearest(key, TOP)}")
        sources = citations(values.get("sources"))
        return CostModel(
            name=name,
            title=text("title", values.get("title", name)),
            costs=constants("costs", values.get("costs"), COSTS, sources),
            crossover=constants("crossover", values.get("crossover"), CROSSOVER, sources),
            notes=lines("notes", values.get("notes", [])),
        )
    except ChipError as error:
        raise error.inside(path) from None
