"""The energy of a sample of a spiking transformer under each convention, by part, and of an ANN of its shape.

    rate x FLOPs:    4.6 pJ x MACs of layers that numbers reach + 0.9 pJ x rate x MACs of all others
    SpikingJelly:    0.9 pJ x synops of its counter, which leaves out layers that get anything but 0 and 1
    exact:           4.6 pJ x multiplications + 0.9 pJ x accumulates that happen
    exact, memory:   8-bit accumulates with the weights that they read, spikes that are sent, K and V, neuron updates

The ANN makes all multiply-adds of one step once: at 4.6 pJ, and with 8 bits on the same memory model, where each reads
its weight as an accumulate does, or where weights are read once for all places, which events do not allow. AND and OR
of one bit are counted and have no price here.
"""

import math
from typing import Any

from neurodeploy.accounting.crossover import (
    MOVED_BIT,
    Spiking,
    ann_terms,
    memory_bit_j,
    model_constant,
    same_technology,
)
from neurodeploy.hardware.chips import chip_named
from neurodeploy.papers.transformers.counting import PARTS, Counted

BITS = 8
UPDATES = "neuron updates"
RATE, JELLY, EXACT, MEMORY = "rate x FLOPs", "SpikingJelly's counter", "exact", "exact, 8 bits and memory"
CONVENTIONS = (RATE, JELLY, EXACT, MEMORY)
ANN, ANN_MEMORY, ANN_SHARED = "ANN, arithmetic alone", "ANN, 8 bits and memory", "ANN, 8 bits, weights read once"
ANNS = (ANN, ANN_MEMORY, ANN_SHARED)
FP32 = next(one for one in chip_named("arithmetic_fp32").energy if one.name == "arithmetic_only").terms


def papers_j(multiply_adds: float, accumulates: float) -> float:
    """Return the energy that the papers give to operations of 32-bit floats at 45 nm.

    >>> round(1e3 * papers_j(0.00531e9, 0.2459e9), 4)  # issue 23 of ZK-Zhou/spikformer says 0.2457 mJ
    0.2457
    """
    return multiply_adds * FP32["mac"].value + accumulates * FP32["synop"].value


def energies(found: Counted) -> dict[str, dict[str, float]]:
    """Return the energy of a sample, J, by convention and part; those of the ANN have terms in place of parts."""
    n_weights = sum(row.weights for row in found.rows)
    synops = found.total("synops")
    network = Spiking(n_weights, found.steps, synops, found.spikes, found.updates, BITS)
    twin, weight_j = same_technology(network, off_chip=False), BITS * memory_bit_j(n_weights * BITS / 8)
    multiply_j = model_constant("arithmetic_only", "mac").value + weight_j
    by_part: dict[str, dict[str, float]] = {name: {} for name in CONVENTIONS}
    for part in PARTS:
        values = math.fsum(row.macs for row in found.rows if row.values and row.part == part)
        multiplied, added = found.total("multiplications", part), found.total("synops", part)
        stored_j = 2 * MOVED_BIT.value * found.total("stored_bits", part) * found.steps  # written and read
        by_part[RATE][part] = papers_j(values, found.total("by_rate", part))
        by_part[JELLY][part] = papers_j(0.0, found.total("by_spikingjelly", part))
        by_part[EXACT][part] = papers_j(multiplied, added)
        by_part[MEMORY][part] = added * twin.event_j + multiplied * multiply_j + stored_j
    by_part[MEMORY][UPDATES] = twin.fixed_j
    ann = ann_of(found)
    terms = {str(one["term"]): float(one["energy_j"]) for one in ann_terms(ann, off_chip=False)}
    shared = terms | {"weight bit from SRAM": n_weights * weight_j}
    return by_part | {ANN: {"mac": papers_j(ann["macs_per_sample"], 0.0)}, ANN_MEMORY: terms, ANN_SHARED: shared}


def ann_of(found: Counted) -> dict[str, Any]:
    """Return the ANN of the same layers and bits, which runs one step, as `accounting.crossover` takes it."""
    return {
        "macs_per_sample": found.total("macs") / found.steps,
        "weights": sum(row.weights for row in found.rows),
        "weight_bits": BITS,
        "activations_per_sample": found.total("outputs"),
        "activation_bits": BITS,
    }
