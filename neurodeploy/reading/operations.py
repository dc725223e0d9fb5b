"""What torch operations between a module's layers do to where numbers come from.

Operations that only move numbers are repeated on the labels. Sums and multiples keep their terms. What reads a class
out of the whole run (a sum over time, a maximum, a softmax) is noted. After anything else nothing is known, and the
operation's name is kept for the one who asks.
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils import _pytree as pytree

from neurodeploy.reading.labels import (
    APPLICATION_BITS,
    CONSTANT,
    FEATURE_BITS,
    FIRST_READ,
    INPUT_NODE,
    MOST_READS,
    NODE_SHIFT,
    NOTHING,
    Read,
    Term,
    Track,
    summed,
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MOVES = _words(
    "view reshape flatten unflatten squeeze unsqueeze permute transpose t movedim moveaxis swapaxes swapdims "
    "__getitem__ select narrow unbind split chunk tensor_split stack cat concat concatenate hstack vstack dstack "
    "expand expand_as pad repeat repeat_interleave tile broadcast_to index_select flip roll view_as reshape_as "
    "pixel_shuffle pixel_unshuffle channel_shuffle interpolate "
    "take_along_dim squeeze_ unsqueeze_ atleast_1d atleast_2d atleast_3d diagonal unfold ravel T mT transpose_"
)
KEEPS = _words(
    "clone detach detach_ contiguous to float double half bfloat16 bool int long type type_as cpu cuda alias "
    "requires_grad_ data dropout dropout2d dropout1d dropout3d alpha_dropout feature_dropout"
)
"""One tensor in, the same numbers out. Dropout that drops something is noticed by whoever compares the two."""
SUMS = _words("add __add__ __radd__ __iadd__ add_ sub __sub__ __isub__ sub_ subtract rsub __rsub__")
MULTIPLES = _words("mul __mul__ __rmul__ __imul__ mul_ multiply div __truediv__ __itruediv__ div_ divide")
NOT = _words("logical_not __invert__ bitwise_not")
READS = {
    **dict.fromkeys(("sum", "nansum", "count_nonzero"), "sum"),
    **{word: word for word in ("mean", "max", "softmax", "log_softmax", "argmax")},
    "amax": "max",
}
"""What only a readout does, over an axis."""
FRESH = _words("zeros_like ones_like empty_like full_like rand_like randn_like new_zeros new_ones new_empty")
"""Tensors that only take the shape of another one."""
ENCODES = _words("clamp clip bernoulli poisson lt le gt ge round floor ceil heaviside multinomial")
"""What of numbers of the input makes spikes, as encoders do."""
OUTSIDE = " makes spikes of the input; encode it outside, and give the module the spikes"

Known = Callable[[torch.Tensor], Track | None]


def tensors(value: Any) -> list[torch.Tensor]:
    """Return the tensors in nested tuples, lists and dicts."""
    return [one for one in pytree.tree_leaves(value) if isinstance(one, torch.Tensor)]


def tracks_after(
    name: str, args: Any, kwargs: Any, result: Any, known: Known, where: str, reads: list[Read]
) -> list[Track | None]:
    """Return the track of each tensor of an operation's result.

    Args:
        name: Of the operation.
        known: Track of a tensor, None where it is a constant.
        where: Module that the operation happened in, for messages.
        reads: Those so far, to which a new one is added.
    """
    outputs = tensors(result)
    if name in FRESH:
        return [None] * len(outputs)
    inputs = [track for track in map(known, tensors((args, kwargs))) if track is not None]
    lost = next((one for one in inputs if one.lost), None)
    if lost is not None:
        return [lost if name in KEEPS else Track(lost=lost.lost)] * len(outputs)
    said = f"{where}: torch's {name}"
    found = _followed(name, args, kwargs, result, known, said, reads)
    if found is None or len(found) != len(outputs):
        opposite = _opposite(name, args, result, known)
        encodes = name.strip("_") in ENCODES and all(one.senders == {INPUT_NODE} for one in inputs)
        return [Track(lost=said + (OUTSIDE if encodes else ""), opposite=opposite)] * len(outputs)
    return list(found)


def _followed(
    name: str, args: Any, kwargs: Any, result: Any, known: Known, said: str, reads: list[Read]
) -> list[Track] | None:
    if name in KEEPS:
        track = known(args[0]) if isinstance(args[0], torch.Tensor) else None
        same = isinstance(result, torch.Tensor) and result.shape == args[0].shape
        rounds = "dropout" in name or (same and args[0].is_floating_point() and not result.is_floating_point())
        dropped = rounds and not bool((result == args[0]).all())
        return [track] if track is not None and same and not dropped else None
    if name in MOVES:
        return _moved(name, args, kwargs, known)
    if name in SUMS:
        return _added(name, args, kwargs, result, known, said)
    if name in MULTIPLES:
        return _multiplied(name, args, kwargs, result, known)
    if name == "neg":
        track = known(args[0])
        return None if track is None else [track.times(-1.0)]
    if name == "avg_pool1d" and len(args) == 3 and args[1] == args[2]:  # groups of neurons that vote
        return _votes(args[0], args[1], known, reads)
    if name in READS:
        return _read(name, args, kwargs, result, known, reads)
    return None


def _opposite(name: str, args: Any, result: Any, known: Known) -> Track | None:
    """Return the track of what a result is one minus."""
    of_spikes = [one for one in tensors(args) if known(one) is not None]
    if name not in SUMS | NOT or len(of_spikes) != 1 or result.shape != of_spikes[0].shape:
        return None
    return known(of_spikes[0]) if bool((result == 1 - of_spikes[0].to(torch.float64)).all()) else None


def _moved(name: str, args: Any, kwargs: Any, known: Known) -> list[Track] | None:
    """Repeat the operation on labels and factors, once for each term; tensors with fewer terms have zeros there."""
    leaves, tree = pytree.tree_flatten((args, kwargs))
    followed: dict[int, Track] = {}
    labels, factors = list(leaves), list(leaves)  # where nobody sent anything
    for at, one in enumerate(leaves):
        if not isinstance(one, torch.Tensor):
            continue
        track = known(one)
        if track is not None:
            followed[at] = track
        elif one.dtype in (torch.int64, torch.int32, torch.bool):  # an index
            labels[at] = one.cpu()
            continue
        elif one.numel() and bool(one.any()):
            return None
        labels[at], factors[at] = torch.full(one.shape, NOTHING), torch.zeros(one.shape, dtype=torch.float64)
    operation: Any = ODD_NAMES.get(name) or getattr(torch.Tensor, name, None) or getattr(torch, name)

    def repeated(values: list[Any], there: dict[int, torch.Tensor]) -> list[torch.Tensor]:
        ordered, named = pytree.tree_unflatten([there.get(at, one) for at, one in enumerate(values)], tree)
        return tensors(operation(*ordered, **named))

    @functools.cache
    def full(shape: torch.Size, factor: float) -> torch.Tensor:
        return torch.full(shape, factor, dtype=torch.float64)

    terms: list[list[Term]] = []
    for index in range(max(len(one.terms) for one in followed.values())):
        there = {at: one.terms[index] for at, one in followed.items() if index < len(one.terms)}
        try:
            moved = repeated(labels, {at: found for at, (_, found) in there.items()})
        except _Constant:
            return None
        own = [factor for factor, _ in there.values()]
        if all(isinstance(one, float) and one == own[0] for one in own):
            terms.append([(own[0], one) for one in moved])
            continue
        scaled = repeated(
            factors,
            {
                at: one if isinstance(one, torch.Tensor) else full(found.shape, one)
                for at, (one, found) in there.items()
            },
        )
        terms.append(list(zip(scaled, moved, strict=True)))
    return [Track(tuple(one), _steps(list(followed.values()))) for one in zip(*terms, strict=True)]


def _steps(tracks: list[Track]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for one in tracks for word in one.steps))


def _padded(one: torch.Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> torch.Tensor:
    if mode != "constant":
        return _by_place(one, lambda places: nn.functional.pad(places, pad, mode))
    if value:
        raise _Constant
    return nn.functional.pad(one, pad, value=NOTHING)


def _resized(one: torch.Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", *more: Any) -> Any:
    if not mode.startswith("nearest"):
        raise _Constant
    return _by_place(one, lambda places: nn.functional.interpolate(places, size, scale_factor, mode))


def _by_place(one: torch.Tensor, move: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Move labels by an operation of torch's that takes no whole numbers."""
    return one.flatten()[move(torch.arange(one.numel(), dtype=torch.float64).reshape(one.shape)).long()]


