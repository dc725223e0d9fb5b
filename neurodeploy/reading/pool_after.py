"""Maximum pooling of currents, put behind the neurons that take it: conv, pool, neurons becomes conv, neurons, pool.

The maximum of currents is no sum of spikes; that of spikes is a sum and a threshold. While a `PoolAfter` is entered,
such pools hand on what they get, and the spikes of the neurons behind them are pooled: another network, and how far it
is from the module is measured on the sample.

Axes: T step, B sample.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from neurodeploy.errors import FrameworkError
from neurodeploy.reading.instances import Instance
from neurodeploy.reading.labels import INPUT_NODE
from neurodeploy.reading.leaves import Memoryless, Neurons
from neurodeploy.reading.wiring import Wiring


class PoolAfter(TorchFunctionMode):
    """Runs a module with maximum pools of currents behind the neurons that they lead to.

    Args:
        pairs: Pools, and the neurons behind each.

    Attributes:
        passed: A pool has just handed on what it got; whoever asks sets it back.
    """

    def __init__(self, pairs: list[tuple[Instance, Instance]]) -> None:
        super().__init__()
        self.pairs = pairs
        self.shapes = {pool.shape_in for pool, _ in pairs}
        self.passed = self.of_spikes = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in ("max_pool1d", "max_pool2d") and not self.of_spikes:
            self.passed = tuple(args[0].shape[-1 - int(name[-2]) :]) in self.shapes
            if self.passed:
                return args[0]
        return func(*args, **(kwargs or {}))

    @contextmanager
    def behind(self) -> Iterator[None]:
        """Pool what the neurons give; to be entered after whoever follows the run has hooked its modules."""
        pools = {neurons.module: pool.module for pool, neurons in self.pairs}

        def pooled(neurons: nn.Module, _: Any, given: Any) -> Any:
            self.of_spikes = True
            spikes = pools[neurons](given[0] if isinstance(given, tuple) else given)
            self.of_spikes = False
            return (spikes, *given[1:]) if isinstance(given, tuple) else spikes

        handles = [neurons.register_forward_hook(pooled) for neurons in pools]
        try:
            yield
        finally:
            self.of_spikes = False
            for handle in handles:
                handle.remove()

    def refusal(self, cost: str) -> FrameworkError:
        """Return the error on the module as it is."""
        pool, neurons = (f"{one.path} ({type(one.module).__name__})" for one in self.pairs[0])
        return FrameworkError(
            f"{pool}: takes the maximum of currents, which no sum of spikes is; put it after {neurons}, as "
            f"pool='after' does ({cost}), or take average pooling"
        )

    def cost(self, wiring: Wiring, before_B: np.ndarray | None, after_B: np.ndarray | None) -> str:
        """Return what changes on the sample, in words.

        Args:
            wiring: Of the run with pools behind.
            before_B, after_B: Classes of the module and of this run; None where they are left open.
        """
        told = []
        if before_B is not None and after_B is not None:
            told = [f"{np.count_nonzero(before_B != after_B)} of {len(before_B)} classes change"]
        for pool, neurons in self.pairs:
            found = next(one for one in wiring.instances.values() if one.module is neurons.module)
            before = torch.stack(neurons.spikes).flatten(0, 1)
            spikes, of = torch.stack(found.spikes).flatten(0, 1).float(), cast(Any, pool.module)
            pooling = nn.functional.max_pool1d if spikes.dim() == 3 else nn.functional.max_pool2d
            after = pooling(spikes, of.kernel_size, of.stride, of.padding) != 0
            apart = int((before.flatten(1) != after.flatten(1)).sum())
            told.append(f"spikes of {neurons.path}: {before.sum():,} before, {after.sum():,} after, {apart:,} differ")
        return "on the sample input " + "; ".join(told)


def pool_after(wiring: Wiring) -> PoolAfter | None:
    """Return how pools of currents get behind their neurons; None where there are none.

    Raises:
        FrameworkError: what a pool of currents gives does not go to neurons, and to nothing else.
    """
    pairs = []
    for node, one in wiring.instances.items():
        sources = [wiring.instances[term.node & ~1].leaf for term in wiring.terms[node] if term.node != INPUT_NODE]
        if _is_maximum(one) and not all(isinstance(leaf, Neurons) or leaf.spikes for leaf in sources):
            pairs.append((one, _neurons_behind(wiring, node)))
    pools = [pool for pool, _ in pairs]
    for pool, neurons in pairs:
        if [one.module for one in wiring.instances.values()].count(neurons.module) > 1:
            raise _nowhere(pool, f"{neurons.path} is used at several places; give each neurons of its own")
    for one in wiring.instances.values():
        if _is_maximum(one) and one not in pools and one.shape_in in (pool.shape_in for pool in pools):
            raise _nowhere(one, f"that of spikes of the same shape {one.shape_in}; pool behind all neurons")
    return PoolAfter(pairs) if pairs else None


def _is_maximum(one: Instance) -> bool:
    return isinstance(one.leaf, Memoryless) and one.leaf.needs_spikes


def _neurons_behind(wiring: Wiring, node: int) -> Instance:
    """Return the neurons that alone take what a pool gives, right away or after a batch norm."""
    pool, here = wiring.instances[node], node
    while True:
        takers = [one for one, terms in wiring.terms.items() if any(term.node == here for term in terms)]
        taker = wiring.instances[takers[0]] if len(takers) == 1 else None
        if taker is None or len(wiring.terms[takers[0]]) > 1:
            raise _nowhere(pool, "what it gives goes to several layers or is added to something; put neurons before it")
        if isinstance(taker.leaf, Neurons):
            return taker
        if not isinstance(taker.module, nn.modules.batchnorm._BatchNorm):
            raise _nowhere(pool, f"{taker.path} takes what it gives; put neurons before it, or take average pooling")
        here = takers[0]


def _nowhere(pool: Instance, why: str) -> FrameworkError:
    kind = type(pool.module).__name__
    return FrameworkError(f"{pool.path} ({kind}): takes the maximum of currents, which no sum of spikes is, and {why}")
