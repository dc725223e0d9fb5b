"""A Program's chain of layers in float32, scaled to a threshold of 1: what peers are given.

With it a peer fires as the Program does, apart from rounding and from steps on the way. Axes: N neuron.
"""

import math
from dataclasses import dataclass

import numpy as np

from neurodeploy.errors import NeurodeployError
from neurodeploy.fixedpoint import rules
from neurodeploy.phrases import Phrase
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import INPUT, Program
from neurodeploy.program.window import Window


@dataclass(frozen=True, eq=False)
class Stage:
    """Synapses and the neurons they end on.

    Attributes:
        weight: As `Connection.weight`, float32.
        bias_N: Added to the potential every step.
        alpha, beta: Parts of current and potential kept in a step.
        reset: "zero" or "subtract".
        shape: Axes of the population, without the sample.
    """

    weight: np.ndarray
    bias_N: np.ndarray
    alpha: float
    beta: float
    reset: str
    window: Window | None
    shape: tuple[int, ...]

    @property
    def gain(self) -> float:
        """What a weight is multiplied by to drive a neuron without a current equally hard.

        Of a weight w, uncorrelated spikes make a potential that deviates by w times the root of the
        summed squares of the neuron's answer to one spike; the two answers get equal sums.
        """
        if self.alpha == 0:
            return 1.0
        steps = np.arange(10_000)
        current = np.convolve(self.alpha**steps, self.beta**steps)[: len(steps)]
        return math.sqrt(float((current**2).sum()) * (1 - self.beta**2))


def stages_of(program: Program) -> list[Stage]:
    """Return the Program's layers in their order.

    Raises:
        NeurodeployError: it is no plain chain of integrate-and-fire layers.
    """
    found = []
    before = INPUT
    for layer in program.layers:
        into = program.into(layer.name)
        chained = len(into) == 1 and into[0].source == before and not into[0].largest_delay
        if not chained or not isinstance(layer, Layer) or not layer.shared or layer.refractory or layer.clear_every:
            raise NeurodeployError(
                f"layer {layer.name!r} is no link of a plain chain of integrate-and-fire layers",
                Phrase("peers run no others, leave them out with {peers:none}"),
                where=program.name,
            )
        one, threshold = into[0], float(layer.vth[0])
        exponents = np.broadcast_to(one.weight_exp, one.weight.shape[:1]).reshape(-1, *[1] * (one.weight.ndim - 1))
        bias = rules.effective_bias(layer.bias_mant, layer.bias_exp) / (1 << rules.ALIGN_SHIFT) / threshold
        found.append(
            Stage(
                weight=(one.held * 2.0**exponents / threshold).astype(np.float32),
                bias_N=bias.astype(np.float32),
                alpha=float(rules.kept_of_current(layer.du)[0]) / rules.DECAY_ONE,
                beta=float(rules.kept_of_potential(layer.dv)[0]) / rules.DECAY_ONE,
                reset=layer.reset,
                window=one.window,
                shape=layer.shape,
            )
        )
        before = layer.name
    return found
