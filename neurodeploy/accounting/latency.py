"""How long a sample takes: every step is as long as its busiest core needs. The model: docs/fit.md.

Axes: B sample, T step, N neuron of a layer, I input channel, C core, K end of the band: low, mid, high.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from neurodeploy.accounting.core_times import BOUNDS, ENDS, Prices, between, core_times
from neurodeploy.accounting.routes import routes
from neurodeploy.accounting.tally import INPUT, Tally, check_suits, tally
from neurodeploy.backends.trace import Trace
from neurodeploy.errors import DataError
from neurodeploy.hardware.chips import Chip
from neurodeploy.mapping.placement import Placement
from neurodeploy.program.program import Program

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


def latency(
    program: Program,
    placement: Placement,
    trace: Trace | Tally,
    chip: Chip,
    *,
    spikes_BTI: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return how long a sample takes on a chip, from its busiest core in each step.

    With the recorded spikes of every layer and those of the input each step has its own busiest core (`exact`).
    Without, every step is taken as the mean one: the busiest core then is the one that is busiest on average, which
    is never more than what single steps would give for the same constants.

    Args:
        trace: A run of this Program; its `layers` where states were recorded. Or a `Tally` of one.
        spikes_BTI: The input of the recorded samples, (samples, steps, channels); axes behind the second are
            flattened.

    Returns:
        `latency_s` (the mid; None where the chip has no time for a synop), `latency_band_s` {low, mid, high},
        `step_s` {mean, max}, `steps`, `samples`, `exact`, `bound` {memory, compute, traffic} (share of steps that
        each sets), `by_layer` {layer, core, step_s, bound, memory_s, compute_s, traffic_s} of each layer's
        busiest core, `by_core`, `between_s` (of a step, beside its busiest core), `chip`, `constants`, `unpriced`,
        `assumptions`, `measured_step_s` (some network's on this chip, to compare).

    Raises:
        DataError: the trace, the input or the placement is of another network.
    """
    found = routes(program, placement)
    prices = Prices(chip)
    runs, exact, n_samples, n_steps = _runs(program, trace, spikes_BTI)
    rest = between(found, placement, prices)
    summed: Summed | None = None
    for spikes in runs:
        one = Summed.of(core_times(found, placement, spikes, prices), rest)
        summed = one if summed is None else summed + one
    assert summed is not None  # a run has a sample
    steps_each = 1 if exact else n_steps
    return (
        _result(placement, prices, summed, exact=exact, n_samples=n_samples, n_steps=n_steps)
        | {
            "between_s": float(rest[1]),
            "latency_band_s": _band(summed.step_K * steps_each / (n_samples if exact else 1)),
        }
        | _headline(chip, summed, steps_each / (n_samples if exact else 1))
    )


class Summed:
    """Times of steps, summed: of whole steps (K,), of cores by what takes it (3, C), and which bound set how many."""

    def __init__(self, n_steps: int, step_K: np.ndarray, longest: float, cores: np.ndarray, bound: np.ndarray) -> None:
        self.n_steps, self.step_K, self.longest, self.cores, self.bound = n_steps, step_K, longest, cores, bound

    @classmethod
    def of(cls, times: np.ndarray, rest: np.ndarray) -> Summed:
        """Return the sums of `core_times`, with what each step takes beside its busiest core."""
        overlapping = times.max(axis=0)  # (T, C, K)
        overlapping[..., 2] = times[..., 2].sum(axis=0)
        step_TK = overlapping.max(axis=1) + rest
        busiest_T = times[..., 1].max(axis=0).argmax(axis=1)
        by_bound = times[:, np.arange(len(busiest_T)), busiest_T, 1].argmax(axis=0)
        return cls(
            len(step_TK),
            step_TK.sum(axis=0),
            float(step_TK[:, 1].max()),
            times[..., 1].sum(axis=1),
            np.bincount(by_bound, minlength=len(BOUNDS)),
        )

    def __add__(self, other: Summed) -> Summed:
        return Summed(
            self.n_steps + other.n_steps,
            self.step_K + other.step_K,
            max(self.longest, other.longest),
            self.cores + other.cores,
            self.bound + other.bound,
        )


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


def _result(
    placement: Placement, prices: Prices, summed: Summed, *, exact: bool, n_samples: int, n_steps: int
) -> dict[str, Any]:
    mean = summed.cores / summed.n_steps
    by_core = [_row(placement, core, mean[:, core]) for core in range(placement.n_cores)]
    by_layer = []
    for layer in placement.layers:
        own = by_core[layer.cores[0] : layer.cores[1] + 1]
        by_layer.append(max(own, key=lambda one: one["step_s"]))
    chip = prices.chip
    measured = chip.times.get(STEP_KEY)
    share = summed.bound / summed.bound.sum()
    return {
        "chip": chip.name,
        "exact": exact,
        "from": "spikes of every step" if exact else "mean rates over all steps, each taken as the mean one",
        "samples": n_samples,
        "steps": n_steps,
        "bound": {name: float(part) for name, part in zip(BOUNDS, share, strict=True)},
        "by_layer": by_layer,
        "by_core": by_core,
        "unpriced": [*prices.missing(), *_crossings(placement), *ALWAYS_UNPRICED],
        "assumptions": [OVERLAP, "a spike is worked off by the cores it reaches in the step in which it is sent"],
        "measured_step_s": None if measured is None else measured.to_dict(),
        "constants": {f"times.{key}": one.to_dict() for key, one in prices.used.items()},
    }


def _row(placement: Placement, core: int, parts: np.ndarray) -> dict[str, Any]:
    slowest = int(np.argmax(parts))
    return {
        "core": core,
        "layer": placement.cores[core].layer,
        "step_s": float(parts[slowest]),
        "bound": BOUNDS[slowest],
        **{f"{name}_s": float(part) for name, part in zip(BOUNDS, parts, strict=True)},
    }


def _crossings(placement: Placement) -> list[str]:
    return ["ways from chip to chip"] if placement.n_chips > 1 else []


def _headline(chip: Chip, summed: Summed, scale: float) -> dict[str, Any]:
    """Return the latency and the step; None for the latency where nothing says how long a synop takes."""
    known = any(key.startswith("synop") for key in chip.times)
    steps = {"mean": float(summed.step_K[1] / summed.n_steps), "max": summed.longest}
    band = {} if known else {"latency_band_s": None}
    return {"latency_s": float(summed.step_K[1] * scale) if known else None, "step_s": steps if known else None} | band


def _band(times_K: np.ndarray) -> dict[str, float]:
    return {end: float(one) for end, one in zip(ENDS, times_K, strict=True)}