ODD_NAMES: dict[str, Callable[..., torch.Tensor]] = {
    "T": torch.Tensor.t,
    "mT": lambda one: one.transpose(-1, -2),
    "pad": _padded,
    "interpolate": lambda one, *args, **kwargs: _resized(one, *args, **{k: v for k, v in kwargs.items() if v}),
}


class _Constant(Exception):
    """A tensor that is not zero came from nowhere."""


def _added(name: str, args: Any, kwargs: Any, result: torch.Tensor, known: Known, said: str) -> list[Track] | None:
    left, right = args[0], args[1] if len(args) > 1 else kwargs.get("other")
    sign = float(kwargs.get("alpha", 1))
    if name in ("sub", "__sub__", "__isub__", "sub_", "subtract"):
        factors = (1.0, -sign)
    elif name in ("rsub", "__rsub__"):
        factors = (-1.0, sign)
    else:
        factors = (1.0, sign)
    terms: list[Term] = []
    found: list[Track] = []
    for value, factor in ((left, factors[0]), (right, factors[1])):
        track = known(value) if isinstance(value, torch.Tensor) else None
        if track is None:
            constant = torch.as_tensor(value).detach().cpu().double()
            if not constant.any():
                continue
            if _opposite(name, args, result, known) is not None:
                return None
            track = Track(((constant, torch.full(constant.shape, CONSTANT << NODE_SHIFT)),), (said,))
        found.append(track)
        terms += track.times(factor).over(result.shape).terms
    return [Track(summed(terms), _steps(found))]


