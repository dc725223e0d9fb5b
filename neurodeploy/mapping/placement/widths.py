"""What of a Program is wider than a chip: weights, states, delays and messages. `compile` refuses it, `fit` says so."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neurodeploy.fixedpoint import rules
from neurodeploy.hardware.chip import Chip
from neurodeploy.mapping.placement.encoding import declared_bits, needed_bits
from neurodeploy.program.program import Program


def widest_weights(chip: Chip) -> int:
    """Return the widest weights that a chip holds and a Program can have."""
    widest = chip.limits.get("weight_bits")
    return rules.WEIGHT_BITS if widest is None else min(rules.WEIGHT_BITS, int(widest.value))


def wide_weights(where: str, bits: int, chip: Chip) -> Iterator[str]:
    """Yield a line where weights of so many bits are wider than a chip's."""
    if bits > widest_weights(chip):
        yield f"{where}: {bits}-bit weights, {chip.name} holds {widest_weights(chip)} bits; quantise to that width"


def narrow_states(chip: Chip) -> Iterator[str]:
    """Yield a line where a chip's states are narrower than those of every Program."""
    states = chip.limits.get("state_bits")
    if states is not None and states.value < rules.STATE_BITS:
        yield (f"{chip.name}: has states of {states.written}, a Program's have {rules.STATE_BITS}; choose another chip")


def too_wide(program: Program, chip: Chip) -> Iterator[str]:
    """Yield a line for everything that does not fit the chip's widths; nothing where all does.

    Weights that are declared wider than they are fit where the chip holds them exactly. A width that the chip lacks is
    stored in the next wider one, so only its widest counts. What a chip file does not say is as wide as a Program's.
    """
    limits, widest = chip.limits, widest_weights(chip)
    yield from narrow_states(chip)
    longest = (1 << int(limits["delay_bits"].value)) - 1 if "delay_bits" in limits else rules.DELAY_MAX
    for one in program.connections:
        bits = declared_bits(program, one)
        if bits > widest:
            bits = needed_bits(one.held, int(np.min(one.weight_exp)))
        yield from wide_weights(one.name, bits, chip)
        if one.largest_delay > longest:
            yield f"{one.name}: waits {one.largest_delay} steps, {chip.name} at most {longest}; shorten the delay"
    if "message_bits" in limits and limits["message_bits"].value < rules.MESSAGE_BITS:
        senders = [layer.name for layer in program.layers if layer.graded]
        for name in ["input", *senders] if program.graded_input else senders:
            yield (
                f"{name}: sends values of {rules.MESSAGE_BITS} bits, messages of {chip.name} have "
                f"{limits['message_bits'].written}; send spikes"
            )
