"""How long a sample takes: every step is as long as its busiest core needs. The model: docs/fit.md.

What a step costs each core is synapse memory, neuron updates, and messages, priced by a chip's times.
Axes: B sample, T step, N neuron of a layer, I input channel, C core, K end of the band: low, mid, high.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from neurodeploy.accounting.plain import Band, Plain
from neurodeploy.accounting.routes import Route, routes
from neurodeploy.accounting.tally import INPUT, Tally, check_suits, tally
from neurodeploy.backends.trace import Trace
from neurodeploy.errors import DataError
from neurodeploy.hardware.chip import Chip
from neurodeploy.hardware.constants import Constant
from neurodeploy.mapping.placement import Placement
from neurodeploy.program.program import Program

BOUNDS = ("memory", "compute", "traffic")
WANTED = {
    "synops": ("synop_dense_s", "synop_sparse_s", "synop_conv_s", "synop_s"),
    "neuron updates": ("neuron_update_s",),
    "spikes where they are sent": ("spike_s",),
    "messages leaving a core": ("message_s",),
    "messages arriving at a core": ("axon_in_s",),
    "ways on the mesh": ("hop_ew_s", "hop_ns_s", "hop_s"),
    "the end of a step, which all cores wait for": ("barrier_s",),
}
"""What a step consists of, and the times that price it."""


@dataclass(eq=False)
class Prices:
    """The times of a chip as bands, and which of them were used."""

    chip: Chip
    used: dict[str, Constant] = field(default_factory=dict)

    def band(self, *keys: str) -> np.ndarray:
        """Return the first of the keys that the chip has, (K,); zeros where it has none."""
        for key in keys:
            if key in self.chip.times:
                one = self.chip.times[key]
                self.used[key] = one
                return np.array([one.least, one.value, one.most])
        return np.zeros(3)

    def missing(self) -> list[str]:
        """Return what a step consists of and has no price."""
        return [what for what, keys in WANTED.items() if not any(key in self.chip.times for key in keys)]


def core_times(
    found: Sequence[Route], placement: Placement, spikes: Mapping[str, np.ndarray], prices: Prices
) -> np.ndarray:
    """Return the time of every step in every core by what takes it, (3 of BOUNDS, T, C, K) seconds.

    Memory: synops. Compute: every neuron's update, and its spikes. Traffic: messages out and in.

    Args:
        spikes: Events of the input and of every layer, (T, N), 0 or 1; or mean rates.
    """
    n_steps, n_cores = len(spikes[INPUT]), placement.n_cores
    times = np.zeros((3, n_steps, n_cores, 3))
    neurons_C = np.array([one.n_neurons for one in placement.cores], np.float64)
    times[1] += neurons_C[:, None] * prices.band("neuron_update_s")
    spike, out, into = prices.band("spike_s"), prices.band("message_s"), prices.band("axon_in_s")
    for name, core_N in placement.core_of.items():
        sent_TC = _by_core(spikes[name], core_N, n_cores)
        times[1] += sent_TC[..., None] * spike
    for one in found:
        events_IT = np.asarray(spikes[one.source].T, np.float32, "C")
        synop = prices.band(f"synop_{one.kind}_s", "synop_s")
        times[0][:, one.cores] += (one.synops_IC.T @ events_IT).T[..., None] * synop
        times[2][:, one.cores] += (one.reaches_IC.T @ events_IT).T[..., None] * into
        if one.source != INPUT:
            messages_TI = events_IT.T * one.reaches_IC.sum(axis=1)
            times[2] += _by_core(messages_TI, placement.core_of[one.source], n_cores)[..., None] * out
    return times


def between(found: Sequence[Route], placement: Placement, prices: Prices) -> np.ndarray:
    """Return what a step takes beside its busiest core, (K,): the longest way on the mesh, and the barrier."""
    ways = [one.longest for one in found if one.source != INPUT]
    east_west, north_south = prices.band("hop_ew_s", "hop_s"), prices.band("hop_ns_s", "hop_s")
    way = max((column * east_west + row * north_south for column, row in ways), key=lambda one: one[1], default=0)
    several = ("barrier_multichip_s",) if placement.n_chips > 1 else ()
    return np.asarray(way + prices.band(*several, "barrier_s"))


def _by_core(values_TN: np.ndarray, core_N: np.ndarray, n_cores: int) -> np.ndarray:
    """Return sums over each core's neurons (T, C)."""
    order = np.argsort(core_N, kind="stable")
    cores, starts = np.unique(core_N[order], return_index=True)
    found = np.zeros((len(values_TN), n_cores))
    found[:, cores] = np.add.reduceat(values_TN[:, order], starts, axis=1, dtype=np.float64)
    return found


