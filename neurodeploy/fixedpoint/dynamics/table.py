"""Every integer neuron by its name: a line each. One from outside is added by `register`."""

from typing import Any

from neurodeploy.errors import ProgramError
from neurodeploy.fixedpoint.dynamics.adaptive import ADAPTIVE
from neurodeploy.fixedpoint.dynamics.equations import Dynamics
from neurodeploy.fixedpoint.dynamics.integrator import INTEGRATOR
from neurodeploy.fixedpoint.dynamics.resonator import RESONATOR

SHIPPED = (
    ADAPTIVE,
    RESONATOR,
    INTEGRATOR,
)
TABLE = {one.name: one for one in SHIPPED}
LEAKY = ("lif", "sigma_delta", "spike_products")
"""Populations that have a step of their own, see `fixedpoint.rules`, `sigma_delta` and `spike_products`."""


def register(dynamics: Dynamics) -> Dynamics:
    """Add a neuron to the table, and return it.

    Raises:
        ProgramError: another one has that name.
    """
    if dynamics.name in LEAKY or TABLE.get(dynamics.name, dynamics) != dynamics:
        raise ProgramError(f"{dynamics.name}: other neurons are called so already; choose another name")
    return TABLE.setdefault(dynamics.name, dynamics)


def definition(dynamics: Dynamics) -> dict[str, Any]:
    """Return what a file must say of a neuron besides its name, as plain values: nothing of those that we ship."""
    return {} if dynamics in SHIPPED else dynamics.to_dict()


def known(name: str, stored: dict[str, Any] | None = None) -> Dynamics:
    """Return the neuron of a name, from a file's definition where it has one.

    Raises:
        ProgramError: there is none, or the file means another one by that name.
    """
    if stored:
        found = Dynamics.from_dict(stored)
        if found.name != name or name in LEAKY or TABLE.get(name, found) != found:
            raise ProgramError(f"neurons called {name!r} have other equations here; register them under another name")
        return found
    if name not in TABLE:
        raise ProgramError(f"neurons called {name!r} are unknown; {', '.join((*LEAKY, *TABLE))} are known")
    return TABLE[name]
