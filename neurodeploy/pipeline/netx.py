"""A `.net` file run by lava-dl's own netx and, as a Program, by our simulator: is every spike the same?

Axes: B sample, T step, I input value, N neuron.
"""

from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.backends import fixed, lava
from neurodeploy.backends.lava.blocks import BIAS, CURRENT, SPIKES
from neurodeploy.backends.trace import Trace, check_spikes
from neurodeploy.certificate.difference import Difference, first_unequal
from neurodeploy.errors import DataError
from neurodeploy.fixedpoint import sigma_delta
from neurodeploy.formats.lava_dl.read import read_net
from neurodeploy.formats.lava_dl.write import clearing_of, takes_image
from neurodeploy.phrases import plural
from neurodeploy.program.layer import SigmaDelta
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress, silent

SAMPLES, STEPS = 3, 24
RATES = (0.1, 0.5, 1.0)
LARGEST_VALUE = 256
"""Of the random images."""


@dataclass(frozen=True, eq=False)
class BothRuns:
    """The same steps of a network in netx and in our simulator.

    Attributes:
        late: Steps that our Program takes more until the input arrives; they are left out of `ours`.
        difference: The first spike or potential that differs; None where all are equal.
    """

    netx: Trace
    ours: Trace
    late: int
    difference: Difference | None


def check_net(
    file: str | Path,
    program: Program | None = None,
    *,
    samples: int = SAMPLES,
    steps: int = STEPS,
    worker: lava.Worker | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run a `.net` file in lava-dl's netx 0.6.0 and its Program in our simulator, on random input.

    Args:
        file: The .net file.
        program: What it is to be the same as; what our reader makes of it when None.
        samples, steps: How much random input: 10, 50 and 100 % of the channels spiking, or random images.
        worker: Lava, kept at hand for several files; one of its own when None.

    Returns:
        `equal` (every spike or message and every potential, in all layers), `spikes` (in netx), `samples`, `steps`,
        `neurons`, `first_difference` (None where all are equal) and `line`, one sentence for people.

    Raises:
        GraphError: the file is damaged, or holds what no Program can.
        LavaError: there is no environment, or netx refuses the file.
    """
    program = program or read_net(file)
    both = run_both(file, program, random_input(program, samples, steps, 0), worker=worker, progress=progress)
    spikes = sum(int(np.count_nonzero(one.spikes_BTN)) for one in both.netx.layers.values())
    neurons = sum(layer.n_neurons for layer in program.layers)
    ran = f"{plural(samples, 'sample')} of {plural(steps, 'step')}"
    extent = f"{plural(neurons, 'neuron')}, {ran}, {plural(spikes, 'spike')}"
    found = f"are equal ({extent})" if both.difference is None else f"differ ({extent}): {both.difference}"
    return {
        "equal": both.difference is None,
        "spikes": spikes,
        "samples": samples,
        "steps": steps,
        "neurons": neurons,
        "first_difference": None if both.difference is None else asdict(both.difference),
        "line": f"lava-dl's netx and our simulator {found}",
    }


def run_both(
    file: str | Path,
    program: Program,
    values_BTI: np.ndarray,
    *,
    worker: lava.Worker | None = None,
    progress: Progress = silent,
) -> BothRuns:
    """Run a `.net` file in netx and its Program in our simulator, every state recorded.

    Args:
        values_BTI: Spikes, or the values of images, (B, T, I); where they drive the first neurons' potentials, netx
            has room for one image in a sample.

    Raises:
        DataError: they do not fit the network, or an image changes where netx has it as biases.
        LavaError: there is no environment, netx refuses the file, or the worker failed.
    """
    values = check_spikes(values_BTI, program.n_inputs, "netx", graded=program.graded_input)
    image = takes_image(program)
    entry = SPIKES if not image else CURRENT if _is_delta(program) else BIAS
    if entry == BIAS and (values != values[:, :1]).any():
        raise DataError(f"{program.name}: netx takes one image for all steps of a sample, this one changes")
    n_steps = values.shape[1] if entry == BIAS else program.n_steps(values.shape[1])
    padded = np.zeros((len(values), n_steps, values.shape[2]), np.int32)
    first = int(entry == CURRENT)  # here an image takes a step to arrive, and biases do not wait for it
    padded[:, first : first + values.shape[1]] = values
    interval, offset = clearing_of(program) or (None, 0)
    options = {
        "shape": [*program.input_shape, 1, 1][:3],
        "graded": program.graded_input,
        "reset_interval": interval,
        "reset_offset": offset,
    }
    told = partial(progress, "netx")
    with lava.Worker(keep=True) if worker is None else nullcontext(worker) as ready:
        theirs = ready.run_net(Path(file), program, padded, entry=entry, options=options, progress=told)
    trace = fixed.run(replace(program, decode=None), values, record=True)
    late = int(entry == BIAS)
    ours = replace(trace, layers={name: one.steps(late, late + n_steps) for name, one in trace.layers.items()})
    # Currents are left out: an image is a bias there and a current here, and what just adds up does so as a current
    # there and as a potential here.
    there = {name: one._replace(u_BTN=ours.layers[name].u_BTN) for name, one in theirs.layers.items()}
    return BothRuns(theirs, ours, late, first_unequal(replace(theirs, layers=there), ours))


def _is_delta(program: Program) -> bool:
    first = program.layers[0]
    return isinstance(first, SigmaDelta) and first.role == sigma_delta.DELTA


def random_input(program: Program, samples: int, steps: int, seed: int) -> np.ndarray:
    """Return spikes of 10, 50 and 100 % of the channels, or images of random numbers, (B, T, I)."""
    rng = np.random.default_rng(seed)
    shape = (samples, steps, program.n_inputs)
    if not program.graded_input:
        rates = np.resize(RATES, samples)[:, None, None]
        return (rng.random(shape) < rates).astype(np.uint8)
    if takes_image(program) and _is_delta(program):
        return rng.integers(0, LARGEST_VALUE, shape, dtype=np.int32)
    return np.broadcast_to(rng.integers(0, LARGEST_VALUE, (samples, 1, program.n_inputs), dtype=np.int32), shape)
