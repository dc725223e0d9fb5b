"""A placement as plain values for JSON, and the limit that made it as large as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neurodeploy.mapping.placement.limits import (
    GROUPS,
    NEURONS,
    PARAMETER_SETS,
    SYNAPSE_FORMATS,
    THRESHOLD_SETS,
    WORDS,
    Limits,
)
from neurodeploy.mapping.placement.placement import PlacedLayer, Placement

SETS = (PARAMETER_SETS, THRESHOLD_SETS, SYNAPSE_FORMATS, GROUPS)


def described(placement: Placement) -> dict[str, Any]:
    """Return a placement as plain values: `fits`, `cores`, `chips`, `binding_limit`, `limits`, `layers`, ...

    Keys: `fits`; `problems`, why not; `chip`; `cores` and `chips` (None where it does not fit);
    `binding_limit` {name, layer, used, limit, unit, source, share, message}; `limits`, the same of every limit, by
    the fullest core; `layers` {name, cores, neurons, order, utilisation, binding, encoding, weight_bits};
    `core_list` {core, chip, layer, first, last, utilisation}; `notes`; `constants`; `advice`; the `program`'s digest.
    """
    limits = placement.limits
    binding = binding_limit(placement)
    return {
        "fits": placement.fits,
        "problems": list(placement.problems),
        "chip": limits.chip,
        "cores": placement.n_cores if placement.fits else None,
        "chips": placement.n_chips if placement.fits else None,
        "cores_per_chip": limits.cores_per_chip,
        "binding_limit": binding,
        "limits": [_fullest(placement, key) for key in limits.most if placement.fits],
        "layers": [_layer(placement, one) for one in placement.layers],
        "core_list": [
            {
                "core": one.index,
                "chip": one.chip,
                "layer": one.layer,
                "first": one.first,
                "last": one.last,
                "utilisation": shares(one.used, limits),
            }
            for one in placement.cores
        ],
        "notes": list(placement.notes),
        "constants": {key: one.to_dict() for key, one in limits.constants.items()},
        "advice": list(placement.advice),
        "program": placement.program.digest,
    }


def shares(used: Mapping[str, int], limits: Limits) -> dict[str, float]:
    """Return how full each limit is, 1 for full."""
    return {key: used[key] / limits.most[key] for key in used}


def binding_of(layer: PlacedLayer, limits: Limits) -> str:
    """Return the limit that decides a layer's cores: what closed most of them, else what is fullest."""
    if layer.stopped:
        return max(layer.stopped, key=lambda key: layer.stopped[key])
    # How many sets a layer has says nothing of its size.
    whole = {key: share for key, share in shares(layer.whole, limits).items() if key not in SETS and layer.whole[key]}
    if not whole:
        return NEURONS
    return max(whole, key=lambda key: whole[key])


def binding_limit(placement: Placement) -> dict[str, Any] | None:
    """Return the limit that decides how many cores there are, and the layer that it costs most.

    That is what closed most cores before their layer was through; where each layer has one core, what is fullest.
    `used` is what the layer would need of it on a single core. Where one neuron is too much for a core, its limit;
    None where no number is in the way.
    """
    limits = placement.limits
    if placement.stuck is not None:
        name, key, used = placement.stuck
        return _row(limits, key, used) | {"layer": name, "message": placement.problems[-1]}
    if not placement.fits:
        return None
    closed: dict[str, int] = {}
    for layer in placement.layers:
        for key, times in layer.stopped.items():
            closed[key] = closed.get(key, 0) + times
    if closed:
        key = max(closed, key=lambda one: closed[one])
        layer = max(placement.layers, key=lambda one: one.stopped.get(key, 0))
        message = (
            f"{layer.name}: {layer.whole[key]:,} {WORDS[key]} are more than the {limits.words(key)} ({key}); "
            f"this limit closes {closed[key]} of {placement.n_cores} cores"
        )
    else:
        layer = max(placement.layers, key=lambda one: shares(one.whole, limits)[binding_of(one, limits)])
        key = binding_of(layer, limits)
        message = f"{layer.name}: {layer.whole[key]:,} of {limits.words(key)} ({key}); every layer has one core"
    return _row(limits, key, layer.whole[key]) | {"layer": layer.name, "message": message}


def _row(limits: Limits, key: str, used: int) -> dict[str, Any]:
    constant = limits.constants[key]
    return {
        "name": key,
        "used": used,
        "limit": limits.most[key],
        "share": used / limits.most[key],
        "unit": WORDS[key],
        "source": constant.source,
        "evidence": constant.evidence,
    }


def _fullest(placement: Placement, key: str) -> dict[str, Any]:
    core = max(placement.cores, key=lambda one: one.used.get(key, 0))
    return _row(placement.limits, key, core.used.get(key, 0)) | {"core": core.index, "layer": core.layer}


def _layer(placement: Placement, layer: PlacedLayer) -> dict[str, Any]:
    limits = placement.limits
    own = placement.cores[layer.cores[0] : layer.cores[1] + 1]
    every = [shares(one.used, limits) for one in own]
    return {
        "name": layer.name,
        "cores": layer.n_cores,
        "first_core": layer.cores[0],
        "neurons": layer.n_neurons,
        "order": layer.order,
        "utilisation": {key: max(one[key] for one in every) for key in every[0]},
        "binding": binding_of(layer, limits),
        "encoding": dict(layer.encodings),
        "weight_bits": dict(layer.bits),
    }
