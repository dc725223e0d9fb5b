"""SpikingJelly's neurons as NIR nodes. Source: spikingjelly 2.0.0, `activation_based/neuron` and its `functional`.

    IFNode   v[t] = v[t-1] + x[t]
    LIFNode  v[t] = v[t-1] + (x[t] - (v[t-1] - v_reset)) / tau                   (decay_input)
             v[t] = v[t-1] - (v[t-1] - v_reset) / tau + x[t]                     (decay_input=False)

ParametricLIFNode is LIFNode with tau = 1 / sigmoid(w); CUBALIFNode keeps c_decay of its current and v_decay of its
potential. `v_reset=None` subtracts the threshold. Spikes where v >= v_threshold; NIR's rule is v > v_threshold, so
the nodes' metadata say it. Neurons begin at v_reset; NIR's begin at 0, so potentials are counted from there.
"""

from typing import Any

import numpy as np

from neurodeploy.errors import FrameworkError
from neurodeploy.reading import torch_layers
from neurodeploy.reading.leaves import Built, Call, Neurons, Shape, full, numbers
from neurodeploy.reading.neurons import spiking


def _call(args: Any, kwargs: Any, output: Any) -> Call:
    return Call(args[0] if args else next(iter(kwargs.values())), [], output, None)


def _made(module: Any, lost_part: Any = None) -> Neurons:
    """Return neurons that lose a part of their potential; CUBALIFNode, where none is given, of its current too."""

    def build(shape: Shape, dt_s: float, potential_only: bool) -> Built:
        if lost_part is not None:
            return fires_at(
                module, lost_part(module), getattr(module, "decay_input", False), shape, dt_s, potential_only
            )
        kept = full(module.c_decay, shape), full(module.v_decay, shape), np.ones(shape)
        built = _at_threshold(module, *kept, dt_s, potential_only)
        built.nodes[""].v_leak = built.nodes[""].v_leak - float(module.v_reset or 0.0)  # begins there, and leaks to 0
        return built

    return Neurons(_call, build, sequence=module.step_mode == "m")


def fires_at(
    module: Any,
    lost: Any,
    decay_input: bool,
    shape: Shape,
    dt_s: float,
    potential_only: bool,
    *,
    alpha: float | None = None,
) -> Built:
    """Return neurons that spike at their threshold, counted from where they begin.

    Args:
        module: With `v_threshold` and `v_reset`.
        lost: Part of the potential lost in a step; with `decay_input` also what an input is multiplied by.
        alpha: Part of a current kept in a step, of which an input adds the rest; None where inputs act at once.

    Raises:
        FrameworkError: only their potential is read.
    """
    lost = full(lost, shape)
    gain = (lost if decay_input else np.ones(shape)) * (1 - (alpha or 0.0))
    kept = None if alpha is None else np.full(shape, alpha)
    return _at_threshold(module, kept, 1 - lost, gain, dt_s, potential_only)


def _at_threshold(
    module: Any, alpha: np.ndarray | None, beta: np.ndarray, gain: np.ndarray, dt_s: float, potential_only: bool
) -> Built:
    if potential_only:
        raise FrameworkError("the class is read from a spiking neuron's potential; read its spikes")
    threshold = full(module.v_threshold, beta.shape) - float(module.v_reset or 0.0)
    reset = "subtract" if module.v_reset is None else "zero"
    node = spiking(dt_s, alpha, beta, gain, threshold, reset, at_threshold=True)
    return Built({"": node})


# SpikingJelly's own layers take a sequence as well, and are torch's otherwise.
LEAVES = torch_layers.LEAVES | {
    "IFNode": lambda one: _made(one, lambda _: 0.0),
    "LIFNode": lambda one: _made(one, lambda module: 1 / module.tau),
    "CUBALIFNode": _made,
    # What they compute themselves is followed.
    **dict.fromkeys(("NonSpikingIFNode", "NonSpikingLIFNode", "VotingLayer"), lambda _: None),
    "ParametricLIFNode": lambda one: _made(one, lambda module: numbers(module.w.sigmoid())),
}
