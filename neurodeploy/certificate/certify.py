"""The conversion certificate: stage by stage, what was kept, and whether it passes.

A stage passes when
- its accuracy is at most `max_accuracy_drop` below the first stage's (lava after fixed is not asked:
  it often runs few samples, and must equal fixed in everything anyway);
- reference, after the torch network it was exported from, and read, after another framework's network that it was
  read from: the spikes agree but for rounding;
- fixed, lava and every other integer backend: no current wrapped, and every step obeys the graph's equations on the
  chip's grid;
- a Program that was handed in: it is, field by field, what its graph compiles to;
- lava, wherever fixed runs too, and every other backend that must equal one: every spike, current and potential
  equals that one's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neurodeploy.backends.table import BACKENDS, REFERENCE, is_integer
from neurodeploy.backends.trace import LayerTrace, Trace
from neurodeploy.certificate.difference import (
    Difference,
    compared_layers,
    earliest,
    first_unequal,
    first_where,
    spike_agreement,
)
from neurodeploy.certificate.fields import FieldDifference
from neurodeploy.program.dynamics import DynamicsLayer
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import Program
from neurodeploy.quantize.rounding import sum_in_halves

FLOAT, READ, QUANTISED = "float", "read", "quantised"
"""The trained network; the graph that was read from it, where it is another framework's; the one that is exported."""
GRAPHS = {READ: FLOAT, REFERENCE: QUANTISED}
"""Graphs, and the torch network that each is of."""
SAME_NETWORK = 0.98
"""Spikes that must agree between that network in float32 and its graph in float64; they differ by
rounding alone, which a recurrent network can amplify after the first spike that moves."""


