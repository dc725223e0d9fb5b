"""Adaptive neurons: a potential v, and an adaptation w that follows it and its spikes and pulls it back.

Source: Fabre et al., structured state space model dynamics and parametrization for spiking neural networks (their
code: Maxtimer97/SSM-inspired-LIF, bca1fbe).
"""

from neurodeploy.fixedpoint.dynamics.equations import Dynamics

ADAPTIVE = Dynamics(
    name="adaptive",
    equations=(
        "w = beta w' + a v' + jump s'",
        "v = alpha v' - gain w + input - drop s'",
        "s = v > threshold",
    ),
    coefficients=("alpha", "gain", "beta", "a"),
    leaks=("alpha", "beta"),
    nodes=(("jump", "b"),),
    models="LIF, RLIF, adLIF, RadLIF, cAdLIF, SiLIF",
)
