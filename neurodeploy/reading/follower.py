"""Where numbers come from, followed through the operations that a module does between its layers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from neurodeploy.reading import operations
from neurodeploy.reading.gates import BOTH, GATES, PRODUCTS, Gate, side
from neurodeploy.reading.instances import Instance
from neurodeploy.reading.labels import CONSTANT, FIRST_READ, INPUT_NODE, NOTHING, Read, Term, Track
from neurodeploy.reading.leaves import Neurons

POOLS = {
    f"{kind}_pool{axes}d": getattr(nn, f"{name}Pool{axes}d")
    for kind, name in (("avg", "Avg"), ("adaptive_avg", "AdaptiveAvg"), ("max", "Max"))
    for axes in (1, 2)
}
"""Functions that are run like the modules of their kind."""
MATRICES = ("linear", "matmul", "__matmul__", "mm")
"""Functions that are run like `nn.Linear`, where what they multiply with stays the same."""


class Follower(TorchFunctionMode):
    """Sees every torch operation, and keeps the tracks of the tensors that come out of it.

    Args:
        binary: The input is 0 and 1.

    Attributes:
        around: Modules that are being run and followed into, the innermost last.
    """

    def __init__(self, module: nn.Module, binary: bool) -> None:
        super().__init__()
        self.module, self.binary = module, binary
        self.instances: list[Instance] = []
        self.paths = {
            id(one): path.replace("_orig_mod.", "") for path, one in module.named_modules(remove_duplicate=True)
        }
        self.around: list[nn.Module] = []
        self.tracks: Any = WeakIdKeyDictionary()  # what is known of a tensor goes with it
        self.made: dict[Any, nn.Module] = {}
        self.reads: list[Read] = []
        self.inside: list[nn.Module] = []  # of modules that are not followed into, where this mode is left

    @contextmanager
    def again(self) -> Iterator[None]:
        """Follow what is run inside an operation, for which torch has put this mode aside."""
        self.__enter__()
        try:
            yield
        except BaseException:
            left, self.inside = bool(self.inside), []
            if not left:
                self.__exit__(None, None, None)
            raise
        self.__exit__(None, None, None)

    def hook(self, module: nn.Module) -> None:
        """Watch the calls of a module."""
        raise NotImplementedError

    def known(self, tensor: torch.Tensor) -> Track | None:
        """Return the track of a tensor, None where it is a constant."""
        found: Track | None = self.tracks.get(tensor)
        return found

    def name(self, module: nn.Module) -> str:
        """Return a module's path and class, for messages."""
        path = self.paths.get(id(module), "")
        kind = type(module).__name__
        return f"{path} ({kind})" if path else kind

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", str(func))
        name = func.__self__.__name__ if name == "__get__" else name
        followed = any(one in self.tracks for one in operations.tensors((args, kwargs)))
        votes = bool(self.around) and type(self.around[-1]).__name__ == "VotingLayer"
        if followed and name in POOLS and not votes:  # what SpikingJelly's voting pools is no layer of its own
            return self._pool(name, args, kwargs)
        if followed and name in MATRICES and self._is_matrix(*args, **kwargs):
            return self._matrix(name, *args, **kwargs)
        result = func(*args, **kwargs)
        try:
            if followed:
                self._follow(name, args, kwargs, result)
        except (RuntimeError, TypeError, ValueError, LookupError, AttributeError):
            # What labels cannot take is not followed: the module itself has run.
            for tensor in operations.tensors(args[0] if name == "__setitem__" else result):
                self.tracks[tensor] = Track(lost=f"{self._where}: torch's {name}")
        return result

    def _follow(self, name: str, args: Any, kwargs: Any, result: Any) -> None:
        """Keep the tracks of what came out of an operation on tensors that are followed."""
        two = operations.tensors(args) if name in PRODUCTS else []
        if len(two) == 2 and all(one in self.tracks and not self.tracks[one].gone for one in two):
            self._combined(name, two[0], two[1], result)
        elif name == "__setitem__":
            self._put(*args)
        elif operations.tensors(result):
            found = operations.tracks_after(name, args, kwargs, result, self.known, self._where, self.reads)
            for tensor, track in zip(operations.tensors(result), found, strict=True):
                if track is not None:
                    self.tracks[tensor] = track

    @property
    def _where(self) -> str:
        return self.name(self.around[-1] if self.around else self.module)

    def sends_spikes(self, node: int) -> bool:
        """True where a node's numbers are 0 and 1."""
        if node == INPUT_NODE:
            return self.binary
        source = next((one for one in self.instances if one.node == node), None)
        return source is not None and (isinstance(source.leaf, Neurons) or source.leaf.spikes)

    def sender(self, node: int) -> str:
        """Return who sends, for messages."""
        if node >= CONSTANT:
            return "a constant" if node == CONSTANT else self.reads[node - FIRST_READ].word
        source = next((one for one in self.instances if one.node == node & ~1), None)
        return "the input" if source is None else self.name(source.module)

    def _combined(self, name: str, left: torch.Tensor, right: torch.Tensor, result: torch.Tensor) -> None:
        """Follow the product of two tensors that are followed: of spikes, neurons of its own."""
        senders = [(self.tracks[one].opposite or self.tracks[one]).senders for one in (left, right)]
        spiking = name in GATES and all(self.sends_spikes(node) for some in senders for node in some)
        sides = [made for one in (left, right) if spiking and (made := side(one, self.tracks[one])) is not None]
        offset = sum(one for _, one in sides)
        threshold = GATES.get(name, 0) - offset
        if len(sides) == 2 and threshold > 0:
            arrived = left.float() + right.float() - offset
            terms = (one.over(result.shape).terms for one, _ in sides)
            self.tracks[arrived] = Track(tuple(term for some in terms for term in some))
            key = ("gate", threshold)
            if key not in self.made:
                self._known_as("and" if GATES[name] == BOTH else "or", key, Gate(threshold))
            with self.again():
                fired = self.made[key](arrived)
            if bool((fired == result).all()):
                self.tracks[result] = self.tracks[fired]
                return
        who = [" and ".join(map(self.sender, sorted(some))) for some in senders]
        self.tracks[result] = Track(
            lost=f"{self._where}: torch's {name} combines what {who[0]} gives with what {who[1]} gives; only "
            "spikes and spikes can be (AND, OR), each of one neuron: put neurons before it, or add"
        )

    def _put(self, target: torch.Tensor, index: Any, value: Any) -> None:
        """Follow `target[index] = value`."""
        new = self.known(value) if isinstance(value, torch.Tensor) else None
        old = self.known(target)
        if new is None and old is None:
            return
        constant = new is None and bool(torch.as_tensor(value).any())
        if constant or any(one is not None and (one.steps or one.lost) for one in (new, old)):
            self.tracks[target] = Track(lost="an assignment to part of a tensor")
            return
        terms = []
        for index_of in range(max(len(one.terms) for one in (new, old) if one is not None)):
            (scale, into), (factor, found) = _term(old, new, index_of, target.shape), _term(new, old, index_of, ())
            held = into.clone()
            held[index] = found
            if not isinstance(scale, float) or not isinstance(factor, float) or scale != factor:
                scale = torch.as_tensor(scale, dtype=torch.float64).expand(target.shape).clone()
                scale[index] = torch.as_tensor(factor, dtype=torch.float64)
            terms.append((scale, held))
        self.tracks[target] = Track(tuple(terms))

    def _is_matrix(self, tensor: Any, weight: Any = None, bias: Any = None, **kwargs: Any) -> bool:
        """True where a tensor is multiplied with a matrix that is a constant of the module."""
        fixed = isinstance(weight, torch.Tensor) and weight.dim() == 2 and weight not in self.tracks
        return fixed and tensor in self.tracks and not kwargs and (bias is None or bias not in self.tracks)

    def _matrix(self, name: str, tensor: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> Any:
        """Run a product that is written as a function like a module of its own, the same one for the same numbers."""
        weight_OI = weight if name == "linear" else weight.t()
        for one in self.made.values():
            if (
                isinstance(one, nn.Linear)
                and one.weight.shape == weight_OI.shape
                and torch.equal(one.weight, weight_OI)
                and _equal(one.bias, bias)
            ):
                break
        else:
            one = nn.Linear(weight_OI.shape[1], weight_OI.shape[0], bias=bias is not None).to(weight.dtype)
            one.weight.data = weight_OI.detach().clone()
            if bias is not None:
                one.bias.data = bias.detach().clone()
            self._known_as(name, (name, len(self.made)), one)
        with self.again():
            return one(tensor)

    def _known_as(self, name: str, key: Any, module: nn.Module) -> None:
        self.made[key] = module
        self.paths[id(module)] = name if name not in self.paths.values() else f"{name}{len(self.made)}"
        self.hook(module)

    def _pool(self, name: str, args: Any, kwargs: Any) -> Any:
        """Run pooling that is written as a function like a module of its own."""
        key = (name, tuple(args[1:]), tuple(sorted(kwargs.items())))
        if key not in self.made:
            self._known_as(name, key, POOLS[name](*args[1:], **kwargs))
        with self.again():
            return self.made[key](args[0])


def _equal(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    return one is other if one is None or other is None else torch.equal(one, other)


def _term(track: Track | None, other: Track | None, index: int, shape: Any) -> Term:
    """Return a track's term; where it has none, nothing, times what another's is multiplied with."""
    for one in (track, other):
        if one is not None and index < len(one.terms):
            factor, found = one.terms[index]
            alone = factor if isinstance(factor, float) else 1.0
            return (factor, found) if one is track else (alone, torch.full(shape, NOTHING))
    raise AssertionError
