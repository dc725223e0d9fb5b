"""An integer Program as a `.net` file that lava-dl's netx 0.6.0 builds the same network from.

The format has no exponents: weights are whole numbers of 8 bits and a sign, biases count 64 chip units, and
states begin at 0. A Program that needs more is refused, because netx would run another network.
"""

import io
import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurodeploy.errors import PrecisionError, ProgramError
from neurodeploy.files import written_whole
from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.formats.lava_dl import layers as net
from neurodeploy.formats.lava_dl.read import MILLISECOND, late_start
from neurodeploy.graph.dynamics import DynamicsPopulation
from neurodeploy.graph.network import Network
from neurodeploy.graph.products import ProductsPopulation
from neurodeploy.mapping.compile import facts_of
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.layer import Layer, SigmaDelta
from neurodeploy.program.plan import ConnectionPlan, Plan
from neurodeploy.program.program import INPUT, Program
from neurodeploy.quantize import grid
from neurodeploy.quantize.plan import layer_plan

LARGEST_MIXED = 254
"""netx clips a matrix of both signs above it."""
Group = dict[str, Any]
Known = Layer | SigmaDelta


def write_net(path: str | Path, program: Program) -> list[str]:
    """Write `program` as a `.net` file, whole or not at all; return what the file leaves to its reader.

    Raises:
        ProgramError: the Program does what no `.net` file can say.
    """
    layers, warnings = layers_of(program)
    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        for place, group in enumerate(layers):
            _write(file.create_group(f"layer/{place}"), group)
        _write(file.create_group("simulation"), {"Ts": np.float64(program.dt_s / MILLISECOND)})
    with written_whole(path) as beside:
        beside.write_bytes(made.getvalue())
    return warnings


def layers_of(program: Program) -> tuple[list[Group], list[str]]:
    """Return the layers of a file as nested dictionaries, and what it leaves to its reader."""
    warnings: list[str] = []
    found: list[Group] = []
    image = takes_image(program)
    source, shape = INPUT, _three(program.input_shape)
    for number, layer in enumerate(program.layers):
        if not isinstance(layer, Layer | SigmaDelta):
            raise ProgramError(f"{layer.name}: {layer.kind} neurons have no place in a .net file; write .nir or .npz")
        forward, recurrent = _connections(program, layer, source)
        after = _three(layer.shape)
        if image and number == 0:
            group: Group = {"type": net.INPUT_TYPE, "shape": _shape(layer)}
            if isinstance(layer, Layer):
                group |= {
                    "weight": np.array([program.encoding[0]], np.float32),
                    "bias": np.array([program.encoding[1]], np.float32),
                }
        elif forward.window:
            if number == 0:
                found.append({"type": net.INPUT_TYPE, "shape": np.array(forward.window.input_shape)})
            if _three(forward.window.input_shape) != shape and number:
                raise ProgramError(f"{forward.name}: sees {shape} as {forward.window.input_shape}, a .net file cannot")
            group = _convolution(forward, layer)
        else:
            if number and len(program.layer(source).shape) > 1 and shape[1:] != (1, 1):
                found.append({"type": net.FLATTEN, "shape": np.array([math.prod(shape), 1, 1])})
            group = _matrix(forward, recurrent, layer)
        if number or not image:
            group |= _bias(layer)
        if not _is_sum(layer, group):
            group["neuron"] = _neuron(layer, warnings, first=image and number == 0)
        found.append(group)
        _check_start(layer, image)
        source, shape = layer.name, after
    if program.output != source:
        raise ProgramError(f"{program.name}: the output is {program.output!r}, of a .net file it is the last layer")
    if program.decode is not None:
        warnings.append("decode: what the host makes of the readout, which no .net file says; scores are the neurons'")
    if program.host is not None:
        warnings.append("host: its convolution, which no .net file says; give the file currents")
    clearing = clearing_of(program)
    if clearing:
        how = f"reset_interval={clearing[0]}, reset_offset={clearing[1]}"
        warnings.append(f"states are cleared: give netx {how}, which no file says")
    return found, warnings


