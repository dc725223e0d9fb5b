"""What the host's own layers cost: their multiplications by a table of arithmetic, bytes as memory outside a chip."""

import operator
from typing import Any

from neurodeploy.accounting.counts import Counts
from neurodeploy.accounting.energy import price
from neurodeploy.accounting.plain import Band
from neurodeploy.backends.trace import Trace
from neurodeploy.fixedpoint import spike_products
from neurodeploy.hardware.chips import chip_named
from neurodeploy.program.host import Host
from neurodeploy.program.plan import MESSAGE_EXP
from neurodeploy.program.products import SpikeProducts
from neurodeploy.program.program import Program

ARITHMETIC, WHOLE_NUMBERS, OUTSIDE = "arithmetic_fp32", "arithmetic_int8", "dram"
"""Tables of M. Horowitz, ISSCC 2014; and their model whose bits leave the chip."""


def host_cost(host: Host, n_steps: int, macs_after: int = 0) -> dict[str, Any]:
    """Return what the host does for a sample of `n_steps`, and its energy, which no chip's holds.

    Args:
        macs_after: Multiplications of what it makes of the output.

    Keys: `macs_per_sample`, `bytes_per_sample`, `energy_j` {low, mid, high}, `constants` by their keys, and `text`.
    """
    passes = 1 if host.once else n_steps
    macs, n_bytes = (passes - host.behind) * host.macs + macs_after, passes * host.n_bytes
    said = f"on the host: {macs:,} MACs and {n_bytes:,} bytes to the chip a sample"
    return {"macs_per_sample": macs, **_priced(Counts(macs_per_sample=macs), ARITHMETIC, n_bytes, said)}


def products_cost(program: Program, run: Trace) -> dict[str, Any] | None:
    """Return what products of spikes take on the host, see `fixedpoint.spike_products`; None where there are none.

    Args:
        run: Samples with what arrived at the products in every step.

    Keys: `accumulates_per_sample`, mean of these samples, of every layer of products in `layers` too, and those of
    `host_cost`.
    """
    layers: dict[str, float] = {}
    n_bits, steps = 0, program.n_steps(run.n_input_steps)
    for one in program.layers:
        if isinstance(one, SpikeProducts):
            arrived = run.layers[one.name].u_BTN.reshape(-1, one.n_neurons) >> MESSAGE_EXP
            done = spike_products.accumulates(arrived, one.n_heads, one.shape[0])
            layers[one.name] = int(done.sum()) / run.n_recorded
            n_bits += steps * spike_products.step_bits(one.n_heads, one.shape)
    if not layers:
        return None
    total, n_bytes = sum(layers.values()), -(-n_bits // 8)
    said = f"products of spikes, on the host: {total:,.0f} additions and {n_bytes:,} bytes there and back a sample"
    found = _priced(Counts(synops_per_sample=total), WHOLE_NUMBERS, n_bytes, said)
    return {"accumulates_per_sample": total, "layers": layers, **found}


def _priced(counts: Counts, table: str, n_bytes: int, said: str) -> dict[str, Any]:
    chip = chip_named(table)
    found = price(counts, chip)
    outside = next(one for one in chip.energy if one.name == OUTSIDE).terms["memory_bit"]
    sent = Band(*(8 * n_bytes * one for one in (outside.least, outside.value, outside.most)))
    assert found.energy_j is not None  # the tables have prices of arithmetic
    energy_j = found.energy_j.each(operator.add, sent)
    return {
        "bytes_per_sample": n_bytes,
        "energy_j": energy_j.to_dict(),
        "constants": {key: one.to_dict() for key, one in (*found.constants.items(), (outside.key, outside))},
        "text": (
            f"{said}, {1e6 * energy_j.low:.3g} to {1e6 * energy_j.high:.3g} uJ more by a 45 nm table with and without "
            "its memory, a floor for a processor"
        ),
    }
