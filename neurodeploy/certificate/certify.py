"""The conversion certificate: stage by stage, what was kept, and whether it passes.

A stage passes when
- its output, and with it some layer, spikes on some sample: what is silent tests nothing;
- its accuracy is at most `max_accuracy_drop` below the first stage's (lava after fixed is not asked:
  it often runs few samples, and must equal fixed in everything anyway);
- reference, after the torch network it was exported from, and read, after the float network that it was read from: the
  spikes agree but for rounding, and the classes where there are no spikes;
- fixed, lava and every other integer backend: no current wrapped, and every step obeys the graph's equations on the
  chip's grid;
- a Program that was handed in: it is, field by field, what its graph compiles to;
- lava, wherever fixed runs too, and every other backend that must equal one: every spike, current and potential
  equals that one's.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neurodeploy.backends.table import BACKENDS, REFERENCE, is_integer
from neurodeploy.backends.trace import LayerTrace, Trace
from neurodeploy.certificate.accuracy import Paired, paired
from neurodeploy.certificate.difference import Difference, earliest, first_unequal, holds_spikes, spike_agreement
from neurodeploy.certificate.fields import FieldDifference
from neurodeploy.certificate.stages import Alone, Certificate, Comparison, Equations, Stage, compared_layers
from neurodeploy.fixedpoint import rules
from neurodeploy.phrases import plural
from neurodeploy.program.dynamics import DynamicsLayer
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import Program
from neurodeploy.quantize.rounding import sum_in_halves

FLOAT, READ, QUANTISED = "float", "read", "quantised"
"""The trained network; the graph that was read from it, where it is another framework's or sends values; the one that
is exported."""
GRAPHS = {READ: FLOAT, REFERENCE: QUANTISED}
"""Graphs, and the torch network that each is of."""
SAME_NETWORK = 0.98
"""Spikes that must agree between that network in float32 and its graph in float64; they differ by
rounding alone, which a recurrent network can amplify after the first spike that moves."""
LOW_AGREEMENT = 0.9
"""Of spikes between two stages, below which the verdict names it."""


class CertificateSettings(BaseModel):
    """The [certificate] table of a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    max_accuracy_drop: float = Field(0.015, ge=0, le=1, description="Allowed loss against the first stage.")
    lava: str = Field("auto", pattern="^(auto|always|never)$", description="Run Lava: where it is ready, or not.")
    lava_samples: int = Field(64, ge=1, description="Test samples that Lava runs.")


@dataclass(frozen=True, eq=False)
class StageRun:
    """One backend's run, and for integer backends what else was found about it.

    Attributes:
        violation: First state that the graph's equations do not allow (fixed only).
        alone: By layer, what it loses alone; compared with reference only.
        clipped: By layer, how many of its weights are clipped.
    """

    trace: Trace
    violation: Difference | None = None
    alone: Mapping[str, Alone] = field(default_factory=dict)
    clipped: Mapping[str, int] = field(default_factory=dict)


