"""What the host's own layers cost: their multiplications by a table of arithmetic, bytes as memory outside a chip."""

import operator
from typing import Any

from neurodeploy.accounting.counts import Counts
from neurodeploy.accounting.energy import price
from neurodeploy.accounting.plain import Band
from neurodeploy.hardware.chips import chip_named
from neurodeploy.program.host import Host

ARITHMETIC, OUTSIDE = "arithmetic_fp32", "dram"
"""The table, of M. Horowitz, ISSCC 2014; and its model whose bits leave the chip."""


def host_cost(host: Host, n_steps: int, macs_after: int = 0) -> dict[str, Any]:
    """Return what the host does for a sample of `n_steps`, and its energy, which no chip's holds.

    Args:
        macs_after: Multiplications of what it makes of the output.

    Keys: `macs_per_sample`, `bytes_per_sample`, `energy_j` {low, mid, high}, `constants` by their keys, and `text`.
    """
    passes = 1 if host.once else n_steps
    macs, n_bytes = (passes - host.behind) * host.macs + macs_after, passes * host.n_bytes
    found = price(Counts(macs_per_sample=macs), chip_named(ARITHMETIC))
    outside = next(one for one in chip_named(ARITHMETIC).energy if one.name == OUTSIDE).terms["memory_bit"]
    sent = Band(*(8 * n_bytes * one for one in (outside.least, outside.value, outside.most)))
    assert found.energy_j is not None  # the table has a price of multiplications
    energy_j = found.energy_j.each(operator.add, sent)
    return {
        "macs_per_sample": macs,
        "bytes_per_sample": n_bytes,
        "energy_j": energy_j.to_dict(),
        "constants": {key: one.to_dict() for key, one in (*found.constants.items(), (outside.key, outside))},
        "text": (
            f"on the host: {macs:,} MACs and {n_bytes:,} bytes to the chip a sample, {1e6 * energy_j.low:.3g} to "
            f"{1e6 * energy_j.high:.3g} uJ more by a 45 nm table with and without its memory, a floor for a processor"
        ),
    }
