"""Our batched integer simulator: bit-exact with Lava 0.10.0's fixed-point CPU models.

Axes: B sample, T step, N neuron of a layer, O and I the ends of a connection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurodeploy.backends.trace import Part, Progress, Trace, check_spikes, empty_layer, in_batches
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.mapping.program import INPUT, Layer, Program

NAME = "fixed"
BATCH = 64


@dataclass(frozen=True, eq=False)
class Constants:
    """What one layer needs every step, worked out once."""

    kept_u: IntArray
    kept_v: IntArray
    bias: IntArray
    threshold: IntArray
    reset: str

    @classmethod
    def of(cls, layer: Layer) -> Constants:
        return cls(
            kept_u=rules.kept_of_current(layer.du),
            kept_v=rules.kept_of_potential(layer.dv),
            bias=rules.effective_bias(layer.bias_mant, layer.bias_exp),
            threshold=layer.vth << rules.ALIGN_SHIFT,
            reset=layer.reset,
        )


def run(
    program: Program,
    spikes_BTI: np.ndarray,
    *,
    record: bool = False,
    batch_size: int = BATCH,
    progress: Progress | None = None,
) -> Trace:
    """Run `program` on every sample and return the Trace.

    Args:
        spikes_BTI: Input spikes, 0 or 1, (samples, steps, channels).
        record: Keep every state; without it only spike counts and overflows are kept.
        batch_size: Samples simulated together; never changes the result.

    Raises:
        DataError: the spikes do not fit the Program.
    """
    spikes = check_spikes(spikes_BTI, program.n_inputs, "fixed")
    names = [layer.name for layer in program.layers]
    return in_batches(
        NAME,
        names,
        program.output,
        spikes,
        lambda some: _run_batch(program, some, record),
        batch_size=batch_size,
        progress=progress,
    )


def _run_batch(program: Program, spikes: np.ndarray, record: bool) -> Part:
    n_samples, n_input_steps, _ = spikes.shape
    n_steps = program.n_steps(n_input_steps)
    constants = {layer.name: Constants.of(layer) for layer in program.layers}
    # float64 holds every sum exactly: Program.check bounds them far below 2^53, and BLAS is fast.
    weights = {one.name: rules.loihi_weights(one.weight_OI).T.astype(np.float64) for one in program.connections}
    u = {la.name: np.tile(la.u_init, (n_samples, 1)) for la in program.layers}
    v = {la.name: np.tile(la.v_init, (n_samples, 1)) for la in program.layers}
    sent = {la.name: np.zeros((n_samples, la.n_neurons)) for la in program.layers}
    sent[INPUT] = np.zeros((n_samples, program.n_inputs))
    counts = {la.name: np.zeros((n_samples, la.n_neurons), dtype=np.int64) for la in program.layers}
    overflows = {la.name: {"wrapped": 0, "saturated": 0} for la in program.layers}
    kept = {la.name: empty_layer(n_samples, n_steps, la.n_neurons, np.int32) for la in program.layers if record}
    for now in range(n_steps):
        fired = {}
        for layer in program.layers:
            name = layer.name
            activation = np.zeros_like(u[name])
            for one in program.into(name):
                total = (sent[one.source] @ weights[one.name]).astype(np.int64)
                activation += rules.shift_by_exponent(total, one.weight_exp)
            state = rules.step(u[name], v[name], activation, **vars(constants[name]))
            _count_overflows(overflows[name], u[name], activation, state, constants[name])
            u[name], v[name] = state.u, state.v
            fired[name] = state.spikes
            counts[name] += state.spikes
            if record:
                kept[name].spikes_BTN[:, now] = state.spikes
                kept[name].u_BTN[:, now] = state.u
                kept[name].v_BTN[:, now] = state.v
        # Each connection delivers one step later, as Lava's Dense does, the input's included.
        sent = {name: value.astype(np.float64) for name, value in fired.items()}
        sent[INPUT] = (spikes[:, now] if now < n_input_steps else np.zeros_like(spikes[:, 0])).astype(np.float64)
    return Part(counts, kept, overflows)


def _count_overflows(
    found: dict[str, int], u_before: IntArray, activation: IntArray, state: rules.State, constants: Constants
) -> None:
    """Add the currents that wrapped and the potentials that stand at the 24-bit limit."""
    plain = rules.leak_toward_zero(u_before, constants.kept_u) + (activation << rules.ALIGN_SHIFT)
    found["wrapped"] += int((plain != state.u).sum())
    found["saturated"] += int((np.abs(state.v) == rules.STATE_LIMIT - 1).sum())
