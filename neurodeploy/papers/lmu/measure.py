"""A trained LMUFFT as integers: accuracy and operations by the bits of A, beside the float network with A so rounded.

Axes: B sample, T step, I input.
"""

import hashlib
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import nn

from neurodeploy.backends import fixed
from neurodeploy.backends.calibration import measure, spread_over
from neurodeploy.backends.table import FIXED, RunOptions, backend_named
from neurodeploy.data.load import step_s
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import MappingError
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import choose_plan, compile_network
from neurodeploy.mapping.discretize import quantise
from neurodeploy.mapping.memory import spectral_radius, step_matrix
from neurodeploy.papers.silif.measurements import Kept, key_of
from neurodeploy.pipeline.batches import counter_of, run_batches, summary
from neurodeploy.pipeline.conversion import part
from neurodeploy.pipeline.costs import counts_of
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.stages import trained_network
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress
from neurodeploy.quantize.grid import MAX_WEIGHT_BITS
from neurodeploy.reading import GraphOf, graph_of
from neurodeploy.reading.memories import NAME
from neurodeploy.training.batches import evaluate
from neurodeploy.verbs.deploy import network_of

CALIBRATION = 32
"""Training samples on which the unit of the potentials is chosen."""
BATCH, SEEN = 64, 16
"""Samples that run together, and on which saturated potentials are counted."""


def measured(
    folder: RunFolder, bits: Sequence[int], limit: int, kept: Kept, progress: Progress
) -> list[dict[str, Any]]:
    """Return a record of a trained network for each width of A.

    Args:
        folder: Of a run of family lmu, without feedback, that is trained.
        bits: Widths of A and B, 2 to 16.
        limit: First test samples.
        kept: Where measurements are found again and kept as they come.

    Returns:
        For each: `memory`, `bits`, `samples`; accuracies 0..1: `float`, `rounded` (float32 with A and B of so many
        bits) and `fixed` (the Program; None where there is none, `refused` says why); `radius`, the spectral radius
        of A of so many bits; `synapses`, `synops` a sample, and `saturated`, how often a potential left 24 bits
        in the first `SEEN` samples.

    Raises:
        RunError: the folder holds no trained network.
    """
    recipe, network = folder.recipe(), trained_network(folder)
    test = part(recipe, "test").first(limit)
    order = len(network.unit.A)  # type: ignore[arg-type, union-attr]
    of = {"weights": hashlib.sha256(folder.checkpoint.read_bytes()).hexdigest(), "samples": len(test)}
    of["data"] = recipe.data.model_dump(mode="json")
    keys = {one: key_of(f"memory {order}/{one} bits", **of) for one in bits}
    lacking = [one for one in bits if kept.get(keys[one]) is None]
    if lacking:
        train = part(recipe, "train")
        sample = torch.tensor(train.at(spread_over(len(train), CALIBRATION)).spikes_BTI).float()
        read = graph_of(network, sample, dt_s=step_s(recipe.data))
        whole = network_of(read, recipe.name)
        seen = measure(whole, read.inputs_BTF)
        head = {"memory": order, "samples": len(test), "float": evaluate(network, test)}
        for done, one in enumerate(lacking):
            progress(f"memory {order}, bits of A", done, len(lacking), f"{one} bits")
            plan = choose_plan(whole, MAX_WEIGHT_BITS, seen, memory_bits=one)
            record = head | {"bits": one, **_rounded(network, whole, quantise(whole, plan), test)}
            try:
                program = compile_network(whole, chip=recipe.chip, plan=plan).program
            except MappingError as error:
                record |= {"fixed": None, "synops": None, "synapses": None, "saturated": None, "refused": error.problem}
            else:
                record |= _run(program, read, test) | {"refused": ""}
            kept.add(keys[one], record)
    return [kept.found[key] for key in keys.values()]


def _rounded(network: nn.Module, whole: Network, grid: Network, test: SampleSource) -> dict[str, Any]:
    """Return the spectral radius of A on a grid, and the accuracy of the float network with A and B of this grid."""
    changed: Any = deepcopy(network)
    unit, order = changed.unit, len(changed.unit.A)
    a_NN = step_matrix(grid, NAME)
    assert a_NN is not None
    b_N, held_N = (next(one for one in each.into(NAME) if one.source != NAME).weight[:, 0] for each in (whole, grid))
    with torch.no_grad():
        unit.A.copy_(torch.tensor(a_NN[:order, :order]))
        unit.B.mul_(torch.tensor(held_N[:order] / b_N[:order])[:, None])
    with np.errstate(all="ignore"):  # a memory that grows has no finite answer, which is no right one either
        return {"radius": spectral_radius(a_NN), "rounded": evaluate(changed, test)}


def _run(program: Program, read: GraphOf, test: SampleSource) -> dict[str, Any]:
    """Return what the integers do on samples."""
    counter, options = counter_of(program), RunOptions(threads=1)
    fed = (read.feed(one.spikes_BTI).astype(np.int32) for one in test.batches(BATCH))
    done = summary(run_batches(backend_named(FIXED), program, fed, len(test), options), len(test), counter)
    counts = counts_of(program, done.tally, counter)
    few = read.feed(test.at(range(min(SEEN, len(test)))).spikes_BTI).astype(np.int32)
    return {
        "fixed": float((done.predictions_B == test.labels_B).mean()),
        "synops": counts.synops_per_sample,
        "synapses": sum(one.nonzero_synapses for one in counts.connections),
        "saturated": fixed.run(program, few, record=True, threads=1).overflows[NAME]["saturated"],
    }
