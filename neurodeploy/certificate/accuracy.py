"""How far an accuracy moved between two runs of the same samples, and what so many samples can show.

Source: Newcombe, Improved confidence intervals for the difference between binomial proportions based on paired data,
Statistics in Medicine 17, 1998, method 10: Wilson's intervals of both shares, joined with their correlation.
"""

import math
from dataclasses import dataclass

import numpy as np

Z = 1.959963984540054
"""Of a 95 % interval."""
MOST_SAMPLES = 10_000_000
"""Beyond this, a number of samples that would settle something is not looked for."""
LARGER = 1.05
"""Step in which such a number is looked for."""


@dataclass(frozen=True)
class AccuracyChange:
    """The change of an accuracy in percentage points, negative where some was lost, with its 95 % interval."""

    points: float
    low: float
    high: float


@dataclass(frozen=True)
class Paired:
    """Samples by whether the run before and the run after have their class right; fractions where they are scaled."""

    both: float
    before: float
    after: float
    neither: float

    @property
    def n_samples(self) -> float:
        return self.both + self.before + self.after + self.neither

    @property
    def change(self) -> AccuracyChange:
        """The change with its interval.

        >>> Paired(36, 2, 12, 0).change.points
        20.0
        """
        n = self.n_samples
        p_before, p_after = (self.both + self.before) / n, (self.both + self.after) / n
        (low_b, high_b), (low_a, high_a) = wilson(p_before, n), wilson(p_after, n)
        margins = (self.both + self.after) * (self.before + self.neither)
        margins *= (self.both + self.before) * (self.after + self.neither)
        product = self.both * self.neither - self.before * self.after
        product = max(product - n / 2, 0.0) if product > 0 else product
        phi = product / math.sqrt(margins) if margins else 0.0

        def reach(one: float, other: float) -> float:
            return math.sqrt(max(one**2 - 2 * phi * one * other + other**2, 0.0))

        moved = (self.after - self.before) / n
        low = moved - reach(p_after - low_a, high_b - p_before)
        high = moved + reach(high_a - p_after, p_before - low_b)
        return AccuracyChange(100 * moved, 100 * low, 100 * high)

    def settles(self, max_drop: float) -> bool:
        """Return whether the interval leaves no doubt on which side of a loss (a share of 1) the change is."""
        found = self.change
        return not found.low < -100 * max_drop <= found.high

    def needed(self, max_drop: float) -> int | None:
        """Return about how many samples of this kind would settle it, to two digits; None where it takes too many."""
        size = 1.0
        while self.n_samples * size < MOST_SAMPLES:
            some = Paired(*(one * size for one in (self.both, self.before, self.after, self.neither)))
            if some.settles(max_drop):
                digits = 10.0 ** (math.floor(math.log10(some.n_samples)) - 1)
                return int(math.ceil(some.n_samples / digits) * digits)
            size *= LARGER
        return None


def paired(before_B: np.ndarray, after_B: np.ndarray) -> Paired:
    """Return the samples counted by which of two runs has them right.

    Args:
        before_B, after_B: True where a sample's class is right.
    """
    counts = (before_B & after_B, before_B & ~after_B, ~before_B & after_B, ~before_B & ~after_B)
    return Paired(*(float(one.sum()) for one in counts))


def differ(one: float, n_one: float, other: float, n_other: float) -> bool:
    """Return whether 95 % intervals leave no doubt that the larger of two shares is larger, `one` against `other`.

    Which samples both have right is not known, so they count as independent: Newcombe, Statistics in Medicine 17, 1998,
    pages 873 to 890, method 10. On the same samples the interval is narrower.

    >>> differ(0.95, 100, 0.93, 100), differ(0.95, 10_000, 0.93, 10_000)
    (False, True)
    """
    low, high = wilson(one, n_one)[0], wilson(other, n_other)[1]
    return one - other > math.hypot(one - low, high - other)


def wilson(share: float, n: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share seen on `n` samples.

    >>> [round(one, 3) for one in wilson(1.0, 64)]
    [0.943, 1.0]
    """
    middle = share + Z**2 / (2 * n)
    reach = Z * math.sqrt(max(share * (1 - share), 0.0) / n + Z**2 / (4 * n**2))
    return (middle - reach) / (1 + Z**2 / n), (middle + reach) / (1 + Z**2 / n)
