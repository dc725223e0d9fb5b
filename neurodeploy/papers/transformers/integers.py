"""What a run's Program does for samples: its synops, and those of them that belong to the samples' own steps.

A sample of few steps is long gone when it reaches the last layer, and biases let layers spike before and after it.
Axes: B sample, T step, N neuron, I input.
"""

from typing import Any

import numpy as np

from neurodeploy.accounting.tally import INPUT
from neurodeploy.backends import fixed
from neurodeploy.data.stream import SampleSource
from neurodeploy.pipeline.costs import synops_of
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.samples import through_host
from neurodeploy.program.file import read_program


def integers_of(folder: RunFolder, samples: SampleSource) -> dict[str, Any] | None:
    """Return what the Program of a run does for a sample, mean over samples; None where there is none.

    Returns:
        `steps` of the sample and `run_steps` of the Program; `synops`, `logic` (those that reach AND and OR of spikes),
        and by the rules `rate_times_macs` and `binary_only`, of all steps; `in_time`, synops of spikes that a layer
        sends in the steps in which the sample is at it.
    """
    if not folder.program_file.exists():
        return None
    program = read_program(folder.program_file)
    given = through_host(samples, program.host)
    x_BTI = np.concatenate([some.spikes_BTI for some in given.batches(len(given))])
    trace, n_steps = fixed.run(program, x_BTI, record=True), x_BTI.shape[1]
    counts, starts = synops_of(program, trace), {one.name: one.start for one in program.layers}
    in_time = 0
    for one in program.connections:
        sent_BTN = x_BTI
        if one.source != INPUT:
            start = starts[one.source]
            sent_BTN = trace.layers[one.source].spikes_BTN[:, start : start + n_steps]
        in_time += int(np.count_nonzero(sent_BTN, axis=(0, 1)) @ one.fan_out())
    return {
        "steps": n_steps,
        "run_steps": counts.steps,
        "synops": counts.synops_per_sample,
        "logic": counts.logic_per_sample or 0.0,
        "in_time": in_time / len(x_BTI),
        **{rule: counts.by_convention[rule] for rule in ("rate_times_macs", "binary_only")},
    }