class CertificateSettings(BaseModel):
    """The [certificate] table of a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_accuracy_drop: float = Field(0.015, ge=0, le=1, description="Allowed loss against the first stage.")
    lava: str = Field("auto", pattern="^(auto|always|never)$", description="Run Lava: where it is ready, or not.")
    lava_samples: int = Field(64, ge=1, description="Test samples that Lava runs.")


@dataclass(frozen=True, eq=False)
class StageRun:
    """One backend's run, and for integer backends what else was found about it.

    Attributes:
        violation: First state that the graph's equations do not allow (fixed only).
    """

    trace: Trace
    violation: Difference | None = None


def certificate(
    runs: Sequence[StageRun],
    program: Program,
    labels_B: np.ndarray,
    settings: CertificateSettings,
    differing: Sequence[FieldDifference] = (),
) -> dict[str, Any]:
    """Return the certificate of runs in the order of the stages, as plain values for JSON.

    Keys: `passed`, `failures` (one line each), `stages`, `bit_exact`, `program` (digest), `samples`,
    `steps`, `max_accuracy_drop`. In a stage, `first_difference` is against the stage before: the first
    spike between real and integer numbers (`step` counts input steps), the first spike, current or
    potential between two integer runs (`step` counts chip steps). Each stage's `layers` hold spikes,
    their agreement and, between the graph and its integers, `potential_rms` in thresholds.
    """
    stages: list[dict[str, Any]] = []
    failures = [f"program: {one}" for one in differing]
    bit_exact: dict[str, bool] = {}
    before: StageRun | None = None
    for run in runs:
        trace = run.trace
        labels = labels_B[: trace.n_samples]
        stage: dict[str, Any] = {
            "name": trace.backend,
            "accuracy": trace.accuracy(labels),
            "samples": trace.n_samples,
            "seconds": trace.seconds,
            "against": None,
            "spike_agreement": None,
            "first_difference": None,
        }
        if before is not None:
            stage |= _against(run, before, program)
        baseline = _accuracy_on(runs[0].trace, labels_B, trace.n_samples)
        stage["accuracy_drop"] = baseline - stage["accuracy"]
        if trace.engine:
            stage["engine"] = trace.engine
        if trace.overflows:
            stage["overflows"] = trace.overflows
        if is_integer(trace.backend):
            stage["equations"] = {
                "holds": run.violation is None,
                "first_violation": None if run.violation is None else run.violation.to_dict(),
            }
        failures += _failures(stage, settings, [one.trace.backend for one in runs])
        stages.append(stage)
        before = run
    by_name = {run.trace.backend: run.trace for run in runs}
    for name in by_name:
        model = _model(name, by_name)
        if model is None:
            continue
        first = _first_unequal(by_name[name], by_name[model])
        bit_exact[f"{model}/{name}"] = first is None
        if first is not None:
            failures.append(f"{name}: not bit-exact with {model}: {first}")
    return {
        "passed": not failures,
        "failures": failures,
        "stages": stages,
        "bit_exact": bit_exact,
        "program": program.digest,
        "samples": len(labels_B),
        "steps": runs[0].trace.n_input_steps,
        "max_accuracy_drop": settings.max_accuracy_drop,
    }


def _model(name: str, ran: Collection[str]) -> str | None:
    """Return the backend that ran too and whose every state this one must have; None where there is none."""
    model = BACKENDS[name].equals if name in BACKENDS else None
    return model if model in ran else None


def _against(run: StageRun, before: StageRun, program: Program) -> dict[str, Any]:
    """Return the comparison of a stage with the one before, on the samples both ran."""
    n_samples = min(run.trace.n_recorded, before.trace.n_recorded)
    mine, theirs = _first_samples(run.trace, n_samples), _first_samples(before.trace, n_samples)
    integer = is_integer(run.trace.backend)
    if integer and is_integer(before.trace.backend):
        first = _first_unequal(run.trace, before.trace)
    else:
        mine = _aligned(run.trace, mine, program)
        theirs = _aligned(before.trace, theirs, program)
        first = earliest(
            [
                first_where(
                    "spikes",
                    name,
                    mine[name].spikes_BTN != theirs[name].spikes_BTN,
                    mine[name].spikes_BTN,
                    theirs[name].spikes_BTN,
                )
                for name in mine
            ]
        )
    layers = compared_layers(mine, theirs)
    names = (run.trace.backend, before.trace.backend)
    if REFERENCE in names and any(is_integer(name) for name in names):
        whole, real = (mine, theirs) if integer else (theirs, mine)
        for row in layers:
            layer = program.layer(row["name"])
            row["potential_rms"] = potential_rms(whole[row["name"]], real[row["name"]], layer)
    every = [np.concatenate([one.spikes_BTN.ravel() for one in part.values()]) for part in (mine, theirs)]
    n_both = min(run.trace.n_samples, before.trace.n_samples)
    same = run.trace.predictions_B[:n_both] == before.trace.predictions_B[:n_both]
    return {
        "against": before.trace.backend,
        "compared_samples": n_samples,
        "spike_agreement": spike_agreement(every[0], every[1]),
        "prediction_agreement": float(same.mean()),
        "first_difference": None if first is None else first.to_dict(),
        "layers": layers,
    }


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


def _failures(stage: dict[str, Any], settings: CertificateSettings, names: list[str]) -> list[str]:
    name, found = stage["name"], []
    # A tenth of a sample of slack: the limit itself must pass in spite of float arithmetic.
    if _model(name, names) is None and stage["accuracy_drop"] > settings.max_accuracy_drop + 0.1 / stage["samples"]:
        found.append(
            f"{name}: accuracy {stage['accuracy']:.4f} is {100 * stage['accuracy_drop']:.2f} points below the "
            f"first stage's, at most {100 * settings.max_accuracy_drop:g} are allowed; use more weight bits, or "
            "fine-tune with quantisation (method = qat)"
        )
    wrapped = sum(layer["wrapped"] for layer in stage.get("overflows", {}).values())
    if wrapped:
        found.append(f"{name}: {wrapped} currents wrapped around 24 bits; calibrate on data like these")
    violation = stage.get("equations", {}).get("first_violation")
    if violation is not None:
        found.append(f"{name}: the Program does not compute the graph: {Difference(**violation)}")
    of_network = stage["against"] is not None and GRAPHS.get(name) == stage["against"]
    if of_network and stage["spike_agreement"] < SAME_NETWORK:
        found.append(
            f"{name}: only {100 * stage['spike_agreement']:.1f} % of the spikes agree with the network it was exported "
            f"from, at least {100 * SAME_NETWORK:g} % must; the export lost something, please report it"
        )
    return found


def _accuracy_on(trace: Trace, labels_B: np.ndarray, n_samples: int) -> float:
    n_samples = min(n_samples, trace.n_samples)
    return float((trace.predictions_B[:n_samples] == labels_B[:n_samples]).mean())


def _first_samples(trace: Trace, n_samples: int) -> dict[str, LayerTrace]:
    return {
        name: LayerTrace(one.spikes_BTN[:n_samples], one.u_BTN[:n_samples], one.v_BTN[:n_samples])
        for name, one in trace.layers.items()
    }


def _first_unequal(one: Trace, other: Trace) -> Difference | None:
    """Return the first state that differs, on the samples both ran."""
    n_samples = min(one.n_recorded, other.n_recorded)
    return first_unequal(
        _with_layers(one, _first_samples(one, n_samples)), _with_layers(other, _first_samples(other, n_samples))
    )


def _with_layers(trace: Trace, layers: dict[str, LayerTrace]) -> Trace:
    return Trace(
        trace.backend,
        trace.n_input_steps,
        trace.output,
        trace.input_counts_BI,
        trace.counts,
        layers,
        trace.overflows,
        trace.seconds,
    )


def _aligned(trace: Trace, layers: dict[str, LayerTrace], program: Program) -> dict[str, LayerTrace]:
    """Return the steps of an integer run that correspond to the graph's steps."""
    if not is_integer(trace.backend):
        return layers
    starts = {layer.name: layer.start for layer in program.layers}
    return {name: one.steps(starts[name], starts[name] + trace.n_input_steps) for name, one in layers.items()}
