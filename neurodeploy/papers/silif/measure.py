"""One trained network on clips: in float from given initial states, or as an integer Program of given weight bits.

A measurement is described by plain values, so that any process or machine can do it.

Axes: B sample, T step, I channel.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurodeploy.accounting.counts import Counts, count
from neurodeploy.accounting.energy import price
from neurodeploy.accounting.tally import INPUT, Tally
from neurodeploy.backends.search import calibrate
from neurodeploy.backends.table import FIXED, RunOptions, backend_named
from neurodeploy.errors import MappingError, PrecisionError, ProgramError
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.network import Network, discretised
from neurodeploy.hardware.chips import chip_named
from neurodeploy.mapping.compile import choose_plan, compile_network
from neurodeploy.networks.families.folded import FoldedNetwork, deployable
from neurodeploy.networks.families.silif import SilifSettings
from neurodeploy.networks.published import Published, load_published
from neurodeploy.neurons.ssm.layer import InitialState
from neurodeploy.papers.silif.clips import Clips
from neurodeploy.pipeline.batches import batch_size, run_batches, sizes_of, summary
from neurodeploy.pipeline.conversion import read_network
from neurodeploy.pipeline.costs import counts_of
from neurodeploy.program.plan import Plan
from neurodeploy.program.program import Program
from neurodeploy.reading.precision import put_on_grid
from neurodeploy.training.batches import asked

FLOAT_BATCH = 16
"""Samples at a time in float: their states stay in the second-level cache. Random initial states depend on it."""
CHIP = "loihi2"
REFUSED = "refused"
"""The one key of a precision or record that only says why the network cannot become a Program."""
REFUSALS = (PrecisionError, MappingError, ProgramError)
"""What is raised of such a network; all else is wrong with data, files or code, and stops the survey."""


@dataclass(frozen=True)
class Subject:
    """A trained network.

    Attributes:
        network: As it is called in print.
        file: Its arrays.
        sha256: Of the file.
        settings: Those that are expected; None takes what the file holds.
    """

    network: str
    file: Path
    sha256: str
    settings: SilifSettings | None = None

    def load(self, initial_state: InitialState = "zero") -> Published:
        """Return the network, in evaluation mode.

        Raises:
            NetworkError: the file does not hold it.
        """
        found = load_published(self.file, self.settings)
        if found.settings.initial_state == initial_state:
            return found
        return load_published(self.file, found.settings.model_copy(update={"initial_state": initial_state}))


@dataclass(frozen=True)
class FloatTask:
    """Answers of the float network; `seed` is that of random initial states."""

    subject: Subject
    clips: Clips
    initial_state: InitialState
    seed: int = 0


@dataclass(frozen=True)
class PlanTask:
    """The precision of the integer Programs, for each width of the weights; by their size alone without clips."""

    subject: Subject
    clips: Clips | None
    dt_s: float
    bits: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class IntegerTask:
    """Answers of an integer Program, from initial states of zero; `plan` as a PlanTask gives it."""

    subject: Subject
    clips: Clips
    bits: int
    plan: dict[str, Any]


Task = FloatTask | PlanTask | IntegerTask
Record = dict[str, Any]


def measure(task: Task) -> Record:
    """Do one measurement, on one thread.

    Returns:
        Of a PlanTask: `plans` by bits, each as `Plan.to_dict` gives it, and `samples`. Of the others: `accuracy`,
        `correct`, `samples`, `synops_exact` and `synops_paper` per sample; of an IntegerTask, `energy_j` {low, mid,
        high} and `unpriced` too. A plan, and the record of an IntegerTask, is {`refused`: why} where the network
        cannot become a Program.
    """
    kinds = {FloatTask: _float, PlanTask: _plans, IntegerTask: _integer}
    with one_thread():
        return kinds[type(task)](task)  # type: ignore[operator, no-any-return]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: the order of its sums, and with it a spike, depends on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _float(task: FloatTask) -> Record:
    network = task.subject.load(task.initial_state).network
    graph = graph_of(folded(task.subject), task.clips.dt_s)
    source = task.clips.open()
    correct = 0
    sent = {name: np.zeros(size, np.int64) for name, size in [(INPUT, network.n_inputs), *sizes_of(graph)]}
    with asked(network, task.seed):
        for part in source.batches(FLOAT_BATCH):
            answer = network(torch.from_numpy(part.spikes_BTI.astype(np.float32)))
            answer = answer._replace(fed=tuple(answer.fed))
            correct += int((answer.output_BC.argmax(dim=1).numpy() == part.labels_B).sum())
            for name, fed_BTN in zip(sent, answer.fed, strict=False):
                sent[name] += fed_BTN.count_nonzero(dim=(0, 1)).numpy()
    tally = Tally(len(source), source.n_steps, sent)
    counts = count(graph.synapses, dict(sizes_of(graph)), tally, source.n_steps)
    return _record(correct, len(source), counts)


def _record(correct: int, samples: int, counts: Counts) -> Record:
    return {
        "accuracy": correct / samples,
        "correct": correct,
        "samples": samples,
        "synops_exact": counts.synops_per_sample,
        "synops_paper": counts.by_convention["silif_paper"],
    }


def _plans(task: PlanTask) -> Record:
    graph = graph_of(folded(task.subject), task.dt_s)
    spikes = None if task.clips is None else task.clips.open().whole().spikes_BTI
    samples = 0 if spikes is None else len(spikes)
    return {"samples": samples, "plans": {str(bits): _plan(graph, bits, spikes) for bits in task.bits}}


def _plan(graph: Network, bits: int, spikes: np.ndarray | None) -> Record:
    try:
        plan = choose_plan(graph, bits, None) if spikes is None else calibrate(graph, spikes, bits).plan
        return plan.to_dict()
    except REFUSALS as error:
        return {REFUSED: str(error)}


def _integer(task: IntegerTask) -> Record:
    if REFUSED in task.plan:
        return task.plan
    try:
        program = program_of(task)
    except REFUSALS as error:
        return {REFUSED: str(error)}
    source = task.clips.open()
    size = batch_size(source.n_steps, source.n_inputs)
    batches = (part.spikes_BTI for part in source.batches(size))
    traces = run_batches(backend_named(FIXED), program, batches, len(source), RunOptions(threads=1))
    found = summary(traces, len(source))
    correct = int((found.predictions_B == source.labels_B).sum())
    counts = counts_of(program, found.tally)
    energy = price(counts, chip_named(CHIP))
    return _record(correct, len(source), counts) | {
        "energy_j": None if energy.energy_j is None else energy.energy_j.to_dict(),
        "unpriced": list(energy.unpriced),
    }


def program_of(task: IntegerTask) -> Program:
    """Return the Program, by way of the network's NIR graph with its precision in it.

    Raises:
        PrecisionError, MappingError, ProgramError: the network cannot become one of so few bits.
    """
    network = folded(task.subject)
    put_on_grid(network, read_network(network, task.clips.dt_s), Plan.from_dict(task.plan))
    return compile_network(graph_of(network, task.clips.dt_s), chip=CHIP).program


def folded(subject: Subject) -> FoldedNetwork:
    """Return the network as it is deployed; see `families.folded.deployable`."""
    return deployable(subject.load().network)


def graph_of(network: FoldedNetwork, dt_s: float) -> Network:
    """Return the discretised graph of a folded network, which takes counts."""
    found = read_network(network, dt_s, counts=True).graph
    return discretised(GraphFile(Path("silif"), "silif", found, stores_reset=True))
