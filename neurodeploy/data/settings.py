"""The [data] table of a recipe, and what it comes to for one dataset."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from neurodeploy.data.binning import N_UNITS, Binning, Rule
from neurodeploy.errors import DataError


class DataSettings(BaseModel):
    """The [data] table of a recipe. What is absent is the dataset's own."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    dataset: str
    n_steps: int | None = Field(
        None, gt=0, le=1_000_000, description="Time steps; the dataset's own number when absent."
    )
    validation_part: float = Field(0.15, gt=0, lt=1, description="Share of the training part, per class.")
    selection: Literal["validation", "test"] = Field(
        "validation",
        description="Part that chooses the epoch; test trains on the validation part too (accuracy-A, optimistic).",
    )
    validation: Literal["drawn", "last"] = Field(
        "drawn", description="Its samples of each class: drawn, or the last in the order of the files (accuracy-B)."
    )
    partition: str | None = Field(None, description="Who makes the parts, e.g. speakers, official or paper.")
    binning: Rule | None = Field(None, description="Rule by which timed events fall into steps.")
    max_time_s: float | None = Field(
        None, gt=0, le=1_000_000, description="Timed events from here on are dropped, seconds."
    )
    spatial_bin: int | None = Field(None, gt=0, description="Adjacent units of timed events that make one channel.")
    counts: bool | None = Field(None, description="Count events of one step and channel; else they are one spike.")
    dt_s: float | None = Field(
        None, gt=0, le=1000, description="Seconds of a step, of your own data without times; 0.001."
    )
    test: str | None = Field(
        None, description="Test part of your own data, another file or function; else a fifth of each class."
    )
    skip_broken: bool | None = Field(
        None, description="Leave out pictures that cannot be decoded; all are decoded once to find them (imagenet)."
    )

    def binning_entries(self) -> dict[str, Any]:
        """Return the binning that is set here, as a graph's metadata carry it."""
        names = ("n_steps", "binning", "max_time_s", "spatial_bin", "counts")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dataclass(frozen=True)
class Wanted:
    """Settings with the dataset's own in every place that was left open.

    Attributes:
        binning: None where the dataset has no timed events.
        partition: One of the dataset's `partitions`.
        counts: Without timed events: channels hold numbers of events.
        test: Where the test part of one's own data lies, if not in the same place.
        skip_broken: Leave out pictures that cannot be decoded.
    """

    n_steps: int
    validation_part: float
    partition: str
    binning: Binning | None
    counts: bool = False
    test: str | None = None
    skip_broken: bool = False

    def carried(self) -> dict[str, Any]:
        """Return binning and partition as a graph's metadata carry them; see `binning_of`."""
        test = {} if self.test is None else {"test": self.test}
        if self.binning is None:
            return test | ({"counts": True} if self.counts else {})
        entries = dict(vars(self.binning))
        return {"binning": entries.pop("rule"), **entries, "partition": self.partition, **test}


def binning_of(where: str, entries: dict[str, Any]) -> Binning | None:
    """Return the binning that a graph's metadata carry, or None where they carry none.

    Raises:
        DataError: an entry is missing or means nothing.
    """
    if "binning" not in entries:
        return None
    names = ("n_steps", "max_time_s", "spatial_bin", "counts", "binning")
    try:
        settings = DataSettings.model_validate({"dataset": where} | {name: entries.get(name) for name in names})
    except ValidationError as error:
        key, value = error.errors()[0]["loc"][0], error.errors()[0]["input"]
        raise DataError(f"{where}: its metadata say {key} = {value!r}, which means nothing; export it again") from None
    found = settings.binning_entries()
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(f"{where}: its metadata lack {' and '.join(missing)} of the binning; export it again")
    binning = Binning(rule=found.pop("binning"), **found)
    binning.n_channels(N_UNITS)
    return binning
