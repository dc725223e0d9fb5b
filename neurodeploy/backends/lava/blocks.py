"""Samples side by side in one Lava network: how many, and how their results come apart again.

A Lava step costs about 2 ms of messages whatever the layer's width, and a network 0.4 s to start,
so samples share both: a block of B samples is one network of B unconnected copies.
Axes: B sample of the block, T step, N neuron of a layer; BN is both, samples outermost.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neurodeploy.backends.lava import synapses
from neurodeploy.backends.scores import Scores, decoded, read_by_step, score_unit, summed_softmax
from neurodeploy.backends.trace import LayerTrace, Part
from neurodeploy.errors import LavaError
from neurodeploy.fixedpoint import rules
from neurodeploy.program.program import READOUTS, Program

WIDEST = 8000
"""Neurons or channels of a block's widest population; above it a step no longer gets cheaper."""
MOST_SYNAPSES = 1_000_000
"""Entries of a block's largest matrix, zeros between the samples included: B x B copies, for each delay."""
MOST_BYTES = 1 << 28
"""States that a block keeps, over all its layers and steps."""
STATE_BYTES = 12
"""A spike or message, a current and a potential."""
STATES = ("spikes", "u", "v")
BIAS, CURRENT, SPIKES = "bias", "current", "spikes"
"""How input enters a network of netx: as the first neurons' biases, straight into them, or through synapses."""


def samples_per_block(program: Program, n_samples: int, n_steps: int, record: bool) -> int:
    """Return how many samples to run side by side, so that the blocks are about equal."""
    widest = max(program.n_inputs, *(layer.n_neurons for layer in program.layers))
    in_blocks = (one for one in program.connections if not one.window and not synapses.shares_a_process(one))
    entries = (one.weight.size * (one.largest_delay + 1) for one in in_blocks)
    per_step = 4 * program.n_inputs
    if read_by_step(program):
        per_step += 4 * program.layer(program.output).n_neurons
    if record:
        per_step += STATE_BYTES * sum(layer.n_neurons for layer in program.layers)
    most = min(
        WIDEST // widest,
        math.isqrt(MOST_SYNAPSES // max(entries, default=1)),
        MOST_BYTES // (per_step * n_steps),
        synapses.most_side_by_side(program),
    )
    n_blocks = -(-n_samples // max(most, 1))
    return -(-n_samples // n_blocks)


def blocks_of(n_samples: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the first sample of each block and the one after its last.

    >>> list(blocks_of(5, 2))
    [(0, 2), (2, 4), (4, 5)]
    """
    for first in range(0, n_samples, size):
        yield first, min(first + size, n_samples)


def block_folder(folder: Path, first: int) -> Path:
    """Return where the block that starts with sample `first` leaves its states."""
    return folder / f"block{first}"


def layer_file(folder: Path, index: int) -> Path:
    """Return where the layer of that index leaves its states."""
    return folder / f"layer{index}.npz"


def overflow_file(folder: Path, index: int) -> Path:
    """Return the file that is there once the connection of that index had a sum beyond int32."""
    return folder / f"overflow{index}"


class Recorder:
    """Keeps one layer's states inside its own Lava process and writes them after the last step.

    Lava's own way out, `Var.get`, sends one number per message: the states of 50 samples of a
    small network took 53 s to read, against 0.5 s to compute. For a softmax it leaves the potentials:
    that is the parent's, because the exponential of another numpy may round otherwise.
    """

    def __init__(
        self, file: str, n_steps: int, record: bool, readout: str = READOUTS[0], start: int = 0, by_step: str = ""
    ) -> None:
        """`by_step` is the state that the host reads after every step, "v", "spikes" or none."""
        self.file, self.n_steps = file, n_steps
        self.every = STATES if record else (by_step,) if by_step else ()
        self.readout = READOUTS[0] if readout == rules.SOFTMAX else readout
        self.start = start
        self.now = 0
        self.kept: dict[str, np.ndarray] = {}

    def keep(self, spikes: np.ndarray, u: np.ndarray, v: np.ndarray) -> None:
        """Take what was sent and the states after a step, each (BN,); of u more where neurons have more states."""
        states = {"spikes": spikes, "u": u, "v": v}
        if not self.now:
            self.scores = Scores(self.readout, 1, len(v), self.start)
            self.kept = {"counts": np.zeros(len(v), np.int64), "largest": np.zeros((), np.int64)}
            for key in self.every:
                kind = spikes.dtype if key == "spikes" else np.dtype(np.int32)
                self.kept[key] = np.zeros((self.n_steps, len(states[key])), kind)
        self.kept["counts"] += spikes != 0
        self.kept["largest"] = np.maximum(self.kept["largest"], np.abs(spikes.astype(np.int64)).max())
        self.scores.add(v[None], self.now)
        for key in self.every:
            self.kept[key][self.now] = states[key]
        self.now += 1
        if self.now == self.n_steps:
            if self.scores.BN is not None:
                self.kept["scores"] = self.scores.BN
            np.savez(self.file, **self.kept)  # type: ignore[arg-type]


def read_part(folder: Path, program: Program, n_samples: int) -> Part:
    """Return what a block of `n_samples` left in `folder`.

    Raises:
        LavaError: a layer left nothing, or a convolution met sums or messages that Lava cannot handle.
    """
    counts, scores = {}, None
    layers: dict[str, LayerTrace] = {}
    recorded: list[str] = []
    for index, one in enumerate(program.connections):
        if overflow_file(folder, index).exists():
            raise LavaError(f"connection {one.name!r}: a sum left int32, where Lava's Conv is undefined", where="lava")
    for index, layer in enumerate(program.layers):
        try:
            with np.load(layer_file(folder, index), allow_pickle=False) as stored:
                kept = {key: stored[key] for key in stored.files}
        except OSError:
            advice = "check that it is connected to the input"
            raise LavaError(f"layer {layer.name!r} left no states", advice, where="lava") from None
        synapses.check_messages(program, layer.name, int(kept["largest"]))
        counts[layer.name] = kept["counts"].reshape(n_samples, -1)
        if "scores" in kept:
            scores = kept["scores"].reshape(n_samples, -1)
        # Lava has samples side by side, (T, BN).
        states = {key: kept[key].reshape(len(kept[key]), n_samples, -1).swapaxes(0, 1) for key in STATES if key in kept}
        if states:
            layers[layer.name] = LayerTrace(*(states.get(key, np.zeros((n_samples, 0, 0))) for key in STATES))
            recorded += [layer.name] if len(states) == len(STATES) else []
    part = Part(counts, {name: layers[name] for name in recorded}, {}, scores)
    if not read_by_step(program):
        return decoded(program, part, 0, recorded)
    v_BTN = layers[program.output].v_BTN
    if program.decode is None:
        v_BTN = np.ascontiguousarray(v_BTN[:, program.layer(program.output).start :])
        return part._replace(scores_BN=summed_softmax(v_BTN, score_unit(program)))
    steps = max(v_BTN.shape[1], layers[program.output].spikes_BTN.shape[1]) - program.depth
    return decoded(program, part._replace(layers=layers), steps, recorded)
