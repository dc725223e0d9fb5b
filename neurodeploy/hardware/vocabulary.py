"""The keys that a chip file may use: per table, what each one means and its unit.

A key here is a promise that something reads it. Add one together with its reader.
"""

EVIDENCE = {
    "measured": "on a chip",
    "fitted": "regression on measured runs",
    "derived": "arithmetic on measured values",
    "simulated": "by the maker, before silicon",
    "model": "a cost table of a process node",
    "datasheet": "peak or marketing figure",
    "quoted": "printed in a survey or a tool; how it was found is not said there",
    "documented": "stated by the maker or by its tools' source",
    "inferred": "deduced from a tool's output",
}
"""Grades, best first for a price. The last two are for limits."""
SCOPES = {
    "per-op": "one operation; memory, routing, leakage and host apart unless a term names them",
    "all-in": "total power or energy divided by one rate of events, at one operating point",
}

ENERGY = {
    "synop": "one spike through one synapse",
    "synop_dense": "the same, of a connection stored densely",
    "synop_sparse": "the same, stored as a list of synapses",
    "synop_conv": "the same, of a convolution with shared weights",
    "neuron_update": "one neuron in one step",
    "neuron_active": "one neuron in a step in which something reached it, or in which it fired",
    "neuron_idle": "one neuron in a step in which nothing did",
    "spike": "one spike, where it is sent",
    "message": "one spike message leaving a core",
    "message_in": "one spike message arriving at a core",
    "hop": "one message, one tile on",
    "hop_ew": "one message, one tile east or west",
    "hop_ns": "one message, one tile north or south",
    "chip_crossing": "one message, one chip on",
    "host_read": "one potential that the host reads",
    "mac": "one multiplication and addition of a real-valued input",
    "mac_dense": "one multiplication and addition of a network that leaves nothing out: every synapse, every step",
    "memory_bit": "one bit read from or written to memory; [traffic] says how many each operation moves",
    "second": "one second of the run, given as a power",
}
"""Energy terms: what one event of each is."""
TIMES = {
    "synop_s": "one spike through one synapse",
    "synop_dense_s": "the same, of a connection stored densely",
    "synop_sparse_s": "the same, stored as a list of synapses",
    "synop_conv_s": "the same, of a convolution with shared weights",
    "neuron_update_s": "one neuron in one step",
    "neuron_active_s": "one neuron in a step in which something reached it, or in which it fired",
    "neuron_idle_s": "one neuron in a step in which nothing did",
    "spike_s": "one spike, where it is sent",
    "message_s": "one spike message leaving a core",
    "axon_in_s": "one spike message arriving at a core",
    "tile_s": "one spike message inside a tile",
    "hop_s": "one message, one tile on",
    "hop_ew_s": "one message, one tile east or west",
    "hop_ns_s": "one message, one tile north or south",
    "barrier_s": "the end of a step, which all cores wait for",
    "barrier_multichip_s": "the same over several chips",
    "step_s": "one whole step, as measured for some network",
}
POWER = {"static_chip_w": "one chip that does nothing", "static_core_w": "one core that does nothing"}
LIMITS = {
    "cores_per_chip": "neuro cores of a chip",
    "cores_per_tile": "neuro cores that share a router",
    "neurons_per_core": "neurons of a core",
    "input_axons_per_core": "sources of spikes that a core tells apart",
    "output_axons_per_core": "targets that the spikes of a core have",
    "synapse_memory_bits_per_core": "memory for synapses",
    "synapse_word_bits": "what synapse memory is given out in",
    "synapses_per_group": "synapses that share one header",
    "synapse_group_header_bits": "that header",
    "synapse_index_bits": "widths of a target's index",
    "groups_per_core": "groups of neurons (layers) of a core",
    "routing_bits_per_core": "memory for routing tables",
    "neuron_parameter_sets_per_core": "different decays of neurons in a core",
    "threshold_sets_per_core": "different thresholds in a core",
    "synapse_formats_per_core": "different widths and exponents of synapses in a core",
    "state_words_per_core": "words for the states and own parameters of neurons that run a program",
    "delay_slots_per_core": "accumulators for spikes that wait, a power of two of them for each neuron",
    "kernels_per_convolution": "copies of a kernel that a core needs at most; else one for each way an edge cuts it",
    "mesh_columns": "tiles in a row of the mesh",
    "weight_bits": "widths of a weight",
    "weight_exponent": "powers of two that weights may be scaled by",
    "accumulator_bits": "width of the sum of a step's weights",
    "state_bits": "width of a neuron's state",
    "delay_bits": "width of a synapse's delay",
    "message_bits": "width of a spike message",
    "inputs": "input channels of the chip",
    "neurons": "neurons of the chip",
    "outputs": "output neurons of the chip",
    "fan_out": "targets of a neuron",
}
"""Limits. What a mapper needs more goes here, with its unit in `BITS` where it is one of bits."""
WIDTHS = ("weight_bits", "state_bits", "delay_bits")
"""Limits that a chip must state which a Program can be made for."""
BITS = frozenset(key for key in LIMITS if key.endswith(("_bits", "_bits_per_core")))  # the rest are counts
TRAFFIC = {
    "synop": "bits of memory that one synop moves",
    "mac": "bits of memory that one multiplication and addition moves",
    "neuron_update": "bits of memory that one neuron update moves",
}
TABLES = {"energy": ENERGY, "times": TIMES, "power": POWER, "limits": LIMITS, "traffic": TRAFFIC}


def base_unit(table: str, key: str) -> str:
    """Return the SI or base unit of a key.

    >>> base_unit("energy", "synop"), base_unit("limits", "weight_bits"), base_unit("limits", "cores_per_chip")
    ('J', 'bit', '1')
    """
    if table == "limits":
        return "bit" if key in BITS else "1"
    if table == "energy":
        return "W" if key == "second" else "J"
    return {"times": "s", "power": "W", "traffic": "bit"}[table]
