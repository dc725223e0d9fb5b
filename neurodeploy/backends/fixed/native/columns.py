"""Codes and columns of the tables that the compiled kernels read.

Every array that is handed from one compiled function to the next costs seven machine words, so a
few wide tables are much faster than an array for each column.
"""

EIGHT = 8
"""Neurons of an update: a table of 2^8 rows tells the places of their spikes."""
SHARED = 16
"""Neurons of an update whose numbers are shared: one vector where the processor has such wide ones, else two."""
MANY = 64
"""Neurons whose spikes are taken together, as the bits of one number."""
PAIRS = 16
"""Pairs of weights that are loaded together."""
MATRIX, MATRIX_GRADED, CONVOLUTION, MATRIX_WIDE, MATRIX_HALVES = 0, 1, 2, 3, 4
"""Kinds of connection; wide: delayed values whose sum a negative exponent acts on before it wraps; halves: both of
16-bit weights at once, of messages of 16 bits."""
LIF, LIF_SHARED, SIGMA_DELTA, ADAPTIVE, RESONATOR, NO_CURRENT, INTEGRATOR = 0, 1, 2, 3, 4, 5, 6
"""Kinds of layer; shared: one decay and one threshold, no refractory period, no clears; no current: none is kept of a
step for the next, too. Adaptive neurons and resonators are cells."""
SUMMED_SOFTMAX = 4
"""Code of the readout whose potentials are kept, for the host."""

(
    POP_SIZE,
    POP_HISTORY,  # steps of its past that a connection still needs
    POP_EVENTS,  # where its events start in the scratch, the past's first
    POP_GRADED,
    POP_PAST,  # where its past starts in a sample's state
) = range(5)
(
    KIND,
    FIRST,  # where its neurons start
    PADDED,  # neurons with padding
    SUBTRACT,  # 0 where a reset is to zero, else one more than what it takes off beyond the number compared with
    RESTS,  # one more than the steps after a spike, 0 for neurons that never rest
    CLEAR_EVERY,
    CLEAR_OFFSET,
    ROLE,
    RELU,
    SPIKE_EXP,  # of integrators, the bits that a message leaves off
    STATE_EXP,  # of integrators, the fraction bits of the part kept
    CUMULATIVE,
    QUICK,  # its only connection, where that sums in 16 bits, else -1
    INTO_FIRST,  # connections into it: into[INTO_FIRST:INTO_AFTER]
    INTO_AFTER,
    SCORED,  # code of the readout where its potentials are one, else 0
    START,
    OWN,  # where the numbers of its neurons start, -1 where `own_steps` does not run it
    RESTS_FIRST,  # steps from the first on in which its neurons rest
    POOL,  # where the target of each of its sources starts among the places, where a spike of any fires it, else -1
    CHANNELS,  # of an image whose channels stand last, else all neurons
    UNREAD,  # last steps of a run that reach nothing the class is read from
) = range(22)
KEPT_U, KEPT_V, BIAS, THRESHOLD, U_INIT, V_INIT, REST_INIT = range(7)
PUSH_U, PUSH_V = KEPT_U, KEPT_V
"""What the last step's spike adds to the states of cells, which keep no fixed part of them."""
NUMBERS = 4
"""What a step needs of each neuron at least: the first rows of those above."""
U_TO_U, V_TO_U, V_TO_V, U_TO_V = range(NUMBERS)
"""Coefficients of cells; resonators need only the first two."""
(
    CON_KIND,
    CON_SOURCE,
    CON_TARGET,
    CON_DELAY,
    CON_EXP,  # exponent that its targets share
    CON_EXPS,  # where the exponents of its targets start, -1 where they share one
    CON_GAIN,  # a weight is gain * (stored - offset)
    CON_OFFSET,
    CON_WEIGHTS,  # where its weights start
    CON_TOTAL,  # where the sums of all its rows start
    CON_LARGEST,  # size of its largest weight; of halves, up to which message no sum wraps
    CON_GEOMETRY,  # row of its geometry
    CON_WRAPS,  # whether its sum may leave 24 bits
    CON_SHIFTS,  # where the shifts of its targets start, to the left and then to the right; -1 where it has none
    CON_WIDTH,  # of halves: sources with padding
    CON_HIGH,  # of halves: the connections of each half, for larger messages
    CON_LOW,
    CON_ROWS,  # of a convolution: where its weights of a byte start, a row for each channel and tap; -1 without
) = range(18)
(
    GEO_OUT_COLUMNS,
    GEO_OUT_CHANNELS,
    GEO_GROUP_INPUTS,  # input channels of a group
    GEO_GROUP_OUTPUTS,
    GEO_KERNEL_COLUMNS,
    GEO_KERNEL_SIZE,
    GEO_SOURCES,  # where channel, row and column of each source start among the places
    GEO_ROWS,  # where the (first, after last) tap of each input row start
    GEO_COLUMNS,  # of columns: first tap, output that it leads to, and taps that lead to the outputs next to it
    GEO_OUT_ROWS,
    GEO_IN_ROWS,
    GEO_IN_COLUMNS,
    GEO_STRIDE,  # of rows, then of columns, as the two below
    _,
    GEO_PADDING,
    _,
    GEO_DILATION,
    _,
) = range(18)