OVERLAP = (
    "in a core, memory, compute and traffic overlap: the longest of them counts (low, mid); for the high end they "
    "follow each other"
)
ALWAYS_UNPRICED = (
    "input from the host, and reading the result",
    "embedded processors between the steps",
    "messages that wait for each other on the mesh",
)
STEP_KEY = "step_s"


@dataclass(frozen=True)
class CoreTime(Plain):
    """The mean step of one core, seconds: the longest of its three parts, and which that is."""

    core: int
    layer: str
    step_s: float
    bound: str
    memory_s: float
    compute_s: float
    traffic_s: float


@dataclass(frozen=True)
class StepTime(Plain):
    """Seconds of a step of the whole network: in the mean, and the longest."""

    mean: float
    max: float


@dataclass(frozen=True)
class Latency(Plain):
    """How long a sample takes on a chip.

    Attributes:
        exact: Each step has its own busiest core; else all steps are taken as the mean one.
        basis: The same in words.
        samples, steps: Timed; steps of each.
        bound: Share of the steps that memory, compute and traffic set.
        by_layer: Each layer's busiest core.
        by_core: Every core.
        measured_step_s: Some network's on this chip, to compare.
        between_s: Of a step, beside its busiest core.
        latency_s: The middle of the band; None, with band and step, where the chip has no time for a synop.
    """

    JSON_KEYS: ClassVar = {"basis": "from"}

    chip: str
    exact: bool
    basis: str
    samples: int
    steps: int
    bound: Mapping[str, float]
    by_layer: tuple[CoreTime, ...]
    by_core: tuple[CoreTime, ...]
    unpriced: tuple[str, ...]
    assumptions: tuple[str, ...]
    measured_step_s: Constant | None
    constants: Mapping[str, Constant]
    between_s: float
    latency_band_s: Band | None
    latency_s: float | None
    step_s: StepTime | None


def latency(
    program: Program,
    placement: Placement,
    trace: Trace | Tally,
    chip: Chip,
    *,
    spikes_BTI: np.ndarray | None = None,
    known: Sequence[Route] | None = None,
) -> Latency:
    """Return how long a sample takes on a chip, from its busiest core in each step.

    With the recorded spikes of every layer and those of the input each step has its own busiest core (`exact`).
    Without, every step is taken as the mean one: the busiest core then is the one that is busiest on average, which
    is never more than what single steps would give for the same constants.

    Args:
        program: What ran.
        placement: Of that Program on the chip.
        trace: A run of this Program; its `layers` where states were recorded. Or a `Tally` of one.
        chip: Whose times price a step.
        spikes_BTI: The input of the recorded samples, (samples, steps, channels); axes behind the second are
            flattened.
        known: What `routes` gives, where it was asked before.

    Raises:
        DataError: the trace, the input or the placement is of another network.
    """
    found = routes(program, placement) if known is None else known
    prices = Prices(chip)
    runs, exact, n_samples, n_steps = _runs(program, trace, spikes_BTI)
    rest = between(found, placement, prices)
    n_timed, step_K, longest, summed = 0, np.zeros(3), 0.0, np.zeros((len(BOUNDS), placement.n_cores))
    bound = np.zeros(len(BOUNDS))
    for spikes in runs:
        times = core_times(found, placement, spikes, prices)
        step_TK, bound_T = steps_of(times, rest)
        n_timed, step_K = n_timed + len(step_TK), step_K + step_TK.sum(axis=0)
        longest = max(longest, float(step_TK[:, 1].max()))
        summed += times[..., 1].sum(axis=1)
        bound += np.bincount(bound_T, minlength=len(BOUNDS))
    by_core = tuple(
        CoreTime(one.index, one.layer, max(parts), BOUNDS[int(np.argmax(parts))], *parts)
        for one, parts in zip(placement.cores, (summed / n_timed).T.tolist(), strict=True)
    )
    own = [by_core[layer.cores[0] : layer.cores[1] + 1] for layer in placement.layers]
    timed = any(key.startswith("synop") for key in chip.times)
    steps_each, runs_each = (1, n_samples) if exact else (n_steps, 1)
    return Latency(
        chip=chip.name,
        exact=exact,
        basis="spikes of every step" if exact else "mean rates over all steps, each taken as the mean one",
        samples=n_samples,
        steps=n_steps,
        bound={name: float(part) for name, part in zip(BOUNDS, bound / bound.sum(), strict=True)},
        by_layer=tuple(max(cores, key=lambda one: one.step_s) for cores in own),
        by_core=by_core,
        unpriced=(*prices.missing(), *(["ways from chip to chip"] if placement.n_chips > 1 else []), *ALWAYS_UNPRICED),
        assumptions=(OVERLAP, "a spike is worked off by the cores it reaches in the step in which it is sent"),
        measured_step_s=chip.times.get(STEP_KEY),
        constants={f"times.{key}": one for key, one in prices.used.items()},
        between_s=float(rest[1]),
        latency_band_s=Band(*(step_K * steps_each / runs_each).tolist()) if timed else None,
        latency_s=float(step_K[1] * (steps_each / runs_each)) if timed else None,
        step_s=StepTime(float(step_K[1] / n_timed), longest) if timed else None,
    )


