"""Widths and exponents that a Program's numbers are held with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ConnectionPlan:
    """Width and exponent of one connection's weights; a tuple has one exponent for each row."""

    weight_bits: int
    weight_exp: int | tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """Threshold mantissa of every layer and precision of every connection.

    Of layers whose neurons are equations (`fixedpoint.dynamics`), `vth_mant` is what a state of 1 is in chip units,
    and `fraction_bits` the width of their coefficients' fractions.
    """

    vth_mant: dict[str, int]
    connections: dict[str, ConnectionPlan]
    fraction_bits: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Plan:
        """Return the plan that `to_dict` gave."""
        connections = {}
        for name, one in stored["connections"].items():
            exponent = one["weight_exp"]
            exponent = tuple(exponent) if isinstance(exponent, list | tuple) else exponent
            connections[name] = ConnectionPlan(one["weight_bits"], exponent)
        return cls(dict(stored["vth_mant"]), connections, dict(stored.get("fraction_bits", {})))
