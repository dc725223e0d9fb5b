"""Budgets: what a run may cost at most and must reach at least, from a TOML file or the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from neurodeploy import toml
from neurodeploy.errors import BudgetError, nearest

Stage = Literal["float", "ptq", "quantised", "reference", "fixed", "lava"]
Which = Literal["low", "mid", "high"]
EnergyOf = Literal["dynamic", "whole"]
Share = Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False)]
Amount = Annotated[float | None, Field(ge=0, allow_inf_nan=False)]
Whole = Annotated[int | None, Field(ge=0)]

LONGEST = 60
"""Letters of a wrong value that an error line shows."""


class LayerBudget(BaseModel):
    """Budgets of one layer, per sample; `None` asks nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    max_synops: Amount = None
    """Of all connections into the layer."""
    max_spikes: Amount = None


class Budget(BaseModel):
    """Budgets of a run; `None` or false asks nothing.

    Attributes:
        accuracy: Stage whose accuracy is asked about; the integers that the chip would run, by default.
        energy: End of the energy band that must keep within the budget.
        energy_of: Of the dynamic energy, or of the whole: dynamic and static.
        latency: The same of the latency band.
        fits: Name of a chip, or a TOML file with one.
        layers: By name of the layer.

    Counts, joules and seconds are per sample. `max_accuracy_drop` is against float on the same samples.

    Raises:
        BudgetError: one line with the first key that is unknown, of a wrong type or out of range.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    min_accuracy: Share = None
    max_accuracy_drop: Share = None
    accuracy: Stage = "fixed"
    certificate: bool = False
    bit_exact: bool = False
    max_synops: Amount = None
    max_spikes: Amount = None
    max_macs: Amount = None
    max_energy_j: Amount = None
    energy: Which = "high"
    energy_of: EnergyOf = "dynamic"
    max_latency_s: Amount = None
    latency: Which = "high"
    fits: str | None = None
    max_cores: Whole = None
    max_chips: Whole = None
    layers: dict[str, LayerBudget] = Field(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_line(cls, values: Any, check: ModelWrapValidatorHandler[Budget]) -> Budget:
        """Raise what is wrong as one `BudgetError` in place of pydantic's several lines."""
        try:
            return check(values)
        except ValidationError as error:
            raise _refused(error) from None

    @property
    def places(self) -> bool:
        """True where the network must be placed on a chip to judge the budget."""
        return any(one is not None for one in (self.fits, self.max_cores, self.max_chips))

    @property
    def asks(self) -> bool:
        """True where there is anything to judge."""
        own = [getattr(self, name) for name in CHOICES]
        layers = [value for one in self.layers.values() for value in one.model_dump().values()]
        return any(one is not None and one is not False for one in own) or any(one is not None for one in layers)


CHOICES = tuple(
    name for name in Budget.model_fields if name not in ("accuracy", "energy", "energy_of", "latency", "layers")
)
"""Keys that are budgets of their own; the others choose what is compared."""


def read_budget(path: str | Path) -> dict[str, Any]:
    """Return the keys of a budget file, checked.

    Raises:
        BudgetError: it cannot be read, is not TOML, or holds a key or a value that is none.
    """
    values = toml.read(path, BudgetError)[0]
    try:
        Budget(**values)
    except BudgetError as error:
        places = (path, *([error.option] if error.option else []))
        raise BudgetError(error.found, error.advice, where=places, allowed=error.allowed) from None
    return values


def named_budget(values: dict[str, Any]) -> Budget:
    """Return the budget that named options describe; an error names the option.

    Raises:
        BudgetError: a value is of a wrong type or out of range.
    """
    try:
        return Budget(**values)
    except BudgetError as error:
        raise error.inside("check") from None


def _refused(error: ValidationError) -> BudgetError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = LayerBudget if len(first["loc"]) > 1 else Budget
        return BudgetError(f"{key!r} is no budget", nearest(str(first["loc"][-1]), known.model_fields))
    found = repr(first["input"])
    found = found if len(found) <= LONGEST else found[: LONGEST - 1] + "…"
    return BudgetError(f"found {found}", option=key, allowed=_allowed(key, first))


def _allowed(key: str, error: Any) -> str:
    kind, found = error["type"], error["input"]
    if kind == "literal_error":
        allowed = get_args({"accuracy": Stage, "energy_of": EnergyOf}.get(key, Which))
        return nearest(str(found), allowed)
    if kind == "less_than_equal" and 1 < found <= 100:
        return f"a share of 1 is needed: {found / 100:g} for {found:g} %"
    words = {
        "greater_than_equal": "at least 0 is allowed",
        "less_than_equal": "a share, at most 1, is allowed",
        "finite_number": "a finite number is needed",
        "float_type": "a number is needed",
        "int_type": "a whole number is needed",
        "bool_type": "true or false is needed",
        "string_type": "the name of a chip, or of its .toml file, is needed",
        "dict_type": "a table [layers.NAME] is needed",
        "model_type": "a table [layers.NAME] is needed",
    }
    return words.get(kind, error["msg"])
