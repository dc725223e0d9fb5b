"""What can be chosen about the cochlea; the defaults are the conventions of SSC."""

from dataclasses import dataclass
from functools import cached_property

from neurodeploy.errors import DataError

RATES = (16_000, 192_000)
"""Below, the explicit Euler steps of the hair cell would swing: (l + r) dt must stay well under 2."""
MOST_CHANNELS = 4096
MOST_RMS = 100.0


@dataclass(frozen=True)
class CochleaSettings:
    """Settings of the cochlea.

    Attributes:
        rate: Audio is resampled to this many samples a second; an even number. The model runs at half of it.
        rms: Root mean square that the whole clip is scaled to before the ramps.
        ramp_s: Length of the Hann ramp at either end, seconds; half the clip where it is shorter than two ramps.
        channels: Places along the membrane, from the base (unit 0, highest frequency) to the apex.

    Raises:
        DataError: a value is out of range.
    """

    rate: int = 48_000
    rms: float = 0.3
    ramp_s: float = 0.03
    channels: int = 700

    def __post_init__(self) -> None:
        low, high = RATES
        if not (low <= self.rate <= high and self.rate % 2 == 0):
            raise DataError(
                f"rate: found {self.rate}, an even number of samples a second from {low} to {high} is allowed; SSC has "
                "48000"
            )
        if not 0 < self.rms <= MOST_RMS:
            raise DataError(f"rms: found {self.rms:g}, above 0 and at most {MOST_RMS:g} is allowed; SSC has 0.3")
        if not self.ramp_s >= 0:
            raise DataError(f"ramp: found {self.ramp_s:g} s, 0 or more is allowed; SSC has 0.03")
        if not 1 <= self.channels <= MOST_CHANNELS:
            raise DataError(f"channels: found {self.channels}, 1 to {MOST_CHANNELS} is allowed; SSC has 700")

    @cached_property
    def step_rate(self) -> int:
        """Steps of the model a second."""
        return self.rate // 2

    @property
    def dt_s(self) -> float:
        """Length of a step."""
        return 1 / self.step_rate
