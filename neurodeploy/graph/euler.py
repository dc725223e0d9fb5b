"""Neurons of NIR in their forward-Euler form, for a given time step.

    u[t] = alpha u[t-1] + input_gain (sum of w s + bias)
    v[t] = beta  v[t-1] + current_gain u[t] + leak
    s[t] = v[t] > v_threshold, or >=, then v[t] = v_reset or v[t] - v_threshold

The current is updated before the potential, and the reset happens in the step of the spike, as
snnTorch does for the networks of the NIR paper. NIR: Pedersen et al., Nature Communications 15:8122, 2024.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import nir
import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.graph.node_type import Neurons, per_neuron
from neurodeploy.phrases import Phrase

FLOAT32_SLACK = 1e-6
"""Time constants come from float32 files; a tau this close below dt counts as equal to it."""


def advice_on_step(kinds: Iterable[str]) -> Phrase:
    """Return what to say where a graph has no time step, by the types of its nodes."""
    if "IF" in kinds:
        return Phrase("give {dt_s} in seconds; IF neurons gain r * dt of a weight in a step, so {dt_s:1} where r is 1")
    return Phrase("give {dt_s} in seconds (the NIR paper's graphs use 1e-4)")


@dataclass(frozen=True, eq=False)
class Population:
    """One population of neurons, discretised. All arrays are (N,), float64.

    Attributes:
        alpha, beta: Part of current and potential kept in a step; alpha is 0 without synaptic filter.
        input_gain, current_gain: Factors on the input and on the current.
        leak: Added to the potential every step, from the leak potential.
        v_threshold, v_reset: Potentials; `reset` is "zero" (to v_reset) or "subtract".
        reset_source: Where the rule comes from, in words.
        bias: Constant input, the sum of all biases on the way in.
        vth_mant: Threshold in the chip's integers where the file carries it, else None.
        shape: Axes of the population, flattened in C order; (N,) when empty.
        spiking: False for a readout: it never spikes, and `v_threshold` is just its unit, 1.
        at_threshold: Spikes where the potential reaches the threshold; NIR's neurons where it is above.
        begins: Step of the first change of the potential, which rests before it.
    """

    graded: ClassVar[bool] = False

    name: str
    alpha: np.ndarray
    beta: np.ndarray
    input_gain: np.ndarray
    current_gain: np.ndarray
    leak: np.ndarray
    v_threshold: np.ndarray
    v_reset: np.ndarray
    reset: str
    reset_source: str
    bias: np.ndarray
    vth_mant: int | None
    shape: tuple[int, ...] = ()
    spiking: bool = True
    at_threshold: bool = False
    begins: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape) or (len(self.v_threshold),))

    @property
    def n_neurons(self) -> int:
        return len(self.v_threshold)

    @property
    def u_width(self) -> int:
        """Numbers that a trace holds as u in a step: a current for each neuron."""
        return self.n_neurons

    @property
    def span(self) -> np.ndarray:
        """Distance from reset to threshold (N,): the unit of the normalised network."""
        return self.v_threshold - self.v_reset

    @property
    def weight_gain(self) -> np.ndarray:
        """Factor from a weight to its effect in units of `span` (N,)."""
        return self.input_gain * self.current_gain / self.span

    @property
    def drift(self) -> np.ndarray:
        """Constant change of the potential per step in units of `span` (N,), biases aside."""
        return (self.leak + (self.beta - 1) * self.v_reset) / self.span

    def step(
        self, u: np.ndarray, v: np.ndarray, spikes: np.ndarray, drive: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return current, potential and spikes after one step, all (..., N), from those before it."""
        u = self.alpha * u + self.input_gain * drive
        v = self.beta * v + self.current_gain * u + self.leak
        fired = (v >= self.v_threshold if self.at_threshold else v > self.v_threshold) & self.spiking
        after = v - self.v_threshold if self.reset == "subtract" else self.v_reset
        return u, np.where(fired, after, v), fired