def steps_of(times: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the time of every step (T, K), and the index in BOUNDS of what binds its busiest core (T,).

    Args:
        times: Of `core_times`.
        rest: What each step takes beside its busiest core.
    """
    overlapping = times.max(axis=0)  # (T, C, K)
    overlapping[..., 2] = times[..., 2].sum(axis=0)
    busiest_T = times[..., 1].max(axis=0).argmax(axis=1)
    return overlapping.max(axis=1) + rest, times[:, np.arange(len(busiest_T)), busiest_T, 1].argmax(axis=0)


def _runs(
    program: Program, trace: Trace | Tally, spikes_BTI: np.ndarray | None
) -> tuple[Iterator[Mapping[str, np.ndarray]], bool, int, int]:
    """Return the spikes of every source, sample by sample or as rates; whether exact; samples; steps."""
    sizes = {one.name: one.n_neurons for one in program.layers}
    run = trace if isinstance(trace, Tally) else tally(trace)
    check_suits(program.connections, sizes, run.spikes)
    n_steps = program.n_steps(run.n_input_steps)
    if isinstance(trace, Trace) and set(sizes) <= set(trace.layers) and spikes_BTI is not None:
        given = np.asarray(spikes_BTI).reshape(*np.shape(spikes_BTI)[:2], -1)
        wanted = (trace.n_recorded, trace.n_input_steps, program.n_inputs)
        if (given.shape[0] < wanted[0]) or given.shape[1:] != wanted[1:]:
            raise DataError(
                f"spikes_BTI: input of shape {given.shape}, the trace has {wanted[0]} recorded samples of "
                f"{wanted[1]} steps and {wanted[2]} channels; give the input that made it"
            )
        return _samples(trace, given, n_steps), True, trace.n_recorded, n_steps
    rates = {name: one[None] / (run.n_samples * n_steps) for name, one in run.spikes.items()}
    return iter([rates]), False, run.n_samples, n_steps


def _samples(trace: Trace, spikes_BTI: np.ndarray, n_steps: int) -> Iterator[Mapping[str, np.ndarray]]:
    for sample in range(trace.n_recorded):
        silent = np.zeros((n_steps - spikes_BTI.shape[1], spikes_BTI.shape[2]), bool)
        spikes = {INPUT: np.concatenate([spikes_BTI[sample] != 0, silent])}
        for name, one in trace.layers.items():
            if one.spikes_BTN.shape[1] != n_steps:
                raise DataError(f"trace: {name!r} has {one.spikes_BTN.shape[1]} steps, {n_steps} were expected")
            spikes[name] = one.spikes_BTN[sample] != 0
        yield spikes
