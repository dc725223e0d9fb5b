"""A chip as data: what operations cost on it, what it holds, and what no constant prices."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from neurodeploy.hardware.constants import Constant


@dataclass(frozen=True)
class EnergyModel:
    """One way to price a run: joules per event, dynamic only unless the scope is "all-in".

    Attributes:
        name: In the chip file.
        scope: "per-op" or "all-in", the same for all its terms.
        terms: By key of `vocabulary.ENERGY`.
        includes: Events without a term of their own because the terms' measured total holds them.
    """

    name: str
    scope: str
    terms: Mapping[str, Constant]
    includes: tuple[str, ...] = ()

    @property
    def evidence(self) -> str:
        """The grade of its first term, which is the one that weighs most; every term carries its own."""
        return next(iter(self.terms.values())).evidence


@dataclass(frozen=True)
class Chip:
    """A chip, or a processor.

    Attributes:
        name: As `--chip` takes it.
        title: For people.
        program: Whether an integer Program can be made for it; its widths are among the limits then.
        energy: Its energy models; none where only a power is known.
        times, power, limits: By key of the tables in `vocabulary`.
        traffic: Bits of memory that operations move, for models with a price per bit.
        unpriced: What no energy model holds, in words.
        zero_weights: It works on synapses of weight zero as on any other, unless their connection is stored sparsely.
        dense: It runs every synapse in every step, spike or no spike, as CPUs and GPUs do.
        notes: What a reader of a result has to know.
        digest: SHA-256 of the file.
    """

    name: str
    title: str
    program: bool = False
    energy: tuple[EnergyModel, ...] = ()
    times: Mapping[str, Constant] = field(default_factory=dict)
    power: Mapping[str, Constant] = field(default_factory=dict)
    limits: Mapping[str, Constant] = field(default_factory=dict)
    traffic: Mapping[str, Constant] = field(default_factory=dict)
    unpriced: tuple[str, ...] = ()
    zero_weights: bool = False
    dense: bool = False
    notes: tuple[str, ...] = ()
    digest: str = ""