def _is_sum(layer: Known, group: Group) -> bool:
    """True where potentials just add up what comes in, which netx builds where a file names no neurons."""
    if not isinstance(layer, Layer) or group["type"] != net.DENSE or "bias" in group or layer.refractory:
        return False
    everything = (layer.du == rules.DECAY_ONE - 1) & (layer.dv == 0) & (layer.vth == rules.NEVER)
    return bool(everything.all()) and layer.reset == rules.RESET_ZERO


def takes_image(program: Program) -> bool:
    """True where the first layer hands every value of the input to its own neuron, as netx's input layer does."""
    first, into = program.layers[0], program.into(program.layers[0].name)
    if len(into) != 1 or into[0].window is None or not program.graded_input:
        return False
    window, weight = into[0].window, into[0].weight
    alone = window.kernel == (1, 1) and window.groups == window.input_shape[0] == window.out_channels
    plain = (
        alone and bool((weight == 1).all()) and window.stride == (1, 1) and not window.padding[0] + window.padding[1]
    )
    if isinstance(first, SigmaDelta):
        return plain and first.role == sigma_delta.DELTA
    kept = isinstance(first, Layer) and bool((first.du == rules.DECAY_ONE - 1).all()) and not first.bias_mant.any()
    return plain and kept and not into[0].weight_exp.any()


def _connections(program: Program, layer: AnyLayer, source: str) -> tuple[Connection, Connection | None]:
    """Return what comes from the layer before, and from the layer itself."""
    into = program.into(layer.name)
    forward = [one for one in into if one.source == source]
    loops = [one for one in into if one.source == layer.name]
    if len(forward) != 1 or len(loops) > 1 or len(into) != 1 + len(loops) or any(one.window for one in loops):
        ways = ", ".join(f"{one.source} -> {one.target}" for one in into)
        raise ProgramError(
            f"{layer.name}: is reached by {ways}; a .net file holds a chain of layers, each with one matrix onto "
            "itself at most"
        )
    return forward[0], loops[0] if loops else None


def _matrix(forward: Connection, recurrent: Connection | None, layer: AnyLayer) -> Group:
    weight = _whole_weights(forward)
    group: Group = {"type": net.DENSE if recurrent is None else net.RECURRENT, "shape": _shape(layer)}
    group |= {"inFeatures": np.int64(weight.shape[1]), "outFeatures": np.int64(weight.shape[0])}
    group["weight"] = weight.astype(np.float32)
    if not weight.any() and (recurrent is None or not recurrent.held.any()):
        raise ProgramError(
            f"{forward.name}: its weights are all 0, which lava-dl's netx divides by; check the time step"
        )
    if recurrent is not None:
        group["weight_rec"] = _whole_weights(recurrent).astype(np.float32)
    if forward.delay.any() or (recurrent is not None and recurrent.delay.any()):
        if recurrent is not None:
            raise ProgramError(f"{layer.name}: a recurrent layer with delays; undefined which connection they apply to")
        if forward.largest_delay > net.MOST_DELAY:
            raise ProgramError(f"{forward.name}: delays up to {forward.largest_delay}, netx takes {net.MOST_DELAY}")
        group["delay"] = _delays(forward)
    return group


def _delays(forward: Connection) -> IntArray:
    """Return one delay for each target where that is enough, else one for each synapse."""
    full = np.broadcast_to(forward.delay, forward.weight.shape)
    return full[:, 0].copy() if (full == full[:, :1]).all() else full.copy()


def _convolution(forward: Connection, layer: AnyLayer) -> Group:
    window = forward.window
    assert window is not None
    if forward.delay.any():
        raise ProgramError(f"{forward.name}: a convolution with a delay, which lava-dl's netx leaves out; remove it")
    return {
        "type": net.CONV,
        "shape": np.array(window.output_shape),
        "inChannels": np.int64(window.input_shape[0]),
        "outChannels": np.int64(window.out_channels),
        "kernelSize": np.array(window.kernel),
        "stride": np.array(window.stride),
        "padding": np.array(window.padding),
        "dilation": np.array(window.dilation),
        "groups": np.int64(window.groups),
        "weight": _whole_weights(forward).astype(np.float32),
    }


