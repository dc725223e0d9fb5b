"""Resonators: a complex potential x + i y that turns with a pole, and spikes by its real part.

Source: Fabre et al., as `adaptive`; resonate-and-fire: Izhikevich, Neural Networks 14, 2001.
"""

from neurodeploy.fixedpoint.dynamics.equations import Dynamics

RESONATOR = Dynamics(
    name="resonator",
    equations=(
        "x = re x' - im y' + input - drop s'",
        "y = im x' + re y' - drop_y s'",
        "s = x > threshold",
    ),
    poles=(("re", "im"),),
    models="C-SiLIF, RF",
)
