"""Weights in other numbers that mean the same: leaks and biases of loops in one bias, thresholds in the rows."""

from collections.abc import Callable
from typing import Any

import nir
import numpy as np

from neurodeploy.frameworks.write.draft import MOST_VALUES, Draft, numbers
from neurodeploy.frameworks.write.neurons import same, uniform
from neurodeploy.graph.node_table import CONVOLUTIONS, RESET


def with_bias(draft: Draft, name: str, bias: np.ndarray) -> bool:
    """Add a constant input to a population, at weights that are its own; False where there are none."""
    at = draft.own_weights(name, all_of_them=False)
    if not at:
        return False
    node: Any = draft.nodes[at[0]]
    if isinstance(node, CONVOLUTIONS):
        each = bias.reshape(len(node.weight), -1)
        if not (each == each[:, :1]).all():
            return False
        draft.change(at[0], bias=numbers(node.bias) + each[:, 0])
        return True
    before = numbers(getattr(node, "bias", 0.0))
    draft.nodes[at[0]] = nir.Affine(weight=node.weight, bias=before + bias.ravel(), metadata=node.metadata)
    return True


def leaks_in_bias(draft: Draft) -> None:
    """Write v_leak of LIF neurons as a bias: r I + v_leak is r (I + v_leak / r)."""
    done = []
    for name in draft.of(nir.LIF):
        node: Any = draft.nodes[name]
        if same(node.v_leak, 0) or (numbers(node.r) == 0).any():
            continue
        if with_bias(draft, name, numbers(node.v_leak) / numbers(node.r)):
            draft.change(name, v_leak=0 * numbers(node.v_leak))
            done.append(name)
    draft.say(done, "v_leak written as a bias")


def loop_bias_forward(draft: Draft) -> None:
    """Give the bias of weights that close a loop to the weights that feed it: it is there from the first step."""
    done = []
    for name in draft.of(*RESET):
        for source in draft.sources(name):
            node: Any = draft.nodes[source]
            own = isinstance(node, nir.Affine) and draft.targets(source) == [name] and draft.in_loop(source, name)
            if own and np.any(node.bias) and with_bias(draft, name, numbers(node.bias)):
                draft.nodes[source] = nir.Linear(weight=node.weight, metadata=node.metadata)
                done.append(source)
    draft.say(done, "its bias moved to the weights that feed the loop: importers leave it out of the first step")


def even_thresholds(draft: Draft, possible: Callable[[Any], bool]) -> None:
    """Write thresholds that differ as 1, with the rows of all weights that end there divided by them."""
    done = []
    for name in draft.of(*RESET):
        node: Any = draft.nodes[name]
        threshold = numbers(node.v_threshold)
        if uniform(threshold) or not (threshold > 0).all() or not possible(node) or not same(node.v_reset, 0):
            continue
        if not same(getattr(node, "v_leak", 0), 0):
            continue
        at = draft.own_weights(name, all_of_them=True)
        by_row = [_by_row(draft.nodes[one], threshold) for one in at]
        if not at or any(one is None for one in by_row):
            continue
        for one, rows in zip(at, by_row, strict=True):
            weights: Any = draft.nodes[one]
            assert rows is not None
            values = {"weight": numbers(weights.weight) / rows.reshape(-1, *[1] * (np.ndim(weights.weight) - 1))}
            if getattr(weights, "bias", None) is not None:
                values["bias"] = numbers(weights.bias) / rows
            draft.change(one, **values)
        draft.change(name, v_threshold=np.ones_like(threshold))
        done.append(name)
    draft.say(done, "thresholds written as 1, the rows of the weights before them divided by the old ones")


def _by_row(node: nir.NIRNode, threshold: np.ndarray) -> np.ndarray | None:
    if not isinstance(node, CONVOLUTIONS):
        return threshold.ravel()
    each = threshold.reshape(len(numbers(node.weight)), -1)
    return each[:, 0] if (each == each[:, :1]).all() else None


def scales_as_linear(draft: Draft) -> None:
    """Write the Scale of a row of values as weights."""
    done, shapes = [], draft.shapes()
    for name in draft.of(nir.Scale):
        shape = shapes.get(name, ())
        if len(shape) == 1 and shape[0] <= MOST_VALUES:
            node: Any = draft.nodes[name]
            factors = np.broadcast_to(numbers(node.scale).ravel(), shape)
            draft.nodes[name] = nir.Linear(weight=np.diag(factors), metadata=node.metadata)
            done.append(name)
    draft.say(done, "Scale written as Linear")


def ungrouped(draft: Draft) -> None:
    """Write grouped convolutions as whole ones with zeros: NIR's own type check refuses groups."""
    done = []
    for name in draft.of(*CONVOLUTIONS):
        node: Any = draft.nodes[name]
        groups = int(node.groups)
        if groups == 1:
            continue
        weight = np.asarray(node.weight)
        n_out, n_in = weight.shape[:2]
        whole = np.zeros((n_out, n_in * groups, *weight.shape[2:]), weight.dtype)
        for row in range(n_out):
            first = row // (n_out // groups) * n_in
            whole[row, first : first + n_in] = weight[row]
        values = {key: getattr(node, key) for key in ("input_shape", "stride", "padding", "dilation", "bias")}
        draft.nodes[name] = type(node)(weight=whole, groups=1, metadata=node.metadata, **values)
        done.append(name)
    draft.say(done, "groups written as one convolution with zeros")


def pools_as_convolutions(draft: Draft, *kinds: type) -> None:
    """Write pools, padded ones or those of some types, as convolutions of each channel with itself."""
    done, shapes = [], draft.shapes()
    for name in draft.of(nir.SumPool2d, nir.AvgPool2d):
        node: Any = draft.nodes[name]
        padded = isinstance(node, nir.SumPool2d) and np.any(node.padding)
        arriving = [shapes[one] for one in draft.sources(name) if one in shapes]
        if not (padded or isinstance(node, kinds)) or not arriving or len(arriving[0]) != 3:
            continue
        channels, height, width = arriving[0]
        size = np.broadcast_to(np.ravel(node.kernel_size), (2,))
        part = 1.0 if isinstance(node, nir.SumPool2d) else 1.0 / float(np.prod(size))
        weight = np.zeros((channels, channels, int(size[0]), int(size[1])), np.float32)
        weight[range(channels), range(channels)] = part
        draft.nodes[name] = nir.Conv2d(
            input_shape=(height, width),
            weight=weight,
            stride=tuple(int(one) for one in np.broadcast_to(np.ravel(node.stride), (2,))),
            padding=tuple(int(one) for one in np.broadcast_to(np.ravel(node.padding), (2,))),
            dilation=(1, 1),
            groups=1,
            bias=np.zeros(channels, np.float32),
            metadata=node.metadata,
        )
        done.append(name)
    draft.say(done, "pool written as a convolution")


def flattens_from_the_end(draft: Draft) -> None:
    """Count the first axis of a Flatten from the last one, where a batch axis in front does no harm."""
    done = []
    for name in draft.of(nir.Flatten):
        node: Any = draft.nodes[name]
        shape = np.ravel(node.input_type["input"])
        if int(node.start_dim) == 0 and int(node.end_dim) == -1:
            draft.nodes[name] = nir.Flatten({"input": shape}, -len(shape), -1, metadata=node.metadata)
            done.append(name)
    draft.say(done, "axes counted from the last: importers count a batch axis in front")
