"""Integrators: a potential that keeps a part of itself, alpha, and is sent as a graded message.

With alpha = 1 and a matrix A - I of synapses from the population to itself they are a linear memory, m = A m' + B u,
the Legendre memory unit's (Voelker, Kajić, Eliasmith, NeurIPS 2019) among them.
"""

from neurodeploy.fixedpoint.dynamics.equations import Dynamics

INTEGRATOR = Dynamics(
    name="integrator",
    equations=("m = alpha m' + input", "s = m"),
    leaks=("alpha",),
    models="linear memories: LMU",
)