def _whole_weights(one: Connection) -> IntArray:
    """Return the weights as they act, exponent included."""
    exponents = one.weight_exp.reshape(one.weight_exp.shape + (1,) * (one.weight.ndim - one.weight_exp.ndim))
    held = one.held
    whole = rules.shift_by_exponent(held, exponents)
    if (rules.shift_by_exponent(whole, -exponents) != held).any():
        raise ProgramError(
            f"{one.name}: with exponents down to {exponents.min()} its weights are no whole numbers, and a .net file "
            "has no exponent; write .nir or .npz"
        )
    low, high = int(whole.min()), int(whole.max())
    if low < -256 or high > (LARGEST_MIXED if low < 0 else 255):
        raise ProgramError(
            f"{one.name}: its weights are {low}..{high} with their exponent, a .net file holds -256..{LARGEST_MIXED} "
            "and no exponent; write .nir or .npz"
        )
    return whole


def _bias(layer: Known) -> Group:
    if isinstance(layer, SigmaDelta):
        values = layer.bias
    else:
        effective = rules.effective_bias(layer.bias_mant, layer.bias_exp)
        values = effective >> net.BIAS_EXPONENT
        if (values << net.BIAS_EXPONENT != effective).any():
            raise ProgramError(
                f"{layer.name}: biases are no multiples of {1 << net.BIAS_EXPONENT} chip units, which a .net file "
                "counts; write .nir or .npz"
            )
    if not values.any():
        return {}
    channels, rows, columns = _three(layer.shape)
    full = values.reshape(channels, rows, columns)
    if (full == full[:, :1, :1]).all():
        return {"bias": full[:, 0, 0].astype(np.float32)}
    return {"bias": full.transpose(2, 1, 0).astype(np.float32)}


def _neuron(layer: Known, warnings: list[str], *, first: bool) -> Group:
    if isinstance(layer, SigmaDelta):
        return _sigma_delta(layer, first=first)
    if layer.at_threshold:
        raise ProgramError(f"{layer.name}: spikes at its threshold; neurons of a .net file spike above it; write .npz")
    if layer.reset != rules.RESET_ZERO:
        raise ProgramError(f"{layer.name}: reset {layer.reset!r} has no place in a .net file, only 'zero'")
    if layer.refractory:
        warnings.append(f"{layer.name}: rests {layer.refractory} step(s) after a spike; lava-dl's netx does not")
    return {
        "type": "CUBA",
        "iDecay": _shared(layer, layer.du + 1),
        "vDecay": _shared(layer, layer.dv),
        "vThMant": _shared(layer, np.where(layer.vth == rules.NEVER, net.NEVER, layer.vth)),
        "refDelay": np.int64(layer.refractory + 1),
        "gradedSpike": np.bool_(False),
    }


def _shared(layer: Layer, values: IntArray) -> Any:
    if (values == values[0]).all():
        return np.int64(values[0])
    if len(layer.shape) > 1:
        raise ProgramError(f"{layer.name}: neurons of a convolution differ, which lava-dl's netx does not take")
    return values


def _sigma_delta(layer: SigmaDelta, *, first: bool) -> Group:
    sigma = layer.role == sigma_delta.SIGMA
    exponents = (layer.spike_exp, layer.state_exp)
    if layer.cumulative or (exponents != (net.SIGMA_DELTA_EXPONENT,) * 2 and not sigma):
        raise ProgramError(
            f"{layer.name}: exponents {exponents}, cumulative {layer.cumulative}; of a .net file they are "
            f"{(net.SIGMA_DELTA_EXPONENT,) * 2} and False"
        )
    if (layer.role == sigma_delta.DELTA) != first:
        raise ProgramError(f"{layer.name}: {layer.role} neurons stand at the input of a .net file, and only there")
    if layer.role == sigma_delta.SIGMA_DELTA and layer.activation != sigma_delta.RELU:
        raise ProgramError(f"{layer.name}: activation {layer.activation!r}; lava-dl's netx runs 'relu' always")
    activation = sigma_delta.RELU if sigma else layer.activation
    found: Group = {"type": net.SDNN, "activation": activation, "vThMant": np.int64(layer.vth)}
    return found | ({"sigma_output": np.bool_(True)} if sigma else {})