def certificate(
    runs: Sequence[StageRun],
    program: Program,
    labels_B: np.ndarray,
    settings: CertificateSettings,
    differing: Sequence[FieldDifference] = (),
) -> Certificate:
    """Return the certificate of two runs or more, in the order of the stages.

    Args:
        program: What the integer runs ran.
        labels_B: Of the first run's samples.
        differing: Fields in which the Program is not what its graph compiles to.
    """
    names = [run.trace.backend for run in runs]
    stages: list[Stage] = []
    failures = [f"program: {one}" for one in differing]
    warnings: list[str] = []
    pairs: list[Paired] = []
    by_name = {run.trace.backend: run.trace for run in runs}
    for place, run in enumerate(runs):
        n_both = min(runs[0].trace.n_samples, run.trace.n_samples)
        first, mine = (one.trace.predictions_B[:n_both] == labels_B[:n_both] for one in (runs[0], run))
        pairs.append(paired(first, mine))
        compared = _against(run, runs[place - 1], program, by_name.get(READ)) if place else None
        stages.append(_stage(run, compared, program, labels_B, pairs[-1]))
        limit = settings.max_accuracy_drop if _model(names[place], names) is None else None
        failures += _failures(stages[-1], pairs[-1], limit)
        silence, tested = _silence(run.trace, program, stages[-1].silent)
        (warnings if tested else failures).extend(silence)
        warnings += _saturated(stages[-1]) + _low_agreement(stages[-1])
    bit_exact = {}
    for name in by_name:
        model = _model(name, by_name)
        if model is not None:
            unequal = _first_unequal(by_name[name], by_name[model])
            bit_exact[f"{model}/{name}"] = unequal is None
            failures += [f"{name}: not bit-exact with {model}: {unequal}"] if unequal is not None else []
    chip = max((place for place in range(1, len(runs)) if _model(names[place], names) is None), default=len(runs) - 1)
    return Certificate(
        failures=tuple(failures),
        warnings=tuple(warnings),
        rule=_rule(names[chip], names[0], pairs[chip], settings.max_accuracy_drop),
        accuracy_change=pairs[chip].change,
        stages=tuple(stages),
        bit_exact=bit_exact,
        program=program.digest,
        differing=tuple(differing),
        samples=len(labels_B),
        steps=runs[0].trace.n_input_steps,
        max_accuracy_drop=settings.max_accuracy_drop,
    )


def _stage(run: StageRun, comparison: Comparison | None, program: Program, labels_B: np.ndarray, pair: Paired) -> Stage:
    trace, change = run.trace, pair.change
    return Stage(
        name=trace.backend,
        accuracy=trace.accuracy(labels_B[: trace.n_samples]),
        samples=trace.n_samples,
        seconds=trace.seconds,
        comparison=comparison,
        accuracy_drop=(pair.before - pair.after) / pair.n_samples,
        accuracy_change=None if comparison is None else change,
        silent=tuple(one for one in spiking_layers(program) if one in trace.counts and not trace.counts[one].any()),
        engine=trace.engine or None,
        overflows=trace.overflows or None,
        equations=Equations(run.violation is None, run.violation) if is_integer(trace.backend) else None,
    )


def spiking_layers(program: Program) -> list[str]:
    """Return the layers that can spike: all but readouts that are only potentials."""
    return [la.name for la in program.layers if not (isinstance(la, Layer) and (la.vth >= rules.NEVER).all())]


def _model(name: str, ran: Collection[str]) -> str | None:
    """Return the backend that ran too and whose every state this one must have; None where there is none."""
    model = BACKENDS[name].equals if name in BACKENDS else None
    return model if model in ran else None


def _against(run: StageRun, before: StageRun, program: Program, read: Trace | None) -> Comparison:
    """Return the comparison of a stage with the one before, on the samples both ran; of integers with `read` too."""
    n_samples = min(run.trace.n_recorded, before.trace.n_recorded)
    mine, theirs = _first_samples(run.trace, n_samples), _first_samples(before.trace, n_samples)
    integer = is_integer(run.trace.backend)
    if integer and is_integer(before.trace.backend):
        first = _first_unequal(run.trace, before.trace)
        layers = compared_layers(mine, theirs)
    else:
        mine, theirs = _aligned(run.trace, mine, program), _aligned(before.trace, theirs, program)
        layers = compared_layers(mine, theirs)
        first = earliest([one.first_difference for one in layers])
    names = (run.trace.backend, before.trace.backend)
    if REFERENCE in names and any(is_integer(name) for name in names):
        whole, real = (mine, theirs) if integer else (theirs, mine)
        kept = real if read is None else _first_samples(read, min(n_samples, read.n_recorded))
        layers = [
            replace(
                row,
                potential_rms=potential_rms(whole[row.name], real[row.name], program.layer(row.name)),
                alone=run.alone.get(row.name),
                state_error=state_error(whole[row.name], kept[row.name], program.layer(row.name)),
                clipped_weights=run.clipped.get(row.name),
            )
            for row in layers
        ]
    spiking = [name for name in mine if name in theirs and holds_spikes(mine[name].spikes_BTN)]
    every = [
        np.concatenate([np.zeros(0, np.bool_), *(part[name].spikes_BTN.ravel() for name in spiking)])
        for part in (mine, theirs)
    ]
    n_both = min(run.trace.n_samples, before.trace.n_samples)
    return Comparison(
        against=before.trace.backend,
        spike_agreement=spike_agreement(every[0], every[1]),
        first_difference=first,
        compared_samples=n_samples,
        prediction_agreement=float((run.trace.predictions_B[:n_both] == before.trace.predictions_B[:n_both]).mean()),
        layers=tuple(layers),
    )


