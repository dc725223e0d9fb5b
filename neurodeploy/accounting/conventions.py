"""What is counted as a synaptic operation: our rule, and those of others for the same run.

Every rule is a sum over the sources' channels, so totals over samples and steps are enough.
Axes: I sources of a connection.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from neurodeploy.program.window import Window

CONVENTION = (
    "one synop per spike and synapse with a non-zero weight; input and recurrent connections included, "
    "biases and neuron updates not; spikes of the last step count, though the run ends before they arrive; "
    "mean per sample"
)


class Connected(Protocol):
    """What a Program's connection, a network's synapses and anyone's layer have in common."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def window(self) -> Window | None: ...
    @property
    def n_inputs(self) -> int: ...
    @property
    def n_outputs(self) -> int: ...
    def fan_out(self, *, zeros: bool = False) -> np.ndarray: ...


class Sent(NamedTuple):
    """What a source sent, summed over samples and steps.

    Attributes:
        events_I: How often each channel sent anything but zero, int64.
        sums_I: The sum of the values sent; None where it was not kept.
        binary: Every value was 0 or 1; None where that is not known.
    """

    events_I: np.ndarray
    sums_I: np.ndarray | None
    binary: bool | None


@dataclass(frozen=True, eq=False)
class Wires:
    """The sizes of a connection that the rules need, worked out once.

    Attributes:
        nonzero_I, any_I: Synapses that leave each source with a non-zero weight, and with any.
        macs: Products of one step when nothing is skipped; taps that lie in the padding are computed too.
        flat: Weights that leave a source where edges and stride are ignored.
        loop: From a layer to itself.
    """

    nonzero_I: np.ndarray
    any_I: np.ndarray
    n_outputs: int
    macs: int
    flat: int
    loop: bool


def wires(one: Connected) -> Wires:
    """Return the sizes of a connection."""
    window = one.window
    per_output = math.prod(window.weight_shape[1:]) if window else one.n_inputs
    return Wires(
        nonzero_I=one.fan_out(),
        any_I=one.fan_out(zeros=True),
        n_outputs=one.n_outputs,
        macs=one.n_outputs * per_output,
        flat=window.out_channels // window.groups * math.prod(window.kernel) if window else one.n_outputs,
        loop=one.source == one.target,
    )


Rule = Callable[[Sent, Wires], float | None]
"""Operations of a connection; None where the run did not keep what the rule needs."""


def _values(of: Callable[[Sent, np.ndarray, Wires], float]) -> Rule:
    """Return a rule of the values sent, which a run may not have kept."""
    return lambda sent, to: None if sent.sums_I is None else float(of(sent, sent.sums_I, to))


def _all_weights(sent: Sent, to: Wires) -> float:
    return int(sent.events_I @ to.any_I)


RULES: dict[str, tuple[Rule, str]] = {
    "nonzero_weights": (
        lambda sent, to: int(sent.events_I @ to.nonzero_I),
        "ours: events times the synapses with a non-zero weight that they reach; edges, stride and groups respected, "
        "a graded spike is one event, recurrent connections included",
    ),
    "all_weights": (_all_weights, "ours with synapses of weight zero counted too, as a dense memory reads them"),
    "value_weighted": (
        _values(lambda _, sums_I, to: sums_I @ to.any_I),
        "sinabs: values instead of events times the synapses of any weight, so that a spike of 3 counts three times "
        "and one of -1 takes one away; edges and stride respected",
    ),
    "rate_times_macs": (
        _values(lambda sent, sums_I, to: float(sums_I.sum()) * to.macs / len(sent.events_I)),
        "syops-counter and KerasSpiking: the mean value that a layer is fed times its products per step, those with "
        "the padding included",
    ),
    "binary_only": (
        lambda sent, to: None if sent.binary is None else _all_weights(sent, to) * sent.binary,
        "SpikingJelly's counter: events times the synapses of any weight where every value is 0 or 1, and 0 for a "
        "connection that ever carries another value",
    ),
    "norse": (
        _values(lambda _, sums_I, to: float(sums_I.sum()) * to.flat),
        # norse/norse#444, its formula for convolutions
        "Norse: values times output channels of a group times kernel size, edges and stride ignored; of a matrix, "
        "times its outputs",
    ),
    "silif_paper": (
        # Maxtimer97/SSM-inspired-LIF (MIT), the `sop` of a forward pass.
        lambda sent, to: 0 if to.loop else int(sent.events_I.sum()) * to.n_outputs,
        "the SiLIF paper: non-zero inputs of a layer times its width, weights of zero included, recurrent connections "
        "left out",
    ),
}
"""Every convention by its name: the rule, and what it says in one sentence."""
CONVENTIONS = {name: sentence for name, (_, sentence) in RULES.items()}


def by_convention(sent: Sent, to: Wires) -> dict[str, float | None]:
    """Return the operations of a connection by every convention, summed over samples."""
    return {name: rule(sent, to) for name, (rule, _) in RULES.items()}
