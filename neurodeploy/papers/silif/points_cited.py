"""Points of accuracy against cost: measured ones, and those of the literature with their citation."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from neurodeploy import toml

World = Literal["float", "integer", "paper", "cited"]
LITERATURE = Path(__file__).parent / "literature.toml"


@dataclass(frozen=True)
class Point:
    """One network at one cost.

    Attributes:
        network: As it is called in print, e.g. "C-SiLIF".
        world: Measured by us in float or as an integer Program; "paper", the SiLIF paper's own
            measurement; or "cited", a constant of the literature.
        accuracy: Mean over seeds, 0 to 1.
        accuracy_sd: Standard deviation over seeds; 0 where there is one.
        synops_exact: Per sample, by our count: spikes times the non-zero synapses that they drive.
        synops_paper: Per sample, by the paper's convention: non-zero entries times the dense fan-out.
        bits: Width of the weights.
        energy_j: Low, mid and high estimate per sample.
        n_samples: Samples that the accuracy was measured on.
        note: One line, with the citation where there is one.
        source: The citation in full.
        initial_state: "random" or "zero"; "" of what is cited.
        accuracies: Of each seed; none of what is cited.
    """

    network: str
    world: World
    accuracy: float
    accuracy_sd: float = 0.0
    synops_exact: float | None = None
    synops_paper: float | None = None
    bits: int | None = None
    energy_j: tuple[float, float, float] | None = None
    n_samples: int | None = None
    note: str = ""
    source: str = ""
    initial_state: str = ""
    accuracies: Sequence[float] = ()

    def __post_init__(self) -> None:
        assert self.world in get_args(World), self.world
        assert 0 <= self.accuracy <= 1, f"{self.network}: accuracy {self.accuracy} is a part of 1"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; of what was measured with the standard error of so many samples.

        >>> Point("a", "integer", 0.5, energy_j=(1.0, 2.0, 3.0)).to_dict()["energy_j"]
        {'low': 1.0, 'mid': 2.0, 'high': 3.0}
        """
        found = asdict(self)
        if self.energy_j is not None:
            found["energy_j"] = dict(zip(("low", "mid", "high"), self.energy_j, strict=True))
        if self.world in ("paper", "cited"):
            del found["initial_state"], found["accuracies"]
        else:
            found["accuracy_se"] = math.sqrt(self.accuracy * (1 - self.accuracy) / (self.n_samples or 1))
        return found


def literature_points() -> list[Point]:
    """Return the points of the SiLIF paper's Figure 3 that we did not measure.

    >>> [(point.network, point.world) for point in literature_points()][-2:]
    [('S5-RF', 'cited'), ('Event-SSM', 'cited')]
    """
    return [Point(**row) for row in toml.loads(LITERATURE.read_text("utf-8"))["figure3"]]