def potential_rms(whole: LayerTrace, real: LayerTrace, layer: Layer | DynamicsLayer) -> float:
    """Return the root mean square difference of potentials after each step, in thresholds.

    Of a readout, which has none, in the graph's unit.
    """
    n_samples, n_steps, n_neurons = real.v_BTN.shape

    def squares(first: int, last: int) -> float:
        """Return a part of the sum, of whole steps from which the ends are cut off."""
        begin, end, found = first // n_neurons, -(-last // n_neurons), []
        for sample in range(begin // n_steps, -(-end // n_steps)):
            steps = slice(max(begin - sample * n_steps, 0), min(end - sample * n_steps, n_steps))
            expected = real.v_BTN[sample, steps] * layer.v_per_unit + layer.v_offset
            found.append((((whole.v_BTN[sample, steps] - expected) / layer.potential_unit) ** 2).ravel())
        return float(np.concatenate(found)[first - begin * n_neurons : last - begin * n_neurons].sum())

    size = n_samples * n_steps * n_neurons
    return float(np.sqrt(sum_in_halves(squares, 0, size) / size))


def state_error(whole: LayerTrace, real: LayerTrace, layer: Layer | DynamicsLayer) -> tuple[float, ...] | None:
    """Return the relative error of the potentials after each step, None of a layer that spikes."""
    if not layer.graded:
        return None
    expected = real.v_BTN * layer.v_per_unit + layer.v_offset
    found = whole.v_BTN[: len(expected)]
    off, size = (np.sqrt((one**2).sum(axis=(0, 2))) for one in (found - expected, expected))
    return tuple(np.divide(off, size, out=np.zeros_like(off), where=size > 0).tolist())


def _failures(stage: Stage, pair: Paired, max_drop: float | None) -> list[str]:
    """Return why a stage does not pass; no loss of accuracy is asked about where `max_drop` is None."""
    name, found = stage.name, []
    # A tenth of a sample of slack: the limit itself must pass in spite of float arithmetic.
    if max_drop is not None and stage.accuracy_drop > max_drop + 0.1 / stage.samples:
        doubt = "" if pair.settles(max_drop) else f"{_unsettled(pair, max_drop)}; "
        found.append(
            f"{name}: accuracy {stage.accuracy:.4f} is {100 * stage.accuracy_drop:.2f} points below the "
            f"first stage's, at most {100 * max_drop:g} are allowed; {doubt}use more weight bits, or "
            "fine-tune with quantisation (method = qat)"
        )
    wrapped = sum(layer["wrapped"] for layer in (stage.overflows or {}).values())
    if wrapped:
        found.append(f"{name}: {wrapped} currents wrapped around 24 bits; calibrate on data like these")
    violation = stage.equations and stage.equations.first_violation
    if violation:
        found.append(f"{name}: the Program does not compute the graph: {violation}")
    compared = stage.comparison
    if compared is None or GRAPHS.get(name) != compared.against:
        return found
    what, kept = "spikes", compared.spike_agreement
    if kept is None:
        what, kept = "classes", compared.prediction_agreement
    if kept < SAME_NETWORK:
        found.append(
            f"{name}: only {100 * kept:.1f} % of the {what} agree with the network it was exported from, at least "
            f"{100 * SAME_NETWORK:g} % must; the export lost something, please report it"
        )
    return found


def _silence(trace: Trace, program: Program, silent: Sequence[str]) -> tuple[list[str], bool]:
    """Return what is to be said of layers that never spike, and whether anything was tested all the same."""
    spiking, name = spiking_layers(program), trace.backend
    if len(silent) == len(spiking) and (spiking or not trace.input_counts_BI.any()):
        what = "no layer ever spikes" if spiking else "the input holds no spike"
        return [f"{name}: {what}, so nothing was tested; check the time step, the weights and the data"], False
    if trace.output in silent:
        return [f"{name}: the output layer {trace.output} never spikes, so its classes were not tested"], False
    return ([f"{name}: silent on every sample: {', '.join(silent)}"] if silent else []), True


def _saturated(stage: Stage) -> list[str]:
    found = [f"{one['saturated']:,} in {name}" for name, one in (stage.overflows or {}).items() if one["saturated"]]
    told = f"{stage.name}: potentials were cut off at 24 bits ({', '.join(found)}); calibrate on data like these"
    return [told] if found else []


def _low_agreement(stage: Stage) -> list[str]:
    compared = stage.comparison
    if compared is None or compared.spike_agreement is None:
        return []
    lowest = min((one.spike_agreement, one.name) for one in compared.layers if one.spike_agreement is not None)
    if min(compared.spike_agreement, lowest[0]) >= LOW_AGREEMENT:
        return []
    return [
        f"{stage.name}: {100 * compared.spike_agreement:.1f} % of the spikes agree with {compared.against}, in "
        f"{lowest[1]} {100 * lowest[0]:.1f} %: classes may be kept where spikes are not"
    ]


def _rule(name: str, first: str, pair: Paired, max_drop: float) -> str:
    """Return what was compared, on how many samples, and what so many can show."""
    change = pair.change
    shown = "which settles it" if pair.settles(max_drop) else f"but {_unsettled(pair, max_drop)}"
    interval = f"paired 95 % interval {change.low:+.2f} to {change.high:+.2f}"
    allowed = "1 point" if max_drop == 0.01 else f"{100 * max_drop:g} points"
    return (
        f"{name} may lose at most {allowed} of {first}'s accuracy: "
        f"on {plural(round(pair.n_samples), 'sample')} it changed by "
        f"{change.points:+.2f} points ({interval}), {shown}; "
        "every step must obey the graph's equations, and no stage may be silent"
    )


def _unsettled(pair: Paired, max_drop: float) -> str:
    change, needed = pair.change, pair.needed(max_drop)
    many = "too many to name" if needed is None else f"about {needed:,}"
    return (
        f"{plural(round(pair.n_samples), 'sample')} cannot settle that (between "
        f"{max(0.0, -change.low):.2f} points lost and {max(0.0, change.high):.2f} won), {many} are needed"
    )


def _first_samples(trace: Trace, n_samples: int) -> dict[str, LayerTrace]:
    return {
        name: LayerTrace(one.spikes_BTN[:n_samples], one.u_BTN[:n_samples], one.v_BTN[:n_samples])
        for name, one in trace.layers.items()
    }


def _first_unequal(one: Trace, other: Trace) -> Difference | None:
    """Return the first state that differs, on the samples both ran."""
    n_samples = min(one.n_recorded, other.n_recorded)
    mine, theirs = (replace(trace, layers=_first_samples(trace, n_samples)) for trace in (one, other))
    return first_unequal(mine, theirs)


def _aligned(trace: Trace, layers: dict[str, LayerTrace], program: Program) -> dict[str, LayerTrace]:
    """Return the steps of an integer run that correspond to the graph's steps."""
    if not is_integer(trace.backend):
        return layers
    starts = {layer.name: layer.start for layer in program.layers}
    return {name: one.steps(starts[name], starts[name] + trace.n_input_steps) for name, one in layers.items()}
