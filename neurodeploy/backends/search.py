"""Post-training quantisation on samples: by size alone, unless samples held out from the choice show better.

A layer may be planned by the size of its weights, or by what the samples show of it too, its weights rounded together.
Which is better for it is asked of the layer alone, all others being those of the float network; that is far less noisy
than the network's output, where errors grow from layer to layer. Whether the plan so chosen is better than the one by
size is then asked of samples that took no part in it: of the layers alone, and of the Program as a whole.

Axes: B sample, L layer.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from neurodeploy.backends import fixed, reference
from neurodeploy.backends.calibration import batches, looked_at, measure
from neurodeploy.backends.trace import LayerTrace, check_spikes
from neurodeploy.errors import PrecisionError
from neurodeploy.fixedpoint import rules
from neurodeploy.graph.dynamics import DynamicsPopulation
from neurodeploy.graph.network import Network
from neurodeploy.graph.products import ProductsPopulation
from neurodeploy.mapping.compile import Compiled, choose_plan, rounded_together
from neurodeploy.mapping.discretize import integers
from neurodeploy.mapping.discretize_dynamics import Measured
from neurodeploy.mapping.memory import MEMORY_BITS
from neurodeploy.phrases import plural
from neurodeploy.program.plan import Plan
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress, further, silent
from neurodeploy.quantize.coefficients import FRACTION_BITS
from neurodeploy.quantize.grid import MAX_WEIGHT_BITS

FEWEST = 8
"""Samples below which nothing is chosen on them: half of them are held out, and fewer than four settle nothing."""
BY_SIZE, CALIBRATED = "by size", "calibrated"
STAGE = "calibrate"


@dataclass(frozen=True)
class Choice:
    """Which plan was chosen, and what the samples held out from the choice say of it.

    Attributes:
        chosen: "by size" or "calibrated".
        reason: In words.
        chosen_on, held_out: Samples.
        gain: Points of their spikes (of a readout, of its potentials) that layers keep more where calibrated, each
            alone with all others float; the mean over the layers that calibration changes. Where 24 bits do not hold a
            layer by size, of the Program's layers. None where nothing was compared.
        gain_at_least: The same with 95 % certainty, by a paired t test of the samples held out; calibrated is chosen
            where it is above 0, or 24 bits do not hold a layer by size, and the Program keeps no less.
        agreement: By plan, the share that the Program keeps: the mean over layers, each counting alike.
        layers: The same of each layer.
    """

    chosen: str
    reason: str
    chosen_on: int = 0
    held_out: int = 0
    gain: float | None = None
    gain_at_least: float | None = None
    agreement: Mapping[str, float] | None = None
    layers: Mapping[str, Mapping[str, float]] | None = None

    def told(self, weight_bits: int, samples: str) -> str:
        """Return the choice in one sentence; `samples` says which were looked at."""
        return f"{weight_bits}-bit weights {self.chosen}, tried on {samples}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Calibrated:
    """The plan chosen, and the network whose weights are rounded for it: together, where it is calibrated."""

    plan: Plan
    network: Network
    choice: Choice


def calibrate(
    network: Network,
    spikes_BTI: np.ndarray,
    weight_bits: int | None = None,
    coefficient_bits: int = FRACTION_BITS,
    memory_bits: int = MEMORY_BITS,
    progress: Progress = silent,
) -> Calibrated:
    """Return the plan for a float network: by size, unless a calibrated one is better beyond doubt. No labels are used.

    Args:
        spikes_BTI: Calibration samples (B, T, I), never from the test part; 128 count, spread over all. Every second
            is held out from the choice.
        weight_bits: Weight width, 2..8; 8 when None.
        coefficient_bits: Fraction bits of coefficients; see `mapping.compile.compile_network`.
        memory_bits: Weight width into linear memories; see there.
        progress: Hears how many samples are done.

    Raises:
        DataError: the spikes do not fit.
        PrecisionError: a state grows without bound, or no plan holds the network.
    """
    bits = weight_bits or MAX_WEIGHT_BITS

    def planned(measured: Mapping[str, Measured] | None) -> Plan:
        return choose_plan(network, bits, measured, coefficient_bits, memory_bits)

    spikes = check_spikes(spikes_BTI, network.n_inputs, "calibration", graded=network.graded_input)
    spikes = spikes[looked_at(network, *spikes.shape[:2])]
    n_samples = len(spikes)
    try:
        by_size = planned(None)
    except PrecisionError as error:
        measured = measure(network, spikes)
        plan = planned(measured)
        choice = Choice(CALIBRATED, f"no plan by size fits ({error})", n_samples)
        return Calibrated(plan, rounded_together(network, plan, measured), choice)
    measured = measure(network, spikes if n_samples < FEWEST else spikes[::2])
    cut_off = {one.name for one in network.populations if not _holds(network, one.name, measured, by_size)}
    if n_samples < FEWEST:
        few = f"{n_samples} sample{'s are' if n_samples > 1 else ' is'} too few to choose on, {FEWEST} are needed"
        few += f"; 24 bits do not hold {', '.join(sorted(cut_off))} by size" if cut_off else ""
        return Calibrated(by_size, network, Choice(BY_SIZE, few, n_samples))
    wide = planned(measured)
    known: dict[str, dict[str, np.ndarray]] = {}
    plans = [_made(rounded_together(network, one, measured, known), one) for one in (by_size, wide)]
    plan, mended = _by_layer(network, plans, cut_off, spikes[::2], further(progress, 0, n_samples))
    both = [_made(network, by_size), _made(rounded_together(network, plan, measured, known), plan)]
    choice = _judged(network, both, mended, spikes[1::2], further(progress, len(spikes[::2]), n_samples))
    best = both[choice.chosen == CALIBRATED]
    return Calibrated(best.plan, best.network, replace(choice, chosen_on=len(spikes[::2])))


def _made(network: Network, plan: Plan) -> Compiled:
    return Compiled(integers(network, plan, ""), network, plan)


def _holds(network: Network, name: str, measured: Mapping[str, Measured], plan: Plan) -> bool:
    """Return whether 24 bits hold every state of a layer that was seen."""
    one, seen, unit = network.population(name), measured[name], plan.vth_mant[name]
    if isinstance(one, ProductsPopulation):
        return True
    if isinstance(one, DynamicsPopulation):
        most = np.maximum(seen.u_peak.max(), seen.v_peak.max()) * unit
    else:
        states = np.maximum(seen.u_peak * one.current_gain, seen.v_peak + np.abs(one.v_reset)) / one.span
        most = states.max() * (unit << rules.ALIGN_SHIFT)
    return bool(most < rules.STATE_LIMIT)


def _by_layer(
    network: Network, plans: list[Compiled], cut_off: set[str], spikes_BTI: np.ndarray, progress: Progress
) -> tuple[Plan, set[str]]:
    """Return a plan with the better of two for each layer, and the layers of `cut_off` that it mends."""
    by_size, wide = (one.plan for one in plans)
    names = _changed(plans)
    if not names:
        return by_size, set()
    alone = _apart(network, [one.quantised for one in plans], names, spikes_BTI, progress)
    errors = zip(names, *(_moved(one).mean(axis=1) for one in alone), strict=True)
    better = {name for name, first, second in errors if second < first or name in cut_off}
    plan = Plan(dict(by_size.vth_mant), dict(by_size.connections), dict(by_size.fraction_bits))
    for name in better:
        plan.vth_mant[name] = wide.vth_mant[name]
        plan.connections.update({one.name: wide.connections[one.name] for one in network.into(name)})
    return plan, better & cut_off


def _changed(plans: list[Compiled]) -> list[str]:
    """Return the layers whose numbers differ between two plans; the others need not be compared alone."""
    found = []
    for name in plans[0].plan.vth_mant:
        (unit, first), (other, second) = ((one.plan.vth_mant[name], one.quantised.into(name)) for one in plans)
        if unit != other or any((a.weight != b.weight).any() for a, b in zip(first, second, strict=True)):
            found.append(name)
    return found


def _judged(network: Network, both: list[Compiled], mended: set[str], held: np.ndarray, progress: Progress) -> Choice:
    """Return the choice between the plan by size (the first) and the calibrated one, by samples held out from it.

    A plan by size that cuts off states that were seen must not be better than the other; else the other must be better.
    """
    changed, n_held, every = _changed(both), len(held), [one.name for one in network.populations]
    if not changed:
        return Choice(BY_SIZE, "calibration finds the same", held_out=n_held)
    for one in both:
        fixed.make_ready(one.program, progress=progress)
    runs = [one.quantised for one in both] + [one.program for one in both]
    apart = _apart(network, runs, changed, held, progress)
    # Real-valued layers do not end at 24 bits, so what is mended shows in the Programs alone.
    gain, least = _gain(*(apart[2:] if mended else apart[:2]))
    spiked = apart[2][:, 1].any(axis=1) | apart[3][:, 1].any(axis=1)
    kept_GL = np.array([1 - _moved(one).mean(axis=1) for one in apart[2:]])[:, spiked]
    if not spiked.any():
        return Choice(BY_SIZE, "no layer spikes on the samples held out", held_out=n_held)
    shares = kept_GL.mean(axis=1)
    better = shares[1] >= shares[0] and (least > 0 or bool(mended))
    where = f"24 bits do not hold {', '.join(sorted(mended))} by size; in the Program" if mended else "each alone"
    told = (
        f"on {plural(n_held, 'sample')} held out, what layers keep of their spikes changes by {gain:+.2f} points "
        f"({where}; with 95 % certainty {least:+.2f} or more), and of the whole Program from {100 * shares[0]:.2f} to "
        f"{100 * shares[1]:.2f} %"
    )
    rows = zip(np.array(every)[spiked], *kept_GL.tolist(), strict=True)
    return Choice(
        CALIBRATED if better else BY_SIZE,
        told if better else f"calibrated is not better beyond doubt: {told}",
        held_out=n_held,
        gain=gain,
        gain_at_least=least,
        agreement={BY_SIZE: float(shares[0]), CALIBRATED: float(shares[1])},
        layers={str(name): {BY_SIZE: first, CALIBRATED: second} for name, first, second in rows},
    )


def _gain(by_size: np.ndarray, calibrated: np.ndarray) -> tuple[float, float]:
    """Return how many points more layers (L, 2, B) keep on average where calibrated, and at least."""
    from scipy.special import stdtrit  # a twentieth of a second

    gain_B = 100 * (_moved(by_size) - _moved(calibrated)).mean(axis=0)
    gain, n_samples = float(gain_B.mean()), len(gain_B)
    return gain, gain - float(stdtrit(n_samples - 1, 0.95) * gain_B.std(ddof=1)) / n_samples**0.5


def _moved(apart_L2B: np.ndarray) -> np.ndarray:
    """Return what differs (L, B) as a part of what a sample holds on average: those of few spikes weigh little."""
    return apart_L2B[:, 0] / np.maximum(apart_L2B[:, 1].mean(axis=1, keepdims=True), 1e-12)


def _apart(
    network: Network, others: list[Network | Program], alone: Iterable[str], spikes_BTI: np.ndarray, progress: Progress
) -> list[np.ndarray]:
    """Return how much of each layer differs from the float network's, and how much there is in both (L, 2, B).

    Args:
        others: Networks on the grid, whose layers run `alone`, all others being float; and Programs, as a whole.
    """
    found: list[list[Any]] = [[] for _ in others]
    for done, some in batches(network, spikes_BTI):
        real = reference.run(network, some, record=True).layers
        for parts, one in zip(found, others, strict=True):
            layers = (
                _as_the_chip(one, some) if isinstance(one, Program) else reference.layers_alone(one, some, real, alone)
            )
            parts.append([_differing(mine, real[name], network.population(name).spiking) for name, mine in layers])
        progress(STAGE, done, len(spikes_BTI))
    return [np.concatenate(parts, axis=2) for parts in found]


def _as_the_chip(program: Program, spikes_BTI: np.ndarray) -> Iterator[tuple[str, LayerTrace]]:
    """Yield the states of each layer as the chip computes them, in the network's units and at its steps."""
    trace, n_steps = fixed.run(program, spikes_BTI, record=True), spikes_BTI.shape[1]
    for name, states in trace.layers.items():
        layer = program.layer(name)
        mine = states.steps(layer.start, layer.start + n_steps)
        yield name, mine._replace(v_BTN=(mine.v_BTN - layer.v_offset) / layer.v_per_unit)


def _differing(mine: LayerTrace, real: LayerTrace, spiking: bool) -> list[np.ndarray]:
    """Return how much differs between two runs of a layer, and how much there is in both together (2, B)."""
    a, b = (one.spikes_BTN if spiking else one.v_BTN for one in (mine, real))
    differ = a != b if spiking else np.abs(a - b)
    return [differ.sum(axis=(1, 2), dtype=np.float64), np.abs(a).sum(axis=(1, 2)) + np.abs(b).sum(axis=(1, 2))]