def _multiplied(name: str, args: Any, kwargs: Any, result: torch.Tensor, known: Known) -> list[Track] | None:
    left, right = args[0], args[1] if len(args) > 1 else kwargs.get("other")
    track = known(left) if isinstance(left, torch.Tensor) else None
    other = right
    if track is None:
        track, other = known(right) if isinstance(right, torch.Tensor) else None, left
        if "div" in name:
            return None
    if isinstance(other, torch.Tensor) and (known(other) is not None or other.is_complex()):
        return None
    if track is None or kwargs.get("rounding_mode") is not None:
        return None
    numbers = torch.as_tensor(other).detach().cpu().double()
    if "div" in name:
        numbers = 1 / numbers
    if not bool(numbers.isfinite().all()):
        return None
    if numbers.numel() == 1:
        number = float(numbers)
        return [track.over(result.shape).times(number)] if number else None
    factors = numbers.expand(result.shape)
    there = track.over(result.shape).times(factors)
    return [Track(tuple((own, found.where(factors != 0, NOTHING)) for own, found in there.terms), track.steps)]


def _votes(sent: torch.Tensor, size: int, known: Known, reads: list[Read]) -> list[Track] | None:
    """Follow the mean over whole groups along the last axis."""

    def grouped(one: torch.Tensor) -> torch.Tensor:
        return one[..., : one.shape[-1] // size * size].unflatten(-1, (-1, size))

    track, groups = known(sent), grouped(sent)
    if track is None:
        return None
    parted = track.moved(grouped)
    return _read("mean", (groups, -1), {}, groups.mean(-1), lambda _: parted, reads)


def _read(name: str, args: Any, kwargs: Any, result: Any, known: Known, reads: list[Read]) -> list[Track] | None:
    """Follow what a readout does: a sum of many steps has a term for each, anything else is a `Read`.

    A sum over a layer's own numbers, or of a few tensors, such as torch.stack((a, b)).sum(0), is one of currents.
    """
    track = known(args[0]) if isinstance(args[0], torch.Tensor) else None
    given = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else None))
    dims = (given,) if isinstance(given, int) else given
    if track is None or len(tensors((args, kwargs))) > 1 or not isinstance(dims, tuple | list) or not dims:
        return None
    word, sizes = READS[name], [args[0].shape[one] for one in dims]
    if word in ("sum", "mean"):
        if len(track.terms) * math.prod(sizes) > MOST_TERMS:
            return None
        few = word == "sum" and len(dims) == 1 and sizes[0] <= FEW
        of_a_step = few or all(_of_one_step(found, dims) for _, found in track.terms)
        kept = bool(kwargs.get("keepdim", args[2] if len(args) > 2 else False))
        shared = track.times(1.0 if word == "sum" else 1 / math.prod(sizes))
        parts = [part for term in shared.terms for part in _unbound(term, dims, kept)]
        return [Track(tuple(parts), (*track.steps, *(() if of_a_step else (word,))))]
    if len(dims) > 1:
        return None
    made = []
    for one, this in zip(tensors(result), (word, "argmax"), strict=False):  # torch.max gives the places as well
        if len(reads) >= MOST_READS:
            return None
        places = (FIRST_READ + len(reads) << NODE_SHIFT) + torch.arange(one.numel()).reshape(one.shape)
        reads.append(Read(this, track, dims[0]))
        made.append(Track(((1.0, places),), (*track.steps, word)))
    return made


