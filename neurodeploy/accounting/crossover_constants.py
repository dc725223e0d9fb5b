"""The constants that the spike rate of a crossover is computed with, and the crossovers that others published."""

from neurodeploy.hardware.chips import chip_named
from neurodeploy.hardware.constants import Constant

ARITHMETIC = "arithmetic_int8"
SRAM = ((8 << 10, "sram_8kB"), (32 << 10, "sram_32kB"), (1 << 20, "sram_1MB"))
"""Bytes of a memory, and the model of the chip `ARITHMETIC` that prices its bits."""


def model_constant(model: str, term: str) -> Constant:
    """Return a constant of the 45 nm arithmetic and memory models."""
    return next(one for one in chip_named(ARITHMETIC).energy if one.name == model).terms[term]


def _yan(key: str, written_pj: str, of: str) -> Constant:
    """Return a cost of moving and of routing bits, which the arithmetic models leave out."""
    source = (
        "Z. Yan, Z. Bai, K. Tang, W.-F. Wong, arXiv:2409.08290, as constants in kmheckel/spyx at 38374e96, "
        "research/new/honest_energy_accounting"
    )
    value = float(f"{written_pj}e-12")
    return Constant(f"costs.{key}", value, "J", f"{written_pj} pJ", source, "model", "per-op", of)


ACCUMULATE = _yan("accumulate", "0.0545", "one addition")
MOVED_BIT = _yan("moved_bit", "0.25", "one bit moved on chip, dense")
EVENT_BIT = _yan("event_bit", "3", "one bit of a routed event, sparse")
MESSAGE_BITS = Constant(
    "message_bits",
    32,
    "bit",
    "32 bit",
    "M. Davies et al., Proc. IEEE 109(5), 2021: spike message of Loihi 1",
    "documented",
)
STATE_BITS = Constant("state_bits", 24, "bit", "24 bit", "lava-nc, src/lava/proc/lif/models.py", "documented")
PUBLISHED = (
    {"rate": 0.057, "per": "neuron and step", "source": "Yan et al., arXiv:2409.08290v4, at T = 5"},
    {"rate": 0.064, "per": "neuron and step", "source": "Yan et al., arXiv:2409.08290v3"},
    {"rate": [0.15, 1.38], "per": "synapse and inference", "source": "Dampfhoffer et al., IEEE TETCI 7(3), 2023"},
)
"""Others' crossovers, on their networks and accelerators: for orientation, not used."""
