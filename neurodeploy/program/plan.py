"""Widths and exponents that a Program's numbers are held with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from neurodeploy.errors import ProgramError
from neurodeploy.program.fields import MOST

MESSAGE_EXP = 8
"""Bits of its potential that a population which sends values leaves off; the others are 16."""
LOW_HALF = " low"
"""Ends the name of the connection that holds the lower halves of wide weights, beside the one of the upper halves."""


@dataclass(frozen=True)
class ConnectionPlan:
    """Width and exponent of one connection's weights; a tuple has one exponent for each row.

    Weights of more than 8 bits are wide: two connections hold them.
    """

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

    def message_unit(self, source: str) -> int:
        """Return what a population that sends values sends for a potential of 1."""
        return self.vth_mant[source] >> MESSAGE_EXP

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Plan:
        """Return the plan that `to_dict` gave.

        Raises:
            ProgramError: it is another table, or a width or an exponent is no whole number.
        """
        try:
            connections = {}
            for name, one in stored["connections"].items():
                exponent = one["weight_exp"]
                exponent = tuple(exponent) if isinstance(exponent, list | tuple) else exponent
                connections[name] = ConnectionPlan(one["weight_bits"], exponent)
            found = cls(dict(stored["vth_mant"]), connections, dict(stored.get("fraction_bits", {})))
        except (TypeError, ValueError, LookupError, AttributeError):
            raise ProgramError("plan is no table of vth_mant and connections (weight_bits, weight_exp)") from None
        numbers = [*found.vth_mant.values(), *found.fraction_bits.values()]
        for one in connections.values():
            numbers += [one.weight_bits, *(one.weight_exp if isinstance(one.weight_exp, tuple) else [one.weight_exp])]
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, int) or abs(number) > MOST:
                raise ProgramError(f"plan holds {repr(number)[:40]}, whole numbers up to {MOST} are needed")
        return found
