"""Every recorded state of a run in a file, and back; a file says which Program it is of.

Axes: B sample, T step, I channel, N neuron of a layer.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.backends.table import FIXED
from neurodeploy.backends.trace import LayerTrace, Trace
from neurodeploy.data.npz import unpacked
from neurodeploy.errors import DataError
from neurodeploy.files import written_whole
from neurodeploy.phrases import Command, Phrase
from neurodeploy.program.program import INPUT, Program

KEYS = ("spikes", "u", "v")
PROGRAM = "program"
INPUT_SPIKES = f"{INPUT}/spikes"


def write_traces(
    path: str | Path,
    layers: Mapping[str, LayerTrace],
    *,
    program: Program | None = None,
    spikes_BTI: np.ndarray | None = None,
) -> None:
    """Write states as `<layer>/spikes`, `<layer>/u`, `<layer>/v`, (sample, step, neuron).

    Args:
        program: What ran, where it was a Program: its digest is written too.
        spikes_BTI: The input, as `input/spikes`; with all layers it lets `profile` count the file.
    """
    arrays: dict[str, Any] = {
        f"{name}/{key}": getattr(states, f"{key}_BTN") for name, states in layers.items() for key in KEYS
    }
    if program is not None:
        arrays[PROGRAM] = np.array(program.digest)
    if spikes_BTI is not None:
        arrays[INPUT_SPIKES] = spikes_BTI
    with written_whole(path) as beside, beside.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def read_traces(path: str | Path, program: Program) -> tuple[Trace, np.ndarray]:
    """Return the run of a Program that a file holds, and its input (B, T, I).

    Raises:
        DataError: the file is damaged, holds no whole run, or one of another Program.
    """
    path = Path(path)
    with unpacked(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    again = Phrase("record it with {again}", again=Command("simulate", "FILE", data="D", traces=path))
    if PROGRAM not in arrays or INPUT_SPIKES not in arrays:
        lacking = PROGRAM if PROGRAM not in arrays else INPUT_SPIKES
        raise DataError(
            f"holds no whole run of a Program ({lacking} is absent)",
            Phrase("{again}, without {probes}", again=again),
            where=path,
        )
    digest = str(arrays[PROGRAM])
    if digest != program.digest:
        raise DataError(
            f"{path}: is a run of another Program ({digest[:12]}, not {program.digest[:12]} of {program.name}); {again}"
        )
    spikes_BTI = arrays[INPUT_SPIKES]
    n_samples, n_input_steps = spikes_BTI.shape[:2]
    layers = {}
    for layer in program.layers:
        widths = {"spikes": layer.n_neurons, "u": layer.u_width, "v": layer.n_neurons}
        found = [arrays.get(f"{layer.name}/{key}") for key in KEYS]
        for key, one in zip(KEYS, found, strict=True):
            shape = (n_samples, program.n_steps(n_input_steps), widths[key])
            if one is None or one.shape != shape:
                what = "absent" if one is None else f"of shape {one.shape}"
                raise DataError(f"{path}: {layer.name}/{key} is {what}, {shape} was expected; {again}")
        layers[layer.name] = LayerTrace(*found)  # type: ignore[arg-type]
    trace = Trace(
        backend=FIXED,
        n_input_steps=n_input_steps,
        output=program.output,
        input_counts_BI=np.count_nonzero(spikes_BTI, axis=1).astype(np.int64),
        counts={name: np.count_nonzero(one.spikes_BTN, axis=1).astype(np.int64) for name, one in layers.items()},
        layers=layers,
        overflows={},
        seconds=0.0,
    )
    return trace, spikes_BTI