def _check_start(layer: AnyLayer, image: bool) -> None:
    """States begin at 0, but for what makes up for the step that an image takes to arrive."""
    if not isinstance(layer, Layer) or not (layer.u_init.any() or layer.v_init.any() or layer.rest_init):
        return
    wanted = late_start(layer)[0]
    if not image or layer.u_init.any() or (layer.v_init != wanted.v).any() or layer.rest_init != wanted.rest:
        raise ProgramError(f"{layer.name}: states do not begin at 0, as of a .net file; write .nir or .npz")


def clearing_of(program: Program) -> tuple[int, int] | None:
    """Return the `reset_interval` and `reset_offset` for netx to clear states as the Program does; None for never.

    Raises:
        ProgramError: netx cannot clear them so.
    """
    found = [(place, one) for place, one in enumerate(program.layers) if isinstance(one, Layer) and one.clear_every]
    if not found:
        return None
    late = int(takes_image(program))
    first = found[0][1]
    every = first.clear_every
    offsets = {(one.clear_offset - 1 - place - late) % every for place, one in found}
    regular = len(offsets) == 1 and all(one.clear_every == every for _, one in found)
    if not regular or len(found) != sum(isinstance(one, Layer) for one in program.layers):
        raise ProgramError(f"{first.name}: states are cleared at steps that netx's reset_interval cannot give")
    return every, offsets.pop()


def _three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    channels, rows, columns = (*shape, 1, 1)[:3]
    return channels, rows, columns


def _shape(layer: AnyLayer) -> IntArray:
    return np.array(net.flat(_three(layer.shape)), np.int64)


def _write(group: h5py.Group, values: Group) -> None:
    for key, value in values.items():
        if isinstance(value, dict):
            _write(group.create_group(key), value)
        elif key == "type" and group.name.count("/") == 2:
            group.create_dataset(key, (1,), "S10", [value.encode("ascii")])
        else:
            group.create_dataset(key, data=value)


def net_plan(network: Network) -> Plan:
    """Return a plan without exponents: the threshold is what the largest weight into a layer leaves room for.

    The largest weight becomes 254, as with exponents; several connections into a layer share that scale here.

    Raises:
        PrecisionError: neurons of two states, or weights so large that the threshold would be below 2.
    """
    plan = Plan({}, {})
    for one in network.populations:
        if isinstance(one, DynamicsPopulation):
            raise PrecisionError(
                f"{one.name}: neurons of two states have no place in a .net file; write .npz, or keep .nir"
            )
        if isinstance(one, ProductsPopulation):
            raise PrecisionError(
                f"{one.name}: products of spikes have no place in a .net file; write .npz, or keep .nir"
            )
        facts = facts_of(network, one, None)
        highest, _ = layer_plan(facts, grid.MAX_WEIGHT_BITS)
        largest = max(float(np.abs(weight).max(initial=0.0)) for weight in facts.weights.values())
        vth_mant = min(highest, int(grid.weight_limit(grid.MAX_WEIGHT_BITS) / max(largest, 1e-12)))
        if vth_mant < 2:
            raise PrecisionError(
                f"{one.name}: weights of up to {largest:.3g} thresholds need an exponent, which a .net file does not "
                "have; write .nir or .npz"
            )
        plan.vth_mant[one.name] = vth_mant
        plan.connections.update({name: ConnectionPlan(grid.MAX_WEIGHT_BITS, 0) for name in facts.weights})
    return plan
