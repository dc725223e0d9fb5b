"""A Program on every sample of an array, a batch at a time.

Axes: B sample, T step, I channel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurodeploy.backends.fixed.plain import PlainEngine
from neurodeploy.backends.trace import Part, Progress, Trace, check_spikes, in_batches
from neurodeploy.mapping.program import Program

NAME = "fixed"
BATCH = 64


def run(
    program: Program,
    spikes_BTI: np.ndarray,
    *,
    record: bool | Sequence[str] = False,
    batch_size: int = BATCH,
    progress: Progress | None = None,
) -> Trace:
    """Run `program` on every sample and return the Trace.

    Args:
        spikes_BTI: Input spikes, 0 or 1, or signed values where the input is graded, (samples, steps,
            channels).
        record: Layers whose every state is kept, True for all; else only spike counts are kept.
        batch_size: Samples simulated together; never changes the result.

    Raises:
        DataError: the spikes do not fit the Program.
    """
    spikes = check_spikes(spikes_BTI, program.n_inputs, NAME, graded=program.graded_input)
    names = [layer.name for layer in program.layers]
    probes = names if record is True else record or ()

    def run_batch(some: np.ndarray) -> Part:
        rest = np.zeros((len(some), program.depth, some.shape[2]), some.dtype)
        return PlainEngine(program, len(some)).advance(np.concatenate([some, rest], axis=1), probes)

    return in_batches(NAME, names, program.output, spikes, run_batch, batch_size=batch_size, progress=progress)