@dataclass(frozen=True, kw_only=True)
class EulerNeurons(Neurons):
    """A type of neurons that are stepped by forward Euler.

    Attributes:
        membrane, synapse: The fields with the time constants of potential and current; empty where there is none.
        memory: False where nothing is kept of a step: the potential is what arrives in it.
    """

    membrane: str = ""
    synapse: str = ""
    memory: bool = True

    def coefficients(self, name: str, node: nir.NIRNode, dt_s: float) -> dict[str, np.ndarray]:
        """Return the arrays of a `Population` that a node's parameters and the time step fix.

        Raises:
            GraphError: a time constant is shorter than a step, or the threshold is not above the reset.
        """
        flat = {key: np.asarray(getattr(node, key), np.float64).ravel() for key in self.fields.values}
        ones = np.ones_like(flat[self.sizing])
        found = {"v_threshold": flat[self.sizing] if self.spiking else ones, "v_reset": flat.get("v_reset", 0 * ones)}
        found |= {"alpha": 0 * ones, "input_gain": ones, "leak": 0 * ones}
        if self.membrane:
            part = _part_lost(name, self.membrane, flat[self.membrane], dt_s)
            found |= {"beta": 1 - part, "current_gain": part * flat["r"], "leak": part * flat["v_leak"]}
        else:
            found |= {"beta": ones * self.memory, "current_gain": dt_s * flat["r"] if self.memory else ones}
        if self.synapse:
            part = _part_lost(name, self.synapse, flat[self.synapse], dt_s)
            found |= {"alpha": 1 - part, "input_gain": part * flat["w_in"]}
        if (found["v_threshold"] <= found["v_reset"]).any():
            found_so = "a threshold is not above its reset potential, so the neuron never rests"
            raise GraphError(found_so, "raise the threshold, or lower v_reset", where=name)
        return found


def _part_lost(name: str, key: str, tau_s: np.ndarray, dt_s: float) -> np.ndarray:
    """Return dt / tau, the part of a state lost in one step."""
    if (tau_s <= 0).any() or (dt_s > tau_s * (1 + FLOAT32_SLACK)).any():
        raise GraphError(
            f"{key} is {tau_s.min():g} s, shorter than the time step of {dt_s:g} s",
            Phrase("check the unit of the time constants, or give a smaller {dt_s}"),
            where=name,
        )
    return np.minimum(dt_s / tau_s, 1.0)


TYPES = (
    EulerNeurons(type=nir.LIF, fields=per_neuron("tau", "r", "v_leak", "v_threshold", v_reset=0.0), membrane="tau"),
    EulerNeurons(
        type=nir.CubaLIF,
        fields=per_neuron("tau_mem", "tau_syn", "r", "v_leak", "v_threshold", w_in=1.0, v_reset=0.0),
        complete=lambda filled, given: (
            "" if "w_in" in given else "has no w_in, which NIR before 1.0 did not write; read as 1"
        ),
        membrane="tau_mem",
        synapse="tau_syn",
    ),
    EulerNeurons(type=nir.IF, fields=per_neuron("r", "v_threshold", v_reset=0.0)),
    EulerNeurons(
        type=nir.Threshold,
        fields=per_neuron("threshold"),
        sizing="threshold",
        memory=False,
        reference="its own difference equations, in float64",
    ),
    EulerNeurons(type=nir.LI, fields=per_neuron("tau", "r", "v_leak"), membrane="tau", sizing="r", spiking=False),
    EulerNeurons(
        type=nir.CubaLI,
        fields=per_neuron("tau_mem", "tau_syn", "r", "v_leak", w_in=1.0),
        membrane="tau_mem",
        synapse="tau_syn",
        sizing="r",
        spiking=False,
    ),
    EulerNeurons(type=nir.I, fields=per_neuron("r"), sizing="r", spiking=False, sends=True),
)
"""Of them LI, CubaLI and I, leaky and plain integrators, are LIF, CUBA-LIF and IF without a threshold, at the end of a
graph; a Threshold has no memory, and is reset to zero."""
