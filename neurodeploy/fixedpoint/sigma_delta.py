"""The integer step of Lava's sigma-delta neurons, stated once.

What they agree with: lava-nc 0.10.0, `proc/sdn/models.py` (`PySigmaModelFixed`, `PyDeltaModelFixed`,
`PySigmaDeltaModelFixed`), in every message and state. All arithmetic is Lava's int32 and wraps there.

Axes: any shape, of arrays or tensors; the last axis counts neurons.
"""

from typing import NamedTuple

from neurodeploy.fixedpoint.rules import IntArray, as_int32

SIGMA = "sigma"
"""Sums up its input and sends the sum at every step."""
DELTA = "delta"
"""Sends the change of its input where it is large enough."""
SIGMA_DELTA = "sigma_delta"
"""Sums up its input, applies the activation, and sends its change where it is large enough."""
ROLES = (SIGMA, DELTA, SIGMA_DELTA)
RELU = "relu"
UNIT = "unit"
ACTIVATIONS = (UNIT, RELU)


class SigmaDeltaState(NamedTuple):
    """One layer between two steps, all of the same shape.

    `act` is the activation that the messages sent so far stand for, `residue` what they still owe,
    and `error` the change summed up since the last message, used where it is cumulative.
    """

    sigma: IntArray
    act: IntArray
    residue: IntArray
    error: IntArray


def step(
    state: SigmaDeltaState,
    activation: IntArray,
    *,
    role: str,
    relu: bool,
    threshold: int,
    bias: IntArray,
    spike_exp: int,
    state_exp: int,
    cumulative: bool,
) -> tuple[SigmaDeltaState, IntArray]:
    """Return the state after one step and the messages sent in it; 0 is no message.

    Args:
        activation: Sum of the synapses after their weight exponent.
        role: "sigma", "delta" or "sigma_delta".
        threshold, bias: In state units: shifted left by `spike_exp + state_exp` already.
        cumulative: Compare the summed-up change with the threshold, not the last one.
    """
    sigma = state.sigma
    if role == DELTA:
        act = as_int32(activation << spike_exp + state_exp)
    else:
        sigma = as_int32(sigma + activation)
        act = as_int32(sigma + bias)
        act = act.clip(0) if relu else act
    if role == SIGMA:
        return state._replace(sigma=sigma, act=sigma), sigma
    change = as_int32(act - state.act + state.residue)
    error = as_int32(state.error + change) if cumulative else state.error
    # The size of -2^31 is -2^31 in int32, so such a change is never sent.
    size = as_int32(abs(error if cumulative else change))
    sent = change * (size >= threshold)
    if cumulative:
        # For the same reason a message of -2^31 leaves the error as it is.
        error = error * (as_int32(abs(sent)) <= 0)
    return SigmaDeltaState(sigma, act, as_int32(change - sent), error), sent >> state_exp
