"""What a core holds, as placement asks for it: numbers of a chip's file, each with its source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from neurodeploy.errors import ChipError
from neurodeploy.hardware.chip import Chip
from neurodeploy.hardware.chips import program_chips
from neurodeploy.hardware.constants import Constant

NEURONS = "neurons_per_core"
INPUT_AXONS = "input_axons_per_core"
OUTPUT_AXONS = "output_axons_per_core"
SYNAPSE_MEMORY = "synapse_memory_bits_per_core"
STATE_WORDS = "state_words_per_core"
PARAMETER_SETS = "neuron_parameter_sets_per_core"
THRESHOLD_SETS = "threshold_sets_per_core"
SYNAPSE_FORMATS = "synapse_formats_per_core"
DELAY_SLOTS = "delay_slots_per_core"
GROUPS = "groups_per_core"
CORES = "cores_per_chip"

NEEDED = (CORES, NEURONS, INPUT_AXONS, OUTPUT_AXONS, SYNAPSE_MEMORY)
"""Without these nothing can be said about a chip."""
WORDS = {
    NEURONS: "neurons",
    INPUT_AXONS: "input axons",
    OUTPUT_AXONS: "output axons",
    SYNAPSE_MEMORY: "bits of synapse memory",
    STATE_WORDS: "state words",
    PARAMETER_SETS: "sets of decays",
    THRESHOLD_SETS: "thresholds",
    SYNAPSE_FORMATS: "synapse formats",
    DELAY_SLOTS: "delay slots",
    GROUPS: "neuron groups",
}
"""What fills a core, in words. The order breaks ties: what a reader can change most easily comes first."""
USED = (
    *(CORES, "cores_per_tile", "mesh_columns", "synapse_word_bits", "synapses_per_group"),
    *("synapse_group_header_bits", "synapse_index_bits", "weight_bits", "kernels_per_convolution"),
)
"""What shapes a placement beside what fills a core."""


@dataclass(frozen=True)
class Limits:
    """The limits of one core, and of a chip.

    Attributes:
        chip: Its name.
        constants: Those of the chip's limits that placement reads.
        most: How much of each key of `WORDS` a core holds; keys without a limit are left out.
        weight_bits: Widths a weight can be stored in, ascending.
        index_bits: Widths of a target's index in a list of synapses, ascending, without 0 for none.
        word_bits: Synapse memory is given out in words of so many bits.
        group, header_bits: So many synapses share one header of so many bits, and begin a new word.
        one_kernel: A convolution's kernel is stored once, however the image's edges cut it.
        programmable: Neurons run a program of their own, so that any state and parameter is possible.
    """

    chip: str
    constants: Mapping[str, Constant]
    most: Mapping[str, int]
    weight_bits: tuple[int, ...]
    index_bits: tuple[int, ...]
    word_bits: int
    group: int
    header_bits: int
    cores_per_chip: int
    cores_per_tile: int
    mesh_columns: int
    one_kernel: bool
    programmable: bool

    @classmethod
    def of(cls, chip: Chip) -> Limits:
        """Return the limits in a chip's file.

        Raises:
            ChipError: one that is needed is missing, or no core could hold anything.
        """
        known = chip.limits
        for key in NEEDED:
            if key not in known:
                raise ChipError(
                    f"{chip.name}: has no limits.{key}, without which nothing can be placed; add it to the chip "
                    f"file, or choose one of {', '.join(program_chips())}"
                )
            if known[key].value < 1:
                raise ChipError(f"{chip.name}: limits.{key} is {known[key].value:g}, at least 1 is needed")
        index_bits = tuple(sorted(int(one) for one in _values(known, "synapse_index_bits", ()) if one))
        return cls(
            chip=chip.name,
            constants={key: known[key] for key in (*WORDS, *USED) if key in known},
            most={key: int(known[key].value) for key in WORDS if key in known},
            weight_bits=tuple(sorted(int(one) for one in _values(known, "weight_bits", range(1, 9)))),
            index_bits=index_bits or tuple(range(1, 32)),
            word_bits=_whole(known, "synapse_word_bits", 1),
            group=_whole(known, "synapses_per_group", 1 << 30),
            header_bits=_whole(known, "synapse_group_header_bits", 0),
            cores_per_chip=_whole(known, CORES, 1),
            cores_per_tile=_whole(known, "cores_per_tile", 1),
            mesh_columns=_whole(known, "mesh_columns", max(1, math.isqrt(_whole(known, CORES, 1)))),
            one_kernel="kernels_per_convolution" in known,
            programmable=STATE_WORDS in known,
        )

    def words(self, key: str) -> str:
        """Return a limit as a reader meets it, with its number.

        >>> from neurodeploy.hardware.chips import chip_named
        >>> Limits.of(chip_named("loihi1")).words("neurons_per_core")
        '1,024 neurons of a loihi1 core'
        """
        return f"{self.most[key]:,} {WORDS[key]} of a {self.chip} core"


def _values(known: Mapping[str, Constant], key: str, without: tuple[int, ...] | range) -> tuple[float, ...]:
    return (known[key].values or (known[key].value,)) if key in known else tuple(without)


def _whole(known: Mapping[str, Constant], key: str, without: int) -> int:
    return max(0 if key == "synapse_group_header_bits" else 1, int(known[key].value)) if key in known else without
