"""A module's run, recorded: which layers it has, and for each of their calls where every number came from.

Axes: T step, B sample, R applications of a layer (its calls, and in each every sample and step).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from neurodeploy.errors import FrameworkError, NeurodeployError
from neurodeploy.reading import operations
from neurodeploy.reading.follower import Follower
from neurodeploy.reading.host import Host, multiply_adds, whole_currents
from neurodeploy.reading.inputs import Sample, of_each, parts_of, shape_of
from neurodeploy.reading.instances import (
    Changing,
    Instance,
    Unfollowed,
    Wider,
    beginning,
    channels_first,
    feature_axes,
    in_two_axes,
    misplaced,
    places,
    reorder,
    reordered,
)
from neurodeploy.reading.known import is_random, is_unknown, leaf_of, refusal
from neurodeploy.reading.labels import MOST_APPLICATIONS, Arrival, Mixed, Track, arrivals, labels
from neurodeploy.reading.leaves import Call, Memoryless, Neurons, Shape
from neurodeploy.reading.pool_after import PoolAfter

MOST_IN_A_ROW = 3
"""Passes through one layer without neurons between, more of which are a memory over steps."""


class Recorder(Follower):
    """Follows the numbers of `sample` through the layers of a module.

    Args:
        wider: How many more axes of features layers have than the run shows at first, by name.
        straight: Neurons keep the module's order, whatever the order of what arrives.
        host: What stays outside.
        after: What puts pools behind neurons in this run.
    """

    def __init__(
        self,
        module: nn.Module,
        sample: Sample,
        host: Host | None = None,
        wider: dict[str, int] | None = None,
        straight: bool = False,
        after: PoolAfter | None = None,
    ) -> None:
        super().__init__(module, all(bool(((one == 0) | (one == 1)).all()) for one in parts_of(sample)))
        self.after = after
        self.wider, self.straight = wider or {}, straight
        self.host = None if host is None else module.get_submodule(host.path)
        self.outside: set[int] = set()
        self.stepwise = False
        self.host_spikes: list[torch.Tensor] = []
        self.unit, self.host_macs = 0.0 if host is None else host.unit, 0
        if host is None:
            found = of_each(sample, places(torch.Size(shape_of(sample)[0]), 0))
            for one, mine in zip(parts_of(sample), found, strict=True):
                self.tracks[one] = Track(((1.0, mine),))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Follow everything that is run inside."""
        self.handles: list[Any] = []
        for one in self.module.modules():
            self.hook(one)
        self.__enter__()
        try:
            with torch.no_grad():
                yield
        finally:
            if not self.inside:
                self.__exit__(None, None, None)
            for handle in self.handles:
                handle.remove()

    def hook(self, module: nn.Module) -> None:
        """Watch the calls of a module."""
        self.handles.append(module.register_forward_pre_hook(self._enter, with_kwargs=True))
        self.handles.append(module.register_forward_hook(self._leave, with_kwargs=True))

    def _enter(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        if self.inside:
            self.inside.append(module)
            return
        self.around.append(module)
        if leaf_of(module) is not None:
            self.inside.append(module)
            self.__exit__(None, None, None)  # what a layer does inside is its own affair, and runs at full speed

    def _leave(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        """Take down a call; what is returned is given instead of `output`."""
        try:
            return self._left(module, args, kwargs, output)
        except NeurodeployError:
            raise
        except Exception as error:  # the module itself has run
            said = f"{self.name(module)}: runs, and cannot be followed"
            raise Unfollowed(f"{said} ({type(error).__name__}: {str(error)[:160]}); please report it") from None

    def _left(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        if len(self.inside) > 1:
            self.inside.pop()
            return None
        leaf, call = leaf_of(module), None
        currents = None
        if module is self.host and isinstance(leaf, Neurons):
            self._from_host(leaf, leaf.call(args, kwargs, output))
        elif module is self.host:
            self.host_macs += multiply_adds(module, output)
            currents = self._currents(output)
        elif leaf is not None and self.host is not None and (not self.host_spikes or id(module) in self.outside):
            self.outside.add(id(module))
            self.host_macs += multiply_adds(module, output)
        elif self.after is not None and self.after.passed:
            self.after.passed = False
            track = self.known(args[0])
            if track is not None:
                self.tracks[output] = track
        elif isinstance(leaf, Memoryless):
            self._layer(module, leaf, args, kwargs, output)
        elif leaf is not None:
            call = leaf.call(args, kwargs, output)
            self._neurons(module, leaf, call)
        else:
            self._passed(module, args, kwargs, output)
        self.around.pop()
        if self.inside:
            self.inside.pop()
            self.__enter__()
        return currents if call is None or call.then is None or call.potential is None else call.then(call.potential)

    def _passed(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        """Remember a module that is no layer we know where its output was made by what is not followed."""
        if not any(one in self.tracks for one in operations.tensors((args, kwargs))):
            return
        for tensor in operations.tensors(output):
            track = self.known(tensor)
            name = self.name(module)
            unseen = track is None and bool(tensor.any())
            odd = () if track is None else (track.lost, *track.steps)
            own = any(one.startswith(f"{name}: ") for one in odd) and is_unknown(module)
            if unseen or own or (track is not None and is_random(module)):
                self.tracks[tensor] = Track(lost=refusal(name, module))

    def _track(self, name: str, tensor: torch.Tensor) -> Track:
        """Return what arrives at a layer, made by operations that are followed."""
        track = self.known(tensor)
        if track is None:
            if bool(tensor.any()):
                raise FrameworkError(
                    f"{name}: takes numbers that were made without the layers we know: constants, or an operation "
                    "that torch does not show; use modules of the framework"
                )
            return Track()
        lost = track.lost or next((one for one in track.steps if ": " in one), "")
        if lost:
            raise FrameworkError(misplaced(lost, name))
        if track.steps:
            raise FrameworkError(
                f"{name}: comes after {' and '.join(track.steps)} over the run; run it at every step and take that of "
                "what it gives, or end the network in neurons"
            )
        return track

    def _arrivals(self, name: str, track: Track, rows: int) -> list[Arrival]:
        try:
            found = arrivals(track, rows)
        except Mixed as error:
            source = next((one for one in self.instances if one.node == error.node), None)
            if source is not None and isinstance(source.leaf, Memoryless):
                raise Changing(
                    f"{self.name(source.module)}: gives {name} numbers of several steps or samples at once, as weights "
                    "along them do; a graph's layer takes one step of one sample: do that outside, or along features"
                ) from None
            raise Changing(f"{name}: {error}; give it the same at every step") from None
        for source in self.instances:
            taken = [one.applications for one in found if one.node == source.node]
            if len(taken) == source.apart > 1 and all(np.ptp(one[one >= 0] % source.apart) == 0 for one in taken):
                raise Wider(self.name(source.module))
        return found

    def _layer(self, module: nn.Module, leaf: Memoryless, args: Any, kwargs: Any, output: torch.Tensor) -> None:
        tensor = args[0] if args else next(iter(kwargs.values()))
        name = self.name(module)
        axes, track = feature_axes(leaf, tensor, self._track(name, tensor), self.wider.get(name, 0))
        lead = tensor.dim() - axes
        rows = int(np.prod(tensor.shape[:lead], dtype=np.int64))
        found = self._arrivals(name, track, rows)
        given = channels_first(output, lead) if leaf.channels_last else output
        if leaf.channels_last:
            shapes = in_two_axes(channels_first(tensor, lead).shape[lead:]), in_two_axes(given.shape[lead:])
        else:
            shapes = tuple(tensor.shape[lead:]), tuple(given.shape[lead:])
        mine = (one for one in self.instances if one.module is module and (one.shape_in, one.shape_out) == shapes)
        instance = next(mine, None) or self._new(module, leaf, *shapes)
        instance.apart = tensor.shape[lead - 1] if leaf.channels_last and lead > 1 else 0
        self._label(instance, instance.node, given, rows)
        if given is not output:
            made = self.known(given)
            assert made is not None
            self.tracks[output] = made.moved(lambda one: one.movedim(lead, -1))
        instance.passed = self._passed_through(instance, found)
        if instance.passed[instance.node] > MOST_IN_A_ROW:
            raise FrameworkError(
                f"{name}: gets what it gave a step before, without neurons between: a linear memory of torch's own; "
                "neurons hold states (norse's LI at the end of a network)"
            )
        instance.arrived.append((found, rows))
        instance.rows += rows

    def _passed_through(self, instance: Instance, found: list[Arrival]) -> dict[int, int]:
        """Return how many times what a layer gives has passed each layer since it left neurons."""
        passed: dict[int, int] = {}
        for one in self.instances:
            if (
                isinstance(one.leaf, Memoryless)
                and not one.leaf.spikes
                and any(one.node == sent.node for sent in found)
            ):
                passed |= {node: max(times, passed.get(node, 0)) for node, times in one.passed.items()}
        return passed | {instance.node: passed.get(instance.node, 0) + 1}

    def _neurons(self, module: nn.Module, leaf: Neurons, call: Call) -> None:
        name = self.name(module)
        original = call
        if leaf.samples_first:
            call = self._steps_first(call)
        lead = min(2 if leaf.sequence else 1, call.current.dim() - 1)
        shape = tuple(call.current.shape[lead:])
        steps = call.current.shape[0] if leaf.sequence else 1
        rows = int(np.prod(call.current.shape[:lead], dtype=np.int64))
        given = call.spikes if call.spikes is not None else call.potential
        assert given is not None
        shape_out = tuple(given.shape[given.dim() - (call.current.dim() - lead) :])
        found = self._arrivals(name, self._track(name, call.current), rows)
        instance = self._owner(name, module, leaf, call, shape, shape_out)
        if not instance.rows and not self.straight:
            reorder(instance, found, self.instances)
        if instance.order is not None:
            found = [reordered(one, instance.order) for one in found]
        if instance.samples not in (0, rows // steps):
            raise FrameworkError(f"{name}: takes {rows // steps} samples after {instance.samples}; give equal batches")
        for node, tensor, kept, factor in (
            (instance.node, call.spikes, instance.spikes, call.factor),
            (instance.node + 1, call.potential, instance.potentials, 1.0),
        ):
            if tensor is not None:
                self._label(instance, node, tensor, rows, factor)
                steps_of = tensor.detach().cpu().reshape(steps, rows // steps, -1)
                steps_of = steps_of if instance.order is None else steps_of[..., np.argsort(instance.order)]
                steps_of = steps_of.reshape(steps, rows // steps, *instance.shape_out)
                kept += list(steps_of if tensor is call.potential else steps_of != 0)
        for one in call.states:
            state = self.known(one) or Track(lost=f"{name}: an inner state")
            self.tracks[one] = replace(state, owner=instance.node)
        for mine, theirs in ((original.spikes, call.spikes), (original.potential, call.potential)):
            track = None if theirs is None else self.known(theirs)
            if mine is not None and mine is not theirs and track is not None:
                self.tracks[mine] = track.moved(lambda one: one.transpose(0, 1))
        instance.arrived.append((found, rows))
        instance.rows += rows
        instance.steps += steps
        instance.samples = rows // steps

    def _steps_first(self, call: Call) -> Call:
        """Return a call on (B, T, ...) as one on (T, B, ...): views, with the tracks of what they show."""
        current = call.current.transpose(0, 1)
        track = self.known(call.current)
        if track is not None:
            self.tracks[current] = track.moved(lambda one: one.transpose(0, 1))
        spikes, potential = (None if one is None else one.transpose(0, 1) for one in (call.spikes, call.potential))
        return replace(call, current=current, spikes=spikes, potential=potential)

    def _from_host(self, leaf: Neurons, call: Call) -> None:
        """Follow the spikes of the last neurons outside, all steps one after the other."""
        assert call.spikes is not None
        steps = call.spikes if leaf.sequence else call.spikes[None]
        steps = steps.transpose(0, 1) if leaf.samples_first else steps
        found = places(steps.shape, sum(one.numel() for one in self.host_spikes))
        found = found.transpose(0, 1) if leaf.samples_first else found if leaf.sequence else found[0]
        self.tracks[call.spikes] = Track(((call.factor, found),))
        self.host_spikes += [(one != 0).float() for one in steps.detach().cpu()]

    def _currents(self, output: torch.Tensor) -> torch.Tensor:
        """Follow the currents of the last layer outside, and return them as the chip gets them."""
        whole, self.unit = whole_currents(output.detach(), self.unit)
        found = places(whole.shape, sum(one.numel() for one in self.host_spikes))
        currents = whole * self.unit
        self.tracks[currents] = Track(((self.unit, found),))
        self.host_spikes.append(whole.cpu())
        return currents

    def _owner(
        self, name: str, module: nn.Module, leaf: Neurons, call: Call, shape: Shape, shape_out: Shape
    ) -> Instance:
        """Return whose states a call goes on from: a module called with several states is several layers."""
        owners = [self.known(one) for one in call.given]
        nodes = {track.owner for track in owners if track is not None and track.owner is not None}
        owned = [one for one in self.instances if one.node in nodes]
        if owned:
            if len(owned) > 1 or owned[0].module is not module:
                raise FrameworkError(f"{name}: is given states of {owned[0].path}; give each layer its own")
            return owned[0]
        begins = beginning(name, leaf, call, self._maker)
        mine = [one for one in self.instances if one.module is module]
        if mine and call.inside and not call.given:
            return mine[-1]
        made_now = self._new(module, leaf, shape, shape_out)
        made_now.begins = begins
        return made_now

    def _maker(self, state: torch.Tensor) -> str:
        """Return what made a state that is handed in, for messages; nothing where it is a constant."""
        track = self.known(state)
        return "" if track is None else track.lost or " and ".join(map(self.sender, sorted(track.senders)))

    def _new(self, module: nn.Module, leaf: Memoryless | Neurons, shape_in: Shape, shape_out: Shape) -> Instance:
        path = self.paths.get(id(module), "") or type(module).__name__
        made = Instance(2 * len(self.instances) + 2, path, module, leaf, shape_in, shape_out)
        self.instances.append(made)
        return made

    def _label(self, instance: Instance, node: int, tensor: torch.Tensor, rows: int, factor: float = 1.0) -> None:
        if instance.rows + rows > MOST_APPLICATIONS:
            raise FrameworkError(f"{instance.path}: is run more than {MOST_APPLICATIONS} times; give fewer samples")
        found = labels(node, instance.rows, rows, tensor.numel() // max(rows, 1))
        found = found if instance.order is None else found[:, instance.order]
        self.tracks[tensor] = Track(((factor, found.reshape(tensor.shape)),))