MOST_TERMS = 1 << 17
"""Of a sum over many steps, each of which may be a sum itself."""
FEW = 8
"""Of tensors that are added up by a sum over an axis of theirs."""


def _of_one_step(found: torch.Tensor, dims: Sequence[int]) -> bool:
    """True where labels along axes are of the same application of a layer, so that none are of another step."""
    application = torch.where(found == NOTHING, NOTHING, found >> FEATURE_BITS)
    largest, here = application.amax(tuple(dims), keepdim=True), application != NOTHING
    return bool(((application == largest) | ~here).all()) and bool(
        ((largest >= 1 << APPLICATION_BITS) | (largest == NOTHING)).all()
    )


def _unbound(term: Term, dims: Sequence[int], kept: bool) -> Iterator[Term]:
    """Yield the terms whose sum over axes a term is; in a sum of running sums the same numbers are met at many steps.

    Places with the same labels are one term, and those that name nobody are left out, but for one.
    """
    factor, found = term
    axes = [one % found.dim() for one in dims]
    shape = found.amax(axes, keepdim=kept).shape
    places = math.prod(found.shape[axis] for axis in axes)

    def in_rows(one: torch.Tensor) -> np.ndarray:
        return one.movedim(axes, tuple(range(len(axes)))).reshape(places, -1).numpy()

    rows = in_rows(found)
    factors = in_rows(factor) if isinstance(factor, torch.Tensor) else np.full((places, 1), factor)
    alike: dict[bytes, list[int]] = {}
    for place in np.flatnonzero((rows != NOTHING).any(axis=1)).tolist() or range(places)[:1]:
        alike.setdefault(rows[place].tobytes(), []).append(place)
    for same in alike.values():
        # In the order in which `entries` adds, so that no last bit hangs on where it is done.
        total = np.add.reduceat(factors[same].ravel("F"), np.arange(0, factors[same].size, len(same)))
        own = torch.from_numpy(total).reshape(shape) if isinstance(factor, torch.Tensor) else float(total[0])
        yield own, torch.from_numpy(rows[same[0]]).reshape(shape)
